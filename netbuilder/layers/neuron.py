"""Neurons: layers that map each value by itself, top shaped like bottom (neuron_layer.hpp)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netbuilder.layer import Layer, Operations, Shape, register, show
from netbuilder.proto import caffe_pb2

SIGMOID = Operations(additions=1, divisions=1, exponentials=1)  # 1 / (1 + exp(-x))


@register
class AbsVal(Layer):
    """|x|."""

    pointwise = True
    in_place_allowed = False

    def operations(self) -> Operations:
        return Operations(comparisons=1) * self.count


@register
class BNLL(Layer):
    """log(1 + exp(x))."""

    pointwise = True

    def operations(self) -> Operations:
        return Operations(additions=2, comparisons=1, exponentials=2) * self.count


@register
class Clip(Layer):
    """x kept between ``min`` and ``max``."""

    pointwise = True
    param = "clip_param"

    def setup(self) -> None:
        fields = self.fields
        if self.message.HasField("clip_param"):
            for bound in ("min", "max"):  # required in Caffe's schema
                if not fields.HasField(bound):
                    self.fail(f"clip_param needs {bound}")

    def operations(self) -> Operations:
        return Operations(comparisons=2) * self.count


@register
class Dropout(Layer):
    """In TRAIN, zeroes values with ``dropout_ratio`` and scales the rest by 1 / (1 - ratio)."""

    pointwise = True
    param = "dropout_param"

    def setup(self) -> None:
        # A release build of Caffe checks nothing here, and nets with a ratio of 0 exist.
        self.dropout_ratio = self.fields.dropout_ratio

    def operations(self) -> Operations:
        if self.phase == caffe_pb2.TEST:
            return Operations()
        return Operations(multiplications=2) * self.count  # by the mask and by the scale


@register
class ELU(Layer):
    """x, or alpha (exp(x) - 1) below zero."""

    pointwise = True
    param = "elu_param"

    def operations(self) -> Operations:
        return Operations(multiplications=1, additions=2, comparisons=2,
                          exponentials=1) * self.count


class _Based(Layer):
    """What Exp and Log share: a base, -1 for e. ``log_base`` is its natural logarithm."""

    pointwise = True

    def setup(self) -> None:
        base = self.fields.base
        if base != -1 and not 0 < base < math.inf:
            self.fail(f"base must be positive, or -1 for e, not {base:g}")
        self.log_base = 1.0 if base == -1 else math.log(base)


@register
class Exp(_Based):
    """base ^ (shift + scale x)."""

    param = "exp_param"

    def operations(self) -> Operations:
        inner, outer = self.log_base * self.fields.scale != 1, self.fields.shift != 0
        return Operations(multiplications=inner + outer, exponentials=1) * self.count


@register
class Log(_Based):
    """log_base(shift + scale x)."""

    param = "log_param"

    def setup(self) -> None:
        super().setup()
        if not self.log_base:
            self.fail("there is no logarithm to the base 1")

    def operations(self) -> Operations:
        inner, outer = self.fields.scale != 1, self.log_base != 1
        return Operations(multiplications=inner + outer, additions=self.fields.shift != 0,
                          exponentials=1) * self.count


@register
class Power(Layer):
    """(shift + scale x) ^ power."""

    pointwise = True
    param = "power_param"

    def operations(self) -> Operations:
        fields = self.fields
        if fields.power == 0 or fields.scale == 0:  # Caffe only writes the constant
            return Operations()
        return Operations(multiplications=fields.scale != 1, additions=fields.shift != 0,
                          exponentials=fields.power != 1) * self.count


@register
class PReLU(Layer):
    """x, or a learned slope times x below zero (prelu_layer.cpp)."""

    pointwise = True
    param = "prelu_param"

    def setup(self) -> None:
        if not 2 <= len(self.bottom_shapes[0]) <= 4:  # Blob::channels() refuses more
            self.fail(f"needs a bottom of 2 to 4 axes (N, C, ...), not "
                      f"{show(self.bottom_shapes[0])}")
        self.channel_shared = self.fields.channel_shared

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        return [("slope", () if self.channel_shared else (self.bottom_shapes[0][1],))]

    @property
    def starved(self) -> bool:
        return 0 in self.bottom_shapes[0][1:]

    def operations(self) -> Operations:
        return Operations(multiplications=1, additions=1, comparisons=2) * self.count


@register
class ReLU(Layer):
    """max(x, 0) + negative_slope min(x, 0)."""

    pointwise = True
    param = "relu_param"

    def setup(self) -> None:
        self.negative_slope = self.fields.negative_slope

    def operations(self) -> Operations:
        if not self.negative_slope:
            return Operations(comparisons=1) * self.count
        return Operations(multiplications=1, additions=1, comparisons=2) * self.count


@register
class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    pointwise = True

    def operations(self) -> Operations:
        return SIGMOID * self.count


@register
class Swish(Layer):
    """x sigmoid(beta x)."""

    pointwise = True
    param = "swish_param"

    def operations(self) -> Operations:
        return (SIGMOID + Operations(multiplications=2)) * self.count


@register
class TanH(Layer):
    """tanh(x)."""

    pointwise = True

    def operations(self) -> Operations:
        return Operations(exponentials=1) * self.count


@register
class Threshold(Layer):
    """1 where x > threshold, else 0."""

    pointwise = True
    param = "threshold_param"

    def operations(self) -> Operations:
        return Operations(comparisons=1) * self.count
