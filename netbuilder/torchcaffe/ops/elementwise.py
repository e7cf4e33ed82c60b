"""Eltwise, Softmax, ArgMax, Reduction: values combined across blobs or along an axis."""

from __future__ import annotations

from functools import reduce

import torch

from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import Op, Tensors, register, with_gradient_of

_Eltwise = caffe_pb2.EltwiseParameter
_Reduction = caffe_pb2.ReductionParameter


@register
class Eltwise(Op):
    """Product, weighted sum or maximum of equal shapes (eltwise_layer.cpp)."""

    @property
    def needs_values(self) -> bool:
        """True of products."""
        return self.layer.operation == _Eltwise.PROD

    @property
    def keeps_top(self) -> bool:
        """True where the gradient is the product divided by each factor."""
        fields = self.layer.fields
        return self.layer.operation == _Eltwise.PROD and not fields.stable_prod_grad

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        if self.layer.operation == _Eltwise.PROD:
            return [self._product(bottoms)]
        if self.layer.operation == _Eltwise.MAX:
            return [self._maximum(bottoms)]
        return [self._sum(bottoms)]

    def _product(self, bottoms: Tensors) -> torch.Tensor:
        top = reduce(torch.mul, bottoms)
        if self.layer.fields.stable_prod_grad:
            return top
        # The product by each factor, be it 0: then there is no number.
        return with_gradient_of(sum(x * (top / x).detach() for x in bottoms), top)

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

    needs_values = True
    always_backward = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [torch.softmax(bottoms[0], self.layer.softmax_axis)]


@register
class ArgMax(Op):
    """The places of the largest values; of equal ones the last comes first (argmax_layer.cpp)."""

    differentiable = False

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer, axis = self.layer, self.layer.along
        x = bottoms[0].flatten(1) if axis is None and bottoms[0].dim() > 1 else bottoms[0]
        if axis is None and x.dim() == 1:
            x = x.unsqueeze(1)
        along = 1 if axis is None else axis
        values, places = x.flip(along).sort(dim=along, descending=True, stable=True)
        values = values.narrow(along, 0, layer.top_k)
        places = (x.shape[along] - 1 - places.narrow(along, 0, layer.top_k)).float()
        if not layer.fields.out_max_val:
            return [places.reshape(layer.top_shapes[0])]
        if axis is None:
            values = torch.stack((places, values.float()), 1)
        return [values.reshape(layer.top_shapes[0])]


@register
class Reduction(Op):
    """One number for all axes from an axis on (reduction_layer.cpp)."""

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer = self.layer
        x = bottoms[0].flatten(layer.first_axis)
        if layer.operation == _Reduction.ASUM:
            x = x.abs()
        elif layer.operation == _Reduction.SUMSQ:
            x = x.square()
        factor = layer.coeff
        if layer.operation == _Reduction.MEAN:
            factor /= x.shape[-1]
        return [x.sum(-1) * factor]
