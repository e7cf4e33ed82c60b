"""Neurons: each value by itself (neuron_layer.hpp)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from netbuilder.layer import Layer
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import Op, Tensors, register
from netbuilder.torchcaffe.rng import Rng


class Neuron(Op):
    """One bottom, one top, no parameters: a subclass gives ``value``."""

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [self.value(bottoms[0])]

    def value(self, x: torch.Tensor) -> torch.Tensor:
        """What becomes of each value."""
        raise NotImplementedError


@register
class AbsVal(Neuron):
    """|x|."""

    def value(self, x):
        return x.abs()


@register
class BNLL(Neuron):
    """log(1 + exp(x))."""

    def value(self, x):
        return F.softplus(x)


@register
class Clip(Neuron):
    """x kept between min and max; the bounds themselves still pass a gradient."""

    def value(self, x):
        return x.clamp(self.layer.fields.min, self.layer.fields.max)


@register
class Dropout(Neuron):
    """In TRAIN, zeroes values and scales the rest up (dropout_layer.cpp)."""

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        if self.training and not 0 <= layer.dropout_ratio < 1:  # Caffe aborts, or computes NaN
            layer.fail(f"dropout_ratio is {layer.dropout_ratio:g}; it must be at least 0 and "
                       "below 1")

    def value(self, x):
        if not self.training:
            return x
        keep = 1 - self.layer.dropout_ratio
        mask = torch.empty(x.shape, device=x.device)
        mask.bernoulli_(keep, generator=self.rng.on(x.device))
        return x * mask.mul_(1 / keep)


@register
class ELU(Neuron):
    """x, or alpha (exp(x) - 1) below zero."""

    def value(self, x):
        return F.elu(x, self.layer.fields.alpha)


@register
class Exp(Neuron):
    """base ^ (shift + scale x); base -1 stands for e (exp_layer.cpp)."""

    def value(self, x):
        fields = self.layer.fields
        return torch.exp((x * fields.scale + fields.shift) * self.layer.log_base)


@register
class Log(Neuron):
    """The logarithm of shift + scale x; base -1 stands for e (log_layer.cpp)."""

    def value(self, x):
        fields = self.layer.fields
        return torch.log(x * fields.scale + fields.shift) / self.layer.log_base


@register
class Power(Neuron):
    """(shift + scale x) ^ power (power_layer.cpp)."""

    def value(self, x):
        power, scale, shift = (getattr(self.layer.fields, n) for n in ("power", "scale", "shift"))
        if power * scale == 0:  # then Caffe ignores x, NaN included
            return torch.full_like(x, 1.0 if power == 0 else shift ** power)
        inner = x if scale == 1 else x * scale
        inner = inner if shift == 0 else inner + shift
        return inner if power == 1 else inner.pow(power)


@register
class PReLU(Op):
    """x, or a learned slope times x below zero (prelu_layer.cpp)."""

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [F.prelu(bottoms[0], params[0].reshape(-1))]

    def fillers(self) -> Sequence[Any]:
        fields = self.layer.fields
        quarter = caffe_pb2.FillerParameter(type="constant", value=0.25)
        return [fields.filler if fields.HasField("filler") else quarter]


@register
class ReLU(Neuron):
    """max(x, 0) + negative_slope min(x, 0)."""

    def value(self, x):
        slope = self.layer.negative_slope
        return F.leaky_relu(x, slope) if slope else F.relu(x)

    def value_(self, x: torch.Tensor) -> torch.Tensor:
        """The same, written over ``x`` (a slope below zero would lose the sign it needs)."""
        slope = self.layer.negative_slope
        return F.leaky_relu_(x, slope) if slope > 0 else F.relu_(x) if slope == 0 else self.value(x)


@register
class Sigmoid(Neuron):
    """1 / (1 + exp(-x))."""

    def value(self, x):
        return x.sigmoid()


@register
class Swish(Neuron):
    """x sigmoid(beta x)."""

    def value(self, x):
        return x * (x * self.layer.fields.beta).sigmoid()


@register
class TanH(Neuron):
    """tanh(x)."""

    def value(self, x):
        return x.tanh()


@register
class Threshold(Neuron):
    """1 where x > threshold, else 0; there is no gradient (threshold_layer.cpp)."""

    differentiable = False

    def value(self, x):
        return (x > self.layer.fields.threshold).to(x.dtype)
