"""Convolution, Deconvolution and Im2col (conv_layer.cpp, deconv_layer.cpp, im2col_layer.cpp)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from netbuilder.layer import Layer
from netbuilder.torchcaffe.ops.base import Op, Tensors, over_itself, register
from netbuilder.torchcaffe.rng import Rng

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def _missing(layer: Layer, spatial: Sequence[int]) -> list[int]:
    """How far the kernel reaches past the padded image: by up to stride - 1, into zeros."""
    return [max(0, dilation * (kernel - 1) + 1 - size - 2 * pad) for
            size, kernel, pad, dilation in zip(spatial, layer.kernel, layer.pad, layer.dilation,
                                               strict=True)]


class _Window(Op):
    """What both share: several bottoms, a channel axis that is free, any number of axes."""

    keeps_top = False

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        if 0 in (*layer.stride, *layer.dilation):
            layer.fail("the embedded engine has no stride and no dilation of 0")

    def forward(self, bottoms: Tensors, params: Tensors) -> Sequence[torch.Tensor]:
        weight = params[0] if self.layer.kernel else params[0].unsqueeze(-1)
        compute = partial(self.compute, params=(weight, *params[1:]))
        if self.in_place and self._no_column:
            compute = partial(over_itself, compute)
        return [compute(self._flat(bottom)).reshape(shape)
                for bottom, shape in zip(bottoms, self.layer.top_shapes, strict=True)]

    @property
    def _no_column(self) -> bool:
        """True where Caffe multiplies the image itself (is_1x1_)."""
        layer = self.layer
        return set(layer.kernel) | set(layer.stride) <= {1} and not any(layer.pad)

    def _flat(self, bottom: torch.Tensor) -> torch.Tensor:
        """The bottom with one axis before the channels and at least one behind."""
        layer = self.layer
        if layer.channel_axis == 1 and layer.kernel:
            return bottom
        return bottom.reshape(-1, layer.channels, *(layer.spatial or (1,)))

    def compute(self, bottom: torch.Tensor, params: Tensors) -> torch.Tensor:
        """The top of one bottom from the filters and, where there is one, the bias."""
        raise NotImplementedError

    @property
    def windows(self) -> dict[str, Sequence[int]]:
        """Stride, padding and dilation; where there is no spatial axis, of one of length 1."""
        layer = self.layer
        return {"stride": layer.stride or (1,), "padding": layer.pad or (0,),
                "dilation": layer.dilation or (1,)}

    def function(self, table: dict[int, Any]) -> Any:
        """The torch function for this number of spatial axes."""
        axes = max(len(self.layer.kernel), 1)
        if axes not in table:
            self.layer.fail(f"the embedded engine convolves over up to 3 spatial axes, not {axes}")
        return table[axes]

    def fillers(self) -> Sequence[Any]:
        fields = self.layer.fields
        return [fields.weight_filler, fields.bias_filler][: len(self.layer.blobs)]


@register
class Convolution(_Window):
    """Cross-correlation, grouped, dilated, over one to three spatial axes."""

    def compute(self, bottom: torch.Tensor, params: Tensors) -> torch.Tensor:
        layer, windows = self.layer, self.windows
        behind = _missing(layer, layer.spatial)
        before = [0] * len(behind)
        if _crashes_onednn(layer):
            before, windows["padding"] = list(layer.pad), [0] * len(layer.pad)
            behind = [pad + more for pad, more in zip(layer.pad, behind, strict=True)]
        if any(behind):
            borders = zip(before[::-1], behind[::-1], strict=True)
            bottom = F.pad(bottom, [n for border in borders for n in border])
        convolve = partial(self.function(_CONV), groups=layer.group, **windows)
        if self._no_column and _pixels_lie_in_a_row(bottom):
            return _as_a_row(bottom, lambda row: convolve(row, *params))
        return convolve(bottom, *params)


def _crashes_onednn(layer: Layer) -> bool:
    """True for windows that it pads itself with channels last, and then reads past the image."""
    return any(pad and stride > 1 and dilation > 1 for pad, stride, dilation in
               zip(layer.pad, layer.stride, layer.dilation, strict=True))


def _pixels_lie_in_a_row(bottom: torch.Tensor) -> bool:
    return (bottom.dim() == 4 and bottom.device.type == "cpu" and bottom.numel() > 0
            and bottom.is_contiguous(memory_format=torch.channels_last))


def _as_a_row(bottom: torch.Tensor, convolve: Callable[[torch.Tensor], torch.Tensor]
              ) -> torch.Tensor:
    """A 1x1 convolution of all images as of one that is a single row high, the same memory.

    oneDNN splits this work better than that of many small images, the filters' gradient above all.
    """
    images, channels, height, width = bottom.shape
    row = bottom.permute(0, 2, 3, 1).view(1, 1, -1, channels).permute(0, 3, 1, 2)
    top = convolve(row).permute(0, 2, 3, 1)
    return top.reshape(images, height, width, -1).permute(0, 3, 1, 2)


@register
class Deconvolution(_Window):
    """The gradient of a convolution, used forward."""

    def compute(self, bottom: torch.Tensor, params: Tensors) -> torch.Tensor:
        return self.function(_TRANSPOSED)(bottom, *params, groups=self.layer.group, **self.windows)


@register
class Im2col(Op):
    """Each window's values as a column; a value of several windows gets all their gradients."""

    always_backward = True
    rereads = ()
    clashes = True  # col2im clears what it adds to

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        return [torch.zeros_like(bottoms[0])]

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer, first = self.layer, self.layer.channel_axis + 1
        missing = _missing(layer, layer.bottom_shapes[0][first:])
        borders = [(pad, pad + behind) for pad, behind in zip(layer.pad, missing, strict=True)]
        x = F.pad(bottoms[0], [n for border in borders[::-1] for n in border])
        for axis, (kernel, stride, dilation) in enumerate(
                zip(layer.kernel, layer.stride, layer.dilation, strict=True), first):
            taps = torch.arange(kernel, device=x.device) * dilation
            x = x.unfold(axis, dilation * (kernel - 1) + 1, stride).index_select(-1, taps)
        axes = len(layer.kernel)  # x: lead, channels, outputs, taps
        places = range(first, first + axes)
        order = [*range(first), *(place + axes for place in places), *places]
        return [x.permute(order).reshape(layer.top_shapes[0])]
