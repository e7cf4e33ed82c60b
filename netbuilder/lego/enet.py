"""ENet's blocks (arXiv 1606.02147), as in its authors' Torch7 code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netbuilder.errors import BuildError, one_of
from netbuilder.layer import show
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
from netbuilder.lego.torch7 import SpatialDropout, TorchConv, TorchNorm, neuron
from netbuilder.spec import NetSpec, Top


class Middle(NamedTuple):
    """A convolution in the middle of a bottleneck, that keeps the size; ``kernel`` is (h, w)."""

    kernel: tuple[int, int]
    dilation: int = 1


# Kind of bottleneck -> the convolutions in its middle, one right after the other. Layers are
# called WIDTHbyHEIGHT, as in the residual blocks.
ENET_BOTTLENECKS: dict[str, tuple[Middle, ...]] = {
    "regular": (Middle((3, 3)),),
    "dilated_2": (Middle((3, 3), 2),),
    "dilated_4": (Middle((3, 3), 4),),
    "dilated_8": (Middle((3, 3), 8),),
    "dilated_16": (Middle((3, 3), 16),),
    "asymmetric": (Middle((1, 5)), Middle((5, 1))),
}


@lego
class ENetBottleneck(BaseLego):
    """PReLU(shortcut + main branch); ``kind`` is one of ENET_BOTTLENECKS.

    The main branch narrows to a quarter of ``num_output``, and ends in a spatial dropout (none
    with ``dropout_ratio`` 0). The shortcut is the bottom, pooled where there is a ``stride``, with
    maps of zeros behind it where there are more outputs than channels.
    """

    name: str
    num_output: int
    kind: str = "regular"
    stride: int = 1
    dropout_ratio: float = 0.1
    dropout: str = "torch"

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        bottom = single(bottom)
        self._check(shape_of(bottom))
        main = Chain(links=self._main()).attach(netspec, bottom)
        straight = Chain(links=self._shortcut()).attach(netspec, bottom)
        total = LayerLego("Eltwise", name=f"eltwise_{self.name}")
        return neuron("PReLU", self.name).attach(netspec, total.attach(netspec, [straight, main]))

    def _check(self, shape: Sequence[int]) -> None:
        if self.kind not in ENET_BOTTLENECKS:
            raise BuildError(f'unknown bottleneck "{self.kind}"'
                             f"{one_of(self.kind, ENET_BOTTLENECKS)}")
        if self.num_output % 4:
            raise BuildError(f"{self.name}: a width of {self.num_output} does not divide by 4; "
                             f"give a multiple of 4")
        check_halves(self.name, shape, self.stride)

    def _main(self) -> list[BaseLego]:
        """1x1 (as large as the stride), the middle, 1x1: only the middle has a bias."""
        reduce = TorchConv(name=f"{self.name}_reduce", num_output=self.num_output // 4,
                           kernel_size=self.stride, stride=self.stride, bias_term=False)
        expand = TorchConv(name=f"{self.name}_expand", num_output=self.num_output, kernel_size=1,
                           bias_term=False)
        links: list[BaseLego] = [
            reduce, TorchNorm(name=reduce.name, neuron="PReLU"), *self._middle(),
            expand, TorchNorm(name=expand.name, neuron=None)]
        if self.dropout_ratio:
            links.append(SpatialDropout(name=self.name, ratio=self.dropout_ratio,
                                        kind=self.dropout))
        return links

    def _middle(self) -> list[BaseLego]:
        """The last of the middle's convolutions has the bias, and is normalised."""
        convs = [self._conv(middle) for middle in ENET_BOTTLENECKS[self.kind]]
        last = TorchConv(**{**vars(convs[-1]), "bias_term": True})
        return [*convs[:-1], last, TorchNorm(name=last.name, neuron="PReLU")]

    def _conv(self, middle: Middle) -> TorchConv:
        height, width = middle.kernel
        return TorchConv(
            name=f"{self.name}_{width}by{height}", num_output=self.num_output // 4,
            kernel_size=middle.kernel, dilation=middle.dilation, bias_term=False,
            pad=(height // 2 * middle.dilation, width // 2 * middle.dilation))

    def _shortcut(self) -> list[BaseLego]:
        pad: list[BaseLego] = [ZeroPad(name=self.name, num_output=self.num_output)]
        if self.stride == 1:
            return pad
        return [LayerLego("Pooling", name=f"pool_{self.name}", pool="MAX",
                          kernel_size=self.stride, stride=self.stride), *pad]


def check_halves(name: str, shape: Sequence[int], stride: int) -> None:
    """BuildError for a map that a stride does not divide: Torch's sizes of the two branches would
    differ."""
    if any(side % stride for side in shape[2:]):
        raise BuildError(f"{name}: a map of {show(shape[2:])} does not divide by its stride; give "
                         f"sides that are multiples of {stride}")


@lego
class ZeroPad(BaseLego):
    """The bottom and, behind its channels, zeros up to ``num_output``: ``pad_<name>``.

    No constant is stored, and any batch size fits: the zeros are the bottom times 0
    (``zeros_<name>``), as often as they fit. A rest is a slice of the bottom times 0.
    """

    name: str
    num_output: int

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        bottom = single(bottom)
        channels = shape_of(bottom)[1]
        times, rest = divmod(self.num_output - channels, channels)
        if times < 0:
            raise BuildError(f"{self.name}: {channels} channels cannot be padded to "
                             f"{self.num_output}; give at least {channels}")
        parts = self._rest(netspec, bottom, channels - rest) if rest else [bottom]
        if times:
            parts += [self._zeros("zeros", netspec, bottom)] * times
        if len(parts) == 1:
            return bottom
        return LayerLego("Concat", name=f"pad_{self.name}").attach(netspec, parts)

    def _rest(self, netspec: NetSpec, bottom: Top, point: int) -> list[Top]:
        """The bottom in two parts, and the second times 0; no part is left unread."""
        tops = (f"first_{self.name}", f"second_{self.name}")
        parts = LayerLego("Slice", name=f"slice_{self.name}", tops=tops, axis=1,
                          slice_point=[point]).attach(netspec, bottom)
        return [*parts, self._zeros("zeros_rest", netspec, parts[1])]

    def _zeros(self, kind: str, netspec: NetSpec, bottom: Top) -> Top:
        return LayerLego("Power", name=f"{kind}_{self.name}", scale=0).attach(netspec, bottom)


@lego
class ENetStem(BaseLego):
    """A 3x3 convolution in steps of 2, and behind its maps the pooled bottom; batch norm, PReLU."""

    name: str
    num_output: int

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        shape = shape_of(single(bottom))
        check_halves(self.name, shape, 2)
        if self.num_output <= shape[1]:
            raise BuildError(f"{self.name}: {shape[1]} of its outputs are the pooled bottom; give "
                             f"num_output more than {shape[1]}, not {self.num_output}")
        both = Parallel(name=self.name, branches=[
            TorchConv(name=self.name, num_output=self.num_output - shape[1], kernel_size=3,
                      stride=2, pad=1),
            LayerLego("Pooling", name=f"pool_{self.name}", pool="MAX", kernel_size=2, stride=2),
        ])
        return TorchNorm(name=self.name, neuron="PReLU").attach(
            netspec, both.attach(netspec, bottom))
