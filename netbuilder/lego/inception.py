"""Inception modules: branches of different reach over one input, concatenated."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from netbuilder.errors import BuildError
from netbuilder.lego.base import BaseLego, Bottom, Chain, LayerLego, Parallel, lego
from netbuilder.lego.conv import ConvBNReLU
from netbuilder.spec import NetSpec, Top


class InceptionParts(NamedTuple):
    """What the names of a module's parts end in."""

    conv_1by1: str = "_br1by1"
    reduce_3by3: str = "_br3by3_reduce"
    conv_3by3: str = "_br3by3_expand"
    reduce_5by5: str = "_br5by5_reduce"
    conv_5by5: str = "_br5by5_expand"
    pool: str = "_pool"
    pool_proj: str = "_pool_expand"
    concat: str = "_concat"


@lego
class Inception(BaseLego):
    """GoogLeNet's module (arXiv 1409.4842): 1x1, 3x3, 5x5 and pooling, concatenated.

    ``reduce_3by3`` and ``reduce_5by5`` are the widths of the 1x1 convolutions in front;
    ``unit`` makes each convolution: ConvBNReLU, ConvReLU, or what has the same arguments.
    ``parts`` are the endings of their names.
    """

    name: str
    conv_1by1: int
    reduce_3by3: int
    conv_3by3: int
    reduce_5by5: int
    conv_5by5: int
    pool_proj: int
    unit: Callable[..., BaseLego] = ConvBNReLU
    parts: InceptionParts = InceptionParts()

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        branches = [
            self._conv("conv_1by1", 1),
            Chain(links=[self._conv("reduce_3by3", 1), self._conv("conv_3by3", 3)]),
            Chain(links=[self._conv("reduce_5by5", 1), self._conv("conv_5by5", 5)]),
            Chain(links=[max_pool_same(self.name + self.parts.pool), self._conv("pool_proj", 1)]),
        ]
        module = Parallel(name=self.name, branches=branches, suffix=self.parts.concat)
        return module.attach(netspec, bottom)

    def _conv(self, part: str, size: int) -> BaseLego:
        return self.unit(name=self.name + getattr(self.parts, part), kernel_size=size,
                         num_output=getattr(self, part), pad=size // 2)


@lego
class InceptionBranch(BaseLego):
    """The main branch ``inception`` of a residual block: 1x1, 3x3, twice 3x3, and pooling.

    Each branch gives a quarter of ``num_output``. All carry the stride in a convolution, so they
    agree on the size; strided pooling would not, since Caffe's rounds up.
    """

    name: str
    num_output: int
    stride: int = 1

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        if self.num_output % 16:
            raise BuildError(f"{self.name}: a width of {self.num_output} does not divide by 16; "
                             f"give a multiple of 16")
        name = f"{self.name}_inception"
        out, narrow = self.num_output // 4, self.num_output * 3 // 16
        branches = [
            _conv(f"{name}_br1by1", out, 1, self.stride),
            Chain(links=[_conv(f"{name}_br3by3_reduce", narrow, 1),
                         _conv(f"{name}_br3by3_expand", out, 3, self.stride)]),
            Chain(links=[_conv(f"{name}_br2_3by3_reduce", narrow, 1),
                         _conv(f"{name}_br2_3by3_expand_1", out, 3),
                         _conv(f"{name}_br2_3by3_expand_2", out, 3, self.stride)]),
            Chain(links=[max_pool_same(f"{name}_pool"),
                         _conv(f"{name}_pool_expand", out, 1, self.stride)]),
        ]
        return Parallel(name=name, branches=branches).attach(netspec, bottom)


def _conv(name: str, num_output: int, size: int, stride: int = 1) -> BaseLego:
    return ConvBNReLU(name=name, num_output=num_output, kernel_size=size, pad=size // 2,
                      stride=stride)


def max_pool_same(name: str) -> LayerLego:
    """Maximum over 3x3 that keeps the size."""
    return LayerLego("Pooling", name=name, pool="MAX", kernel_size=3, stride=1, pad=1)
