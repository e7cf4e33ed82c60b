"""Neurons: each value by itself (neuron_layer.hpp)."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from netbuilder.layer import Layer
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import EVERY, Op, Tensors, register
from netbuilder.torchcaffe.rng import Rng


class Neuron(Op):
    """One bottom, one top, no parameters: a subclass gives ``value``.

    Where a layer in place has written over what Caffe's backward reads, its gradient is no
    derivative any more, but still ``slope`` of what is in memory then (see overwritten.py). One
    that ``clashes`` puts the slope into the bottom's diff before it takes the top's.
    """

    rereads: Container[int] = ()

    def slope(self, bottom: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
        """The derivative as Caffe has it from the values of bottom and top."""
        raise NotImplementedError

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        slope = self.slope(bottoms[0], tops[0])
        return [(slope if self.in_place and self.clashes else grads[0]) * slope]

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [self.value(bottoms[0])]

    def value(self, x: torch.Tensor) -> torch.Tensor:
        """What becomes of each value."""
        raise NotImplementedError


@register
class AbsVal(Neuron):
    """|x|."""

    needs_values = True
    rereads = (0,)

    def value(self, x):
        return x.abs()

    def slope(self, bottom, top):
        return bottom.sign()


@register
class BNLL(Neuron):
    """log(1 + exp(x))."""

    rereads = (0,)

    def value(self, x):
        return F.softplus(x)

    def slope(self, bottom, top):
        return bottom.sigmoid()


@register
class Clip(Neuron):
    """x kept between min and max; the bounds themselves still pass a gradient."""

    rereads = (0,)

    def value(self, x):
        fields = self.layer.fields
        return x.clamp(fields.min, max(fields.min, fields.max))  # of crossed bounds min wins

    def slope(self, bottom, top):
        fields = self.layer.fields
        return (bottom >= fields.min) & (bottom <= fields.max)


@register
class Dropout(Neuron):
    """In TRAIN, zeroes values and scales the rest up (dropout_layer.cpp)."""

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        if self.training and not 0 <= layer.dropout_ratio < 1:  # Caffe aborts, or computes NaN
            layer.fail(f"dropout_ratio is {layer.dropout_ratio:g}; it must be at least 0 and "
                       "below 1")

    @property
    def keeps_values(self):
        return not self.training

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

    rereads = (0,)
    reads_top = True

    def value(self, x):
        return F.elu(x, self.layer.fields.alpha)

    def slope(self, bottom, top):
        return torch.where(bottom > 0, 1, self.layer.fields.alpha + top)

    def survives(self, writer):
        return super().survives(writer) or (writer is self and self.layer.fields.alpha >= 0)


@register
class Exp(Neuron):
    """base ^ (shift + scale x); base -1 stands for e (exp_layer.cpp)."""

    needs_values = True
    reads_top = True

    def value(self, x):
        fields = self.layer.fields
        return torch.exp((x * fields.scale + fields.shift) * self.layer.log_base)

    def slope(self, bottom, top):
        return top * (self.layer.fields.scale * self.layer.log_base)


@register
class Log(Neuron):
    """The logarithm of shift + scale x; base -1 stands for e (log_layer.cpp)."""

    needs_values = True
    rereads = (0,)
    clashes = True

    def value(self, x):
        fields = self.layer.fields
        return torch.log(x * fields.scale + fields.shift) / self.layer.log_base

    def slope(self, bottom, top):
        fields = self.layer.fields
        return fields.scale / self.layer.log_base / (bottom * fields.scale + fields.shift)


@register
class Power(Neuron):
    """(shift + scale x) ^ power (power_layer.cpp)."""

    clashes = True

    @property
    def needs_values(self) -> bool:
        """True where Caffe raises to a power."""
        fields = self.layer.fields
        return fields.power * fields.scale != 0 and fields.power != 1

    def value(self, x):
        power, scale, shift = (getattr(self.layer.fields, n) for n in ("power", "scale", "shift"))
        if power * scale == 0:  # then Caffe ignores x, NaN included
            return torch.full_like(x, 1.0 if power == 0 else shift ** power)
        inner = x if scale == 1 else x * scale
        inner = inner if shift == 0 else inner + shift
        return inner if power == 1 else inner.pow(power)

    def slope(self, bottom, top):
        power, scale, shift = (getattr(self.layer.fields, n) for n in ("power", "scale", "shift"))
        if power == 1 or power * scale == 0:
            return torch.full_like(bottom, power * scale)
        inner = bottom * scale + shift
        return power * scale * (inner if power == 2 else top / inner)

    @property
    def rereads(self):
        fields = self.layer.fields
        return (0,) if fields.scale != 0 and fields.power not in (0, 1) else ()

    @property
    def reads_top(self):
        return bool(self.rereads) and self.layer.fields.power != 2


@register
class PReLU(Op):
    """x, or a learned slope times x below zero (prelu_layer.cpp)."""

    @property
    def rereads(self) -> Container[int]:
        """Its bottom, of which it keeps a copy in place."""
        return () if self.in_place else EVERY

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [F.prelu(bottoms[0], params[0].reshape(-1))]

    def fillers(self) -> Sequence[Any]:
        fields = self.layer.fields
        quarter = caffe_pb2.FillerParameter(type="constant", value=0.25)
        return [fields.filler if fields.HasField("filler") else quarter]


@register
class ReLU(Neuron):
    """max(x, 0) + negative_slope min(x, 0)."""

    rereads = (0,)

    def value(self, x):
        slope = self.layer.negative_slope
        return F.leaky_relu(x, slope) if slope else F.relu(x)

    def slope(self, bottom, top):
        return torch.where(bottom > 0, 1.0, self.layer.negative_slope)

    def survives(self, writer):
        """A sign stays under another ReLU, and where a Dropout changes it no gradient comes."""
        same = isinstance(writer, Dropout) or (
            isinstance(writer, ReLU) and writer.layer.negative_slope >= 0)
        return super().survives(writer) or (same and self.layer.negative_slope >= 0)

    def value_(self, x: torch.Tensor) -> torch.Tensor:
        """The same, written over ``x`` (a slope below zero would lose the sign it needs)."""
        slope = self.layer.negative_slope
        return F.leaky_relu_(x, slope) if slope > 0 else F.relu_(x) if slope == 0 else self.value(x)


@register
class Sigmoid(Neuron):
    """1 / (1 + exp(-x))."""

    reads_top = True

    def value(self, x):
        return x.sigmoid()

    def slope(self, bottom, top):
        return top * (1 - top)


@register
class Swish(Neuron):
    """x sigmoid(beta x)."""

    needs_values = True
    reads_top = True

    def value(self, x):
        return x * self.puts_aside([x])[0]

    def puts_aside(self, bottoms):
        return [(bottoms[0] * self.layer.fields.beta).sigmoid()]

    def gradients(self, aside, bottoms, tops, grads, wanted):
        scaled = tops[0] * self.layer.fields.beta
        return [grads[0] * (scaled + aside[0] * (1 - scaled))]


@register
class TanH(Neuron):
    """tanh(x)."""

    reads_top = True

    def value(self, x):
        return x.tanh()

    def slope(self, bottom, top):
        return 1 - top * top


@register
class Threshold(Neuron):
    """1 where x > threshold, else 0; there is no gradient (threshold_layer.cpp)."""

    differentiable = False

    def value(self, x):
        return (x > self.layer.fields.threshold).to(x.dtype)
