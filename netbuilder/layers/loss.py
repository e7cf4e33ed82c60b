"""Losses and Accuracy: predictions against labels, one number out (loss_layer.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.layer import Layer, Operations, Shape, register, show
from netbuilder.layers.elementwise import SOFTMAX
from netbuilder.proto import caffe_pb2

# For each label: log(max(p, tiny)), subtracted from the loss.
LOG_LOSS = Operations(additions=1, comparisons=1, exponentials=1)


class Loss(Layer):
    """A loss: a scalar top, added by Caffe itself if the layer names none."""

    bottoms_wanted = (2, 2)
    auto_top = True

    def setup(self) -> None:
        first, second = self.bottom_shapes[0], self.bottom_shapes[1]
        if not first or first[:1] != second[:1]:
            self.fail(f"data {show(first)} and label {show(second)} must have the same first "
                      f"dimension")
        if self.top_count != max(len(self.message.loss_weight), 1):  # LossLayer adds the first
            self.fail(f"{self.top_count} tops need as many loss_weight")

    def shapes(self) -> Sequence[Shape]:
        return [()] * self.top_count

    @property
    def starved_inside(self) -> bool:
        """True if a layer inside cannot be made: the loss hands its loss_weight on to it."""
        return not self.count and list(self.message.loss_weight[:1]) != [0]


def check_labels(layer: Layer, axis: int) -> None:
    """One label per prediction: the labels must number all axes but ``axis``."""
    scores, labels = layer.bottom_shapes[:2]
    wanted = prod(scores[:axis]) * prod(scores[axis + 1:])
    if wanted != prod(labels):
        layer.fail(f"predictions {show(scores)} need {wanted} labels along axis {axis}, but the "
                   f"labels are {show(labels)} ({prod(labels)})")


@register
class SoftmaxWithLoss(Loss):
    """Multinomial logistic loss of a softmax (softmax_loss_layer.cpp).

    Caffe's source speaks of a second top, but refuses it: a loss wants as many loss_weight as
    tops, and hands them on to its inner Softmax, which has one top. R-FCN has three: the loss,
    the probabilities, and each label's loss.
    """

    reshapes_in_place = False
    param = "softmax_param"
    tops_wanted = (1, 3)

    def setup(self) -> None:
        super().setup()
        if self.top_count > 1 and not self.fork:
            if self.top_count == 2:
                self.fail("takes 1 top (R-FCN's takes 3), but has 2")
            self.fork = "R-FCN"
        self.softmax_axis = self.axis(self.fields.axis)
        check_labels(self, self.softmax_axis)

    def shapes(self) -> Sequence[Shape]:
        return [(), *self.bottom_shapes[:2]][: self.top_count]

    @property
    def starved(self) -> bool:
        return self.starved_inside or not self.bottom_shapes[0][self.softmax_axis]

    def operations(self) -> Operations:
        return SOFTMAX * self.count + LOG_LOSS * prod(self.bottom_shapes[1])


@register
class EuclideanLoss(Loss):
    """Half the mean squared distance (euclidean_loss_layer.cpp)."""

    reshapes_in_place = False

    def setup(self) -> None:
        super().setup()
        first, second = (prod(shape[1:]) for shape in self.bottom_shapes)
        if first != second:
            self.fail(f"bottoms {show(self.bottom_shapes[0])} and {show(self.bottom_shapes[1])} "
                      f"differ in size")

    def operations(self) -> Operations:
        return Operations(multiplications=1, additions=2) * self.count


@register
class Accuracy(Layer):
    """The share of labels among the ``top_k`` scores; a second top: per class
    (accuracy_layer.cpp)."""

    param = "accuracy_param"
    bottoms_wanted = (2, 2)
    tops_wanted = (1, 2)

    @property
    def reshapes_in_place(self) -> bool:
        """True for one top: the second's shape is read from the scores after the first's is set."""
        return self.top_count == 1

    def setup(self) -> None:
        self.top_k = self.fields.top_k
        self.label_axis = self.axis(self.fields.axis)
        check_labels(self, self.label_axis)
        classes = prod(self.bottom_shapes[0]) // max(prod(self.bottom_shapes[1]), 1)
        if self.top_k > classes:
            self.fail(f"top_k {self.top_k} is more than the {classes} classes")

    def shapes(self) -> Sequence[Shape]:
        return [(), (self.bottom_shapes[0][self.label_axis],)][: self.top_count]

    def operations(self) -> Operations:
        return Operations(comparisons=1) * self.count


def legacy(shape: Shape) -> Shape:
    """A shape of at most four axes as (N, C, H, W), ones behind (Blob::LegacyShape)."""
    return shape + (1,) * (4 - len(shape))


@register
class HingeLoss(Loss):
    """One-against-all hinge loss, L1 or L2 (hinge_loss_layer.cpp)."""

    param = "hinge_loss_param"

    def operations(self) -> Operations:
        squared = self.fields.norm == caffe_pb2.HingeLossParameter.L2
        each = Operations(multiplications=squared, additions=2, comparisons=1)
        return each * self.count


@register
class MultinomialLogisticLoss(Loss):
    """Multinomial logistic loss of probabilities (multinomial_logistic_loss_layer.cpp)."""

    def setup(self) -> None:
        super().setup()
        if legacy(self.bottom_shapes[1])[1:] != (1, 1, 1):
            self.fail(f"needs one label per image, not {show(self.bottom_shapes[1])}")

    def operations(self) -> Operations:
        return LOG_LOSS * self.bottom_shapes[0][0]


@register
class SigmoidCrossEntropyLoss(Loss):
    """Cross-entropy of independent sigmoids (sigmoid_cross_entropy_loss_layer.cpp)."""

    reshapes_in_place = False

    def setup(self) -> None:
        super().setup()
        if prod(self.bottom_shapes[0]) != prod(self.bottom_shapes[1]):
            self.fail(f"predictions {show(self.bottom_shapes[0])} and targets "
                      f"{show(self.bottom_shapes[1])} differ in size")

    @property
    def starved(self) -> bool:
        return self.starved_inside and len(self.message.loss_weight) > 0

    def operations(self) -> Operations:
        # loss -= x (t - [x >= 0]) - log(1 + exp(-|x|))
        return Operations(multiplications=1, additions=4, comparisons=1,
                          exponentials=2) * self.count


@register
class InfogainLoss(Loss):
    """Logistic loss weighted by an information gain matrix (infogain_loss_layer.cpp)."""

    param = "infogain_loss_param"
    reshapes_in_place = False
    bottoms_wanted = (2, 3)
    tops_wanted = (1, 2)

    def setup(self) -> None:
        super().setup()
        if self.message.loss_param.HasField("normalize"):
            self.fail("takes loss_param { normalization } only, not the older normalize")
        self.softmax_axis = self.axis(self.fields.axis)
        check_labels(self, self.softmax_axis)
        classes = self.bottom_shapes[0][self.softmax_axis]
        if len(self.bottom_shapes) == 3:
            if prod(self.bottom_shapes[2]) != classes**2:
                self.fail(f"the matrix {show(self.bottom_shapes[2])} must hold {classes}x{classes}")
        elif not self.fields.source:
            self.fail("needs the matrix: a third bottom, or infogain_loss_param { source }")

    def shapes(self) -> Sequence[Shape]:
        return [(), self.bottom_shapes[0]][: self.top_count]

    @property
    def starved(self) -> bool:
        return self.starved_inside or not self.bottom_shapes[0][self.softmax_axis]

    def operations(self) -> Operations:
        return (SOFTMAX + LOG_LOSS + Operations(multiplications=1)) * self.count


@register
class ContrastiveLoss(Loss):
    """Distances of pairs, pulled together or pushed apart (contrastive_loss_layer.cpp)."""

    param = "contrastive_loss_param"
    bottoms_wanted = (3, 3)

    def setup(self) -> None:
        super().setup()
        first, second, same = map(legacy, self.bottom_shapes)
        flat = first[2:] == second[2:] == same[2:] == (1, 1)
        if not flat or first[1] != second[1] or same[1] != 1:
            self.fail("needs two bottoms (N, C) and one (N,), not "
                      + ", ".join(map(show, self.bottom_shapes)))

    def operations(self) -> Operations:
        legacy_version = self.fields.legacy_version  # neither root nor square
        pair = Operations(multiplications=not legacy_version, additions=2, comparisons=1,
                          exponentials=not legacy_version)
        distance = Operations(multiplications=1, additions=2)
        return distance * self.count + pair * self.bottom_shapes[0][0]
