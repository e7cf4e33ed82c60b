"""Eltwise, Softmax, ArgMax, Reduction: values combined across blobs or along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.layer import Layer, Operations, Reach, Shape, register, show
from netbuilder.proto import caffe_pb2

_Eltwise = caffe_pb2.EltwiseParameter
_Reduction = caffe_pb2.ReductionParameter
_SUMS = _Reduction.SUM, _Reduction.MEAN

# For each value: find the largest, subtract it, exp, add up, divide.
SOFTMAX = Operations(additions=2, comparisons=1, divisions=1, exponentials=1)


@register
class Eltwise(Layer):
    """Product, weighted sum or maximum of equal shapes (eltwise_layer.cpp)."""

    pointwise = True
    param = "eltwise_param"
    bottoms_wanted = (2, None)

    def setup(self) -> None:
        self.operation = self.fields.operation
        self.coeff = tuple(self.fields.coeff) or (1.0,) * len(self.bottom_shapes)
        if len(set(self.bottom_shapes)) > 1:
            named = zip(self.bottoms or "?" * len(self.bottom_shapes), self.bottom_shapes,
                        strict=True)
            self.fail("bottoms must have one shape, but they are "
                      + ", ".join(f"{name} {show(shape)}" for name, shape in named))
        if len(self.coeff) != len(self.bottom_shapes):
            self.fail(f"{len(self.coeff)} coefficients for {len(self.bottom_shapes)} bottoms")
        if self.operation == _Eltwise.PROD and self.fields.coeff:
            self.fail("coefficients are for SUM only")

    def operations(self) -> Operations:
        pairs = len(self.bottom_shapes) - 1
        if self.operation == _Eltwise.PROD:
            return Operations(multiplications=pairs) * self.count
        if self.operation == _Eltwise.MAX:
            return Operations(comparisons=pairs) * self.count
        weighted = sum(coeff != 1 for coeff in self.coeff)
        return Operations(multiplications=weighted, additions=pairs) * self.count


@register
class Softmax(Layer):
    """exp(x) / sum(exp(x)) along ``axis`` (softmax_layer.cpp)."""

    param = "softmax_param"

    def setup(self) -> None:
        self.softmax_axis = self.axis(self.fields.axis)

    @property
    def starved(self) -> bool:
        return not self.bottom_shapes[0][self.softmax_axis]

    def operations(self) -> Operations:
        return SOFTMAX * self.count

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        return [(1, 0, 0)] * (len(self.bottom_shapes[0]) - 2) if self.softmax_axis < 2 else None


@register
class ArgMax(Layer):
    """The ``top_k`` largest of each image, or along ``axis`` (argmax_layer.cpp)."""

    param = "argmax_param"

    def setup(self) -> None:
        shape, self.top_k = self.bottom_shapes[0], self.fields.top_k
        if not shape:
            self.fail("needs a bottom with at least one axis")
        self.along = self.axis(self.fields.axis) if self.fields.HasField("axis") else None
        choices = prod(shape[1:]) if self.along is None else shape[self.along]
        if not 1 <= self.top_k <= choices:
            self.fail(f"top_k must lie between 1 and the {choices} values, not {self.top_k}")

    def shapes(self) -> Sequence[Shape]:
        shape = self.bottom_shapes[0]
        if self.along is not None:
            return [shape[: self.along] + (self.top_k,) + shape[self.along + 1:]]
        kinds = 2 if self.fields.out_max_val else 1
        # Always at least three axes: (N, 1 or 2, top_k, 1, ...).
        return [(shape[0], kinds, self.top_k) + (1,) * max(len(shape) - 3, 0)]

    def operations(self) -> Operations:
        return Operations(comparisons=self.top_k) * self.count

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        return [(1, 0, 0)] * (len(self.bottom_shapes[0]) - 2) if self.along in (0, 1) else None


@register
class Reduction(Layer):
    """Sum, mean or the like over all axes from ``axis`` on (reduction_layer.cpp)."""

    param = "reduction_param"

    def setup(self) -> None:
        self.first_axis = self.axis(self.fields.axis)
        self.operation, self.coeff = self.fields.operation, self.fields.coeff

    def shapes(self) -> Sequence[Shape]:
        return [self.bottom_shapes[0][: self.first_axis]]

    @property
    def starved(self) -> bool:
        return self.operation in _SUMS and 0 in self.bottom_shapes[0][self.first_axis:]

    def operations(self) -> Operations:
        each = {
            _Reduction.SUM: Operations(additions=1),
            _Reduction.MEAN: Operations(additions=1),
            _Reduction.ASUM: Operations(additions=1, comparisons=1),
            _Reduction.SUMSQ: Operations(multiplications=1, additions=1),
        }[self.operation]
        scaled = self.operation == _Reduction.MEAN or self.coeff != 1
        return each * self.count + Operations(multiplications=scaled * prod(self.top_shapes[0]))
