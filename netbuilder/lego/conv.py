"""Convolutions with what usually follows them: batch norm, scale, ReLU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netbuilder.lego.base import BaseLego, Bottom, LayerLego, lego
from netbuilder.spec import NetSpec, Top

Pair = int | tuple[int, int]  # one number for both axes, or (h, w)


@lego
class Conv(BaseLego):
    """A convolution ``conv_<name>``.

    Sizes are one number or (h, w). What is None is left to LayerLego's defaults: msra filler,
    and a bias that learns twice as fast and does not decay.
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
        return LayerLego("Convolution", name=f"conv_{self.name}", **params).attach(netspec, bottom)


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
        return _relu(self.name).attach(netspec, super().attach(netspec, bottom))


@lego
class ConvBN(Conv):
    """Convolution, batch norm, scale: ``conv_<name>``, ``bn_<name>``, ``scale_<name>``.

    ``bn`` and ``scale`` are further fields of those two layers: ``bn={"eps": 1e-3}``.
    """

    bn: Mapping[str, Any] | None = None
    scale: Mapping[str, Any] | None = None

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        top = super().attach(netspec, bottom)
        bn = LayerLego("BatchNorm", name=f"bn_{self.name}", **(self.bn or {}))
        scale = LayerLego("Scale", name=f"scale_{self.name}", **(self.scale or {}))
        return scale.attach(netspec, bn.attach(netspec, top))


@lego
class ConvBNReLU(ConvBN):
    """ConvBN, and a ReLU ``relu_<name>``."""

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        return _relu(self.name).attach(netspec, super().attach(netspec, bottom))


@lego
class EltwiseReLU(BaseLego):
    """The sum of its bottoms, and ReLU: ``eltwise_<name>``, ``relu_<name>``."""

    name: str

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        total = LayerLego("Eltwise", name=f"eltwise_{self.name}").attach(netspec, bottom)
        return _relu(self.name).attach(netspec, total)


def _relu(name: str) -> LayerLego:
    return LayerLego("ReLU", name=f"relu_{name}")
