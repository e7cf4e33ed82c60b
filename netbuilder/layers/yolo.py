"""Layer types of YOLO that real Caffe lacks: one map holds boxes and classes.

Facts read in BirdeeChen/caffe_yolo_v2, intel/caffe and eric612/MobileNet-YOLO. How many boxes are
found depends on images; Caffe shows one until the first pass, and so do we.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.errors import ShapeUnknown
from netbuilder.layer import Layer, Shape, register, show
from netbuilder.layers.forks import nchw
from netbuilder.layers.loss import Loss


def check_map(layer: Layer, cells: int, boxes: int, classes: int) -> None:
    """Each of ``boxes`` in a cell has 4 corners, a score, and a score for each class."""
    given, wanted = prod(layer.bottom_shapes[0][1:]), cells * boxes * (5 + classes)
    if given != wanted:
        layer.fail(f"{boxes} boxes of {classes} classes in {cells} cells need {wanted} values, "
                   f"but its bottom {show(layer.bottom_shapes[0])} has {given} for each image")


@register
class Region(Layer):
    """YOLOv2's boxes, activated into another blob (region_layer.cpp of the forks with
    ``region_param``). A fork with two tops does not publish its fields with it."""

    param = "region_param"
    tops_wanted = (1, 2)
    in_place_allowed = False
    fork = "YOLOv2"

    def setup(self) -> None:
        if self.top_count == 2:
            raise ShapeUnknown(f'layer "{self.name}" (Region): only the rule with one top is '
                               "known")

    def shapes(self) -> Sequence[Shape]:
        return [nchw(self)]


@register
class RegionLoss(Loss):
    """YOLOv2's loss of a map against boxes (region_loss_layer.cpp): the boxes of all images may
    stand in one (1, 1, boxes, 8), so the first dimensions need not agree."""

    param = "region_loss_param"
    fork = "YOLOv2"

    def setup(self) -> None:
        if self.top_count != max(len(self.message.loss_weight), 1):
            self.fail(f"{self.top_count} tops need as many loss_weight")


@register
class Yolov3(Loss):
    """YOLOv3's loss of one map (eric612/MobileNet-YOLO, yolov3_layer.cpp)."""

    param = "yolov3_param"
    fork = "MobileNet-YOLO"

    def setup(self) -> None:
        super().setup()
        check_map(self, prod(nchw(self)[2:]), self.fields.num, self.fields.num_class)


class Found(Layer):
    """Boxes that were found, 7 values each: Caffe shows one until the first pass."""

    def setup(self) -> None:
        if not self.fields.HasField("num_classes"):
            self.fail("needs num_classes")

    def shapes(self) -> Sequence[Shape]:
        return [(1, 1, 1, 7)]


@register
class YoloDetectionOutput(Found):
    """YOLOv2's boxes out of maps (eric612/MobileNet-YOLO, yolo_detection_output_layer.cpp)."""

    param = "yolo_detection_output_param"
    bottoms_wanted = (1, None)
    fork = "MobileNet-YOLO"


@register
class Yolov3DetectionOutput(Found):
    """YOLOv3's boxes out of ``mask_group_num`` maps (eric612/MobileNet-YOLO,
    yolov3_detection_output_layer.cpp)."""

    param = "yolov3_detection_output_param"
    bottoms_wanted = (1, None)
    fork = "MobileNet-YOLO"

    def setup(self) -> None:
        super().setup()
        maps, bottoms = self.fields.mask_group_num, len(self.bottom_shapes)
        if maps != bottoms:
            self.fail(f"mask_group_num is {maps}, but it has {bottoms} bottoms")


@register
class EvalDetection(Layer):
    """For each image, how often each class is there, and four values for each box
    (intel/caffe, eval_detection_layer.cpp)."""

    param = "eval_detection_param"
    bottoms_wanted = (2, None)
    fork = "Intel"

    def setup(self) -> None:
        fields = self.fields
        self.boxes = fields.side**2 * fields.num_object
        check_map(self, fields.side**2, fields.num_object, fields.num_class)

    def shapes(self) -> Sequence[Shape]:
        return [(nchw(self)[0], self.fields.num_class + 4 * self.boxes)]
