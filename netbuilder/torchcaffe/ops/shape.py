"""Concat, Slice, Split, Flatten, Reshape, Crop, Tile ...: values moved, none computed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netbuilder.errors import DataError
from netbuilder.layer import Shape
from netbuilder.torchcaffe.ops.base import Op, Tensors, register


@property
def _moves_nothing(self: Op) -> bool:
    return self.layer.shares_data


@register
class Concat(Op):
    """Joins bottoms along one axis; one alone stays where it is."""

    rereads = ()
    shares_data = shares_diff = always_backward = _moves_nothing

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [torch.cat(list(bottoms), self.layer.along)]


@register
class Slice(Op):
    """Cuts a bottom along one axis; into one piece it stays where it is."""

    rereads = ()
    shares_data = shares_diff = always_backward = _moves_nothing

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return torch.split(bottoms[0], list(self.layer.sizes), self.layer.along)


@register
class Split(Op):
    """The bottom, several times; its gradient is the sum of theirs."""

    shares_data = True
    rereads = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [bottoms[0]] * self.layer.top_count


class _Reshaped(Op):
    shares_data = True
    always_backward = True
    rereads = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [bottoms[0].reshape(self.layer.top_shapes[0])]


@register
class Flatten(_Reshaped):
    """Makes one axis of several. Caffe joins the diffs in backward only (flatten_layer.cpp)."""

    gives_diff = True


@register
class Reshape(_Reshaped):
    """The same values under another shape."""

    shares_diff = True


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
    rereads = ()
    clashes = True

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        return [torch.zeros_like(x) for x in bottoms]  # in place the diff is cleared first

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer, top = self.layer, bottoms[0]
        for axis, offset in enumerate(layer.offset, layer.first_axis):
            top = top.narrow(axis, offset, layer.top_shapes[0][axis])
        return [top]


@register
class Tile(Op):
    """The bottom several times along an axis; its gradient is the sum of theirs."""

    rereads = ()

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [torch.cat([bottoms[0]] * self.layer.tiles, self.layer.along)]


@register
class BatchReindex(Op):
    """Images picked by index; one picked twice gets both gradients (batch_reindex_layer.cpp)."""

    refuses_backward = (1,)
    reads = (1,)
    writes_empty = False
    rereads = (1,)
    clashes = True

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        diff, index = torch.zeros_like(bottoms[0]), bottoms[1].detach().flatten().long()
        if not self.in_place:  # there it is cleared before it is read
            diff.index_add_(0, index, grads[0])
        return diff, torch.zeros_like(bottoms[1])

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        x, index = bottoms[0], bottoms[1].detach().flatten()
        if not x.dim():
            self.layer.fail("its first bottom is a scalar: it has no axis 0 to take images from")
        if index.device.type == "cpu":  # on a GPU the check would wait; torch asserts there
            wrong = index[(index < 0) | (index >= x.shape[0])]
            if wrong.numel():
                raise DataError(f'layer "{self.layer.name}" (BatchReindex): there is no image '
                                f"{wrong[0]:g}; the batch has {x.shape[0]}")
        if self.in_place:
            index = self._in_turn(index)
        return [x.index_select(0, index.long())]

    @staticmethod
    def _in_turn(index: torch.Tensor) -> torch.Tensor:
        """Where each image comes from, if each is written over the last before the next is read."""
        found = list(range(len(index)))
        for place, source in enumerate(index.long().tolist()):
            found[place] = found[source]
        return torch.tensor(found, device=index.device)


@register
class Filter(Op):
    """The images whose selector is not zero: how many there are differs from pass to pass."""

    refuses_backward = (-1,)
    needs_values = True
    rereads = ()
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
