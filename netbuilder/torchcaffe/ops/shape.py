"""Concat, Slice, Split, Flatten, Reshape, Silence: values moved, none computed."""

from __future__ import annotations

import torch

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

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [bottoms[0]] * self.layer.top_count


class _Reshaped(Op):
    always_backward = True  # bottom and top share their diff in Caffe

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

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return []
