"""Blobs without values: an exception wherever real Caffe aborts, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import netbuilder.torchcaffe as caffe
from netbuilder.errors import DataError, EngineError, ShapeError

pytestmark = pytest.mark.torch
HERE = Path(__file__).parent

SHAPES = [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2), (0, 0, 0, 0), (0, 3), (2, 0), (0, 3, 2)]
PLAIN = [
    "AbsVal", "BNLL", "BatchNorm", "Bias", "Concat", "Dropout", "ELU", "Exp", "Flatten",
    "LRN", "Log", "MVN", "PReLU", "Power", "ReLU", "Reshape", "Scale", "Sigmoid", "Silence",
    "Softmax", "Split", "Swish", "TanH", "Threshold",
]
LAYERS = dict.fromkeys(PLAIN, ([], "")) | {  # with other bottoms, or fields
    "BatchNorm global": ([], "batch_norm_param { use_global_stats: true }"),
    "Bias of all": ([], "bias_param { num_axes: 0 axis: 0 }"),
    "Bias last": ([], "bias_param { axis: -1 }"),
    "Bias given": (["same"], "bias_param { axis: 0 }"),
    "Scale bias": ([], "scale_param { bias_term: true }"),
    "Scale last": ([], "scale_param { axis: -1 }"),
    "Convolution": ([], "convolution_param { num_output: 2 kernel_size: 1 }"),
    "Deconvolution": ([], "convolution_param { num_output: 2 kernel_size: 1 }"),
    "Embed": ([], "embed_param { input_dim: 3 num_output: 2 }"),
    "Embed plain": ([], "embed_param { input_dim: 3 num_output: 2 bias_term: false }"),
    "InnerProduct": ([], "inner_product_param { num_output: 2 }"),
    "InnerProduct plain": ([], "inner_product_param { num_output: 2 bias_term: false }"),
    "InnerProduct last": ([], "inner_product_param { num_output: 2 axis: -1 }"),
    "MVN across": ([], "mvn_param { across_channels: true }"),
    "PReLU shared": ([], "prelu_param { channel_shared: true }"),
    "Reduction": ([], "reduction_param { axis: 1 }"),
    "Reduction mean": ([], "reduction_param { axis: -1 operation: MEAN }"),
    "Reduction squares": ([], "reduction_param { operation: SUMSQ }"),
    "ReLU weighted": ([], "loss_weight: 1"),
    "Softmax first": ([], "softmax_param { axis: 0 }"),
    "Tile": ([], "tile_param { axis: 0 tiles: 2 }"),
    "Slice one": ([], "slice_param { axis: 0 }"),
    "BatchReindex": ([(2,)], ""),
    "Crop": (["same"], "crop_param { axis: 0 }"),
    "Eltwise": (["same"], ""),
    "EuclideanLoss": (["same"], ""),
    "Filter": (["images"], ""),
    "HDF5Output": (["images"], 'hdf5_output_param { file_name: "o.h5" }'),
    "HingeLoss": (["images"], ""),
    "MultinomialLogisticLoss": (["images"], ""),
    "SigmoidCrossEntropyLoss": (["same"], ""),
    "SigmoidCrossEntropyLoss weighted": (["same"], "loss_weight: 2"),
    "SoftmaxWithLoss": (["labels"], ""),
    "SoftmaxWithLoss unweighted": (["labels"], "loss_weight: 0"),
    "LSTM": (["steps"], "recurrent_param { num_output: 2 }"),
    "RNN": (["steps"], "recurrent_param { num_output: 2 }"),
}
CHOSEN = {"same": lambda s: s, "images": lambda s: s[:1], "labels": lambda s: (s[0], 1, *s[2:]),
          "steps": lambda s: s[:2]}

def source(name: str, shape: tuple[int, ...]) -> str:
    dims = " ".join(f"dim: {dim}" for dim in shape)
    return (f'layer {{ name: "{name}" type: "Input" top: "{name}" '
            f'input_param {{ shape {{ {dims} }} }} }}\n')


def net(kind: str, shape: tuple[int, ...]) -> str:
    others, fields = LAYERS[kind]
    shapes = [shape, *(CHOSEN[other](shape) if isinstance(other, str) else other
                       for other in others)]
    bottoms = "".join(f' bottom: "in{index}"' for index in range(len(shapes)))
    top = "" if kind in ("Silence", "HDF5Output") else 'top: "out"'
    return "".join(source(f"in{index}", each) for index, each in enumerate(shapes)) + (
        f'layer {{ name: "it" type: "{kind.split(maxsplit=1)[0]}"{bottoms} {top} {fields} }}')


CASES = {f"{kind} {'x'.join(map(str, shape))}": net(kind, shape)
         for kind in LAYERS for shape in SHAPES}
CASES["only an input"] = source("in0", (0, 3))
CASES["slice"] = source("in0", (2, 3)) + (
    'layer { name: "it" type: "Slice" bottom: "in0" top: "out" top: "rest" '
    'slice_param { slice_point: 3 } }')
CASES |= {f"{kind} of too small an image": source("in0", (1, 1, 3, 1)) + (
    f'layer {{ name: "it" type: "{kind}" bottom: "in0" top: "out" {fields} }}')
    for kind, fields in {
        "Convolution": "convolution_param { num_output: 2 kernel_size: 4 }",
        "Deconvolution": "convolution_param { num_output: 2 kernel_size: 2 pad: 1 }",
        "Im2col": "convolution_param { kernel_h: 1 kernel_w: 2 }",
        "Pooling": "pooling_param { pool: AVE kernel_size: 2 round_mode: FLOOR }"}.items()}
CASES["batch_reindex of a scalar"] = source("in0", ()) + source("in1", (2,)) + (
    'layer { name: "it" type: "BatchReindex" bottom: "in0" bottom: "in1" top: "out" }')
CASES["crop"] = source("in0", (2, 3)) + source("in1", (0, 3)) + (
    'layer { name: "it" type: "Crop" bottom: "in0" bottom: "in1" top: "out" '
    'crop_param { axis: 1 } }')  # the other bottom's size is all it wants


SHRUNK = {kind: net(kind, (2, 3, 2, 2)) for kind in LAYERS if kind not in (
    "BatchReindex", "HDF5Output", "LSTM", "RNN", "Reshape")}
SHRUNK["Power squared"] = SHRUNK["Power"].replace('"out" ', '"out" power_param { power: 2 } ')
SHRUNK["Eltwise product"] = SHRUNK["Eltwise"].replace(
    '"out" ', '"out" eltwise_param { operation: PROD } ')


@pytest.fixture(scope="module")
def by_caffe(run_caffe: Callable, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The stages that real Caffe lives through, of all nets."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "nets.json").write_text(json.dumps([*CASES.values(), *SHRUNK.values()]))
    answers = run_caffe(HERE / "empty_driver.py", folder / "nets.json", cwd=folder)
    return dict(zip([*CASES, *SHRUNK], answers, strict=True))


def made(text: str, folder: Path) -> caffe.Net:
    (folder / "net.prototxt").write_text(text)
    return caffe.Net(str(folder / "net.prototxt"), caffe.TRAIN)


def lives(step: Callable[[], object], *errors: type[Exception]) -> bool:
    try:
        step()
    except errors as error:
        assert "0" in str(error)
        return False
    return True


@pytest.mark.caffe
@pytest.mark.parametrize("name", CASES)
def test_it_ends_where_real_caffe_aborts(name, by_caffe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loads, runs, reads, _ = by_caffe[name]
    if not lives(lambda: made(CASES[name], tmp_path), ShapeError):
        assert (not runs and not reads) or not loads
        return
    ours = made(CASES[name], tmp_path)
    assert loads
    assert lives(lambda: ours._forward(0, len(ours.layers) - 1),
                 ShapeError, DataError) == runs
    assert lives(lambda: list(made(CASES[name], tmp_path).blobs.values())[-1].data,
                 EngineError) == reads


@pytest.mark.caffe
@pytest.mark.parametrize("name", SHRUNK)
def test_a_batch_that_becomes_empty_ends_where_real_caffe_aborts(name, by_caffe, tmp_path):
    ours = made(SHRUNK[name], tmp_path)

    def run() -> None:
        for blob in ours.inputs:
            ours.blobs[blob].reshape(0, *ours.blobs[blob].shape[1:])
        ours.reshape()
        ours._forward(0, len(ours.layers) - 1)

    assert lives(run, ShapeError) == by_caffe[name][3]


def test_the_error_names_layer_type_and_values(tmp_path):
    with pytest.raises(ShapeError, match=r'layer "it" \(Softmax\).*2x0x2x2'):
        made(net("Softmax", (2, 0, 2, 2)), tmp_path)
    empty = made(net("ReLU", (0, 3)), tmp_path)
    with pytest.raises(ShapeError, match=r'layer "it" \(ReLU\): its bottom "in0" is empty: 0x3'):
        empty.forward()
    with pytest.raises(ShapeError, match=r'layer "it" \(ReLU\): its bottom "in0" is empty: 0x3'):
        empty.test_pass(caffe.Gait.FAST)
    with pytest.raises(ShapeError, match=r'layer "it" \(Slice\): its top "rest" is empty: 2x0'):
        made(CASES["slice"], tmp_path).test_pass(caffe.Gait.FAST)


def test_a_blob_that_had_values_may_lose_them(tmp_path):
    ours = made(net("ReLU", (2, 3)), tmp_path)
    ours.blobs["in0"].reshape(0, 3)
    ours.reshape()
    assert ours.forward()["out"].shape == (0, 3)
