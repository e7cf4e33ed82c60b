"""Concat, Slice, Split, Flatten, Reshape, Crop, Tile ...: values moved, none computed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netbuilder.errors import DataError
from netbuilder.layer import Shape
from netbuilder.torchcaffe.ops.base import Op, Tensors, register


@register
class Concat(Op):
    """Joins bottoms along one axis."""

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [torch.cat(list(bottoms), self.layer.along)]


@register
class Slice(Op):
    """Cuts a bottom along one axis."""

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return torch.split(bottoms[0], list(self.layer.sizes), self.layer.along)


@register
class Split(Op):
    """The bottom, several times; its gradient is the sum of theirs."""

    shares_data = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [bottoms[0]] * self.layer.top_count


class _Reshaped(Op):
    shares_data = shares_diff = True
    always_backward = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [bottoms[0].reshape(self.layer.top_shapes[0])]


@register
class Flatten(_Reshaped):
    """Makes one axis of several."""


@register
class Reshape(_Reshaped):
    """The same values under another shape."""


@register
class Silence(Op):
    """Takes blobs that nothing else wants; their gradient is zero."""

    reads = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return []


@register
class Crop(Op):
    """The first bottom cut to the second's size; only the first gets a gradient."""

    reads = (0,)

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer, top = self.layer, bottoms[0]
        for axis, offset in enumerate(layer.offset, layer.first_axis):
            top = top.narrow(axis, offset, layer.top_shapes[0][axis])
        return [top]


@register
class Tile(Op):
    """The bottom several times along an axis; its gradient is the sum of theirs."""

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [torch.cat([bottoms[0]] * self.layer.tiles, self.layer.along)]


@register
class BatchReindex(Op):
    """Images picked by index; one picked twice gets both gradients (batch_reindex_layer.cpp)."""

    refuses_backward = (1,)
    reads = (1,)
    writes_empty = False

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        x, index = bottoms[0], bottoms[1].detach()
        if index.device.type == "cpu":  # on a GPU the check would wait; torch asserts there
            wrong = index[(index < 0) | (index >= x.shape[0])]
            if wrong.numel():
                raise DataError(f'layer "{self.layer.name}" (BatchReindex): there is no image '
                                f"{wrong[0]:g}; the batch has {x.shape[0]}")
        return [x.index_select(0, index.long())]


@register
class Filter(Op):
    """The images whose selector is not zero: how many there are differs from pass to pass."""

    refuses_backward = (-1,)
    needs_values = True
    shaped_by_values = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        chosen = self._chosen(bottoms)
        return [bottom.index_select(0, chosen) for bottom in bottoms[:-1]]

    def shapes(self, bottoms: Tensors) -> Sequence[Shape]:
        number = len(self._chosen(bottoms))
        return [(number, *bottom.shape[1:]) for bottom in bottoms[:-1]]

    @staticmethod
    def _chosen(bottoms: Tensors) -> torch.Tensor:
        return bottoms[-1].detach().flatten().nonzero().flatten()
