"""coord_map, draw, Classifier and Detector find what real pycaffe's find, and raise the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import helpers_driver
import numpy as np
import pytest
import tinynet
import whole_nets
from PIL import Image

import netbuilder.torchcaffe as embedded

pytestmark = [pytest.mark.torch, pytest.mark.caffe]

Numbers = dict[str, np.ndarray]

MODEL = """
name: "labels"
layer {{ name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: 4 dim: 3 dim: {height} dim: {width} }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 6 kernel_size: 5 stride: 2
    weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param {{ pool: AVE global_pooling: true }} }}
layer {{ name: "score" type: "InnerProduct" bottom: "pool" top: "score"
  inner_product_param {{ num_output: 5 weight_filler {{ type: "gaussian" std: 0.1 }} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "score" top: "prob" }}
"""

ODD = """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  data_param { source: "nowhere" batch_size: 32 } }
layer { name: "data" type: "Data" top: "data" exclude { phase: TRAIN }
  data_param { source: "nowhere" batch_size: 7 } }
layer { name: "staged" type: "Pooling" bottom: "data" top: "staged" include { stage: "a" }
  pooling_param { pool: STOCHASTIC kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "up" type: "Deconvolution" bottom: "staged" top: "up" param { lr_mult: 0 }
  param { lr_mult: 0 } convolution_param { num_output: 3 kernel_size: 4 kernel_size: 2 pad: 1 } }
layer { name: "fast" type: "Convolution" bottom: "up" top: "fast" param { lr_mult: 10 }
  param { lr_mult: 20.5 } convolution_param { num_output: 3 } }
layer { name: "one" type: "InnerProduct" bottom: "fast" top: "one" param { lr_mult: 0.5 }
  inner_product_param { num_output: 9 } }
layer { name: "act" type: "Sigmoid" bottom: "one" top: "one" }
layer { name: "silence" type: "Silence" bottom: "one" bottom: "label" }
"""
WRONG = """
layer { name: "both" type: "ReLU" bottom: "data" top: "both" include { phase: TRAIN }
  exclude { stage: "a" } }
layer { name: "many" type: "Convolution" bottom: "both" top: "many" param { } param { } param { } }
"""


@pytest.fixture(scope="module")
def both(run_caffe: Callable, tmp_path_factory: pytest.TempPathFactory) -> tuple[Numbers, Numbers]:
    """What we find, and what real Caffe finds."""
    folder = tmp_path_factory.mktemp("helpers")
    job = {"nets": {"odd": ODD, "wrong": WRONG, "resnet": tinynet.resnet(),
                    "inception": whole_nets.inception(), "residual": whole_nets.residual()}}
    for name, width in (("model", 14), ("square", 16)):
        job[name] = str(folder / f"{name}.prototxt")
        Path(job[name]).write_text(MODEL.format(height=16, width=width))
    job["weights"] = str(folder / "weights.caffemodel")
    embedded.Net(job["model"], embedded.TEST).save(job["weights"])
    job["pictures"] = [str(folder / f"{index}.png") for index in range(2)]
    small = Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    for path in job["pictures"]:
        small.resize((37, 25), Image.Resampling.BICUBIC).save(path)
    (folder / "job.json").write_text(json.dumps(job))
    run_caffe(Path(helpers_driver.__file__), folder / "job.json", folder / "out.npz")
    return helpers_driver.run(embedded, job), dict(np.load(folder / "out.npz"))


def alike(both: tuple[Numbers, Numbers], *kinds: str, tolerance: float = 1e-6) -> Counter[str]:
    """Checks all of some kinds; returns how often there were numbers, and each exception."""
    ours, theirs = both
    names = [name for name in theirs if name.startswith(kinds)]
    assert names == [name for name in ours if name.startswith(kinds)]
    seen: Counter[str] = Counter()
    for name in names:
        mine, real = ours[name], theirs[name]
        if real.dtype.kind in "US":  # one text, or the names of an exception's classes
            seen[str(real.flat[0]) if real.ndim else "text"] += 1
            assert real.flat[0] in mine, (name, mine, real)
        else:
            seen["numbers"] += 1
            np.testing.assert_allclose(mine, real, rtol=tolerance, atol=tolerance, err_msg=name)
    return seen


def test_coordinates(both):
    seen = alike(both, "map", "layer map")
    assert {"numbers", "RuntimeError", "AxisMismatchException", "AssertionError", "KeyError"} <= {
        *seen}
    assert seen["numbers"] > 200
    assert alike(both, "no layer map") == {"UndefinedMapException": 1}


def test_crops(both):
    ours, theirs = both
    # Where only Crop layers move anything, pycaffe trips over an int that is no array.
    for name in [name for name in theirs if name.startswith("crop ")]:
        if theirs[name].flat[0] == "AttributeError" and "FieldError" not in ours[name]:
            del ours[name], theirs[name]
    seen = alike(both, "crop ")
    assert seen["numbers"] > 20
    assert seen["AssertionError"] > 20
    assert seen["AttributeError"] > 5


def test_graphs(both):
    seen = alike(both, "graph", "lr", "pooling types", "LAYER", "NEURON", "BLOB")
    assert seen["text"] == 4 * 4 + 1  # "wrong" is refused with a phase or with rates, but not else
    assert seen["ValueError"] > 10


def test_classes(both):
    assert alike(both, "classes", "dims") == {"numbers": 27}
    assert alike(both, "bad") == {"ValueError": 1, "Exception": 1}


def test_windows(both):
    assert alike(both, "seen", "where", "crop dims", "crop mean")["numbers"] > 130
    ours, theirs = both
    assert theirs["no proposals"][0] == "ModuleNotFoundError"
    assert {"ImportError", "NetbuilderError"} <= {*ours["no proposals"]}
