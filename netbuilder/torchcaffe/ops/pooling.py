"""Pooling over two spatial axes (pooling_layer.cpp)."""

from __future__ import annotations

from functools import cached_property

import torch
import torch.nn.functional as F

from netbuilder.errors import EngineError
from netbuilder.layer import Layer
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import Op, Tensors, register
from netbuilder.torchcaffe.rng import Rng

_Param = caffe_pb2.PoolingParameter


@register
class Pooling(Op):
    """Maximum or average in sliding windows.

    MAX: of equal values the first wins; a second top holds its position in the image. AVE divides
    by the window's part of the padded image, so windows reaching past the far pad divide by less.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        if layer.method == _Param.STOCHASTIC:
            raise EngineError(f'layer "{layer.name}" (Pooling): the embedded engine has no '
                              f"STOCHASTIC pooling yet; real Caffe has it on GPUs only")

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        pool = self._maximum if self.layer.method == _Param.MAX else self._average
        return pool(bottoms[0])[: self.layer.top_count]

    def fit(self, layer: Layer) -> None:
        super().fit(layer)
        self.__dict__.pop("_torch_mode", None)

    @cached_property
    def _torch_mode(self) -> bool | None:
        """torch's ``ceil_mode`` that gives Caffe's windows; None if neither does."""
        layer = self.layer
        if any(2 * p > k for p, k in zip(layer.pad, layer.kernel, strict=True)):
            return None  # torch refuses such pads
        for ceil in (False, True):
            if all(extent(*axis, ceil) == axis[-1] for axis in self._axes()):
                return ceil
        return None

    def _axes(self):
        layer = self.layer
        return zip(layer.bottom_shapes[0][2:], layer.kernel, layer.stride, layer.pad,
                   layer.top_shapes[0][2:], strict=True)

    def _maximum(self, x: torch.Tensor) -> Tensors:
        layer, pad, ceil = self.layer, self.layer.pad, self._torch_mode
        wide = x if ceil is not None else self._padded(x, torch.finfo(x.dtype).min)
        if ceil is None:
            pad = (0, 0)
        if layer.top_count == 1:
            return [F.max_pool2d(wide, layer.kernel, layer.stride, pad, 1, bool(ceil))]
        top, place = F.max_pool2d(wide, layer.kernel, layer.stride, pad, 1, bool(ceil), True)
        if ceil is None:
            rows, columns = place // wide.shape[3], place % wide.shape[3]
            place = (rows - layer.pad[0]) * x.shape[3] + columns - layer.pad[1]
        return [top, place.to(x.dtype)]

    def _average(self, x: torch.Tensor) -> Tensors:
        layer, ceil = self.layer, self._torch_mode
        if layer.global_pooling:
            return [x.mean((2, 3), keepdim=True)]
        if ceil is not None:
            return [F.avg_pool2d(x, layer.kernel, layer.stride, layer.pad, ceil)]
        sums = F.avg_pool2d(self._padded(x, 0.0), layer.kernel, layer.stride, divisor_override=1)
        return [sums / self._divisor(x)]

    def _padded(self, x: torch.Tensor, value: float) -> torch.Tensor:
        """The image with just the borders that Caffe's windows reach into."""
        borders = [(pad, (top - 1) * stride + kernel - size - pad)
                   for size, kernel, stride, pad, top in self._axes()]
        return F.pad(x, [n for border in borders[::-1] for n in border], value=value)

    def _divisor(self, x: torch.Tensor) -> torch.Tensor:
        heights, widths = (
            [min(i * stride - pad + kernel, size + pad) - (i * stride - pad) for i in range(top)]
            for size, kernel, stride, pad, top in self._axes()
        )
        return torch.outer(torch.tensor(heights), torch.tensor(widths)).to(x)


def extent(size: int, kernel: int, stride: int, pad: int, _: int, ceil: bool) -> int:
    """Output size of torch's pooling: in ``ceil_mode`` a window must start in image or pad."""
    span = size + 2 * pad - kernel
    out = (-(-span // stride) if ceil else span // stride) + 1
    return out - 1 if ceil and (out - 1) * stride >= size + pad else out
