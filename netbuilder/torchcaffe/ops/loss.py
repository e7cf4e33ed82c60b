"""Losses and Accuracy (loss_layer.cpp and the layers' own files)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from math import prod

import torch
import torch.nn.functional as F

from netbuilder.errors import DataError
from netbuilder.layer import Layer
from netbuilder.proto import caffe_pb2, io
from netbuilder.torchcaffe.ops.base import Op, Tensors, register, with_gradient_of
from netbuilder.torchcaffe.rng import Rng
from netbuilder.weights import array_of

_Loss = caffe_pb2.LossParameter
# Caffe takes no logarithm of less than FLT_MIN, so a loss grows no further than this.
_LIMIT = -math.log(torch.finfo(torch.float32).tiny)
_THRESHOLD = 1e-20  # kLOG_THRESHOLD (loss_layer.hpp): the same for two of the losses


class Loss(Op):
    """A loss; labels get no gradient, not even when forced (loss_layer.hpp)."""

    never_backward = refuses_backward = (1,)
    replays = True


class Labels:
    """Integer labels beside scores: classes on axis 1 of (outer, classes, inner).

    ``scores``: (outer, classes, inner); ``index``: (outer, 1, inner), 0 where ignored;
    ``valid``: (outer, 1, inner) booleans. Raises DataError for a label that is no class.
    """

    def __init__(self, op: Op, bottoms: Tensors, axis: int, settings: object) -> None:
        shape = bottoms[0].shape
        self.scores = bottoms[0].reshape(prod(shape[:axis]), shape[axis], prod(shape[axis + 1:]))
        labels = bottoms[1].detach().long()
        labels = labels.reshape(len(self.scores), 1, self.scores.shape[2])
        self.valid = torch.ones_like(labels, dtype=torch.bool)
        if settings.HasField("ignore_label"):
            self.valid = labels != settings.ignore_label
        self.index = labels * self.valid
        if labels.device.type == "cpu":  # on a GPU the check would wait; torch asserts there
            self._check(op)

    def _check(self, op: Op) -> None:
        classes = self.scores.shape[1]
        wrong = self.index[(self.index < 0) | (self.index >= classes)]
        if wrong.numel():
            raise DataError(f'layer "{op.layer.name}" ({op.layer.type}): label {int(wrong[0])} '
                            f"does not exist; there are {classes} classes, 0 to {classes - 1}")


@register
class SoftmaxWithLoss(Loss):
    """Multinomial logistic loss of a softmax (softmax_loss_layer.cpp)."""

    needs_values = True
    rereads = (1,)

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        labels = Labels(self, bottoms, self.layer.softmax_axis, self.layer.message.loss_param)
        logs = labels.scores.log_softmax(1)
        loss = -logs.gather(1, labels.index)
        # Caffe's loss stops growing where the probability underflows; its gradient does not.
        fixed = loss.detach()
        loss = torch.where(fixed > _LIMIT, _LIMIT + (loss - fixed), loss)
        mode = normalization(self.layer.message.loss_param, _Loss.VALID)
        return [(loss * labels.valid).sum() / normalizer(mode, labels.valid)]


def normalization(settings: object, default: int) -> int:
    """The normalization mode, the old field ``normalize`` considered."""
    if settings.HasField("normalization"):
        return settings.normalization
    if settings.HasField("normalize"):
        return _Loss.VALID if settings.normalize else _Loss.BATCH_SIZE
    return default


def normalizer(mode: int, valid: torch.Tensor) -> torch.Tensor | int:
    """What a loss is divided by: at least 1. ``valid``: which labels count, images first."""
    if mode == _Loss.VALID:
        return valid.sum().clamp(min=1)
    return max({_Loss.FULL: valid.numel(), _Loss.BATCH_SIZE: len(valid), _Loss.NONE: 1}[mode], 1)


@register
class EuclideanLoss(Loss):
    """Half the mean squared distance; both bottoms get a gradient (euclidean_loss_layer.cpp)."""

    needs_values = True
    rereads = ()
    never_backward = refuses_backward = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        first, second = bottoms
        distance = first - second.reshape(first.shape)
        return [distance.square().sum() / (2 * first.shape[0])]


@register
class Accuracy(Op):
    """The share of labels among the ``top_k`` scores; a second top: per class.

    Other scores equal to the label's count as better (accuracy_layer.cpp).
    """

    refuses_backward = (0, 1)

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer = self.layer
        labels = Labels(self, bottoms, layer.label_axis, layer.fields)
        mine = labels.scores.gather(1, labels.index)
        better = (labels.scores >= mine).sum(1, keepdim=True) - 1
        hits = ((better < layer.top_k) & labels.valid).float()
        tops = [hits.sum() / labels.valid.sum().clamp(min=1)]
        if layer.top_count == 2:
            tops.append(self._per_class(hits, labels))
        return tops

    @staticmethod
    def _per_class(hits: torch.Tensor, labels: Labels) -> torch.Tensor:
        index, valid = labels.index.flatten(), labels.valid.flatten()
        zeros = hits.new_zeros(labels.scores.shape[1])
        right = zeros.index_add(0, index, hits.flatten())
        number = zeros.index_add(0, index, valid.to(hits.dtype))
        return right / number.clamp(min=1)


class _PerImage(Loss):
    """A loss with one label per image among all values of the image."""

    def labels(self, bottoms: Tensors) -> Labels:
        """The labels beside scores of shape (images, values, 1); more labels are not read."""
        number = len(bottoms[0])
        scores = bottoms[0].reshape(number, prod(bottoms[0].shape[1:]))
        first = bottoms[1].reshape(-1)[:number]
        return Labels(self, (scores, first), 1, _Loss())


@register
class HingeLoss(_PerImage):
    """What each margin lacks to 1, or its square (hinge_loss_layer.cpp).

    Caffe keeps what lacks in the diff of the scores, where it stays if no backward comes.
    """

    needs_values = True
    rereads = (1,)
    replays = False  # backward takes what lacks from the diff

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        lacking = self._lacking(bottoms)
        squared = self.layer.fields.norm == caffe_pb2.HingeLossParameter.L2
        return [(lacking.square() if squared else lacking).sum() / len(bottoms[0])]

    def leaves(self, bottoms: Tensors) -> Mapping[int, torch.Tensor]:
        return {0: self._lacking(bottoms).detach().reshape(bottoms[0].shape)}

    def _lacking(self, bottoms: Tensors) -> torch.Tensor:
        labels = self.labels(bottoms)
        signs = torch.ones_like(labels.scores).scatter(1, labels.index, -1.0)
        return F.relu(1 + labels.scores * signs)


@register
class MultinomialLogisticLoss(_PerImage):
    """The mean of -log p of the labels (multinomial_logistic_loss_layer.cpp)."""

    needs_values = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        labels = self.labels(bottoms)
        chosen = labels.scores.gather(1, labels.index)
        # Where p is cut off, Caffe's gradient is that of the place where it is cut.
        chosen = with_gradient_of(chosen, chosen.clamp(min=_THRESHOLD))
        return [-chosen.log().sum() / len(bottoms[0])]


@register
class SigmoidCrossEntropyLoss(Loss):
    """Cross-entropy of sigmoids and targets (sigmoid_cross_entropy_loss_layer.cpp)."""

    rereads = (1,)

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        scores, targets = bottoms[0], bottoms[1].detach().reshape(bottoms[0].shape)
        settings = self.layer.message.loss_param
        valid = torch.ones_like(targets, dtype=torch.bool)
        if settings.HasField("ignore_label"):  # 255.5 is 255 here
            valid = targets.trunc() != settings.ignore_label
        loss = F.binary_cross_entropy_with_logits(scores, targets, reduction="none")
        mode = normalization(settings, _Loss.BATCH_SIZE)
        return [(loss * valid).sum() / normalizer(mode, valid)]


@register
class InfogainLoss(Loss):
    """Logarithms of a softmax weighted by the label's row of a matrix; a second top: the softmax.

    The matrix is a third bottom or a file (infogain_loss_layer.cpp).
    """

    needs_values = True
    rereads = (1, 2)

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self.refuses_backward = tuple(range(1, len(layer.bottom_shapes)))
        self._gain = None if len(layer.bottom_shapes) == 3 else self._read()
        self.fit(layer)

    def _read(self) -> torch.Tensor:
        source = self.layer.fields.source
        where = f'layer "{self.layer.name}" (InfogainLoss), {source}'
        return torch.from_numpy(array_of(io.read_binary(source, caffe_pb2.BlobProto), where))

    def fit(self, layer: Layer) -> None:
        super().fit(layer)
        classes = layer.bottom_shapes[0][layer.softmax_axis]
        if self._gain is not None and self._gain.numel() != classes**2:
            layer.fail(f"the matrix in {layer.fields.source} has {self._gain.numel()} values; "
                       f"{classes} classes need {classes}x{classes}")

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        settings = self.layer.message.loss_param
        labels = Labels(self, bottoms, self.layer.softmax_axis, settings)
        classes = labels.scores.shape[1]
        gain = bottoms[2].detach() if self._gain is None else self._gain.to(bottoms[0].device)
        rows = gain.reshape(classes, classes)[labels.index.squeeze(1)].movedim(-1, 1)
        logs = labels.scores.log_softmax(1)
        logs = with_gradient_of(logs, logs.clamp(min=math.log(_THRESHOLD)))
        loss = -(rows * logs * labels.valid).sum()
        tops = [loss / normalizer(settings.normalization, labels.valid)]
        if self.layer.top_count == 2:  # whose diff Caffe does not read
            tops.append(bottoms[0].detach().softmax(self.layer.softmax_axis))
        return tops


@register
class ContrastiveLoss(Loss):
    """Squared distances of pairs that are alike, lacking distances of the others
    (contrastive_loss_layer.cpp)."""

    rereads = (2,)
    never_backward = (2,)
    refuses_backward = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        number, fields = len(bottoms[0]), self.layer.fields
        if bottoms[2].numel() < number:
            self.layer.fail(f"{bottoms[2].numel()} labels for {number} pairs")
        difference = bottoms[0] - bottoms[1].reshape(bottoms[0].shape)
        difference = difference.reshape(number, prod(difference.shape[1:]))
        alike = bottoms[2].detach().reshape(-1)[:number].trunc() != 0
        square = difference.detach().square().sum(1)
        if fields.legacy_version:
            lacking = fields.margin - square
            apart, slope = lacking.clamp(min=0), -torch.ones_like(square)
        else:
            distance = square.sqrt()
            lacking = fields.margin - distance
            apart, slope = lacking.clamp(min=0).square(), -lacking / (distance + 1e-4)
        loss = torch.where(alike, square, apart).sum() / (2 * number)
        slope = torch.where(alike, 1.0, slope * (lacking > 0))
        pull = difference.detach() * slope.unsqueeze(1) / number
        return [with_gradient_of((difference * pull).sum(), loss)]
