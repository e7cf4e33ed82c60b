"""``debug_info``: the lines of each layer, word by word and number by number as real Caffe's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_solve_log import SOLVE
from tinynet import DATA, write_solver

import netbuilder.torchcaffe as caffe

pytestmark = pytest.mark.torch

# Shared weights, a frozen one, splits, layers in place, a loss without a top.
NET = DATA + """
name: "told"
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool"
  pooling_param { pool: AVE kernel_size: 6 stride: 6 } }
layer { name: "a" type: "InnerProduct" bottom: "pool" top: "a" param { name: "w" }
  param { name: "b" } inner_product_param { num_output: 12 weight_filler { type: "xavier" } } }
layer { name: "norm" type: "BatchNorm" bottom: "a" top: "a"
  batch_norm_param { use_global_stats: false } }
layer { name: "scale" type: "Scale" bottom: "a" top: "a" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "a" top: "a" }
layer { name: "c" type: "InnerProduct" bottom: "a" top: "c" param { name: "w" }
  param { name: "b" } inner_product_param { num_output: 12 weight_filler { type: "xavier" } } }
layer { name: "d" type: "InnerProduct" bottom: "c" top: "d" param { lr_mult: 0 }
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "d" bottom: "label" }
layer { name: "l2" type: "SoftmaxWithLoss" bottom: "c" bottom: "label" top: "l2" loss_weight: 0.5 }
layer { name: "told" type: "ReLU" bottom: "d" top: "e" include { phase: TEST } }
"""
LINE = re.compile(r"^([IWE])\d{4} .*?\] ( +\[(?:Forward|Backward|Update)\].*|Iteration \d+.*)$",
                  re.MULTILINE)
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?(?![\w])")
PACE = re.compile(r" \(\S+ iter/s, \S+s/\d+ iters\)")


def told(log: str) -> list[tuple[str, list[float]]]:
    """Each line's severity and words, and its numbers."""
    lines = [(severity, PACE.sub("", text)) for severity, text in LINE.findall(log)]
    return [(severity + NUMBER.sub("N", text), [float(n) for n in NUMBER.findall(text)])
            for severity, text in lines]


def solver_file(**fields) -> str:
    Path("told.prototxt").write_text(NET)
    return write_solver("solver.prototxt", "told.prototxt", base_lr=0.1, lr_policy="fixed",
                        debug_info=True, random_seed=1, snapshot_after_train=False, **fields)


@pytest.mark.caffe
def test_lines_are_those_of_real_caffe(tiny, run_caffe, capfd):
    Path("told.prototxt").write_text(NET)
    start = caffe.Net("told.prototxt", caffe.TRAIN, rng=caffe.Rng(3))
    start.params["norm"][2].data[...] = 1  # so that its statistics can be seen
    start.params["norm"][1].data[...] = 2
    start.save("start.caffemodel")
    file = solver_file(weights="start.caffemodel", display=2, max_iter=4, iter_size=2,
                       test_iter=2, test_interval=3)
    run_caffe(SOLVE, file, cwd=tiny, env={"GLOG_minloglevel": "0"})
    capfd.readouterr()
    caffe.get_solver(file).solve()
    ours, real = told(capfd.readouterr().err), told(Path("real.log").read_text())
    assert sum("All net params" in words for words, _ in real) == 4  # two displays, two passes
    assert [words for words, _ in ours] == [words for words, _ in real]
    for (words, mine), (_, theirs) in zip(ours, real, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-7), words


def test_only_displayed_iterations_tell(tiny, capfd):
    made = caffe.get_solver(solver_file(display=3))
    capfd.readouterr()
    made.step(5)
    lines = told(capfd.readouterr().err)
    assert sum(words.startswith("E") for words, _ in lines) == 2  # iterations 0 and 3
    assert not made.net.debug_info


def test_a_net_may_ask_for_it_itself(tiny, capfd):
    Path("net.prototxt").write_text(NET + "debug_info: true")
    net = caffe.Net("net.prototxt", caffe.TRAIN)
    capfd.readouterr()
    net.forward()
    net.backward()
    words = [words for words, _ in told(capfd.readouterr().err)]
    assert "I    [Forward] Layer data, top blob label data: N" in words
    assert "I    [Backward] Layer d, param blob N diff: N" in words


def test_the_fast_gait_gives_way(tiny, capfd, monkeypatch):
    from netbuilder.torchcaffe import mode

    monkeypatch.setattr(mode.current, "fast", True)
    made = caffe.get_solver(solver_file(display=1))
    capfd.readouterr()
    made.step(1)
    assert "[Backward] Layer c, bottom blob a diff: " in capfd.readouterr().err
