"""SqueezeNet's fire module (arXiv 1602.07360)."""

from __future__ import annotations

from collections.abc import Callable

from netbuilder.lego.base import BaseLego, Bottom, Parallel, lego
from netbuilder.lego.conv import ConvBNReLU
from netbuilder.spec import NetSpec, Top


@lego
class Fire(BaseLego):
    """A 1x1 convolution that squeezes, then 1x1 and 3x3 that expand, concatenated.

    ``expand`` is the width of each of the two, so the module gives twice that. ``unit`` makes
    each convolution: ConvBNReLU, ConvReLU, or what has the same arguments.
    """

    name: str
    squeeze: int
    expand: int
    stride: int = 1
    unit: Callable[..., BaseLego] = ConvBNReLU

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        squeeze = self._conv("_squeeze_1by1", self.squeeze, 1)
        expand = [self._conv("_expand_1by1", self.expand, 1, self.stride),
                  self._conv("_expand_3by3", self.expand, 3, self.stride)]
        narrow = squeeze.attach(netspec, bottom)
        return Parallel(name=self.name, branches=expand).attach(netspec, narrow)

    def _conv(self, suffix: str, num_output: int, size: int, stride: int = 1) -> BaseLego:
        return self.unit(name=self.name + suffix, num_output=num_output, kernel_size=size,
                         pad=size // 2, stride=stride)
