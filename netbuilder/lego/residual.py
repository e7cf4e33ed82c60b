"""The residual block: a main branch, a shortcut around it, and their sum (arXiv 1512.03385).

What differs between kinds of blocks are rows of a table, MAIN_BRANCHES: objects that make legos.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from netbuilder.errors import BuildError, one_of
from netbuilder.lego.base import BaseLego, Bottom, Chain, LayerLego, lego, shape_of, single
from netbuilder.lego.conv import BNReLU, Conv, ConvBN, ConvBNReLU, EltwiseReLU
from netbuilder.lego.gate import SqueezeExcite
from netbuilder.lego.inception import InceptionBranch
from netbuilder.lego.torch7 import TorchLinear
from netbuilder.spec import NetSpec, Top

Maker = Callable[..., BaseLego]


class Step(NamedTuple):
    """One convolution of a main branch.

    ``kernel`` is (h, w); ``narrow`` divides the block's width; ``strides`` tells which axes
    (h, w) carry the block's stride. ``unit`` makes the convolution, with what follows it.
    """

    suffix: str
    kernel: tuple[int, int]
    narrow: int = 1
    strides: tuple[bool, bool] = (False, False)
    group: int = 1
    unit: Maker = ConvBNReLU


BOTH = (True, True)


@lego
class ConvBranch(BaseLego):
    """A main branch made of convolutions; dropout, if asked for, is in front of the last one."""

    name: str
    num_output: int
    stride: int = 1
    bias_term: bool = True
    dropout_ratio: float = 0.0
    steps: tuple[Step, ...]

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        links = [self._conv(step) for step in self.steps]
        if self.dropout_ratio:
            links.insert(-1, LayerLego("Dropout", name=f"drop_{self.name}",
                                       dropout_ratio=self.dropout_ratio))
        return single(Chain(links=links).attach(netspec, bottom))

    def _conv(self, step: Step) -> BaseLego:
        height, width = step.kernel
        return step.unit(
            name=self.name + step.suffix,
            num_output=_share(self, step),
            kernel_size=step.kernel,
            pad=(height // 2, width // 2),
            stride=tuple(self.stride if strides else 1 for strides in step.strides),
            group=step.group,
            bias_term=self.bias_term,
        )


def _share(branch: ConvBranch, step: Step) -> int:
    if branch.num_output % (step.narrow * step.group):
        raise BuildError(f"{branch.name}: a width of {branch.num_output} does not divide by "
                         f"{step.narrow * step.group}; give a multiple of "
                         f"{step.narrow * step.group}")
    return branch.num_output // step.narrow


def _nothing(*, name: str) -> BaseLego:
    return Chain(links=())


def _sum(*, name: str) -> BaseLego:
    return LayerLego("Eltwise", name=f"eltwise_{name}")


class Block(NamedTuple):
    """A row of MAIN_BRANCHES: a kind of residual block, as makers of the legos that it is made of.

    Each gets the ``name`` of what it makes; ``branch`` and ``projection`` a convolution's sizes
    too. ``width`` is that of such a block in the first stage of a network for ImageNet;
    ``bias_term`` tells whether convolutions have biases, though batch norm takes them away again.
    """

    branch: Maker
    start: Maker = _nothing  # main branch and projection start from it, the identity does not
    projection: Maker = ConvBN
    gate: Maker = _nothing  # what the main branch gives goes through it
    join: Maker = EltwiseReLU
    end: Maker = _nothing  # follows the last block of a network
    stem: Maker = ConvBNReLU  # a network's convolution in front of such blocks
    classifier: Maker = partial(LayerLego, "InnerProduct")
    width: int = 64
    bias_term: bool = True


def convs(*steps: Step, bias_term: bool = True, **parts: Any) -> Block:
    """A row whose main branch is a ConvBranch of these steps."""
    branch = partial(ConvBranch, steps=steps, bias_term=bias_term)
    return Block(branch, bias_term=bias_term, **parts)


NORMAL = (
    Step("_branch2a", (3, 3), strides=BOTH),
    Step("_branch2b", (3, 3), unit=ConvBN),
)
BOTTLENECK = (
    Step("_branch2a", (1, 1), narrow=4, strides=BOTH),
    Step("_branch2b", (3, 3), narrow=4),
    Step("_branch2c", (1, 1), unit=ConvBN),
)
# arXiv 1603.05027: batch norm and ReLU come first, so a branch ends with its convolution, and
# nothing follows the sum but at the end of the network.
PRE_ACTIVATION: dict[str, Any] = {
    "start": lambda name: BNReLU(name=f"{name}_preact"), "projection": Conv, "join": _sum,
    "end": BNReLU, "bias_term": False}

# As fb.resnet.torch and its descendants begin: msra of the outputs, Torch7's values for the
# classifier but for its bias, and statistics that move by a tenth.
MOVING = {"moving_average_fraction": 0.9}
OUTPUTS = {"weight_filler": {"type": "msra", "variance_norm": "FAN_OUT"}}
TORCH_CONV = partial(Conv, **OUTPUTS)
TORCH_BN, TORCH_BN_RELU = (partial(maker, bn=MOVING, **OUTPUTS) for maker in (ConvBN, ConvBNReLU))
TORCH: dict[str, Any] = {
    "stem": TORCH_BN_RELU, "classifier": partial(TorchLinear, zero_bias=True), "bias_term": False}

# Layers are called WIDTHbyHEIGHT, as in the released models: branch_3by1a is 1 high and 3 wide.
MAIN_BRANCHES: dict[str, Block] = {
    "normal": convs(*NORMAL),
    "bottleneck": convs(*BOTTLENECK, width=256),
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
        Step("_branch2c", (1, 1), unit=ConvBN),
        width=256,
    ),
    "1by1_normal": convs(
        Step("_branch2a", (1, 1), strides=BOTH),
        Step("_branch2b", (1, 1), unit=ConvBN),
    ),
    "inception": Block(InceptionBranch),
    "preact_normal": convs(NORMAL[0], NORMAL[1]._replace(unit=Conv), **PRE_ACTIVATION),
    "preact_bottleneck": convs(*BOTTLENECK[:2], BOTTLENECK[2]._replace(unit=Conv),
                               **PRE_ACTIVATION, width=256),
    "resnext_bottleneck": convs(  # arXiv 1611.05431, 32 groups of 4 in the first stage
        Step("_branch2a", (1, 1), narrow=2, unit=TORCH_BN_RELU),
        Step("_branch2b", (3, 3), narrow=2, strides=BOTH, group=32, unit=TORCH_BN_RELU),
        Step("_branch2c", (1, 1), unit=TORCH_BN),
        width=256, projection=TORCH_BN, **TORCH,
    ),
    "wide_normal": convs(  # arXiv 1605.07146: pre-activation, as it was trained in Torch
        NORMAL[0]._replace(unit=TORCH_BN_RELU), NORMAL[1]._replace(unit=TORCH_CONV),
        **{**PRE_ACTIVATION, **TORCH, "projection": TORCH_CONV, "end": partial(BNReLU, bn=MOVING),
           "start": lambda name: BNReLU(name=f"{name}_preact", bn=MOVING)},
    ),
    "se_normal": convs(*NORMAL, gate=SqueezeExcite, bias_term=False),
    "se_bottleneck": convs(*BOTTLENECK, gate=SqueezeExcite, width=256, bias_term=False),
}


def main_branch(name: str) -> Block:
    """The row of MAIN_BRANCHES with that name; BuildError with the list of names if none."""
    if name not in MAIN_BRANCHES:
        raise BuildError(f'unknown main branch "{name}"{one_of(name, MAIN_BRANCHES)}')
    return MAIN_BRANCHES[name]


@lego
class Shortcut(BaseLego):
    """A residual block: the sum of a shortcut and a main branch, in most kinds with ReLU.

    The shortcut is the bottom itself where the main branch keeps its shape, else a projection:
    a 1x1 convolution. ``num_output`` is the block's output width. ``activated`` says that batch
    norm and ReLU have been applied to the bottom: a block that starts with them does not.
    """

    name: str
    main_branch: str
    num_output: int
    stride: int = 1
    dropout_ratio: float = 0.0
    activated: bool = False

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        block, straight = main_branch(self.main_branch), single(bottom)
        start = _nothing if self.activated else block.start
        begun = single(start(name=self.name).attach(netspec, straight))
        branch = self._made(block.branch, self.name, **self._dropout())
        main = branch.attach(netspec, begun)
        main = single(block.gate(name=self.name).attach(netspec, main))
        if shape_of(straight) != shape_of(main):
            projection = self._made(block.projection, f"{self.name}_proj_shortcut", kernel_size=1,
                                    bias_term=block.bias_term)
            straight = projection.attach(netspec, begun)
        return block.join(name=self.name).attach(netspec, [straight, main])

    def _made(self, maker: Maker, name: str, **more: Any) -> BaseLego:
        return maker(name=name, num_output=self.num_output, stride=self.stride, **more)

    def _dropout(self) -> dict[str, float]:
        return {"dropout_ratio": self.dropout_ratio} if self.dropout_ratio else {}
