"""SqueezeNet's fire module (arXiv 1602.07360)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from netbuilder.lego.base import BaseLego, Bottom, Parallel, lego
from netbuilder.lego.conv import ConvBNReLU
from netbuilder.spec import NetSpec, Top


class FireParts(NamedTuple):
    """What the names of a module's parts end in."""

    squeeze: str = "_squeeze_1by1"
    expand_1by1: str = "_expand_1by1"
    expand_3by3: str = "_expand_3by3"
    concat: str = "_concat"


@lego
class Fire(BaseLego):
    """A 1x1 convolution that squeezes, then 1x1 and 3x3 that expand, concatenated.

    ``expand`` is the width of each of the two, so the module gives twice that. ``unit`` makes
    each convolution: ConvBNReLU, ConvReLU, or what has the same arguments. ``parts`` are the
    endings of their names.
    """

    name: str
    squeeze: int
    expand: int
    stride: int = 1
    unit: Callable[..., BaseLego] = ConvBNReLU
    parts: FireParts = FireParts()

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        parts = self.parts
        squeeze = self._conv(parts.squeeze, self.squeeze, 1)
        expand = [self._conv(parts.expand_1by1, self.expand, 1, self.stride),
                  self._conv(parts.expand_3by3, self.expand, 3, self.stride)]
        module = Parallel(name=self.name, branches=expand, suffix=parts.concat)
        return module.attach(netspec, squeeze.attach(netspec, bottom))

    def _conv(self, suffix: str, num_output: int, size: int, stride: int = 1) -> BaseLego:
        return self.unit(name=self.name + suffix, num_output=num_output, kernel_size=size,
                         pad=size // 2, stride=stride)
