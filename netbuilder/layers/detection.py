"""Layer types of single-shot detectors that real Caffe lacks: SSD's; YOLO's are in yolo.py.

Facts read in the ``ssd`` branch of weiliu89/caffe. How many objects
there are depends on images; where Caffe shows a placeholder until the first pass, so do we.
"""

from __future__ import annotations

from collections.abc import Sequence

from netbuilder.layer import Layer, Shape, register, show
from netbuilder.layers.forks import nchw
from netbuilder.layers.loss import Loss
from netbuilder.proto import caffe_pb2

_Loss = caffe_pb2.MultiBoxLossParameter
_SAME_RATIO = 1e-6  # prior_box_layer.cpp: aspect ratios nearer than this count once


class Priors(Layer):
    """Default boxes of each cell of the first bottom, for an image of the second one's size.

    Coordinates and variances, once for the whole batch: (1, 2, 4 boxes). ``priors`` are the boxes
    of one cell.
    """

    param = "prior_box_param"
    bottoms_wanted = (1, 2)

    def setup(self) -> None:
        self.priors = self._of_a_cell()
        if len(self.fields.variance) not in (0, 1, 4) or any(v <= 0 for v in self.fields.variance):
            self.fail("variance must be given once or four times, and positive")
        self._check_either("img_size", "img_h", "img_w")
        self._check_either("step", "step_h", "step_w")

    def _of_a_cell(self) -> int:
        raise NotImplementedError

    def _check_either(self, both: str, high: str, wide: str) -> None:
        given = [name for name in (both, high, wide) if self.fields.HasField(name)]
        if given not in ([], [both], [high, wide]):
            self.fail(f"give {both}, or both {high} and {wide}")
        if any(getattr(self.fields, name) <= 0 for name in given):
            self.fail(f"{' and '.join(given)} must be positive")

    def shapes(self) -> Sequence[Shape]:
        cells = nchw(self)[2] * nchw(self)[3]
        if not cells:
            self.fail(f"its first bottom {show(self.bottom_shapes[0])} is empty")
        return [(1, 2, cells * self.priors * 4)]


@register
class PriorBox(Priors):
    """Each ``min_size`` in every aspect ratio (1, those given, and with ``flip`` their
    reciprocals), and one box for each ``max_size`` (prior_box_layer.cpp)."""

    fork = "SSD"

    def _of_a_cell(self) -> int:
        fields = self.fields
        smallest, largest = list(fields.min_size), list(fields.max_size)
        if not smallest or min(smallest) <= 0:
            self.fail("needs min_size, and positive")
        if largest and len(largest) != len(smallest):
            self.fail(f"{len(largest)} max_size for {len(smallest)} min_size; give none, or as "
                      "many")
        if any(high <= low for low, high in zip(smallest, largest, strict=False)):
            self.fail(f"max_size {largest} must be greater than min_size {smallest}")
        return len(self._ratios()) * len(smallest) + len(largest)

    def _ratios(self) -> list[float]:
        ratios = [1.0]
        for ratio in self.fields.aspect_ratio:
            if ratio <= 0:
                self.fail(f"aspect_ratio {ratio:g} must be positive")
            if all(abs(ratio - other) >= _SAME_RATIO for other in ratios):
                ratios += [ratio, 1 / ratio] if self.fields.flip else [ratio]
        return ratios


@register
class PriorBoxClustered(Priors):
    """Boxes of each ``width`` and ``height`` (OpenVINO's training toolbox,
    prior_box_clustered_layer.cpp); without heights there are as many."""

    fork = "OpenVINO"

    def _of_a_cell(self) -> int:
        widths, heights = list(self.fields.width), list(self.fields.height)
        if not widths or min(widths + heights) <= 0:
            self.fail("needs width; each width and height must be positive")
        if heights and len(heights) != len(widths):
            self.fail(f"{len(heights)} height for {len(widths)} width; give none, or as many")
        return len(widths)


def check_predictions(layer: Layer, prior: int = 4) -> None:
    """Locations (N, 4 boxes) and confidences (N, classes boxes) must fit priors (1, 2, 4 boxes).

    Without ``share_location`` there are locations for each class. ``prior``: values of a box.
    """
    fields = layer.fields
    if not fields.HasField("num_classes") or fields.num_classes < 1:
        layer.fail("needs num_classes")
    locations, confidences, priors = (nchw(layer, bottom) for bottom in range(3))
    boxes = priors[2] // prior
    per_box = 4 * (1 if fields.share_location else fields.num_classes)
    for what, shape, wanted in (("locations", locations, per_box * boxes),
                                ("confidences", confidences, fields.num_classes * boxes)):
        if shape[1] != wanted:
            layer.fail(f"{boxes} priors need {wanted} {what}, but the bottom has {shape[1]}")
    if locations[0] != confidences[0]:
        layer.fail(f"locations of {locations[0]} images, confidences of {confidences[0]}")


@register
class DetectionOutput(Layer):
    """Boxes that survive non-maximum suppression, 7 values each (both
    detection_output_layer.cpp). How many depends on the values; until the first pass Caffe shows
    one.

    SSD's takes locations, confidences and priors; YOLOv2's, told by ``classes``, one map of one
    image.
    """

    param = "detection_output_param"
    bottoms_wanted = (1, 4)
    fork = "SSD; YOLOv2"

    def setup(self) -> None:
        if self.fields.HasField("classes"):
            if nchw(self)[0] != 1:
                self.fail(f"takes one image at a time, not {nchw(self)[0]}")
        elif len(self.bottom_shapes) < 3:
            self.fail(f"takes 3 to 4 bottom(s), but has {len(self.bottom_shapes)}")
        else:
            # OpenVINO's regions, not between 0 and 1, begin with the image's index
            check_predictions(self, 4 if self.fields.normalized else 5)

    def shapes(self) -> Sequence[Shape]:
        return [(1, 1, 1, 7)]


@register
class MultiBoxLoss(Loss):
    """Localisation and confidence loss over matched priors (multibox_loss_layer.cpp): locations,
    confidences, priors, and the true boxes (1, 1, boxes, 8)."""

    param = "multibox_loss_param"
    bottoms_wanted = (4, 4)
    fork = "SSD"

    def setup(self) -> None:
        super().setup()
        check_predictions(self)
        fields = self.fields
        mining = fields.mining_type != _Loss.NONE
        if fields.HasField("do_neg_mining"):
            if fields.HasField("mining_type") and fields.do_neg_mining != mining:
                self.fail("do_neg_mining, the older name, and mining_type contradict each other")
            mining = fields.do_neg_mining
        if mining and not fields.share_location:
            self.fail("without share_location it needs mining_type: NONE")
        if fields.conf_loss_type == _Loss.SOFTMAX and (
                fields.background_label_id >= fields.num_classes):
            self.fail(f"background_label_id {fields.background_label_id} must be one of its "
                      f"{fields.num_classes} classes")


@register
class DetectionEvaluate(Layer):
    """True and false positives (detection_evaluate_layer.cpp): a row for each class but the
    background, and one for each detection that Caffe shows before the first pass."""

    param = "detection_evaluate_param"
    bottoms_wanted = (2, 2)
    fork = "SSD"

    def setup(self) -> None:
        if not self.fields.HasField("num_classes"):
            self.fail("needs num_classes")
        for bottom, width in enumerate((7, 8)):
            batch, channels, _, wide = nchw(self, bottom)
            if (batch, channels, wide) != (1, 1, width):
                self.fail(f"bottom {bottom} must be 1x1xNx{width}, not "
                          f"{show(self.bottom_shapes[bottom])}")

    def shapes(self) -> Sequence[Shape]:
        return [(1, 1, self.fields.num_classes - 1 + nchw(self)[2], 5)]
