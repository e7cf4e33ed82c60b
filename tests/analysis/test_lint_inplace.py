"""In-place rules: real Caffe computes something else exactly where the linter says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from netbuilder.analysis.lint import lint
from netbuilder.proto import caffe_pb2

HERE = Path(__file__).parent
START = """layer { name: "in" type: "Input" top: "x" top: "t"
  input_param { shape { dim: [2, 4, 5, 5] } shape { dim: [2, 4, 5, 5] } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 4
  kernel_size: 1 weight_filler { type: "gaussian" std: 0.5 } } }
layer { name: "d" type: "Convolution" bottom: "x" top: "d" convolution_param { num_output: 4
  kernel_size: 1 weight_filler { type: "gaussian" std: 0.5 } } }
"""
END = """layer { name: "loss" type: "EuclideanLoss" bottom: "%s" bottom: "t" top: "loss" }
layer { name: "hush" type: "Silence" bottom: "d" }
"""
PAIR_END = END.splitlines(keepends=True)[0]  # where "d" is taken already
ONE = "num_output: 4 kernel_size: 1 weight_filler { type: 'xavier' }"
THREE = "num_output: 4 kernel_size: 3 pad: 1 weight_filler { type: 'xavier' }"
KINDS = {  # what a layer is called here -> its type and fields
    "BNLL": ("BNLL", ""),
    "BatchNorm": ("BatchNorm", ""),
    "Bias": ("Bias", "bias_param { filler { type: 'uniform' min: -1 max: 1 } }"),
    "Clip": ("Clip", "clip_param { min: -0.4 max: 0.4 }"),
    "Concat": ("Concat", ""),
    "Convolution 1x1": ("Convolution", f"convolution_param {{ {ONE} }}"),
    "Convolution 3x3": ("Convolution", f"convolution_param {{ {THREE} }}"),
    "Deconvolution 1x1": ("Deconvolution", f"convolution_param {{ {ONE} }}"),
    "Deconvolution 3x3": ("Deconvolution", f"convolution_param {{ {THREE} }}"),
    "Dropout": ("Dropout", ""),
    "ELU": ("ELU", ""),
    "ELU falling": ("ELU", "elu_param { alpha: -0.5 }"),
    "Exp": ("Exp", ""),
    "Im2col": ("Im2col", "convolution_param { kernel_size: 1 }"),
    "InnerProduct": ("InnerProduct", "inner_product_param { num_output: 5 axis: 3 "
                     "weight_filler { type: 'xavier' } }"),
    "LRN": ("LRN", "lrn_param { local_size: 3 alpha: 1 }"),
    "LRN within": ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 alpha: 1 }"),
    "Log": ("Log", "log_param { scale: 0.1 shift: 5 }"),
    "MVN": ("MVN", ""),
    "MVN mean": ("MVN", "mvn_param { normalize_variance: false }"),
    "PReLU": ("PReLU", ""),
    "Pooling": ("Pooling", "pooling_param { kernel_size: 3 stride: 1 pad: 1 }"),
    "Power 1": ("Power", "power_param { scale: 2 shift: 1 }"),
    "Power 2": ("Power", "power_param { power: 2 }"),
    "Power 3": ("Power", "power_param { power: 3 shift: 1 scale: 0.3 }"),
    "ReLU": ("ReLU", ""),
    "ReLU falling": ("ReLU", "relu_param { negative_slope: -0.3 }"),
    "ReLU leaking": ("ReLU", "relu_param { negative_slope: 0.3 }"),
    "Scale": ("Scale", "scale_param { bias_term: true filler { value: 1.5 } bias_filler { "
              "type: 'uniform' min: -1 max: 1 } }"),
    "Sigmoid": ("Sigmoid", ""),
    "Slice": ("Slice", ""),
    "Softmax": ("Softmax", ""),
    "Swish": ("Swish", ""),
    "TanH": ("TanH", ""),
    "Tile": ("Tile", "tile_param { tiles: 1 }"),
}
PAIRS = {"Eltwise": "", "Eltwise max": "eltwise_param { operation: MAX }",
         "Eltwise product": "eltwise_param { operation: PROD }",
         "Scale": "scale_param { axis: 0 }", "Bias": "bias_param { axis: 0 }"}
BEFORE = ["BatchNorm", "Convolution 1x1", "ELU", "Exp", "LRN", "MVN", "Power 2", "Power 3",
          "Scale", "Sigmoid", "Softmax", "Swish", "TanH"]
AFTER = ["Bias", "Dropout", "ELU", "PReLU", "ReLU", "ReLU leaking", "Scale", "Sigmoid", "Softmax"]


def layer(index: int, kind: str, bottom: str, in_place: bool) -> str:
    name, fields = KINDS[kind]
    top = bottom if in_place else f"l{index}"
    return f'layer {{ name: "l{index}" type: "{name}" bottom: "{bottom}" top: "{top}" {fields} }}\n'


def chain(*kinds: tuple[str, bool]) -> str:
    """Layers one after the other; True for those that work in place."""
    text, blob = START, "c"
    for index, (kind, in_place) in enumerate(kinds):
        text += layer(index, kind, blob, in_place)
        blob = blob if in_place else f"l{index}"
    return text + END % blob


def two_bottoms(kind: str, in_place: bool) -> str:
    top = "c" if in_place else "e"
    name = kind.partition(" ")[0]
    return (START + f'layer {{ name: "e" type: "{name}" bottom: "c" bottom: "d" '
            f'top: "{top}" {PAIRS[kind]} }}\n' + PAIR_END % top)


def viewed(in_place: bool) -> str:
    """A Dropout over the view of a Sigmoid: both are the same memory."""
    top = "v" if in_place else "w"
    return (START + layer(0, "Sigmoid", "c", False)
            + 'layer { name: "v" type: "Reshape" bottom: "l0" top: "v" reshape_param { shape { '
            'dim: [0, 0, 0, 0] } } }\n'
            f'layer {{ name: "w" type: "Dropout" bottom: "v" top: "{top}" }}\n' + END % top)


CASES = {
    **{kind: (chain((kind, False)), chain((kind, True))) for kind in KINDS},
    **{f"{kind} of two": (two_bottoms(kind, False), two_bottoms(kind, True)) for kind in PAIRS},
    **{f"{after} over {before}": (chain((before, False), (after, False)),
                                  chain((before, False), (after, True)))
       for before, after in product(BEFORE, AFTER)},
    **{f"{after} over an in-place {before}": (chain((before, True), (after, False)),
                                              chain((before, True), (after, True)))
       for before, after in product(["ReLU", "Scale"], [*AFTER, "BatchNorm", "Exp", "TanH"])},
    "Dropout over ReLU over TanH": (
        chain(("TanH", False), ("ReLU", True), ("Dropout", False)),
        chain(("TanH", False), ("ReLU", True), ("Dropout", True))),
    "a view": (viewed(False), viewed(True)),
}
SAID = {"NB201": "gradient", "NB202": "gradient", "NB203": "values"}
# Real Caffe refuses these in place.
REFUSED = {"AbsVal": "", "Flatten": "flatten_param { axis: 3 }", "Split": "",
           "Reshape": "reshape_param { shape { dim: [0, 0, 0, 0] } }",
           "Convolution": "convolution_param { num_output: 5 kernel_size: 1 }"}


def said(text: str, folder: Path) -> str:
    path = folder / "net.prototxt"
    path.write_text(text)
    codes = {one.code for one in lint(path)} & set(SAID)
    return "values" if "NB203" in codes else "gradient" if codes else "nothing"


@pytest.mark.caffe
def test_the_linter_says_what_real_caffe_does(run_caffe: Callable[..., Any],
                                              tmp_path: Path) -> None:
    nets = tmp_path / "nets.json"
    nets.write_text(json.dumps(list(CASES.values())))
    measured = run_caffe(HERE / "inplace_judge.py", nets)
    wrong = {name: (said(in_place, tmp_path), truth) for (name, (_, in_place)), truth
             in zip(CASES.items(), measured, strict=True) if said(in_place, tmp_path) != truth}
    assert not wrong
    assert set(measured) == {"nothing", "gradient", "values"}


@pytest.mark.caffe
def test_what_real_caffe_refuses_in_place(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    texts = [START + f'layer {{ name: "e" type: "{kind}" bottom: "c" top: "c" {fields} }}\n'
             + END % "c" for kind, fields in REFUSED.items()]
    nets = tmp_path / "nets.json"
    nets.write_text(json.dumps([[text, caffe_pb2.TRAIN] for text in texts]))
    answers = run_caffe(HERE.parent / "caffe_judge.py", nets)
    for kind, text, answer in zip(REFUSED, texts, answers, strict=True):
        (tmp_path / "net.prototxt").write_text(text)
        codes = {one.code for one in lint(tmp_path / "net.prototxt")}
        assert "refused" in answer, kind
        assert "NB105" in codes, (kind, codes)
