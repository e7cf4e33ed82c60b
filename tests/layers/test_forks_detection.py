"""SSD, YOLOv2, Fast R-CNN to R-FCN: shapes as published, worked out by hand."""

from __future__ import annotations

import pytest
from fork_layers import layer

from netbuilder.errors import GraphError, ShapeError, ShapeUnknown

# SSD300 on VGG: size of the map, min_size, max_size, aspect ratios, boxes of a cell
SSD300 = [
    (38, 30, 60, [2], 4), (19, 60, 111, [2, 3], 6), (10, 111, 162, [2, 3], 6),
    (5, 162, 213, [2, 3], 6), (3, 213, 264, [2], 4), (1, 264, 315, [2], 4),
]
BOXES = 8732
MULTIBOX = 'type: "MultiBoxLoss" multibox_loss_param { num_classes: 21 do_neg_mining: true }'
OUTPUT = 'type: "DetectionOutput" detection_output_param { num_classes: 21 }'
PREDICTED = [(2, BOXES * 4), (2, BOXES * 21), (1, 2, BOXES * 4)]
IMAGE = (2, 3, 300, 300)


def prior(fields: str, *bottoms: tuple[int, ...]):
    return layer(f'type: "PriorBox" prior_box_param {{ {fields} }}', *bottoms)


def test_ssd300_has_8732_priors():
    total = 0
    for size, low, high, ratios, boxes in SSD300:
        given = " ".join(f"aspect_ratio: {ratio}" for ratio in ratios)
        made = prior(f"min_size: {low} max_size: {high} {given} flip: true clip: false variance: "
                     "0.1 variance: 0.1 variance: 0.2 variance: 0.2 step: 8 offset: 0.5",
                     (2, 512, size, size), IMAGE)
        assert made.priors == boxes
        assert made.top_shapes == ((1, 2, size * size * boxes * 4),)
        total += made.top_shapes[0][2]
    assert total == 34928 == BOXES * 4


@pytest.mark.parametrize(("fields", "priors"), [
    ("min_size: 10", 1),
    ("min_size: 10 aspect_ratio: 1", 1),  # always there
    ("min_size: 10 aspect_ratio: 2 aspect_ratio: 0.5", 3),  # the second is the first flipped
    ("min_size: 10 aspect_ratio: 2 aspect_ratio: 0.5 flip: false", 3),
    ("min_size: 10 aspect_ratio: 3 aspect_ratio: 0.33333334", 3),  # equal to 1/3 within 1e-6
    ("min_size: 10 aspect_ratio: 3 aspect_ratio: 0.333", 5),
    ("min_size: 10 min_size: 20 aspect_ratio: 2", 6),
    ("min_size: 10 min_size: 20 max_size: 20 max_size: 40 aspect_ratio: 2", 8),
])
def test_boxes_of_a_cell(fields, priors):
    assert prior(fields, (1, 8, 3, 2), IMAGE).top_shapes == ((1, 2, 3 * 2 * priors * 4),)


def test_ssd_loss_and_output():
    assert layer(MULTIBOX, *PREDICTED, (1, 1, 9, 8)).top_shapes == ((),)
    assert layer(OUTPUT, *PREDICTED).top_shapes == ((1, 1, 1, 7),)
    per_class = OUTPUT.replace("21", "21 share_location: false")
    assert layer(per_class, (2, BOXES * 84), *PREDICTED[1:]).top_shapes == ((1, 1, 1, 7),)
    evaluated = layer('type: "DetectionEvaluate" detection_evaluate_param { num_classes: 21 }',
                      (1, 1, 1, 7), (1, 1, 9, 8))
    assert evaluated.top_shapes == ((1, 1, 21, 5),)


def test_yolo2():
    assert layer('type: "Region" region_param { classes: 20 coords: 4 boxes_of_each_grid: 5 '
                 "softmax: true }", (2, 125, 13, 13)).top_shapes == ((2, 125, 13, 13),)
    assert layer('type: "RegionLoss" region_loss_param { num_class: 20 }', (8, 125, 13, 13),
                 (1, 1, 40, 8)).top_shapes == ((),)


def test_regions():
    vgg = 'type: "ROIPooling" roi_pooling_param { pooled_h: 7 pooled_w: 6 spatial_scale: 0.0625 }'
    assert layer(vgg, (1, 512, 38, 50), (300, 5)).top_shapes == ((300, 512, 7, 6),)
    assert layer(vgg, (1, 512, 38, 50), (300, 5, 1, 1)).top_shapes == ((300, 512, 7, 6),)
    psroi = ('type: "PSROIPooling" psroi_pooling_param { spatial_scale: 0.0625 output_dim: 21 '
             "group_size: 7 }")  # R-FCN: 7 x 7 x 21 = 1029 maps
    assert layer(psroi, (1, 1029, 38, 50), (300, 5)).top_shapes == ((300, 21, 7, 7),)
    ohem = 'type: "BoxAnnotatorOHEM" box_annotator_ohem_param { roi_per_img: 128 }'
    made = layer(ohem, (300, 5), (300, 1, 1, 1), (300, 1), (300, 8), tops=2)
    assert made.top_shapes == ((300, 1, 1, 1), (300, 8, 1, 1))


def test_smooth_l1_of_two_forks():
    shift = (128, 84)
    text = 'type: "SmoothL1Loss" smooth_l1_loss_param { sigma: 3 }'
    for bottoms in (2, 3, 4):
        assert layer(text, *[shift] * bottoms).top_shapes == ((),)
    weights = text + " loss_weight: 0 loss_weight: 0"
    made = layer(weights, *[shift] * 3, tops=2)
    assert made.top_shapes == ((), (128, 1, 1, 1))
    with pytest.raises(ShapeError, match="a second top is R-FCN's"):
        layer(weights, *[shift] * 4, tops=2)


SCORES = [(1, 18, 14, 14), (1, 36, 14, 14), (1, 3)]


def test_proposal_counts_at_most_post_nms_topn():
    text = 'type: "Proposal" proposal_param { ratio: 0.5 scale: 8 post_nms_topn: 200 }'
    assert layer(text, *SCORES, tops=2).top_shapes == ((200, 5), (200,))
    assert layer(text, *SCORES, told={"t0": (7, 5)}).top_shapes == ((7, 5),)
    with pytest.raises(ShapeUnknown, match=r'"t0" has. Give it: --input t0=N,5$'):
        layer('type: "Proposal"', *SCORES)
    with pytest.raises(ShapeError, match="t0 must be N,5, not 7x4"):
        layer('type: "Proposal"', *SCORES, told={"t0": (7, 4)})


# py-faster-rcnn's Python layers.


def python(module: str, name: str, param_str: str = "") -> str:
    return (f'type: "Python" python_param {{ module: "{module}" layer: "{name}" '
            f'param_str: "{param_str}" }}')


TARGETS = python("rpn.proposal_target_layer", "ProposalTargetLayer", "'num_classes': 21")


def test_anchor_targets_follow_from_the_scores():
    text = python("rpn.anchor_target_layer", "AnchorTargetLayer", "'feat_stride': 16")
    made = layer(text, (1, 18, 38, 50), (3, 5), (1, 3), (1, 3, 600, 800), tops=4)
    assert made.top_shapes == ((1, 1, 9 * 38, 50), *[(1, 36, 38, 50)] * 3)


def test_told_regions_tell_the_other_tops():
    made = layer(TARGETS, (300, 5), (3, 5), tops=5, told={"t0": (128, 5)})
    assert made.top_shapes == ((128, 5), (128,), (128, 84), (128, 84), (128, 84))
    text = python("rpn.proposal_layer", "ProposalLayer", "'feat_stride': 16")
    assert layer(text, *SCORES, tops=2, told={"t0": (300, 5)}).top_shapes == ((300, 5), (300, 1))


def test_images_of_the_data_layer_are_asked_for():
    text = python("roi_data_layer.layer", "RoIDataLayer", "'num_classes': 21")
    told = {"t0": (1, 3, 600, 800), "t2": (4, 5)}
    assert layer(text, tops=3, told=told).top_shapes == ((1, 3, 600, 800), (1, 3), (4, 5))
    with pytest.raises(ShapeUnknown, match=r"--input t0=I,3,Y,X, or 1,3,Y,X$"):
        layer(text, tops=3)
    with pytest.raises(ShapeUnknown, match=r"--input t1=N,5, or 1,3$"):  # of one image as well
        layer(text, tops=3, told={"t0": (1, 3, 600, 800)})
    with pytest.raises(ShapeUnknown, match=r"--input t2=G,5, or N$"):
        layer(text, tops=3, told={"t0": (1, 3, 600, 800), "t1": (1, 3)})
    regions = {"t0": (2, 3, 600, 800), "t1": (128, 5)}
    assert layer(text, tops=3, told=regions).top_shapes[2] == (128,)
    fast = layer(text, tops=6, told={"t0": (2, 3, 600, 800), "t1": (128, 5)})
    assert fast.top_shapes[2:] == ((128,), (128, 84), (128, 84), (128, 84))


@pytest.mark.parametrize(("text", "tops", "told", "words"), [
    (python("rpn.proposal_layer", "ProposalLayer"), 1, {}, "--input t0=N,5"),
    (TARGETS, 5, {}, "--input t0=N,5"),
    (TARGETS.replace("'num_classes': 21", ""), 5, {"t0": (128, 5)}, "--input t2=128,K"),
    (TARGETS, 2, {}, "--input t0=N,C,H,W"),  # not the layer that is known
    (python("my.module", "Own"), 1, {}, "my.module.Own decides the shape of"),
])
def test_what_the_values_decide_is_asked_for(text, tops, told, words):
    with pytest.raises(ShapeUnknown) as caught:
        layer(text, *SCORES, tops=tops, told=told)
    assert words in str(caught.value)


def test_a_told_shape_that_the_layer_cannot_make():
    with pytest.raises(ShapeError, match='"t2" is given as 128x80, but ProposalTargetLayer makes '
                                         "128,84"):
        layer(TARGETS, (300, 5), (3, 5), tops=5, told={"t0": (128, 5), "t2": (128, 80)})


@pytest.mark.parametrize(("text", "bottoms", "words"), [
    ('type: "PriorBox"', [IMAGE, IMAGE], "needs min_size"),
    ('type: "PriorBox" prior_box_param { min_size: 5 max_size: 5 }', [IMAGE] * 2, "greater"),
    ('type: "PriorBox" prior_box_param { min_size: 5 max_size: 6 max_size: 7 }', [IMAGE] * 2,
     "2 max_size for 1 min_size"),
    ('type: "PriorBox" prior_box_param { min_size: 5 variance: 1 variance: 1 }', [IMAGE] * 2,
     "once or four times"),
    ('type: "PriorBox" prior_box_param { min_size: 5 img_h: 300 }', [IMAGE] * 2,
     "give img_size, or both img_h and img_w"),
    ('type: "PriorBox" prior_box_param { min_size: 5 step: 0 }', [IMAGE] * 2, "step must be pos"),
    ('type: "PriorBox" prior_box_param { min_size: 5 aspect_ratio: 0 }', [IMAGE] * 2, "0 must be"),
    (OUTPUT, [PREDICTED[0], (2, BOXES * 20), PREDICTED[2]],
     "8732 priors need 183372 confidences, but the bottom has 174640"),
    (OUTPUT, [(2, 9), *PREDICTED[1:]], "8732 priors need 34928 locations, but the bottom has 9"),
    (OUTPUT, [(1, BOXES * 4), *PREDICTED[1:]], "locations of 1 images, confidences of 2"),
    ('type: "DetectionOutput"', PREDICTED, "needs num_classes"),
    (MULTIBOX.replace("21", "21 share_location: false"),
     [(2, BOXES * 84), *PREDICTED[1:], (1, 1, 9, 8)],
     "without share_location it needs mining_type: NONE"),
    ('type: "DetectionEvaluate" detection_evaluate_param { num_classes: 21 }',
     [(1, 1, 1, 7), (1, 1, 9, 7)], "bottom 1 must be 1x1xNx8"),
    ('type: "ROIPooling"', [IMAGE, (300, 5)], "needs pooled_h and pooled_w"),
    ('type: "ROIPooling" roi_pooling_param { pooled_h: 7 pooled_w: 7 }', [IMAGE, (300, 4)],
     "rows of 5 values, not 300x4"),
    ('type: "PSROIPooling" psroi_pooling_param { spatial_scale: 1 output_dim: 21 group_size: 7 }',
     [(1, 392, 38, 50), (300, 5)], "needs 1029 channels, but its bottom has 392"),
    ('type: "BoxAnnotatorOHEM" box_annotator_ohem_param { roi_per_img: 128 }',
     [(300, 5), (300, 1), (299, 1), (300, 8)], "needs regions (N, 5)"),
    ('type: "SmoothL1Loss"', [(128, 84), (128, 80)], "must have one size"),
    ('type: "RegionLoss" loss_weight: 1 loss_weight: 1', [IMAGE, IMAGE], "loss_weight is given"),
])
def test_contradictions_name_the_layer(text, bottoms, words):
    with pytest.raises(ShapeError) as caught:
        layer(text, *bottoms, tops=2 if "OHEM" in text else 1)
    assert str(caught.value).startswith('layer "it" (')
    assert words in str(caught.value)
    assert not isinstance(caught.value, ShapeUnknown)


def test_a_made_shape_cannot_be_given():
    with pytest.raises(GraphError, match="is not an input"):
        layer('type: "CReLU"', IMAGE, told={"t0": (1, 2, 3, 4)})
