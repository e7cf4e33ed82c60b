"""Losses and Accuracy (loss_layer.cpp and the layers' own files)."""

from __future__ import annotations

import math
from math import prod

import torch

from netbuilder.errors import DataError
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import Op, Tensors, register

_Loss = caffe_pb2.LossParameter
# Caffe takes no logarithm of less than FLT_MIN, so a loss grows no further than this.
_LIMIT = -math.log(torch.finfo(torch.float32).tiny)


class Loss(Op):
    """A loss; labels get no gradient, not even when forced (loss_layer.hpp)."""

    never_backward = (1,)


class Labels:
    """Integer labels beside scores: classes on axis 1 of (outer, classes, inner).

    ``scores``: (outer, classes, inner); ``index``: (outer, 1, inner), 0 where ignored;
    ``valid``: (outer, 1, inner) booleans. Raises DataError for a label that is no class.
    """

    def __init__(self, op: Op, bottoms: Tensors, axis: int, settings: object) -> None:
        shape = bottoms[0].shape
        self.scores = bottoms[0].reshape(prod(shape[:axis]), shape[axis], prod(shape[axis + 1:]))
        labels = bottoms[1].detach().reshape(self.scores.shape[0], 1, -1).long()
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

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        labels = Labels(self, bottoms, self.layer.softmax_axis, self.layer.message.loss_param)
        logs = labels.scores.log_softmax(1)
        loss = -logs.gather(1, labels.index)
        # Caffe's loss stops growing where the probability underflows; its gradient does not.
        fixed = loss.detach()
        loss = torch.where(fixed > _LIMIT, _LIMIT + (loss - fixed), loss)
        return [(loss * labels.valid).sum() / self._normalizer(labels)]

    def _normalizer(self, labels: Labels) -> torch.Tensor | int:
        outer, _, inner = labels.scores.shape
        return {
            _Loss.FULL: lambda: outer * inner,
            _Loss.VALID: lambda: labels.valid.sum().clamp(min=1),
            _Loss.BATCH_SIZE: lambda: outer,
            _Loss.NONE: lambda: 1,
        }[normalization(self.layer.message.loss_param)]()


def normalization(settings: object) -> int:
    """The normalization mode, the old field ``normalize`` considered."""
    if settings.HasField("normalize") and not settings.HasField("normalization"):
        return _Loss.VALID if settings.normalize else _Loss.BATCH_SIZE
    return settings.normalization


@register
class EuclideanLoss(Loss):
    """Half the mean squared distance; both bottoms get a gradient (euclidean_loss_layer.cpp)."""

    never_backward = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        first, second = bottoms
        distance = first - second.reshape(first.shape)
        return [distance.square().sum() / (2 * first.shape[0])]


@register
class Accuracy(Op):
    """The share of labels among the ``top_k`` scores; a second top: per class.

    Other scores equal to the label's count as better (accuracy_layer.cpp).
    """

    differentiable = False

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer = self.layer
        labels = Labels(self, bottoms, layer.label_axis, layer.fields)
        mine = labels.scores.gather(1, labels.index)
        better = (labels.scores >= mine).sum(1, keepdim=True) - 1
        hits = ((better < layer.top_k) & labels.valid).to(mine.dtype)
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
