"""Convolution and Deconvolution (conv_layer.cpp, deconv_layer.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from netbuilder.torchcaffe.ops.base import Op, Tensors, register

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


class _Window(Op):
    """What both share: several bottoms, a channel axis that is free, any number of axes."""

    def forward(self, bottoms: Tensors, params: Tensors) -> Sequence[torch.Tensor]:
        weight, bias = params[0], params[1] if self.layer.bias_term else None
        if not self.layer.kernel:  # no spatial axis: one of length 1 says the same
            weight = weight.unsqueeze(-1)
        return [self._one(bottom, weight, bias).reshape(shape)
                for bottom, shape in zip(bottoms, self.layer.top_shapes, strict=True)]

    def _one(self, bottom: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
             ) -> torch.Tensor:
        layer = self.layer
        if layer.channel_axis != 1 or not layer.kernel:
            bottom = bottom.reshape(-1, layer.channels, *(layer.spatial or (1,)))
        if not layer.kernel:
            return self.compute(bottom, weight, bias, (1,), (0,), (1,))
        return self.compute(bottom, weight, bias, layer.stride, layer.pad, layer.dilation)

    def compute(self, bottom: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None,
                stride: Sequence[int], pad: Sequence[int], dilation: Sequence[int]
                ) -> torch.Tensor:
        raise NotImplementedError

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

    def compute(self, bottom, weight, bias, stride, pad, dilation):
        # Caffe lets the kernel reach past the padded image by up to stride - 1, into zeros.
        missing = [max(0, d * (k - 1) + 1 - size - 2 * p) for size, k, p, d in
                   zip(bottom.shape[2:], weight.shape[2:], pad, dilation, strict=True)]
        if any(missing):
            bottom = F.pad(bottom, [n for right in missing[::-1] for n in (0, right)])
        return self.function(_CONV)(bottom, weight, bias, stride, pad, dilation, self.layer.group)


@register
class Deconvolution(_Window):
    """The gradient of a convolution, used forward."""

    def compute(self, bottom, weight, bias, stride, pad, dilation):
        return self.function(_TRANSPOSED)(bottom, weight, bias, stride, pad,
                                          groups=self.layer.group, dilation=dilation)
