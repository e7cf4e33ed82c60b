"""Pooling over two spatial axes, SPP (pooling_layer.cpp, pooling_layer.cu, spp_layer.cpp)."""

from __future__ import annotations

from functools import cached_property

import torch
import torch.nn.functional as F

from netbuilder.layer import Layer, layer_class
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import Op, Tensors, register
from netbuilder.torchcaffe.rng import Rng

_Param = caffe_pb2.PoolingParameter


@register
class Pooling(Op):
    """Maximum, average or a value drawn by its size, in sliding windows.

    MAX: of equal values the first wins; a second top holds its position in the image. AVE divides
    by the window's part of the padded image, so windows reaching past the far pad divide by less.
    STOCHASTIC: in TRAIN a value is drawn with a chance that is its share of the window's sum, in
    TEST all count with that chance; values must not be negative.
    """

    rereads = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        if self.in_place:
            return self._cleared(bottoms[0])
        pool = {_Param.MAX: self._maximum, _Param.AVE: self._average,
                _Param.STOCHASTIC: self._stochastic}[self.layer.method]
        return pool(bottoms[0])[: self.layer.top_count]

    def _cleared(self, x: torch.Tensor) -> Tensors:
        """What is left where Caffe clears top and diff before it reads them as its bottom's."""
        start = torch.finfo(torch.float32).min if self.layer.method == _Param.MAX else 0.0
        return [torch.full_like(x, start), torch.full_like(x, -1.0)][: self.layer.top_count]

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
        return [top, place.float()]

    def _average(self, x: torch.Tensor) -> Tensors:
        layer, ceil = self.layer, self._torch_mode
        if layer.global_pooling:
            return [x.mean((2, 3), keepdim=True)]
        if ceil is not None:
            return [F.avg_pool2d(x, layer.kernel, layer.stride, layer.pad, ceil)]
        sums = F.avg_pool2d(self._padded(x, 0.0), layer.kernel, layer.stride, divisor_override=1)
        return [sums / self._divisor(x)]

    def _stochastic(self, x: torch.Tensor) -> Tensors:
        (height, width), (down, right) = self.layer.kernel, self.layer.stride
        windows = self._padded(x, 0.0).unfold(2, height, down).unfold(3, width, right).flatten(4)
        if self.training:
            return [windows.gather(-1, self._drawn(windows.detach())).squeeze(-1)]
        total = windows.sum(-1)
        share = windows.square().sum(-1) / torch.where(total > 0, total, 1)
        return [torch.where(total > 0, share, 0)]

    def _drawn(self, windows: torch.Tensor) -> torch.Tensor:
        """For each window the first value at which the sum reaches a drawn share of it."""
        sums = windows.cumsum(-1)
        share = 1 - torch.rand(sums.shape[:-1], generator=self.rng.on(sums.device),
                               device=sums.device)  # never 0: a value of 0 is not drawn
        reached = sums >= (share * sums[..., -1]).unsqueeze(-1)
        return reached.to(torch.uint8).argmax(-1, keepdim=True)

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


@register
class SPP(Op):
    """Poolings into 1, 4, 16 ... bins, laid in a row (spp_layer.cpp)."""

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self.fit(layer)

    def fit(self, layer: Layer) -> None:
        super().fit(layer)
        self._levels = [self._pooling(level) for level in range(layer.pyramid_height)]

    def _pooling(self, level: int) -> Pooling:
        layer = self.layer
        kernel, pad, _ = layer.level(level)
        fields = _Param(pool=layer.method, kernel_h=kernel[0], kernel_w=kernel[1],
                        stride_h=kernel[0], stride_w=kernel[1], pad_h=pad[0], pad_w=pad[1])
        message = caffe_pb2.LayerParameter(name=layer.name, type="Pooling", top=["level"],
                                           pooling_param=fields)
        return Pooling(layer_class("Pooling")(message, layer.bottom_shapes, layer.phase), self.rng)

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        tops = [pooling.forward(bottoms, ())[0] for pooling in self._levels]
        return [torch.cat([top.flatten(1) for top in tops], 1).reshape(self.layer.top_shapes[0])]
