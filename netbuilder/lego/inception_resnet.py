"""Inception-ResNet's pieces (arXiv 1602.07261): branches from a table, and blocks that add a share
of them to their bottom."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from netbuilder.lego.base import (
    BaseLego,
    Bottom,
    Chain,
    LayerLego,
    Parallel,
    lego,
    shape_of,
    single,
)
from netbuilder.lego.conv import ConvBN, ConvBNReLU, Pair
from netbuilder.spec import NetSpec, Top


class Convolution(NamedTuple):
    """A step of a branch: a convolution. ``kernel`` is one number or (h, w); ``valid`` leaves
    the padding away that keeps the size at stride 1."""

    num_output: int
    kernel: Pair
    stride: int = 1
    valid: bool = False


# A step of a branch: a convolution, or what makes another lego from the step's name.
Step = Convolution | Callable[[str], BaseLego]


def made(step: Step, name: str, unit: Callable[..., BaseLego]) -> BaseLego:
    """The lego of a step; ``unit`` makes it if it is a convolution."""
    if not isinstance(step, Convolution):
        return step(name)
    height, width = step.kernel if isinstance(step.kernel, tuple) else (step.kernel,) * 2
    pad = (0, 0) if step.valid else (height // 2, width // 2)
    return unit(name=name, num_output=step.num_output, kernel_size=step.kernel,
                stride=step.stride, pad=pad)


def halving_pool(name: str) -> BaseLego:
    """A step of a branch: the maximum over 3x3, ``pool_<name>``, which halves the size."""
    return LayerLego("Pooling", name=f"pool_{name}", pool="MAX", kernel_size=3, stride=2)


def average_pool(name: str) -> BaseLego:
    """A step of a branch: the average over 3x3 without padding, ``pool_<name>``."""
    return InnerAverage(name=f"pool_{name}")


@lego
class InnerAverage(BaseLego):
    """The average over a square, of what is inside the map: padding is not counted.

    Caffe's own divides by the whole square at the border too. Here a pooling of ones tells the
    share of the square that is inside, and the padded average is divided by it.
    """

    name: str
    kernel_size: int = 3

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        share = Chain(links=[LayerLego("Power", name=f"{self.name}_ones", scale=0, shift=1),
                             self._pool("_share"),
                             LayerLego("Power", name=f"{self.name}_inverse", power=-1)])
        tops = [self._pool("_padded").attach(netspec, bottom), share.attach(netspec, bottom)]
        return LayerLego("Eltwise", name=self.name, operation="PROD").attach(netspec, tops)

    def _pool(self, suffix: str) -> LayerLego:
        return LayerLego("Pooling", name=self.name + suffix, pool="AVE", stride=1,
                         kernel_size=self.kernel_size, pad=self.kernel_size // 2)


@lego
class Branches(BaseLego):
    """Branches from a table, concatenated; step 2 of branch 1 is ``<name>_br1_2``.

    Each row of ``table`` is a branch: its steps, one on top of the other. ``unit`` makes each
    convolution: ConvBNReLU, or what has the same arguments.
    """

    name: str
    table: tuple[tuple[Step, ...], ...]
    unit: Callable[..., BaseLego] = ConvBNReLU

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        branches = [Chain(links=[made(step, f"{self.name}_br{row}_{place}", self.unit)
                                 for place, step in enumerate(steps, 1)])
                    for row, steps in enumerate(self.table, 1)]
        return Parallel(name=self.name, branches=branches).attach(netspec, bottom)


@lego
class InceptionResidual(BaseLego):
    """A block: its bottom plus ``scale`` times what its branches give, and a ReLU if asked.

    ``up`` makes ``<name>_up``, a 1x1 convolution that brings the branches to the bottom's width.
    The sum is a blob of its own: backward needs the bottom as the branches saw it.
    """

    name: str
    table: tuple[tuple[Step, ...], ...]
    scale: float = 0.1
    relu: bool = True
    unit: Callable[..., BaseLego] = ConvBNReLU
    up: Callable[..., BaseLego] = ConvBN

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        bottom = single(bottom)
        up = self.up(name=f"{self.name}_up", num_output=shape_of(bottom)[1], kernel_size=1)
        branches = Branches(name=self.name, table=self.table, unit=self.unit)
        added = Chain(links=[branches, up]).attach(netspec, bottom)
        top = LayerLego("Eltwise", name=f"eltwise_{self.name}",
                        coeff=[1, self.scale]).attach(netspec, [bottom, added])
        if self.relu:
            top = LayerLego("ReLU", name=f"relu_{self.name}").attach(netspec, top)
        return top
