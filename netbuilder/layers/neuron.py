"""Neurons: layers that map each value by itself, top shaped like bottom (neuron_layer.hpp)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netbuilder.layer import Layer, Shape, register, show


@register
class AbsVal(Layer):
    """|x|."""

    in_place_allowed = False


@register
class BNLL(Layer):
    """log(1 + exp(x))."""


@register
class Clip(Layer):
    """x kept between ``min`` and ``max``."""

    param = "clip_param"

    def setup(self) -> None:
        fields = self.fields
        if self.message.HasField("clip_param"):
            for bound in ("min", "max"):  # required in Caffe's schema
                if not fields.HasField(bound):
                    self.fail(f"clip_param needs {bound}")


@register
class Dropout(Layer):
    """In TRAIN, zeroes values with ``dropout_ratio`` and scales the rest by 1 / (1 - ratio)."""

    param = "dropout_param"

    def setup(self) -> None:
        # A release build of Caffe checks nothing here, and nets with a ratio of 0 exist.
        self.dropout_ratio = self.fields.dropout_ratio


@register
class ELU(Layer):
    """x, or alpha (exp(x) - 1) below zero."""

    param = "elu_param"


class _Based(Layer):
    """What Exp and Log share: a base, -1 for e. ``log_base`` is its natural logarithm."""

    def setup(self) -> None:
        base = self.fields.base
        if base != -1 and base <= 0:
            self.fail(f"base must be positive, or -1 for e, not {base:g}")
        self.log_base = 1.0 if base == -1 else math.log(base)


@register
class Exp(_Based):
    """base ^ (shift + scale x)."""

    param = "exp_param"


@register
class Log(_Based):
    """log_base(shift + scale x)."""

    param = "log_param"


@register
class Power(Layer):
    """(shift + scale x) ^ power."""

    param = "power_param"


@register
class PReLU(Layer):
    """x, or a learned slope times x below zero (prelu_layer.cpp)."""

    param = "prelu_param"

    def setup(self) -> None:
        if not 2 <= len(self.bottom_shapes[0]) <= 4:  # Blob::channels() refuses more
            self.fail(f"needs a bottom of 2 to 4 axes (N, C, ...), not "
                      f"{show(self.bottom_shapes[0])}")
        self.channel_shared = self.fields.channel_shared

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        return [("slope", () if self.channel_shared else (self.bottom_shapes[0][1],))]


@register
class ReLU(Layer):
    """max(x, 0) + negative_slope min(x, 0)."""

    param = "relu_param"

    def setup(self) -> None:
        self.negative_slope = self.fields.negative_slope


@register
class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""


@register
class Swish(Layer):
    """x sigmoid(beta x)."""

    param = "swish_param"


@register
class TanH(Layer):
    """tanh(x)."""


@register
class Threshold(Layer):
    """1 where x > threshold, else 0."""

    param = "threshold_param"
