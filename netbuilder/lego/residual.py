"""The residual block: a main branch, a shortcut around it, and their sum (arXiv 1512.03385)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from netbuilder.errors import BuildError, one_of
from netbuilder.lego.base import BaseLego, Bottom, lego, shape_of, single
from netbuilder.lego.conv import ConvBN, ConvBNReLU, EltwiseReLU
from netbuilder.lego.inception import InceptionBranch
from netbuilder.spec import NetSpec, Top


class Step(NamedTuple):
    """One convolution of a main branch.

    ``kernel`` is (h, w); ``narrow`` divides the block's width; ``strides`` tells which axes
    (h, w) carry the block's stride.
    """

    suffix: str
    kernel: tuple[int, int]
    narrow: int = 1
    strides: tuple[bool, bool] = (False, False)
    relu: bool = True


BOTH = (True, True)


@lego
class ConvBranch(BaseLego):
    """A main branch made of convolutions, each with batch norm, scale and, if asked, ReLU."""

    name: str
    num_output: int
    stride: int = 1
    steps: tuple[Step, ...]

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        for step in self.steps:
            bottom = self._conv(step).attach(netspec, bottom)
        return single(bottom)

    def _conv(self, step: Step) -> BaseLego:
        height, width = step.kernel
        return (ConvBNReLU if step.relu else ConvBN)(
            name=self.name + step.suffix,
            num_output=_share(self, step.narrow),
            kernel_size=step.kernel,
            pad=(height // 2, width // 2),
            stride=tuple(self.stride if strides else 1 for strides in step.strides),
        )


def _share(branch: ConvBranch, narrow: int) -> int:
    if branch.num_output % narrow:
        raise BuildError(f"{branch.name}: a width of {branch.num_output} does not divide by "
                         f"{narrow}; give a multiple of {narrow}")
    return branch.num_output // narrow


def convs(*steps: Step) -> Callable[..., BaseLego]:
    """A row of MAIN_BRANCHES: makes the ConvBranch of a block."""

    def branch(**block: Any) -> ConvBranch:
        return ConvBranch(steps=steps, **block)

    return branch


# Name -> what makes the branch's lego from a block's name, num_output and stride. Layers are
# called WIDTHbyHEIGHT, as in the released models: branch_3by1a is 1 high and 3 wide.
MAIN_BRANCHES: dict[str, Callable[..., BaseLego]] = {
    "normal": convs(
        Step("_branch2a", (3, 3), strides=BOTH),
        Step("_branch2b", (3, 3), relu=False),
    ),
    "bottleneck": convs(
        Step("_branch2a", (1, 1), narrow=4, strides=BOTH),
        Step("_branch2b", (3, 3), narrow=4),
        Step("_branch2c", (1, 1), relu=False),
    ),
    "inception_trick": convs(
        Step("_branch_3by1a", (1, 3), strides=(False, True)),
        Step("_branch_1by3a", (3, 1), strides=(True, False)),
        Step("_branch_3by1b", (1, 3)),
        Step("_branch_1by3b", (3, 1)),
    ),
    "inception_trick_bottleneck": convs(
        Step("_branch2a", (1, 1), narrow=4, strides=BOTH),
        Step("_branch_b_3by1", (1, 3), narrow=4),
        Step("_branch_b_1by3", (3, 1), narrow=4),
        Step("_branch2c", (1, 1), relu=False),
    ),
    "1by1_normal": convs(
        Step("_branch2a", (1, 1), strides=BOTH),
        Step("_branch2b", (1, 1), relu=False),
    ),
    "inception": InceptionBranch,
}


def main_branch(name: str) -> Callable[..., BaseLego]:
    """The row of MAIN_BRANCHES with that name; BuildError with the list of names if none."""
    if name not in MAIN_BRANCHES:
        raise BuildError(f'unknown main branch "{name}"{one_of(name, MAIN_BRANCHES)}')
    return MAIN_BRANCHES[name]


@lego
class Shortcut(BaseLego):
    """A residual block: ReLU(shortcut + main branch).

    The shortcut is the bottom itself where the main branch keeps its shape, else a projection:
    a 1x1 convolution with batch norm and scale. ``num_output`` is the block's output width.
    """

    name: str
    main_branch: str
    num_output: int
    stride: int = 1

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        bottom = single(bottom)
        branch = main_branch(self.main_branch)(
            name=self.name, num_output=self.num_output, stride=self.stride)
        main = branch.attach(netspec, bottom)
        straight = bottom
        if shape_of(bottom) != shape_of(main):
            projection = ConvBN(name=f"{self.name}_proj_shortcut", num_output=self.num_output,
                                kernel_size=1, stride=self.stride)
            straight = projection.attach(netspec, bottom)
        return EltwiseReLU(name=self.name).attach(netspec, [straight, main])
