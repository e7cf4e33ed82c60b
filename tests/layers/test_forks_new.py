"""FlowNet 2, YOLO, DeepLab, TSN, OpenVINO, Intel, NVIDIA: shapes worked out from their sources."""

from __future__ import annotations

import pytest
from fork_layers import blobs, layer

from netbuilder.errors import ShapeError, ShapeUnknown, UnknownLayerError

FLOW, IMAGE = (1, 2, 6, 8), (1, 3, 6, 8)
CORRELATED = ("correlation_param { pad: 20 kernel_size: 1 max_displacement: 20 stride_1: 1 "
              "stride_2: 2 }")
WIDE = "pad: 3 kernel_size: 3 max_displacement: 4 stride_1: 2"

SHAPES = [
    # FlowNetC: 48 x 64 of 1/8, 20 / 2 = 10 steps each way, 21 x 21 displacements
    (f'type: "Correlation" {CORRELATED}', [(8, 256, 48, 64)] * 2, (8, 441, 48, 64)),
    # (6 + 2*3 - 2*(4+1)) / 2 = 1, (8 + 6 - 10) / 2 = 2; 4 steps each way
    (f'type: "Correlation" correlation_param {{ {WIDE} }}', [IMAGE] * 2, (1, 81, 1, 2)),
    # the columns' ends are not padded, the border is the kernel's alone: (6 - 2*1) / 2
    (f'type: "Correlation1D" correlation_param {{ {WIDE} }}', [IMAGE] * 2, (1, 9, 2, 2)),
    (f'type: "Correlation1D" correlation_param {{ {WIDE} single_direction: -1 }}', [IMAGE] * 2,
     (1, 5, 2, 2)),
    ('type: "FlowWarp"', [IMAGE, FLOW], IMAGE),
    ('type: "Resample" resample_param { height: 12 width: 20 factor: 3 }', [IMAGE],
     (1, 3, 12, 20)),
    ('type: "Resample" resample_param { height: 12 width: 20 }', [IMAGE, (4, 1, 9, 7)],
     (1, 3, 9, 7)),
    ('type: "Downsample" downsample_param { top_height: 3 top_width: 4 }', [IMAGE], (1, 3, 3, 4)),
    ('type: "Accum"', [IMAGE, (1, 4, 3, 16)], (1, 7, 6, 16)),
    ('type: "Accum" accum_param { size_divisible_by: 5 }', [IMAGE, FLOW], (1, 5, 10, 10)),
    ('type: "Accum" accum_param { top_height: 9 top_width: 8 }', [IMAGE, FLOW], (1, 5, 6, 8)),
    ('type: "Accum" accum_param { have_reference: true }', [IMAGE, FLOW, (1, 9, 2, 4)],
     (1, 5, 2, 4)),
    ('type: "ChannelNorm"', [IMAGE], (1, 1, 6, 8)),
    ('type: "Mean" mean_param { operation: SUBTRACT value: 1 value: 2 value: 3 }', [IMAGE], IMAGE),
    ('type: "L1Loss" l1_loss_param { l2_per_location: true }', [IMAGE], ()),
    ('type: "L1Loss"', [IMAGE, IMAGE], ()),
    # YOLOv2 on VOC: 13 x 13 x 5 boxes of 20 classes
    ('type: "DetectionOutput" detection_output_param { classes: 20 biases: 0.7 biases: 0.8 }',
     [(1, 125, 13, 13)], (1, 1, 1, 7)),
    ('type: "YoloDetectionOutput" yolo_detection_output_param { num_classes: 20 }',
     [(1, 125, 13, 13)], (1, 1, 1, 7)),
    ('type: "Yolov3DetectionOutput" yolov3_detection_output_param { num_classes: 20 }',
     [(1, 75, 13, 13), (1, 75, 26, 26)], (1, 1, 1, 7)),
    ('type: "Yolov3" yolov3_param { num_class: 20 num: 3 }', [(8, 75, 13, 13), (8, 1, 300, 5)],
     ()),
    ('type: "EvalDetection" eval_detection_param { side: 13 num_class: 20 num_object: 5 }',
     [(2, 125, 13, 13), (2, 150)], (2, 20 + 13 * 13 * 5 * 4)),
    # DeepLab, OpenVINO
    ('type: "SegAccuracy"', [(4, 21, 41, 41), (4, 1, 41, 41)], (1, 1, 1, 3)),
    ('type: "PriorBoxClustered" prior_box_param { width: 9 width: 30 height: 8 height: 20 '
     "variance: 0.1 step: 16 }", [(1, 8, 20, 34), IMAGE], (1, 2, 20 * 34 * 2 * 4)),
    ('type: "DetectionOutput" detection_output_param { num_classes: 2 share_location: false '
     "normalized: false }", [(1, 1600), (1, 400), (1, 1, 1000)], (1, 1, 1, 7)),
    ('type: "CTCGreedyDecoder" ctc_decoder_param { ctc_merge_repeated: true }',
     [(30, 2, 37), (30, 2)], (2, 30, 1, 1)),
    # real Caffe's types with a fork's fields: 7 of 15 places, 8 when rounded up
    ('type: "Pooling" pooling_param { kernel_size: 2 stride: 2 ceil_mode: false }',
     [(1, 3, 15, 15)], (1, 3, 7, 7)),
    ('type: "Pooling" pooling_param { kernel_size: 2 stride: 2 ceil_mode: true }',
     [(1, 3, 15, 15)], (1, 3, 8, 8)),
    ('type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 hole: 2 }',
     [IMAGE], (1, 4, 2, 4)),
]


@pytest.mark.parametrize(("text", "bottoms", "top"), SHAPES)
def test_shapes(text, bottoms, top):
    assert layer(text, *bottoms).top_shapes == (top,)


OHEM = "loss_weight: 0 loss_weight: 0 loss_weight: 0"


@pytest.mark.parametrize("name", ["SoftmaxWithLoss", "SoftmaxWithLossOHEM"])
def test_r_fcn_s_softmax_tells_each_loss(name):
    made = layer(f'type: "{name}" {OHEM}', (128, 21), (128, 1, 1, 1), tops=3)
    assert made.top_shapes == ((), (128, 21), (128, 1, 1, 1))
    assert made.fork


def test_r_fcn_s_smooth_loss_of_intel():
    shift = (128, 8, 1, 1)
    made = layer('type: "SmoothL1LossOHEM" loss_weight: 0 loss_weight: 0', *[shift] * 3, tops=2)
    assert made.top_shapes == ((), (128, 1, 1, 1))
    with pytest.raises(ShapeError, match="2 to 3 bottom"):
        layer('type: "SmoothL1LossOHEM"', *[shift] * 4)


def test_a_reader_of_texts_has_scores_and_hits():
    steps = [(30, 2, 37), (30, 2)]
    made = layer('type: "CTCBeamSearchDecoder"', *steps, tops=2)
    assert made.top_shapes == ((2, 30, 1, 1), (2, 1, 1, 1))
    made = layer('type: "CTCBeamSearchDecoder"', *steps, (30, 2), tops=2)
    assert made.top_shapes == ((2, 30, 1, 1), (1, 1, 1, 1))
    made = layer('type: "CTCBeamSearchDecoder"', *steps, (30, 2), tops=3)
    assert made.top_shapes == ((2, 30, 1, 1), (2, 1, 1, 1), (1, 1, 1, 1))


STATISTICS = [("mean", (3,), False), ("variance", (3,), False), ("weight", (1,), False)]
SCALE, BIAS = ("scale", (3,), True), ("bias", (3,), True)


@pytest.mark.parametrize(("fields", "own"), [
    ("", []),
    ("scale_bias: true", [SCALE, BIAS]),
    ("scale_filler { value: 1 }", [SCALE, BIAS]),
    ("bias_filler { value: 0 }", [SCALE, BIAS]),
    ("engine: CUDNN", []),
    ("engine: MKLDNN", [SCALE, BIAS]),
    ("engine: MKL2017 bias_term: false", [SCALE]),
    ("engine: MKL2017 use_weight_bias: false", []),
    ("use_weight_bias: true", []),  # only the MKL engines read it
])
def test_batch_norm_with_a_scale_of_its_own(fields, own):
    made = layer(f'type: "BatchNorm" batch_norm_param {{ {fields} }}', IMAGE)
    assert blobs(made) == STATISTICS + own


def test_interp_of_openvino_where_its_size_is_given():
    zoomed = 'type: "Interp" interp_param { zoom_factor: 2 }'
    assert layer(zoomed, (1, 16, 32, 56)).top_shapes == ((1, 16, 63, 111),)
    told = {"t0": (1, 16, 64, 112)}
    assert layer(zoomed, (1, 16, 32, 56), told=told).top_shapes == ((1, 16, 64, 112),)


TARGETS = ('type: "Python" python_param { module: "rpn.proposal_target_layer" '
           'layer: "ProposalTargetLayer" param_str: "\'num_classes\': 2" }')


def test_targets_of_r_fcn_have_two_ones_behind():
    regions = [(300, 5), (3, 5)]
    made = layer(TARGETS, *regions, tops=5, told={"t0": (128, 5, 1, 1)})
    assert made.top_shapes == ((128, 5, 1, 1), (128, 1, 1, 1), *[(128, 8, 1, 1)] * 3)
    with pytest.raises(ShapeUnknown, match=r"--input t0=N,5, or N,5,1,1$"):
        layer(TARGETS, *regions, tops=5)


def test_regions_of_r_fcn_from_its_data_layer():
    text = ('type: "Python" python_param { module: "roi_data_layer.layer" layer: "RoIDataLayer" '
            'param_str: "\'num_classes\': 21" }')
    told = {"t0": (1, 3, 600, 800), "t1": (128, 5, 1, 1), "t3": (128, 8, 1, 1)}
    targets = (128, 8, 1, 1)
    made = layer(text, tops=6, told=told)
    assert made.top_shapes == (*list(told.values())[:2], (128, 1, 1, 1), *[targets] * 3)
    with pytest.raises(ShapeUnknown, match=r"--input t3=128,R,1,1, or N,K$"):
        layer(text, tops=6, told={name: told[name] for name in ("t0", "t1")})


def test_label_maps_have_the_image_s_size():
    text = 'type: "Python" python_param { module: "voc_layers" layer: "SBDDSegDataLayer" }'
    told = {"t0": (1, 3, 375, 500)}
    assert layer(text, tops=2, told=told).top_shapes == ((1, 3, 375, 500), (1, 1, 375, 500))


@pytest.mark.parametrize(("text", "bottoms", "words"), [
    ('type: "Correlation"', [IMAGE] * 2, "needs kernel_size and max_displacement"),
    (f'type: "Correlation" {CORRELATED}', [IMAGE, FLOW], "two bottoms of one size"),
    (f'type: "Correlation" {CORRELATED.replace("pad: 20", "")}', [IMAGE] * 2, "do not fit 1x3x6x8"),
    ('type: "FlowWarp"', [IMAGE, IMAGE], "moves (N, 2, H, W)"),
    ('type: "Resample"', [IMAGE], "needs height and width"),
    ('type: "Mean" mean_param { operation: ADD value: 1 value: 2 }', [IMAGE], "divides its chan"),
    ('type: "Yolov3" yolov3_param { num_class: 20 num: 3 }', [(8, 70, 13, 13), (8, 1, 300, 5)],
     "3 boxes of 20 classes in 169 cells need 12675 values"),
    ('type: "Yolov3DetectionOutput" yolov3_detection_output_param { num_classes: 20 }', [IMAGE],
     "mask_group_num is 2, but it has 1 bottoms"),
    ('type: "DetectionOutput" detection_output_param { classes: 20 }', [(2, 125, 13, 13)],
     "one image at a time, not 2"),
    ('type: "DetectionOutput" detection_output_param { num_classes: 20 }', [IMAGE] * 2,
     "takes 3 to 4 bottom(s), but has 2"),
    ('type: "PriorBoxClustered" prior_box_param { width: 9 height: 8 height: 20 }', [IMAGE],
     "2 height for 1 width"),
    ('type: "SegAccuracy"', [IMAGE, IMAGE], "labels (N, 1, H, W)"),
    ('type: "Concat" concat_param { per_fla_fuse: true }', [IMAGE], "per_fla_fuse is Intel's"),
    ('type: "Region"', [], "takes 1 bottom(s), but has 0"),
])
def test_contradictions_name_the_layer(text, bottoms, words):
    with pytest.raises(ShapeError) as caught:
        layer(text, *bottoms)
    assert str(caught.value).startswith('layer "it" (')
    assert words in str(caught.value)


def test_regions_are_not_activated_in_place():
    assert not type(layer('type: "Region"', IMAGE)).in_place_allowed


@pytest.mark.parametrize("kind", ["CustomData", "TRT"])
def test_what_only_data_decide_is_asked_for(kind):
    with pytest.raises(ShapeUnknown, match=r"--input t1=N,C,H,W$"):
        layer(f'type: "{kind}"', tops=2, told={"t0": (8, 3, 4, 5)})
    told = {"t0": (8, 3, 4, 5), "t1": (8, 2)}
    assert layer(f'type: "{kind}"', tops=2, told=told).top_shapes == ((8, 3, 4, 5), (8, 2))


@pytest.mark.torch
@pytest.mark.parametrize(("text", "bottoms", "tops"), [
    ('type: "ReLU6"', [IMAGE], 1),
    (f'type: "SoftmaxWithLoss" {OHEM}', [(4, 5), (4,)], 3),
    ('type: "BatchNorm" batch_norm_param { scale_bias: true }', [IMAGE], 1),
])
def test_the_engine_says_that_nobody_here_runs_a_fork_s_type(text, bottoms, tops):
    pytest.importorskip("torch")
    from netbuilder.torchcaffe.ops.base import make_op

    with pytest.raises(UnknownLayerError, match="can be analysed, but neither"):
        make_op(layer(text, *bottoms, tops=tops), None)
