"""Ends of a classifier: pooling over the whole map, and the layers that give one value a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netbuilder.lego.base import BaseLego, Bottom, Chain, LayerLego, lego, shape_of, single
from netbuilder.lego.conv import ConvBNReLU, Naming, relu, underscored, window
from netbuilder.spec import NetSpec, Top


@lego
class EndPool(BaseLego):
    """The average over the whole map, as a pooling whose kernel is the size of its bottom."""

    name: str = "pool"

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        size = shape_of(single(bottom))[2:]
        pool = LayerLego("Pooling", name=self.name, pool="AVE", **window(size))
        return pool.attach(netspec, bottom)


@lego
class FCReLU(BaseLego):
    """An InnerProduct with ReLU and, in training, dropout: ``fc_<name>``, ``relu_``, ``drop_``."""

    name: str
    num_output: int
    dropout_ratio: float = 0.5
    weight_filler: Mapping[str, Any] | None = None
    bias_filler: Mapping[str, Any] | None = None
    naming: Naming = underscored

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        fillers = {key: getattr(self, key) for key in ("weight_filler", "bias_filler")
                   if getattr(self, key) is not None}
        return Chain(links=[
            LayerLego("InnerProduct", name=self.naming("fc", self.name),
                      num_output=self.num_output, **fillers),
            relu(self.name, self.naming),
            LayerLego("Dropout", name=self.naming("drop", self.name),
                      dropout_ratio=self.dropout_ratio),
        ]).attach(netspec, bottom)


@lego
class FCStage(BaseLego):
    """Convolutions in place of one InnerProduct: 1x1 wide, end pool, 1x1 wider, dropout, classes.

    Each of the three has batch norm, scale and ReLU, the classifier ``1by1_<num_classes>`` too.
    """

    num_classes: int
    widths: tuple[int, int] = (2048, 4096)
    dropout_ratio: float = 0.2

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        first, second = self.widths
        dropout = LayerLego("Dropout", name=f"drop_1by1_{second}", dropout_ratio=self.dropout_ratio)
        stage = Chain(links=[_1by1(first), EndPool(), _1by1(second), dropout,
                             _1by1(self.num_classes)])
        return stage.attach(netspec, bottom)


def _1by1(num_output: int) -> BaseLego:
    return ConvBNReLU(name=f"1by1_{num_output}", num_output=num_output, kernel_size=1)
