"""A loss that is no number: the layer is named, once, and training goes on as Caffe's does."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tinynet import write_solver

import netbuilder.torchcaffe as caffe

pytestmark = pytest.mark.torch

TOLD = re.compile(r"^W.*\] (Iteration .*)$", re.MULTILINE)
DEEP = """
name: "deep"
layer { name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 4 channels: 3 height: 1 width: 1 } }
layer { name: "bias" type: "Bias" bottom: "data" top: "bias" }
layer { name: "log" type: "Log" bottom: "bias" top: "log" }
layer { name: "norm" type: "BatchNorm" bottom: "log" top: "norm" }
layer { name: "drop" type: "Dropout" bottom: "norm" top: "norm" }
layer { name: "fc" type: "InnerProduct" bottom: "norm" top: "fc"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


def plain(**fields):
    return caffe.get_solver(write_solver("solver.prototxt", "plain.prototxt", lr_policy="fixed",
                                         random_seed=5, **{"base_lr": 0.1, **fields}))


def deep(images: np.ndarray):
    with open("deep.prototxt", "w") as file:
        file.write(DEEP)
    made = caffe.get_solver(write_solver("solver.prototxt", "deep.prototxt", lr_policy="fixed",
                                         random_seed=5, base_lr=0.0))
    made.net.set_input_arrays(images.astype(np.float32), np.zeros(len(images), np.float32))
    return made


def told(capfd) -> list[str]:
    return TOLD.findall(capfd.readouterr().err)


def test_a_run_that_diverges_says_where(tiny, capfd):
    made = plain(base_lr=1e20)
    made.step(8)
    assert made.iter == 8
    (line,) = told(capfd)  # in the middle of a run, when the gait is fast
    assert re.match(r'Iteration [1-6]: the loss is (nan|inf); layer "(conv|fc)" \(\w+\) '
                    r'(has|gives) (NaN|infinity) in its (parameter 0|top "(conv|fc)")\. ', line)


def test_a_good_run_says_nothing(tiny, capfd):
    plain(display=1).step(3)
    assert not told(capfd)


@pytest.mark.parametrize("fast", [False, True])
def test_the_layer_is_where_it_arises_not_where_it_shows(tiny, capfd, fast):
    images = np.ones((12, 3, 1, 1)) + np.arange(12).reshape(12, 1, 1, 1)
    images[5, 1] = -3  # in the second batch only: its logarithm is no number
    made = deep(images)
    made.step(3 if fast else 1)
    if not fast:
        assert not told(capfd)
        made.step(1)
    (line,) = told(capfd)
    assert line.startswith('Iteration 1: the loss is nan; layer "log" (Log) gives NaN in its top '
                           '"log".')


def test_bad_data_is_bad_data(tiny, capfd):
    made = deep(np.full((4, 3, 1, 1), np.nan))
    made.step(1)
    (line,) = told(capfd)
    assert 'layer "data" (MemoryData) gives NaN in its top "data"' in line


def test_a_parameter_is_named(tiny, capfd):
    made = plain()
    made.net.params["fc"][1].data[2] = np.inf
    made.step(1)
    assert 'layer "fc" (InnerProduct) has infinity in its parameter 1.' in told(capfd)[0]


def test_looking_leaves_no_trace(tiny, capfd):
    images = np.ones((8, 3, 1, 1)) * np.arange(1, 9).reshape(8, 1, 1, 1)

    def run(spoiled: bool) -> tuple[bytes, bytes]:
        made = deep(images)
        made.net.params["fc"][0].data[0, 0] = np.inf  # above statistics and a random mask
        made._spoiled = spoiled  # said already: nothing is looked for
        made.step(1)
        return (made.net.params["norm"][1].data.tobytes(), made.net.rng.cpu.get_state().numpy()
                .tobytes())

    assert run(False) == run(True)
    assert len(told(capfd)) == 1
