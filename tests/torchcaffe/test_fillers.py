"""Fillers: the same distributions as real Caffe's, the same refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netbuilder.errors import ShapeError
from netbuilder.filler import FILLERS as KNOWN
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.fillers import FILLERS, fill

pytestmark = pytest.mark.torch

FILLED = {
    "constant": 'type: "constant" value: 0.5',
    "uniform": 'type: "uniform" min: -2 max: 5',
    "gaussian": 'type: "gaussian" mean: 1 std: 3',
    "sparse": 'type: "gaussian" std: 2 sparse: 10',
    "positive_unitball": 'type: "positive_unitball"',
    "xavier": 'type: "xavier"',
    "xavier out": 'type: "xavier" variance_norm: FAN_OUT',
    "xavier average": 'type: "xavier" variance_norm: AVERAGE',
    "msra": 'type: "msra"',
    "msra out": 'type: "msra" variance_norm: FAN_OUT',
    "msra average": 'type: "msra" variance_norm: AVERAGE',
    "bilinear": 'type: "bilinear"',
}
SHAPE = (60, 20, 5, 5)

CAFFE = """
import json, sys
import numpy as np
import caffe
found = {}
caffe.set_random_seed(1)
for name, path in json.load(open(sys.argv[1])).items():
    values = caffe.Net(path, caffe.TEST).params["c"][0].data
    found[name] = [float(values.mean()), float(values.std()), float(values.min()),
                   float(values.max()), float((values == 0).mean()), float(values[0].sum())]
print(json.dumps(found))
"""


def filler(body: str):
    return text.parse(body, caffe_pb2.FillerParameter())


def ours(body: str, shape=SHAPE, seed: int = 0) -> np.ndarray:
    tensor = torch.empty(shape)
    fill(tensor, filler(body), torch.Generator().manual_seed(seed), "here")
    return tensor.numpy()


@pytest.mark.caffe
def test_distributions_are_real_caffes(run_caffe, tmp_path):
    import json

    paths = {}
    for name, body in FILLED.items():
        paths[name] = str(tmp_path / f"{name}.prototxt")
        (tmp_path / f"{name}.prototxt").write_text(
            'layer { name: "d" type: "Input" top: "d" '
            "input_param { shape { dim: [1, 20, 9, 9] } } }"
            'layer { name: "c" type: "Convolution" bottom: "d" top: "c" convolution_param { '
            f"num_output: 60 kernel_size: 5 weight_filler {{ {body} }} }} }}")
    (tmp_path / "paths.json").write_text(json.dumps(paths))
    theirs = run_caffe(CAFFE, tmp_path / "paths.json")
    for name, (mean, std, low, high, zeros, row) in theirs.items():
        values = ours(FILLED[name])
        assert values.mean() == pytest.approx(mean, abs=0.03 * max(std, 0.01)), name
        spread = 0.06 if name == "sparse" else 0.02  # only a sixth of the values decide
        assert values.std() == pytest.approx(std, rel=spread), name
        # The ends of a normal distribution vary; those of the others do not.
        ends = 0.4 if "gaussian" in FILLED[name] or "msra" in name else 0.02
        assert (values.min(), values.max()) == pytest.approx((low, high), rel=ends, abs=1e-3), name
        assert (values == 0).mean() == pytest.approx(zeros, abs=0.02), name
        if name == "positive_unitball":
            assert row == pytest.approx(values[0].sum(), abs=1e-4) == 1


def test_every_filler_is_compared():
    assert {filler(body).type for body in FILLED.values()} == set(FILLERS) == set(KNOWN)


def test_bilinear_is_exact():
    line = np.array([0.25, 0.75, 0.75, 0.25], np.float32)
    assert (ours('type: "bilinear"', (2, 3, 4, 4)) == np.outer(line, line)).all()


@pytest.mark.parametrize("body, words", [
    ('type: "uniform" min: 2 max: 1', "min 2 is above max 1"),
    ('type: "gaussian" std: 0', "std must be positive, not 0"),
    ('type: "gaussian" sparse: 61', "sparse 61 is more than the 60 outputs"),
    ('type: "constant" sparse: 1', "for the gaussian filler only"),
])
def test_nonsense_is_refused_with_the_place(body, words):
    with pytest.raises(ShapeError, match=f"here: .*{words}"):
        ours(body)


def test_bilinear_needs_a_square_kernel():
    with pytest.raises(ShapeError, match="square kernel, not 2x3x4x5"):
        ours('type: "bilinear"', (2, 3, 4, 5))
