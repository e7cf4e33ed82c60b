"""Layer types of released networks: shapes and blobs as published, worked out by hand."""

from __future__ import annotations

import pytest
from fork_layers import blobs, layer

from netbuilder.errors import ShapeError, ShapeUnknown
from netbuilder.layer import Operations

SHAPES = [
    # PSPNet (713 and 473 crops): the pyramid back to 1/8, the scores to the image
    ('type: "Interp" interp_param { height: 90 width: 90 }', [(1, 512, 6, 6)], (1, 512, 90, 90)),
    ('type: "Interp" interp_param { zoom_factor: 8 pad_beg: 0 pad_end: 0 }',
     [(1, 150, 60, 60)], (1, 150, 473, 473)),
    ('type: "Interp" interp_param { zoom_factor: 8 }', [(1, 19, 90, 90)], (1, 19, 713, 713)),
    # DeepLab: labels shrunk, (321 - 1) / 8 + 1
    ('type: "Interp" interp_param { shrink_factor: 8 pad_beg: 0 pad_end: 0 }',
     [(4, 1, 321, 321)], (4, 1, 41, 41)),
    ('type: "Interp" interp_param { zoom_factor: 2 pad_beg: -1 pad_end: -2 }',
     [(1, 2, 10, 8)], (1, 2, 13, 9)),
    ('type: "Interp" interp_param { shrink_factor: 4 zoom_factor: 2 }',
     [(1, 2, 10, 9)], (1, 2, 5, 5)),  # 10 -> 3 -> 5
    ('type: "Interp" interp_param { height: 7 width: 5 shrink_factor: 4 zoom_factor: 2 }',
     [(1, 2, 10, 9)], (1, 2, 7, 5)),
    ('type: "Interp" interp_param { height: 7 width: 5 zoom_factor: 2 }',
     [(1, 2, 10, 9)], (1, 2, 19, 17)),
    ('type: "Interp"', [(1, 2, 10, 9), (3, 8, 33, 31)], (1, 2, 33, 31)),
    # SSD's heads
    ('type: "Permute" permute_param { order: 0 order: 2 order: 3 order: 1 }',
     [(8, 16, 38, 37)], (8, 38, 37, 16)),
    ('type: "Permute" permute_param { order: 2 }', [(8, 16, 38, 37)], (38, 8, 16, 37)),
    ('type: "Normalize"', [(8, 512, 38, 38)], (8, 512, 38, 38)),
    # SegNet's decoder on 360x480: 23 rows pooled to 12 and back
    ('type: "Upsample" upsample_param { scale: 2 upsample_w: 30 upsample_h: 23 }',
     [(1, 512, 12, 15)] * 2, (1, 512, 23, 30)),
    ('type: "Upsample" upsample_param { scale: 2 pad_out_h: true }',
     [(4, 512, 12, 15)] * 2, (4, 512, 23, 30)),
    ('type: "Upsample" upsample_param { scale_h: 3 scale_w: 2 }',
     [(1, 8, 4, 5)] * 2, (1, 8, 12, 10)),
    ('type: "Upsample"', [(4, 64, 180, 240)] * 2, (4, 64, 360, 480)),
    ('type: "Upsample" upsample_param { scale: 2 }', [(1, 256, 13, 13)], (1, 256, 26, 26)),
    # DeconvNet
    ('type: "Unpooling" unpooling_param { unpool: MAX kernel_size: 2 stride: 2 unpool_size: 14 }',
     [(1, 512, 7, 7)] * 2, (1, 512, 14, 14)),
    # SENet
    ('type: "Axpy"', [(2, 256, 1, 1), (2, 256, 56, 56), (2, 256, 56, 56)], (2, 256, 56, 56)),
    ('type: "Axpy"', [(2, 256), (2, 256, 56, 56), (2, 256, 56, 56)], (2, 256, 56, 56)),
    # MobileNet v2, ShuffleNet g=3, CReLU, YOLOv2's passthrough
    ('type: "ReLU6"', [(1, 32, 112, 112)], (1, 32, 112, 112)),
    ('type: "ShuffleChannel" shuffle_channel_param { group: 3 }',
     [(1, 240, 28, 28)], (1, 240, 28, 28)),
    ('type: "CReLU"', [(1, 24, 96, 160)], (1, 48, 96, 160)),
    ('type: "Reorg" reorg_param { stride: 2 }', [(1, 64, 26, 26)], (1, 256, 13, 13)),
    ('type: "Reorg" reorg_param { stride: 2 reverse: true }', [(1, 256, 13, 13)],
     (1, 64, 26, 26)),
    ('type: "CenterLoss" center_loss_param { num_output: 10572 }', [(64, 512), (64,)], ()),
]


@pytest.mark.parametrize(("text", "bottoms", "top"), SHAPES)
def test_shapes(text, bottoms, top):
    made = layer(text, *bottoms)
    assert made.top_shapes == (top,)
    assert made.fork


def test_normalize_has_one_scale_or_one_per_channel():
    own = layer('type: "Normalize" norm_param { channel_shared: false scale_filler { type: '
                '"constant" value: 20 } }', (8, 512, 38, 38))
    assert blobs(own) == [("scale", (512,), True)]
    assert blobs(layer('type: "Normalize"', (8, 512, 38, 38))) == [("scale", (), True)]


PSPNET = [("slope", True), ("bias", True), ("mean", False), ("variance", False)]
SEGNET = [("scale", True), ("shift", True)]


@pytest.mark.parametrize(("fields", "expected"), [
    ("bn_param { slope_filler { value: 1 } bias_filler { value: 0 } momentum: 0.95 }", PSPNET),
    ("bn_param { frozen: true }", [(name, False) for name, _ in PSPNET]),
    ("param { lr_mult: 0 } param { } param { } param { }", [("slope", False), *PSPNET[1:]]),
    ("bn_param { bn_mode: INFERENCE }", SEGNET),
    ("bn_param { scale_filler { value: 1 } shift_filler { value: 0.001 } } param { lr_mult: 0 }",
     [("scale", False), ("shift", True)]),
    ("blobs { } blobs { }", SEGNET),
    ("blobs { } blobs { } blobs { } blobs { }", PSPNET),
])
def test_bn_of_two_families(fields, expected):
    made = layer(f'type: "BN" {fields}', (2, 64, 9, 9))
    assert made.top_shapes == ((2, 64, 9, 9),)
    assert blobs(made) == [(name, (1, 64, 1, 1), learned) for name, learned in expected]


def test_segnets_bn_shows_its_statistics():
    made = layer('type: "BN" bn_param { bn_mode: LEARN }', (2, 64, 9, 9), tops=3)
    assert made.top_shapes == ((2, 64, 9, 9), (1, 64, 1, 1), (1, 64, 1, 1))


@pytest.mark.parametrize("type_name", ["DepthwiseConvolution", "ConvolutionDepthwise"])
@pytest.mark.parametrize(("bias", "stride"), [("bias_term: false", 1), ("", 2)])
def test_depthwise_is_a_grouped_convolution(type_name, bias, stride):
    """MobileNet's conv2_2/dw: 64 filters of 3x3."""
    fields = ("convolution_param { num_output: 64 group: 64 kernel_size: 3 pad: 1 "
              f"stride: {stride} {bias} }}")
    stock = layer(f'type: "Convolution" {fields}', (2, 64, 112, 112))
    made = layer(f'type: "{type_name}" {fields}', (2, 64, 112, 112))
    assert made.top_shapes == stock.top_shapes
    assert made.blobs == stock.blobs
    assert made.macs() == stock.macs() == 2 * 64 * (112 // stride)**2 * 9
    assert made.operations() == stock.operations()


def test_convolution_depthwise_reads_neither_group_nor_num_output():
    made = layer('type: "ConvolutionDepthwise" convolution_param { kernel_h: 3 kernel_w: 5 '
                 "stride: 1 }", (1, 32, 9, 9))
    assert made.top_shapes == ((1, 32, 7, 5),)
    assert blobs(made) == [("weight", (32, 1, 3, 5), True), ("bias", (32,), True)]


def test_operations():
    made = layer('type: "Axpy"', (2, 3, 1, 1), (2, 3, 4, 5), (2, 3, 4, 5))
    assert made.operations() == Operations(multiplications=120, additions=120)
    for text in ('"Permute"', '"ShuffleChannel"', '"Reorg" reorg_param { stride: 2 }'):
        assert layer(f"type: {text}", IMAGE).operations() == Operations()


def test_center_loss_has_a_centre_per_class():
    made = layer('type: "CenterLoss" center_loss_param { num_output: 10572 }', (64, 512), (64,))
    assert blobs(made) == [("center", (10572, 512), True)]


IMAGE = (1, 8, 6, 6)


@pytest.mark.parametrize(("text", "bottoms", "words"), [
    ('type: "Interp"', [IMAGE], "needs height and width, zoom_factor"),
    ('type: "Interp" interp_param { zoom_factor: 0 }', [IMAGE], "at least 1"),
    ('type: "Interp" interp_param { zoom_factor: 2 pad_beg: 1 }', [IMAGE], "only crop"),
    ('type: "Interp" interp_param { zoom_factor: 2 pad_beg: -6 }', [IMAGE], "leave 0x0"),
    ('type: "Interp" interp_param { height: 0 width: 3 }', [IMAGE], "0x3 is empty"),
    ('type: "Interp" interp_param { zoom_factor: 2 }', [(1, 2, 3, 4, 5)], "at most 4 axes"),
    ('type: "Permute" permute_param { order: 4 }', [IMAGE], "different axes of 1x8x6x6"),
    ('type: "Permute" permute_param { order: 1 order: 1 }', [IMAGE], "different axes"),
    ('type: "Normalize"', [(8,)], "at least two axes"),
    ('type: "BN" bn_param { frozen: true bn_mode: LEARN }', [IMAGE],
     "mixes two forks: SegNet's bn_mode and PSPNet's frozen"),
    ('type: "BN" bn_param { bn_mode: LEARN } param { } param { } param { }', [IMAGE],
     "has 2 parameter blob"),
    ('type: "Upsample"', [IMAGE, (1, 8, 6, 5)], "of one shape"),
    ('type: "Upsample" upsample_param { scale: 3 pad_out_w: true }', [IMAGE, IMAGE], "pad_out"),
    ('type: "Upsample" upsample_param { scale_h: 2 }', [IMAGE, IMAGE], "scale_h and scale_w"),
    ('type: "Upsample" upsample_param { upsample_h: 1 upsample_w: 9 }', [IMAGE, IMAGE],
     "at least 2"),
    ('type: "Upsample" upsample_param { scale: 0 }', [IMAGE], "0x0 is empty"),
    ('type: "Unpooling" unpooling_param { unpool_h: 12 }', [IMAGE], "both unpool_h and unpool_w"),
    ('type: "Axpy"', [(1, 7, 1, 1), IMAGE, IMAGE], "needs factors"),
    ('type: "Axpy"', [IMAGE, IMAGE, IMAGE], "needs factors"),
    ('type: "ShuffleChannel" shuffle_channel_param { group: 3 }', [IMAGE],
     "group 3 must divide its 8 channels"),
    ('type: "Reorg"', [IMAGE], "needs a stride"),
    ('type: "Reorg" reorg_param { stride: 4 }', [IMAGE], "4 must divide 6 and 6"),
    ('type: "Reorg" reorg_param { stride: 3 reverse: true }', [IMAGE], "9 must divide 8"),
    ('type: "CReLU"', [(3,)], "at least two axes"),
    ('type: "ConvolutionDepthwise" convolution_param { kernel_size: 3 }', [(8, 6, 6)],
     "needs a bottom (N, C, H, W)"),
    ('type: "DepthwiseConvolution" convolution_param { num_output: 8 group: 3 kernel_size: 3 }',
     [IMAGE], "group 3 must divide"),
    ('type: "CenterLoss"', [(4, 8), (4,)], "num_output"),
    ('type: "CenterLoss" center_loss_param { num_output: 5 }', [(4, 8), (4, 2)], "one label"),
])
def test_contradictions_name_the_layer(text, bottoms, words):
    with pytest.raises(ShapeError) as caught:
        layer(text, *bottoms)
    assert str(caught.value).startswith('layer "it" (')
    assert words in str(caught.value)
    assert not isinstance(caught.value, ShapeUnknown)


@pytest.mark.parametrize(("text", "words"), [
    ('type: "BN"', "bn_mode: LEARN } for SegNet's two, or bn_param { frozen: false }"),
    ('type: "Upsample"', "needs upsample_param { scale }"),
    ('type: "Unpooling" unpooling_param { kernel_size: 2 stride: 2 }', "has no unpool_size"),
])
def test_where_forks_disagree_nothing_is_guessed(text, words):
    with pytest.raises(ShapeUnknown) as caught:
        layer(text, IMAGE)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ['type: "CReLU"', 'type: "Reorg" reorg_param { stride: 1 }'])
def test_not_in_place(text):
    with pytest.raises(ShapeError, match="cannot work in place"):
        layer(text.replace("type", 'top: "b0" type', 1), IMAGE, tops=0)
