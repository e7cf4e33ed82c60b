"""Layer types of region-based detectors that real Caffe lacks: Fast R-CNN to R-FCN.

Facts read in rbgirshick/caffe-fast-rcnn and daijifeng001/caffe-rfcn. Regions are rows of five
values: the image's index and the corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.errors import ShapeUnknown
from netbuilder.layer import Layer, Operations, Shape, register, show
from netbuilder.layers.forks import nchw
from netbuilder.layers.loss import Loss, SoftmaxWithLoss


@register
class ROIPooling(Layer):
    """Each region of the first bottom max-pooled to ``pooled_h`` x ``pooled_w``
    (roi_pooling_layer.cpp)."""

    param = "roi_pooling_param"
    bottoms_wanted = (2, 2)
    fork = "Fast R-CNN"

    def setup(self) -> None:
        self.pooled = self.fields.pooled_h, self.fields.pooled_w
        if min(self.pooled) < 1:
            self.fail("needs pooled_h and pooled_w")
        if prod(nchw(self, 1)[1:]) != 5:
            self.fail(f"its regions must be rows of 5 values, not {show(self.bottom_shapes[1])}")

    def shapes(self) -> Sequence[Shape]:
        return [(nchw(self, 1)[0], nchw(self)[1], *self.pooled)]


@register
class PSROIPooling(Layer):
    """Each region averaged in ``group_size`` x ``group_size`` bins, each bin in channels of its
    own (psroi_pooling_layer.cpp)."""

    param = "psroi_pooling_param"
    bottoms_wanted = (2, 2)
    fork = "R-FCN"

    def setup(self) -> None:
        self.output_dim, self.group_size = self.fields.output_dim, self.fields.group_size
        if self.output_dim < 1 or self.group_size < 1:
            self.fail("needs output_dim and group_size, both positive")
        wanted, channels = self.output_dim * self.group_size**2, nchw(self)[1]
        if channels != wanted:
            self.fail(f"output_dim {self.output_dim} in {self.group_size}x{self.group_size} bins "
                      f"needs {wanted} channels, but its bottom has {channels}")

    def shapes(self) -> Sequence[Shape]:
        return [(nchw(self, 1)[0], self.output_dim, self.group_size, self.group_size)]


@register
class Proposal(Layer):
    """Regions from scores and box shifts, without Python (PVANET, proposal_layer.cpp).

    With ``proposal_param`` the shape is the one that Caffe shows until the first pass, which is
    also the most there can be: ``post_nms_topn`` for each image. Other forks keep their numbers
    elsewhere; then the caller must give the shape.
    """

    param = "proposal_param"
    bottoms_wanted = (3, 4)
    tops_wanted = (1, 2)
    fork = "PVANET"

    def shapes(self) -> Sequence[Shape]:
        rows = self._rows()
        return [(rows, 5), (rows,)][: self.top_count]

    def _rows(self) -> int:
        name = self.tops[0] if self.tops else "rois"
        if name in self.told:
            if self.told[name][1:] != (5,):
                self.fail(f"{name} must be N,5, not {show(self.told[name])}")
            return self.told[name][0]
        if not self.message.HasField("proposal_param") or not self.bottom_shapes[0]:
            raise ShapeUnknown(f'layer "{self.name}" (Proposal): without proposal_param nothing '
                               f'tells how many regions "{name}" has. Give it: --input {name}=N,5')
        return self.bottom_shapes[0][0] * self.fields.post_nms_topn


@register
class BoxAnnotatorOHEM(Layer):
    """Labels and box weights of the hardest regions (box_annotator_ohem_layer.cpp), from
    regions, their losses, labels and box weights."""

    param = "box_annotator_ohem_param"
    bottoms_wanted = (4, 4)
    tops_wanted = (2, 2)
    fork = "R-FCN"

    def setup(self) -> None:
        if self.fields.roi_per_img < 1:
            self.fail("needs roi_per_img")
        regions, losses, labels, weights = (nchw(self, bottom) for bottom in range(4))
        fits = regions[1] == 5 and losses[1] == labels[1] == 1 and all(
            (other[0], *other[2:]) == (regions[0], *regions[2:])
            for other in (losses, labels, weights))
        if not fits:
            self.fail("needs regions (N, 5), losses (N, 1), labels (N, 1) and weights (N, C), not "
                      + ", ".join(map(show, self.bottom_shapes)))

    def shapes(self) -> Sequence[Shape]:
        batch, _, high, wide = nchw(self)
        return [(batch, 1, high, wide), (batch, nchw(self, 3)[1], high, wide)]


@register
class SmoothL1Loss(Loss):
    """Huber loss of box shifts (both smooth_L1_loss_layer.cpp).

    Fast R-CNN and SSD take weights inside and outside as a third and fourth bottom; R-FCN takes
    one more bottom at most, and tells each region's loss in a second top.
    """

    param = "smooth_l1_loss_param"
    bottoms_wanted = (2, 4)
    tops_wanted = (1, 2)
    fork = "Fast R-CNN, R-FCN"

    def setup(self) -> None:
        first, second = nchw(self), nchw(self, 1)
        if first[0] != second[0]:
            self.fail(f"shifts of {first[0]} regions, targets of {second[0]}")
        if len(self.bottom_shapes) == 4 and self.top_count == 2:
            self.fail("a second top is R-FCN's, four bottoms are Fast R-CNN's; give one of them")
        if len({nchw(self, bottom)[1:] for bottom in range(len(self.bottom_shapes))}) > 1:
            self.fail("its bottoms must have one size, but they are "
                      + ", ".join(map(show, self.bottom_shapes)))

    def shapes(self) -> Sequence[Shape]:
        batch, _, high, wide = nchw(self)
        return [(), (batch, 1, high, wide)][: self.top_count]

    def operations(self) -> Operations:
        # Of |x| < 1 / sigma^2: 0.5 x x sigma^2, which takes longer than |x| - 0.5 / sigma^2.
        weights, sums = len(self.bottom_shapes) - 2, self.top_count
        return Operations(multiplications=3 + weights, additions=1 + sums,
                          comparisons=2) * self.count


@register
class SmoothL1LossOHEM(SmoothL1Loss):
    """R-FCN's SmoothL1Loss under a name of its own (Intel, smooth_L1_loss_ohem_layer.cpp)."""

    bottoms_wanted = (2, 3)
    fork = "Intel"


@register
class SoftmaxWithLossOHEM(SoftmaxWithLoss):
    """R-FCN's SoftmaxWithLoss under a name of its own (Intel, softmax_loss_ohem_layer.cpp):
    the loss, the probabilities, each label's loss."""

    fork = "Intel"
