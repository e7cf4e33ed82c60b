"""Convolutions with what usually follows them: batch norm, scale, ReLU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from netbuilder.lego.base import BaseLego, Bottom, LayerLego, lego
from netbuilder.spec import NetSpec, Top

Pair = int | tuple[int, int]  # one number for both axes, or (h, w)
# How the layers of a lego are called: from their kind (conv, bn, relu ...) and the lego's name.
Naming = Callable[[str, str], str]


def underscored(kind: str, name: str) -> str:
    """``conv_1``, ``relu_1``: the house's names."""
    return f"{kind}_{name}"


def joined(kind: str, name: str) -> str:
    """``conv1_1``, ``relu1_1``, as in the released AlexNet and VGG nets."""
    return f"{kind}{name}"


def slashed(kind: str, name: str) -> str:
    """``fire2/squeeze1x1``, ``fire2/relu_squeeze1x1``, as in the released SqueezeNet and GoogLeNet.

    What has weights bears the lego's name alone.
    """
    module, _, part = name.rpartition("/")
    return name if kind in {"conv", "fc"} else f"{module}/{kind}_{part}"


@lego
class Conv(BaseLego):
    """A convolution ``conv_<name>``.

    Sizes are one number or (h, w). What is None is left to LayerLego's defaults: msra filler,
    and a bias that learns twice as fast and does not decay. ``naming`` makes other names.
    """

    name: str
    num_output: int
    kernel_size: Pair
    stride: Pair = 1
    pad: Pair = 0
    dilation: Pair = 1
    group: int = 1
    bias_term: bool = True
    weight_filler: Mapping[str, Any] | None = None
    bias_filler: Mapping[str, Any] | None = None
    param: list[Mapping[str, Any]] | None = None
    naming: Naming = underscored

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        params = {"num_output": self.num_output, **window(self.kernel_size, self.stride, self.pad)}
        if self.dilation != 1:
            params["dilation"] = self.dilation
        if self.group != 1:
            params["group"] = self.group
        if not self.bias_term:
            params["bias_term"] = False
        for key in ("weight_filler", "bias_filler", "param"):
            if getattr(self, key) is not None:
                params[key] = getattr(self, key)
        name = self.naming("conv", self.name)
        return LayerLego("Convolution", name=name, **params).attach(netspec, bottom)


def window(kernel_size: Pair, stride: Pair = 1, pad: Pair = 0) -> dict[str, int]:
    """The fields of a window, in Caffe's names; what is Caffe's default is left out."""
    params = _size("kernel_size", "kernel", kernel_size)
    if stride not in (1, (1, 1)):
        params.update(_size("stride", "stride", stride))
    if pad not in (0, (0, 0)):
        params.update(_size("pad", "pad", pad))
    return params


def _size(both: str, stem: str, value: Pair) -> dict[str, int]:
    height, width = value if isinstance(value, tuple) else (value, value)
    return {both: height} if height == width else {f"{stem}_h": height, f"{stem}_w": width}


@lego
class ConvReLU(Conv):
    """Convolution and ReLU: ``conv_<name>``, ``relu_<name>``."""

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        return relu(self.name, self.naming).attach(netspec, super().attach(netspec, bottom))


@lego
class ConvBN(Conv):
    """Convolution, batch norm, scale: ``conv_<name>``, ``bn_<name>``, ``scale_<name>``.

    ``bn`` and ``scale`` are further fields of those two layers: ``bn={"eps": 1e-3}``.
    """

    bn: Mapping[str, Any] | None = None
    scale: Mapping[str, Any] | None = None

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        top = super().attach(netspec, bottom)
        bn = LayerLego("BatchNorm", name=self.naming("bn", self.name), **(self.bn or {}))
        scale = LayerLego("Scale", name=self.naming("scale", self.name), **(self.scale or {}))
        return scale.attach(netspec, bn.attach(netspec, top))


@lego
class ConvBNReLU(ConvBN):
    """ConvBN, and a ReLU ``relu_<name>``."""

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        return relu(self.name, self.naming).attach(netspec, super().attach(netspec, bottom))


@lego
class BNReLU(BaseLego):
    """Batch norm, scale and ReLU that leave their bottom as it is.

    ``bn_<name>``, ``scale_<name>``, ``relu_<name>``; ``bn`` are further fields of the first.
    """

    name: str
    bn: Mapping[str, Any] | None = None

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        bn = LayerLego("BatchNorm", name=f"bn_{self.name}", in_place=False, **(self.bn or {}))
        scale = LayerLego("Scale", name=f"scale_{self.name}")
        return relu(self.name).attach(netspec, scale.attach(netspec, bn.attach(netspec, bottom)))


@lego
class EltwiseReLU(BaseLego):
    """The sum of its bottoms, and ReLU: ``eltwise_<name>``, ``relu_<name>``."""

    name: str

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        total = LayerLego("Eltwise", name=f"eltwise_{self.name}").attach(netspec, bottom)
        return relu(self.name).attach(netspec, total)


def relu(name: str, naming: Naming = underscored) -> LayerLego:
    """The ReLU in place that goes with a lego of that name."""
    return LayerLego("ReLU", name=naming("relu", name))
