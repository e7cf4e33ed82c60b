"""Neurons: layers that map each value by itself, top shaped like bottom (neuron_layer.hpp)."""

from __future__ import annotations

from collections.abc import Sequence

from netbuilder.layer import Layer, Shape, register


@register
class AbsVal(Layer):
    """|x|."""


@register
class BNLL(Layer):
    """log(1 + exp(x))."""


@register
class Clip(Layer):
    """x kept between ``min`` and ``max``."""

    param = "clip_param"


@register
class Dropout(Layer):
    """In TRAIN, zeroes values with ``dropout_ratio`` and scales the rest by 1 / (1 - ratio)."""

    param = "dropout_param"

    def setup(self) -> None:
        self.dropout_ratio = self.fields.dropout_ratio
        if not 0 < self.dropout_ratio < 1:  # dropout_layer.cpp checks both ends strictly
            self.fail(f"dropout_ratio must lie between 0 and 1, not {self.dropout_ratio:g}")


@register
class ELU(Layer):
    """x, or alpha (exp(x) - 1) below zero."""

    param = "elu_param"


@register
class Exp(Layer):
    """base ^ (shift + scale x)."""

    param = "exp_param"


@register
class Log(Layer):
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
        if len(self.bottom_shapes[0]) < 2:
            self.fail("needs a bottom with at least two axes (N, C, ...)")
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
