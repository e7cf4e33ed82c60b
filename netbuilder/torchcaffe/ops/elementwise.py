"""Eltwise, Softmax: values combined across blobs or along an axis."""

from __future__ import annotations

from functools import reduce

import torch

from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import Op, Tensors, register

_Eltwise = caffe_pb2.EltwiseParameter


@register
class Eltwise(Op):
    """Product, weighted sum or maximum of equal shapes (eltwise_layer.cpp)."""

    keeps_top = False

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        if self.layer.operation == _Eltwise.PROD:
            return [reduce(torch.mul, bottoms)]
        if self.layer.operation == _Eltwise.MAX:
            return [self._maximum(bottoms)]
        return [self._sum(bottoms)]

    def _sum(self, bottoms: Tensors) -> torch.Tensor:
        terms = [x if c == 1 else x * c for x, c in zip(bottoms, self.layer.coeff, strict=True)]
        return reduce(torch.add, terms)

    @staticmethod
    def _maximum(bottoms: Tensors) -> torch.Tensor:
        # A tie of the first two goes to the second; a later one must be greater to win.
        top = torch.where(bottoms[0] > bottoms[1], bottoms[0], bottoms[1])
        return reduce(lambda best, x: torch.where(x > best, x, best), bottoms[2:], top)


@register
class Softmax(Op):
    """exp(x) / sum(exp(x)) along an axis (softmax_layer.cpp)."""

    always_backward = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [torch.softmax(bottoms[0], self.layer.softmax_axis)]
