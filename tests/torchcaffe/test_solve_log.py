"""What ``solve`` does, in which order, and says: line by line as real Caffe's own log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tinynet import write_solver

import netbuilder.torchcaffe as caffe

pytestmark = [pytest.mark.torch, pytest.mark.caffe]

SOLVE = """
import os, sys
os.dup2(os.open("real.log", os.O_WRONLY | os.O_CREAT), 2)
import caffe
caffe.get_solver(sys.argv[1]).solve()
"""
TOLD = re.compile(r"\] ( *(?:Iteration \d|Test loss|Train net|Test net|Gradient clip|Snapshotting|"
                  r"Optimization Done|MultiStep|Ignoring).*)")
PACE = re.compile(r" \(\S+ iter/s, \S+s/\d+ iters\)")
BASE = {"base_lr": 0.05, "lr_policy": "step", "gamma": 0.5, "stepsize": 3, "momentum": 0.9,
        "weights": "start.caffemodel", "max_iter": 6, "random_seed": 1}
TEXT = "text"  # the key of more lines of the solver file
NO_LOSS = "no loss"  # the key that takes the weights of all losses away
STAGED = """
layer { name: "more" type: "Softmax" bottom: "fc" top: "more" include { stage: "more" } }
layer { name: "most" type: "Reduction" bottom: "more" top: "most"
  reduction_param { operation: SUMSQ } include { stage: "more" min_level: 1 } }
layer { name: "last" type: "EuclideanLoss" bottom: "fc" bottom: "fc" top: "last"
  include { phase: TEST not_stage: "more" } }
"""


def told(log: str) -> list[tuple[str, list[float]]]:
    """Each line that tells something: its words, and its numbers."""
    lines = [PACE.sub("", line) for line in TOLD.findall(log)]
    number = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
    return [(number.sub("N", line), [float(n) for n in number.findall(line)]) for line in lines]


@pytest.mark.parametrize("fields", [
    {"test_iter": 2, "test_interval": 2, "display": 2, "snapshot": 4, "average_loss": 3},
    {"test_iter": [1, 3], "test_interval": 3, "test_initialization": False, "display": 4,
     "snapshot": 3, "test_compute_loss": True, "iter_size": 2},
    {"test_iter": 8, "test_interval": 4, "display": 5, "snapshot_after_train": False},
    {"type": "Adam", "snapshot": 4, "display": 3, "average_loss": 2, "max_iter": 7,
     TEXT: "snapshot_format: HDF5 snapshot_diff: true"},
    {"type": "Nesterov", "test_iter": [2, 1, 3], "test_interval": 3, "display": 2,
     "clip_gradients": 0.5, TEXT: """train_state { stage: "more" }
     test_state { } test_state { stage: "more" } test_state { level: 1 stage: "more" }"""},
    {"lr_policy": "multistep", "test_iter": 1, "test_interval": 3, "display": 2,
     TEXT: "stepvalue: 2 stepvalue: 2 stepvalue: 5"},
    {"display": 1, "test_iter": 1, "test_interval": 3, NO_LOSS: True},
])
def test_solve_does_and_says_what_real_caffe_does(tiny, run_caffe, capfd, fields):
    fields = dict(fields)
    extra = fields.pop(TEXT, "")
    net = Path("resnet.prototxt").read_text() + STAGED
    if fields.pop(NO_LOSS, False):
        net = re.sub('top: "(loss|last)"', r"\g<0> loss_weight: 0", net)
    Path("staged.prototxt").write_text(net)
    caffe.Net("resnet.prototxt", caffe.TRAIN, rng=caffe.Rng(3)).save("start.caffemodel")
    made = {}
    for who in ("real", "ours"):
        (tiny / who).mkdir()
        made[who] = write_solver(f"{who}.prototxt", "staged.prototxt", **{**BASE, **fields},
                                 snapshot_prefix=f"{who}/run")
        Path(made[who]).write_text(Path(made[who]).read_text() + "\n" + extra)
    run_caffe(SOLVE, made["real"], cwd=tiny, env={"GLOG_minloglevel": "0"})
    capfd.readouterr()
    caffe.get_solver(made["ours"]).solve()
    ours = told(capfd.readouterr().err.replace("ours/", "real/"))
    real = told(Path("real.log").read_text())
    assert len(real) > 10
    assert [words for words, _ in ours] == [words for words, _ in real]
    for (words, mine), (_, theirs) in zip(ours, real, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4), words
    assert {path.name for path in (tiny / "ours").iterdir()} == {
        path.name for path in (tiny / "real").iterdir()}
