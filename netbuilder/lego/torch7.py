"""Layers that start, learn and compute as Torch7's, from those that every Caffe has.

Torch7 draws first weights and biases uniformly within 1 / sqrt(fan-in), a batch norm's factors
between 0 and 1; biases and factors learn and decay as the weights do.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from netbuilder.errors import BuildError, one_of
from netbuilder.layer import show
from netbuilder.lego.base import BaseLego, Bottom, Chain, LayerLego, lego, shape_of, single
from netbuilder.lego.conv import Conv
from netbuilder.spec import NetSpec, Top


def _first_values(fan_in: int) -> dict[str, Any]:
    """The fillers of weight and bias, and no rates: all learn at 1 and decay by 1."""
    bound = fan_in**-0.5
    filler = {"type": "uniform", "min": -bound, "max": bound}
    return {"weight_filler": filler, "bias_filler": filler, "param": []}


@lego
class TorchConv(Conv):
    """A Conv with Torch7's first values and rates."""

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        channels = shape_of(single(bottom))[1] // self.group
        size = self.kernel_size
        area = prod(size) if isinstance(size, tuple) else size * size
        own = {**vars(self), **_first_values(channels * area)}
        if not self.bias_term:
            own["bias_filler"] = None
        return Conv(**own).attach(netspec, bottom)


@lego
class TorchLinear(BaseLego):
    """An InnerProduct ``name`` with Torch7's first values and rates.

    With ``zero_bias`` biases begin at 0, as fb.resnet.torch has it.
    """

    name: str
    num_output: int
    zero_bias: bool = False

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        own = _first_values(prod(shape_of(single(bottom))[1:]))
        if self.zero_bias:
            own["bias_filler"] = {"type": "constant", "value": 0}
        full = LayerLego("InnerProduct", name=self.name, num_output=self.num_output, **own)
        return full.attach(netspec, bottom)


@lego
class TorchNorm(BaseLego):
    """Batch norm as trained in Torch7, and a neuron: ``bn_<name>``, ``scale_<name>``,
    ``<neuron>_<name>``. ``neuron`` is a layer type such as ReLU or PReLU, or None."""

    name: str
    neuron: str | None = "ReLU"

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        links = [
            LayerLego("BatchNorm", name=f"bn_{self.name}", eps=1e-3, moving_average_fraction=0.9),
            LayerLego("Scale", name=f"scale_{self.name}",
                      filler={"type": "uniform", "min": 0, "max": 1}),
        ]
        if self.neuron:
            links.append(neuron(self.neuron, self.name))
        return single(Chain(links=links).attach(netspec, bottom))


def neuron(type_name: str, name: str) -> LayerLego:
    """A neuron in place, called as its type: ``prelu_<name>``."""
    return LayerLego(type_name, name=f"{type_name.lower()}_{name}", in_place=True)


@lego
class TorchMaxPool(BaseLego):
    """Maximum pooling whose size is rounded down, as Torch rounds; Caffe rounds up.

    Where the two differ, a maximum over ``kernel_size - pad`` places in steps of 1
    (``<name>_stride1``) and one over ``pad + 1`` of these see the same windows, and Caffe itself
    drops the one too many. Without pad it would not: BuildError.
    """

    name: str
    kernel_size: int
    stride: int
    pad: int = 0

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        sides = shape_of(single(bottom))[2:]
        rest = self.kernel_size - 2 * self.pad
        if all((side - rest) % self.stride == 0 for side in sides):
            return self._pool(self.name, self.kernel_size, self.stride, self.pad).attach(
                netspec, bottom)
        if not self.pad or min(sides) < self.kernel_size - self.pad:
            raise BuildError(f"{self.name}: a map of {show(sides)} cannot be pooled with its size "
                             f"rounded down; sides of {rest} + a multiple of {self.stride} can")
        two = Chain(links=[
            self._pool(f"{self.name}_stride1", self.kernel_size - self.pad, 1, 0),
            self._pool(self.name, self.pad + 1, self.stride, self.pad),
        ])
        return single(two.attach(netspec, bottom))

    def _pool(self, name: str, kernel_size: int, stride: int, pad: int) -> LayerLego:
        padding = {"pad": pad} if pad else {}
        return LayerLego("Pooling", name=name, pool="MAX", kernel_size=kernel_size, stride=stride,
                         **padding)


# Kind -> what a map is multiplied by in TEST, if dropped with this probability in TRAIN. Torch7's
# spatial dropout keeps maps as they are in TRAIN; the inverted one is neutral in TEST.
SPATIAL_DROPOUTS: dict[str, Callable[[float], float]] = {
    "torch": lambda ratio: 1 - ratio,
    "inverted": lambda ratio: 1.0,
}


@lego
class SpatialDropout(BaseLego):
    """In TRAIN, drops whole maps by chance, each image's for itself; of any batch size.

    One number for each map, made out of the maps and so of their batch (``maps_<name>``,
    ``flat_<name>``, ``keep_<name>``), goes through a Dropout ``drop_<name>``; ``spatial_<name>``
    multiplies the maps by it. ``kind`` is one of SPATIAL_DROPOUTS.
    """

    name: str
    ratio: float
    kind: str = "torch"

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        maps = single(bottom)
        if self.kind not in SPATIAL_DROPOUTS:
            raise BuildError(f'unknown dropout "{self.kind}"{one_of(self.kind, SPATIAL_DROPOUTS)}')
        keep = SPATIAL_DROPOUTS[self.kind](self.ratio)
        mask = Chain(links=[
            LayerLego("Pooling", name=f"maps_{self.name}", pool="AVE", global_pooling=True),
            LayerLego("Flatten", name=f"flat_{self.name}"),
            LayerLego("Power", name=f"keep_{self.name}", scale=0, shift=keep),
            LayerLego("Dropout", name=f"drop_{self.name}", dropout_ratio=self.ratio),
        ]).attach(netspec, maps)
        product = LayerLego("Scale", name=f"spatial_{self.name}", axis=0, bias_term=False,
                            in_place=False, propagate_down=[True, False])
        return product.attach(netspec, [maps, mask])
