"""Multiplications, additions and the rest: every formula once more, worked out by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from counted_formulas import counted
from counting_numbers import KINDS

from netbuilder.analysis import costs
from netbuilder.graph import resolve
from netbuilder.layer import Layer, Operations, layer_class, layer_types
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

TEST, TRAIN = caffe_pb2.TEST, caffe_pb2.TRAIN
X = (2, 3, 4, 4)  # 96 values
MARKS = (5, 2)


def layer(text: str, *shapes: tuple[int, ...], phase: int = TEST) -> Layer:
    kind, _, fields = text.partition(" ")
    tops = {"Slice": 3, "LSTMUnit": 2}.get(kind, 0 if kind in ("Silence", "HDF5Output") else 1)
    if kind == "Convolution":
        tops = len(shapes)
    message = parse(f'name: "it" type: "{kind}" {fields}', caffe_pb2.LayerParameter())
    message.top.extend(f"top{index}" for index in range(tops))
    return layer_class(kind)(message, shapes, phase)


# The layer, its bottoms, and how many multiplications, additions, comparisons, divisions and
# exponentials it does for the whole batch. N = 96 values unless it says otherwise.
ROWS = {
    # 2 images x 5 filters x 2x2 windows of 3x3x3 = 27 values: 40 outputs.
    "Convolution convolution_param { num_output: 5 kernel_size: 3 }":
        ([X], (1080, 1080 + 40, 0, 0, 0)),
    "Convolution convolution_param { num_output: 6 kernel_size: 3 group: 3 bias_term: false }":
        ([X], (48 * 9, 48 * 9, 0, 0, 0)),
    # 24 outputs of one 3x3 filter each.
    "ConvolutionDepthwise convolution_param { kernel_size: 3 }":
        ([X], (216, 216 + 24, 0, 0, 0)),
    "DepthwiseConvolution convolution_param { num_output: 3 kernel_size: 3 group: 3 }":
        ([X], (216, 216 + 24, 0, 0, 0)),
    # 2x3x8x8 outputs between two places of two rows; then only copied.
    "Interp interp_param { height: 8 width: 8 }": ([X], (6 * 384, 3 * 384, 0, 0, 0)),
    "Interp interp_param { height: 4 width: 4 }": ([X], (0, 0, 0, 0, 0)),
    # A norm for each of 2x4x4 places, or for each of 2 images.
    "Normalize norm_param { across_spatial: false }": ([X], (192, 96 + 32, 0, 96, 32)),
    "Normalize norm_param { across_spatial: true }": ([X], (192, 96 + 2, 0, 96, 2)),
    "BN bn_param { bn_mode: LEARN }": ([X], (192, 384, 0, 96, 0)),
    "BN bn_param { bn_mode: INFERENCE }": ([X], (96, 96, 0, 0, 0)),
    "BN bn_param { frozen: false }": ([X], (192, 192, 0, 0, 0)),
    "Upsample upsample_param { scale: 2 }": ([X], (0, 0, 0, 0, 0)),
    "Unpooling unpooling_param { unpool_size: 8 }": ([X], (0, 0, 0, 0, 0)),
    "ReLU6": ([X], (0, 0, 192, 0, 0)),
    "CReLU": ([X], (0, 0, 192, 0, 0)),
    "CenterLoss center_loss_param { num_output: 5 }": ([(8, 10), (8,)], (80, 160, 0, 0, 0)),
    "SmoothL1Loss": ([(8, 12), (8, 12)], (288, 192, 192, 0, 0)),
    "SmoothL1Loss smooth_l1_loss_param { }": ([(8, 12)] * 4, (480, 192, 192, 0, 0)),
    "ChannelNorm": ([X], (96, 96, 0, 0, 32)),
    "Mean mean_param { value: 5 operation: SUBTRACT }": ([X], (0, 96, 0, 0, 0)),
    "Axpy": ([(2, 3, 1, 1), X, X], (96, 96, 0, 0, 0)),
    "Permute permute_param { order: 1 }": ([X], (0, 0, 0, 0, 0)),
    "ShuffleChannel shuffle_channel_param { group: 3 }": ([X], (0, 0, 0, 0, 0)),
    "Reorg reorg_param { stride: 2 }": ([X], (0, 0, 0, 0, 0)),
    # Each of 96 values meets 2 filters of 2x2; the top is 2x2x8x8.
    "Deconvolution convolution_param { num_output: 2 kernel_size: 2 stride: 2 }":
        ([X], (768, 768 + 256, 0, 0, 0)),
    "Im2col convolution_param { kernel_size: 3 }": ([X], (0, 0, 0, 0, 0)),
    "InnerProduct inner_product_param { num_output: 7 }": ([X], (672, 672 + 14, 0, 0, 0)),
    "Embed embed_param { num_output: 4 input_dim: 9 }": ([(3,)], (0, 12, 0, 0, 0)),
    "Scale scale_param { bias_term: true }": ([X], (96, 96, 0, 0, 0)),
    "Scale": ([X], (96, 0, 0, 0, 0)),
    "Bias": ([X], (0, 96, 0, 0, 0)),
    # 2x2 windows, rounded up: 2x3x2x2 = 24 outputs of 9 values each.
    "Pooling pooling_param { kernel_size: 3 stride: 2 }": ([X], (0, 0, 216, 0, 0)),
    "Pooling pooling_param { pool: AVE kernel_size: 3 stride: 2 }": ([X], (0, 216, 0, 24, 0)),
    "Pooling pooling_param { pool: AVE global_pooling: true }": ([X], (0, 96, 0, 6, 0)),
    "Pooling pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 }":
        ([X], (96, 192, 0, 24, 0)),
    "SPP spp_param { pyramid_height: 2 }": ([X], (0, 0, 96 + 96, 0, 0)),
    "BatchNorm": ([X], (0, 96, 0, 96, 0)),
    "BatchNorm batch_norm_param { use_global_stats: false }": ([X], (96, 288, 0, 96, 0)),
    "LRN lrn_param { local_size: 5 }": ([X], (288, 576, 0, 0, 96)),
    "LRN lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }": ([X], (288, 960, 0, 96, 96)),
    "MVN": ([X], (96, 288, 0, 96, 0)),
    "MVN mvn_param { normalize_variance: false }": ([X], (0, 192, 0, 0, 0)),
    "AbsVal": ([X], (0, 0, 96, 0, 0)),
    "BNLL": ([X], (0, 192, 96, 0, 192)),
    "Clip clip_param { min: 0 max: 1 }": ([X], (0, 0, 192, 0, 0)),
    "Dropout": ([X], (0, 0, 0, 0, 0)),
    "ELU": ([X], (96, 192, 192, 0, 96)),
    "Exp": ([X], (0, 0, 0, 0, 96)),
    "Exp exp_param { base: 2 shift: 1 }": ([X], (192, 0, 0, 0, 96)),
    "Log log_param { base: 10 scale: 2 shift: 1 }": ([X], (192, 96, 0, 0, 96)),
    "Power power_param { power: 2 scale: 3 shift: 1 }": ([X], (96, 96, 0, 0, 96)),
    "Power power_param { shift: 1 }": ([X], (0, 96, 0, 0, 0)),
    "Power power_param { power: 0 shift: 1 }": ([X], (0, 0, 0, 0, 0)),
    "PReLU": ([X], (96, 96, 192, 0, 0)),
    "ReLU": ([X], (0, 0, 96, 0, 0)),
    "ReLU relu_param { negative_slope: 0.1 }": ([X], (96, 96, 192, 0, 0)),
    "Sigmoid": ([X], (0, 96, 0, 96, 96)),
    "Swish": ([X], (192, 96, 0, 96, 96)),
    "TanH": ([X], (0, 0, 0, 0, 96)),
    "Threshold": ([X], (0, 0, 96, 0, 0)),
    "Eltwise": ([X] * 3, (0, 192, 0, 0, 0)),
    "Eltwise eltwise_param { coeff: 1 coeff: -1 }": ([X] * 2, (96, 96, 0, 0, 0)),
    "Eltwise eltwise_param { operation: PROD }": ([X] * 2, (96, 0, 0, 0, 0)),
    "Eltwise eltwise_param { operation: MAX }": ([X] * 3, (0, 0, 192, 0, 0)),
    "Softmax": ([X], (0, 192, 96, 96, 96)),
    "ArgMax": ([X], (0, 0, 96, 0, 0)),
    "ArgMax argmax_param { top_k: 2 }": ([X], (0, 0, 192, 0, 0)),
    "Reduction": ([X], (0, 96, 0, 0, 0)),
    "Reduction reduction_param { operation: MEAN axis: 1 }": ([X], (2, 96, 0, 0, 0)),
    "Reduction reduction_param { operation: ASUM coeff: 2 }": ([X], (1, 96, 96, 0, 0)),
    "Reduction reduction_param { operation: SUMSQ }": ([X], (96, 96, 0, 0, 0)),
    "Accuracy": ([(8, 10), (8,)], (0, 0, 80, 0, 0)),
    "SoftmaxWithLoss": ([(8, 10), (8,)], (0, 168, 88, 80, 88)),
    "EuclideanLoss": ([X, X], (96, 192, 0, 0, 0)),
    "HingeLoss": ([(8, 10), (8,)], (0, 160, 80, 0, 0)),
    "HingeLoss hinge_loss_param { norm: L2 }": ([(8, 10), (8,)], (80, 160, 80, 0, 0)),
    "MultinomialLogisticLoss": ([(8, 10), (8,)], (0, 8, 8, 0, 8)),
    "SigmoidCrossEntropyLoss": ([X, X], (96, 384, 96, 0, 192)),
    "InfogainLoss": ([(8, 10), (8,), (1, 1, 10, 10)], (80, 240, 160, 80, 160)),
    "ContrastiveLoss": ([(8, 10), (8, 10), (8,)], (88, 176, 8, 0, 8)),
    # 5 steps x 2 streams x 4 units = 40; weights 16x6 and 16x4 in 10 steps: 1600.
    "LSTM recurrent_param { num_output: 4 }":
        ([(5, 2, 6), MARKS], (1600 + 5 * 40, 1600 + 12 * 40, 0, 3 * 40, 5 * 40)),
    # A static input of 3 values: 16x3 weights, once for each of 2 streams.
    "LSTM recurrent_param { num_output: 4  }":
        ([(5, 2, 6), MARKS, (2, 3)], (1696 + 5 * 40, 1696 + 16 * 40, 0, 3 * 40, 5 * 40)),
    # 4x6, 4x4 and 4x4 weights in 10 steps.
    "RNN recurrent_param { num_output: 4 }":
        ([(5, 2, 6), MARKS], (560 + 40, 560 + 3 * 40, 0, 0, 2 * 40)),
    "LSTMUnit": ([(1, 2, 4), (1, 2, 16), (1, 2)], (32, 32, 0, 24, 40)),
    "Filter": ([X, (2,)], (0, 0, 2, 0, 0)),
    "Concat": ([X, X], (0, 0, 0, 0, 0)),
    "Slice": ([X], (0, 0, 0, 0, 0)),
    "Split": ([X], (0, 0, 0, 0, 0)),
    "Flatten": ([X], (0, 0, 0, 0, 0)),
    "Silence": ([X], (0, 0, 0, 0, 0)),
    "Reshape reshape_param { shape { dim: -1 } }": ([X], (0, 0, 0, 0, 0)),
    "Crop": ([X, X], (0, 0, 0, 0, 0)),
    "Tile tile_param { tiles: 2 }": ([X], (0, 0, 0, 0, 0)),
    "BatchReindex": ([X, (5,)], (0, 0, 0, 0, 0)),
    "HDF5Output": ([X, X], (0, 0, 0, 0, 0)),
}


@pytest.mark.parametrize("text", ROWS)
def test_by_hand(text: str) -> None:
    shapes, expected = ROWS[text]
    assert tuple(layer(text, *shapes).operations().kinds.values()) == expected


def test_in_train_where_it_differs() -> None:
    assert layer("Dropout", X, phase=TRAIN).operations() == Operations(multiplications=192)
    assert layer("BatchNorm", X, phase=TRAIN).operations() == Operations(96, 288, 0, 96, 0)
    stochastic = "Pooling pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 }"
    assert layer(stochastic, X, phase=TRAIN).operations() == Operations(24, 192, 96)
    pspnet = "BN bn_param { frozen: false }"
    assert layer(pspnet, X, phase=TRAIN).operations() == Operations(288, 384)
    assert layer(pspnet.replace("false", "true"), X, phase=TRAIN).operations() == Operations(
        192, 192)


# More shapes and options, for the formulas of counted_formulas alone.
MORE = {
    "Convolution convolution_param { num_output: 4 kernel_size: [3, 2] stride: [2, 1] "
    "pad: [1, 0] dilation: [1, 3] }": [(1, 2, 7, 6)],
    "Convolution convolution_param { num_output: 2 kernel_size: 2 dilation: 2 }":
        [(2, 2, 4, 4, 5)],
    "Convolution convolution_param { num_output: 2 kernel_size: 1 }": [(2, 3, 3), (2, 3, 3)],
    "Deconvolution convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 group: 2 }":
        [(2, 6, 3, 4)],
    "InnerProduct inner_product_param { num_output: 3 axis: 2 }": [(2, 3, 4, 5)],
    "InnerProduct inner_product_param { num_output: 3 axis: -1 transpose: true "
    "bias_term: false }": [(2, 3, 4)],
    "Pooling pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }": [(1, 2, 5, 6)],
    "Pooling pooling_param { pool: STOCHASTIC kernel_size: 3 stride: 2 }": [(2, 2, 6, 5)],
    "SPP spp_param { pyramid_height: 3 pool: AVE }": [(2, 3, 8, 8)],
    "Reduction reduction_param { operation: MEAN axis: -1 }": [X],
    "Reduction reduction_param { operation: ASUM axis: 2 coeff: 3 }": [X],
    "Softmax softmax_param { axis: -1 }": [(2, 3, 5)],
    "SoftmaxWithLoss": [(2, 3, 4, 5), (2, 1, 4, 5)],
    "Eltwise eltwise_param { coeff: 2 coeff: 1 coeff: -1 }": [X, X, X],
    "Exp exp_param { scale: 2 }": [X],
    "Log": [X],
    "Power power_param { scale: 2 }": [X],
    "Scale scale_param { bias_term: true axis: 0 }": [X, (2, 3)],
    "RNN recurrent_param { num_output: 4  }": [(5, 2, 6), MARKS, (2, 3)],
    "LSTM recurrent_param { num_output: 3 }": [(5, 2, 2, 3), MARKS],
    "LRN lrn_param { local_size: 7 }": [(1, 9, 3, 2)],
    "ContrastiveLoss contrastive_loss_param { legacy_version: true }": [(8, 10), (8, 10), (8,)],
    "Embed embed_param { num_output: 4 input_dim: 9 bias_term: false }": [(3, 2)],
    "BN bn_param { frozen: true }": [X],
    "Interp interp_param { height: 1 width: 7 }": [(1, 2, 3, 3)],
    "ConvolutionDepthwise convolution_param { kernel_size: 3 stride: 2 pad: 1 }": [(2, 4, 7, 7)],
}
CASES = {**MORE, **{text: shapes for text, (shapes, _) in ROWS.items()}}


@pytest.mark.parametrize("phase", [TRAIN, TEST])
@pytest.mark.parametrize("text", CASES)
def test_by_walking_through_the_formula(text: str, phase: int) -> None:
    it = layer(text, *CASES[text], phase=phase)
    walked = counted(it.message, it.bottom_shapes, phase)
    assert dict(zip(KINDS, walked, strict=True)) == it.operations().kinds


def rule(kind: type[Layer]) -> bool:
    """True if the class itself, not one that it builds on, says what it computes."""
    return "operations" in vars(kind) or ("free" in vars(kind) and not kind.fork)


def test_no_rule_stands_without_a_row() -> None:
    stated = {name for name, kind in layer_types().items() if rule(kind)}
    assert stated <= {text.split()[0] for text in ROWS}


def test_every_type_without_a_rule_is_named() -> None:
    without = {name: kind for name, kind in layer_types().items()
               if kind.operations is Layer.operations and not kind.free}
    assert {name for name, kind in without.items() if not kind.fork} == {"Python"}
    page = (Path(__file__).parents[2] / "docs" / "counting.md").read_text()
    listed = page.split("A type without a rule")[1].split("\n\n")[0]
    assert not {name for name in without if not re.search(rf"\b{name}\b", listed)}
    average = layer("Unpooling unpooling_param { unpool_size: 8 unpool: AVE }", X)
    assert average.operations() is None


NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [B, 3, 4, 4] } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 5 kernel_size: 3 } }
layer { name: "own" type: "Python" bottom: "conv" top: "own" }
layer { name: "relu" type: "ReLU" bottom: "own" top: "own" }
"""


def of(text: str, inputs: dict | None = None) -> object:
    return costs(resolve(parse(text, caffe_pb2.NetParameter()), TEST, inputs=inputs))


@pytest.mark.parametrize("batch", [1, 3])
def test_totals_are_for_one_image_and_the_uncounted_is_named(batch: int) -> None:
    result = of(NET.replace("B", str(batch)), {"own": (batch, 6)})
    totals = result.totals
    assert (totals["multiplications"], totals["additions"]) == (540, 560)
    assert totals["flops"] == 540 + 560
    assert totals["comparisons"] == 6
    assert result.uncounted == ("Python",) and result.free == ("Input",)
    assert [row.counted for row in result.layers] == [True, True, False, True]


def test_intensity_is_of_the_whole_batch() -> None:
    conv = of(NET.replace("B", "3"), {"own": (3, 6)}).layers[1]
    moved = 4 * (3 * 48 + 3 * 20 + 5 * 27 + 5)
    assert conv.bytes_moved == moved
    assert conv.intensity == 3 * (2 * 540 + 20) / moved


# Recurrent nets: what one image is.

RECURRENT = """
layer { name: "words" type: "Input" top: "words" input_param { shape { dim: [20, 4] } } }
layer { name: "marks" type: "Input" top: "marks" input_param { shape { dim: [20, 4] } } }
layer { name: "embed" type: "Embed" bottom: "words" top: "embed"
  embed_param { num_output: 6 input_dim: 100 bias_term: false } }
layer { name: "lstm" type: "LSTM" bottom: "embed" bottom: "marks" top: "lstm"
  recurrent_param { num_output: 8 } }
"""
FRAMES = """
layer { name: "frames" type: "Input" top: "frames" input_param { shape { dim: [80, 3, 2, 2] } } }
layer { name: "marks" type: "Input" top: "marks" input_param { shape { dim: [20, 4] } } }
layer { name: "steps" type: "Reshape" bottom: "frames" top: "steps"
  reshape_param { shape { dim: 20 dim: 4 dim: 12 } } }
layer { name: "rnn" type: "LSTM" bottom: "steps" bottom: "marks" top: "rnn"
  recurrent_param { num_output: 8 } }
"""
LEARNED = 'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 9 } } }\n'


def test_one_image_of_a_recurrent_net_is_a_sequence() -> None:
    result = of(RECURRENT)
    assert result.batch == 4
    assert result.totals["macs"] == 20 * 32 * (6 + 8)
    assert of(LEARNED + RECURRENT).batch == 4  # a learned blob tells nothing of the batch


def test_frames_that_a_net_lays_out_in_steps_are_images() -> None:
    result = of(FRAMES)
    assert result.batch == 80
    assert result.totals["macs"] == 32 * (12 + 8)


# Published figures.

def alexnet() -> str:
    """BVLC AlexNet's deploy file (Krizhevsky et al. 2012; two groups), written from the paper."""
    lines = ['layer { name: "data" type: "Input" top: "data" '
             "input_param { shape { dim: [10, 3, 227, 227] } } }"]
    bottom = "data"

    def add(kind: str, fields: str = "", in_place: bool = False) -> None:
        nonlocal bottom
        top = bottom if in_place else f"{kind}{len(lines)}"
        lines.append(f'layer {{ name: "{kind}{len(lines)}" type: "{kind}" bottom: "{bottom}" '
                     f'top: "{top}" {fields} }}')
        bottom = top

    for out, fields, extra in ((96, "kernel_size: 11 stride: 4", "LP"),
                               (256, "kernel_size: 5 pad: 2 group: 2", "LP"),
                               (384, "kernel_size: 3 pad: 1", ""),
                               (384, "kernel_size: 3 pad: 1 group: 2", ""),
                               (256, "kernel_size: 3 pad: 1 group: 2", "P")):
        add("Convolution", f"convolution_param {{ num_output: {out} {fields} }}")
        add("ReLU", in_place=True)
        if "L" in extra:
            add("LRN", "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")
        if "P" in extra:
            add("Pooling", "pooling_param { kernel_size: 3 stride: 2 }")
    for out in (4096, 4096, 1000):
        add("InnerProduct", f"inner_product_param {{ num_output: {out} }}")
        if out == 4096:
            add("ReLU", in_place=True)
            add("Dropout", in_place=True)
    add("Softmax")
    return "\n".join(lines)


def test_alexnet() -> None:
    totals = of(alexnet()).totals
    assert totals["learned_params"] == 60_965_224
    assert totals["macs"] == totals["multiplications"] - 3 * (96 * 55**2 + 256 * 27**2)
    assert totals["macs"] == 724_406_816
