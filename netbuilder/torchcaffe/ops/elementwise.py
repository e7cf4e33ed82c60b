"""Eltwise, Softmax, ArgMax, Reduction: values combined across blobs or along an axis."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import reduce

import torch

from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import EVERY, Op, Tensors, register, with_gradient_of

_Eltwise = caffe_pb2.EltwiseParameter
_Reduction = caffe_pb2.ReductionParameter
_LOWEST = torch.finfo(torch.float32).min


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

    clashes = True

    @property
    def rereads(self) -> Container[int]:
        """The factors; of a maximum Caffe keeps where it lay."""
        return EVERY if self.layer.operation == _Eltwise.PROD else ()

    @property
    def reads_top(self) -> bool:
        """True where the product is divided by each factor."""
        return self.keeps_top

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        bottoms = self._found(bottoms)
        if self.layer.operation == _Eltwise.PROD:
            return [self._product(bottoms)]
        if self.layer.operation == _Eltwise.MAX:
            return [self._maximum(bottoms)]
        return [self._sum(bottoms)]

    def _found(self, bottoms: Tensors) -> Tensors:
        """The bottoms as Caffe finds them: those that are the top's own memory with what it has
        made of the others by then."""
        if not self.in_place:
            return bottoms
        operation, found = self.layer.operation, list(bottoms)
        start = {_Eltwise.SUM: 0.0, _Eltwise.MAX: _LOWEST}.get(operation)
        for index in filter(self.over.__contains__, range(len(bottoms))):
            if operation == _Eltwise.PROD and index > 1:
                found[index] = reduce(torch.mul, found[:index])
            elif operation == _Eltwise.SUM and index > 0:
                found[index] = self._sum(found[:index])
            elif start is not None:
                found[index] = torch.full_like(bottoms[0], start)
        return found

    def survives(self, writer: Op) -> bool:
        """A quotient does not count where a ReLU makes it 0: no gradient comes from there."""
        rectifies = writer.layer.type == "ReLU" and writer.layer.negative_slope == 0
        return super().survives(writer) or rectifies

    def puts_aside(self, bottoms: Tensors) -> Tensors:
        if self.layer.operation != _Eltwise.MAX:
            return ()
        bottoms = self._found(bottoms)
        best, index = self._maximum(bottoms[:2]), (bottoms[0] <= bottoms[1]).long()
        for number, x in enumerate(bottoms[2:], 2):
            best, index = torch.where(x > best, x, best), index.masked_fill(x > best, number)
        return [index]

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        above, diffs = grads[0], []
        for index, asked in enumerate(wanted):
            factor = self._factor(index, aside, bottoms, tops)
            over = self.in_place and index == 0 and asked  # the top's diff is this bottom's
            if over and self.layer.operation == _Eltwise.PROD:
                above = factor
            diffs.append(above * factor)
            above = diffs[0] if over else above
        return diffs

    def _factor(self, index: int, aside: Tensors, bottoms: Tensors, tops: Tensors
                ) -> torch.Tensor | float:
        if self.layer.operation == _Eltwise.SUM:
            return self.layer.coeff[index]
        if self.layer.operation == _Eltwise.MAX:
            return aside[0] == index
        if self.layer.fields.stable_prod_grad:
            return reduce(torch.mul, [*bottoms[:index], *bottoms[index + 1:]])
        return tops[0] / bottoms[index]

    def _product(self, bottoms: Tensors) -> torch.Tensor:
        top = reduce(torch.mul, bottoms)
        if self.layer.fields.stable_prod_grad:
            return top
        # The product by each factor, be it 0: then there is no number.
        return with_gradient_of(sum(x * (top / x).detach() for x in bottoms), top)

    def _sum(self, bottoms: Tensors) -> torch.Tensor:
        terms = [x if c == 1 else x * c for x, c in zip(bottoms, self.layer.coeff, strict=False)]
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
    rereads = ()
    reads_top = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [torch.softmax(bottoms[0], self.layer.softmax_axis)]

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        along = (grads[0] * tops[0]).sum(self.layer.softmax_axis, keepdim=True)
        return [(grads[0] - along) * tops[0]]


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

    @property
    def rereads(self) -> Container[int]:
        """Absolute values and squares need them."""
        return EVERY if self.layer.operation in (_Reduction.ASUM, _Reduction.SUMSQ) else ()

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
