"""Gradients that real Caffe dies of: here an error that names the layer, in both gaits."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import net_driver
import numpy as np
import pytest
from against import job
from layer_cases import TRAIN, Case, net_text
from quirks import one

import netbuilder.torchcaffe as caffe
from netbuilder.errors import EngineError
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.net import Gait

SCORES, LABEL = np.ones((2, 3), np.float32), np.zeros(2, np.float32)
LEARNED = one("Bias", bottoms="label", tops="truth").replace(
    '"Bias"', '"Bias" bias_param { axis: 0 num_axes: -1 }').replace('name: "it"', 'name: "b"')
WEIGHT = "loss_weight: 1"
PAIR = {"x": SCORES, "label": LABEL}
# The layers, what goes in, whether the gradient is forced, and the bottom that the error names.
REFUSED = {
    "SoftmaxWithLoss": (LEARNED + one("SoftmaxWithLoss", "", "x truth"), PAIR, False, "truth"),
    "HingeLoss": (LEARNED + one("HingeLoss", "", "x truth"), PAIR, False, "truth"),
    "MultinomialLogisticLoss": (LEARNED + one("MultinomialLogisticLoss", "", "x truth"), PAIR,
                                False, "truth"),
    "SigmoidCrossEntropyLoss": (
        LEARNED + one("SigmoidCrossEntropyLoss", "", "x truth"),
        {"x": SCORES, "label": SCORES}, False, "truth"),
    "InfogainLoss": (one("InfogainLoss", "", "x label gain"),
                     {**PAIR, "gain": np.eye(3, dtype=np.float32)}, True, "gain"),
    "Embed": (one("Embed", f"embed_param {{ num_output: 2 input_dim: 3 }} {WEIGHT}", "label"),
              {"label": LABEL}, True, "label"),
    "Filter": (one("Filter", WEIGHT, "x label"), {"x": SCORES, "label": LABEL + 1}, True, "label"),
    "BatchReindex": (one("BatchReindex", WEIGHT, "x label"), PAIR, True, "label"),
    "Accuracy": (one("Accuracy", WEIGHT, "x label"), PAIR, True, "x"),
    "ArgMax": (one("ArgMax", WEIGHT), {"x": SCORES}, True, None),
    "Threshold": (one("Threshold", WEIGHT), {"x": SCORES}, True, None),
}

# One process of real Caffe for all: it forks for each net, and tells who died.
SCRIPT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import caffe, net_driver
ends = []
for job in json.load(open(sys.argv[2])):
    child = os.fork()
    if not child:
        net_driver.run(caffe, job)
        os._exit(0)
    ends.append(os.waitpid(child, 0)[1])
print(json.dumps(ends))
"""
CASES = {name: Case(name, net_text(arrays, layers, force),
                    {f"data/{place}": array for place, array in arrays.items()}, TRAIN)
         for name, (layers, arrays, force, _) in REFUSED.items()}

pytestmark = [pytest.mark.caffe, pytest.mark.torch]


@pytest.fixture(scope="module")
def ends(run_caffe, tmp_path_factory) -> dict[str, int]:
    folder = tmp_path_factory.mktemp("refused")
    jobs = folder / "jobs.json"
    jobs.write_text(json.dumps([job(case, folder / name) for name, case in CASES.items()]))
    return dict(zip(CASES, run_caffe(SCRIPT, Path(net_driver.__file__).parent, jobs), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name, ends):
    assert ends[name] & 127 == signal.SIGABRT
    bottom = REFUSED[name][-1]
    words = "has no backward" if bottom is None else f'has no gradient for its bottom "{bottom}"'
    for gait in Gait:
        net = caffe.Net(text.parse(CASES[name].net, caffe_pb2.NetParameter()), TRAIN)
        net_driver.put_blobs(net, CASES[name].arrays, 0)
        net.test_pass(gait)  # forward it works
        with pytest.raises(EngineError, match=rf'layer "it" \({name}\) {words}'):
            net.train_pass(gait)
