"""InnerProduct, Scale, Bias, Embed: linear maps."""

from __future__ import annotations

from collections.abc import Container, Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F

from netbuilder.errors import DataError
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import EVERY, Op, Tensors, over_itself, register


@register
class InnerProduct(Op):
    """Each image, flattened from an axis on, times a matrix (inner_product_layer.cpp)."""

    keeps_top = False

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer = self.layer
        rows = bottoms[0].reshape(-1, layer.num_input)
        weight = params[0].t() if layer.transpose else params[0]
        bias = params[1] if layer.bias_term else None
        top = over_itself(lambda x: F.linear(x, weight, bias), rows) if self.in_place \
            else F.linear(rows, weight, bias)
        return [top.reshape(layer.top_shapes[0])]

    def fillers(self) -> Sequence[Any]:
        fields = self.layer.fields
        return [fields.weight_filler, fields.bias_filler][: len(self.layer.blobs)]


class _AlongAxes(Op):
    """What Scale and Bias share: an operand laid along some axes of the first bottom."""

    keeps_top = False

    def laid(self, operand: torch.Tensor) -> torch.Tensor:
        """The operand with axes of length 1 so that it broadcasts over the bottom."""
        layer = self.layer
        behind = len(layer.bottom_shapes[0]) - layer.first_axis - len(layer.operand_shape)
        return operand.reshape(layer.operand_shape + (1,) * behind)


@register
class Scale(_AlongAxes):
    """Times a blob along some axes, and plus a bias if asked (scale_layer.cpp)."""

    @property
    def rereads(self) -> Container[int]:
        """Both factors, but in place it keeps a copy of the first."""
        return (1,) if self.in_place else EVERY

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        factor = params[0] if self.layer.learned else bottoms[1]
        top = bottoms[0] * self.laid(factor)
        return [top + self.laid(params[-1]) if self.layer.bias_term else top]

    def spills(self, wanted: Sequence[bool], params: Sequence[bool]) -> bool:
        """The factor's gradient is kept in the first bottom's diff before it is summed."""
        summed = prod(self.layer.bottom_shapes[0]) != prod(self.layer.operand_shape)
        asked = params[0] if self.layer.learned else wanted[1]
        return asked and summed and not (wanted[0] or self.in_place)

    def spilled(self, bottoms: Tensors, grad: torch.Tensor) -> torch.Tensor:
        return grad * bottoms[0].detach()

    def sets_grad(self, index: int) -> bool:
        """Caffe adds the factor's gradient up only where it sums over the axes before it.

        So a batch of one image, or a factor for each value, does not accumulate (iter_size).
        """
        layer = self.layer
        outer, own = (prod(shape) for shape in (layer.bottom_shapes[0][: layer.first_axis],
                                                layer.operand_shape))
        whole = prod(layer.bottom_shapes[0]) == own
        return layer.learned and index == 0 and (whole or outer == 1 != own)

    def fillers(self) -> Sequence[Any]:
        fields = self.layer.fields
        one = caffe_pb2.FillerParameter(type="constant", value=1)
        scale = [fields.filler if fields.HasField("filler") else one] if self.layer.learned else []
        return scale + ([fields.bias_filler] if self.layer.bias_term else [])


@register
class Bias(_AlongAxes):
    """Plus a blob along some axes (bias_layer.cpp)."""

    rereads = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [bottoms[0] + self.laid(params[0] if self.layer.learned else bottoms[1])]

    def fillers(self) -> Sequence[Any]:
        return [self.layer.fields.filler] if self.layer.learned else []


@register
class Embed(Op):
    """A row of a matrix for each whole number, plus a bias (embed_layer.cpp)."""

    refuses_backward = (0,)
    keeps_top = False
    replays = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        index = bottoms[0].detach().long()
        if index.device.type == "cpu":  # on a GPU the check would wait; torch asserts there
            self._check(index)
        top = F.embedding(index, params[0])
        return [top + params[1] if self.layer.bias_term else top]

    def _check(self, index: torch.Tensor) -> None:
        layer = self.layer
        wrong = index[(index < 0) | (index >= layer.input_dim)]
        if wrong.numel():
            raise DataError(f'layer "{layer.name}" (Embed): there is no row {int(wrong[0])}; '
                            f"input_dim is {layer.input_dim}")

    def fillers(self) -> Sequence[Any]:
        fields = self.layer.fields
        return [fields.weight_filler, fields.bias_filler][: len(self.layer.blobs)]
