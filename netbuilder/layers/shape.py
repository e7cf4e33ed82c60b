"""Concat, Slice, Split, Flatten, Reshape ...: layers that move values and compute none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from netbuilder.layer import MAX_AXES, Layer, Operations, Reach, Shape, register, show


@register
class Concat(Layer):
    """Joins bottoms along one axis (concat_layer.cpp)."""

    free = True
    param = "concat_param"
    bottoms_wanted = (1, None)

    def setup(self) -> None:
        fields = self.fields
        if fields.HasField("axis") and fields.HasField("concat_dim"):
            self.fail("give axis or concat_dim, not both")
        if fields.per_fla_fuse:
            self.fail("per_fla_fuse is Intel's: permuting and flattening in one with joining is "
                      "not analysed; write the Permute and Flatten layers")
        self.along = self.axis(fields.concat_dim if fields.HasField("concat_dim") else fields.axis)
        first = self.bottom_shapes[0]
        for index, shape in enumerate(self.bottom_shapes):
            if len(shape) != len(first) or self._others(shape) != self._others(first):
                self.fail(f"bottoms must agree except on axis {self.along}, but bottom 0 is "
                          f"{show(first)} and bottom {index} is {show(shape)}")

    @property
    def shares_data(self) -> bool:
        """True if there is nothing to join (ConcatLayer::Reshape)."""
        return len(self.bottom_shapes) == 1

    def _others(self, shape: Shape) -> Shape:
        return shape[: self.along] + shape[self.along + 1:]

    def shapes(self) -> Sequence[Shape]:
        first, total = self.bottom_shapes[0], sum(s[self.along] for s in self.bottom_shapes)
        return [first[: self.along] + (total,) + first[self.along + 1:]]

    @property
    def starved(self) -> bool:
        return self.shares_data and not self.count

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        return [(1, 0, 0)] * (len(self.bottom_shapes[0]) - 2) if self.along < 2 else None


@register
class Slice(Layer):
    """Cuts a bottom along one axis, at ``slice_point`` or evenly (slice_layer.cpp)."""

    free = True
    reshapes_in_place = False
    param = "slice_param"
    tops_wanted = (1, None)

    def setup(self) -> None:
        fields = self.fields
        if fields.HasField("axis") and fields.HasField("slice_dim"):
            self.fail("give axis or slice_dim, not both")
        self.along = self.axis(fields.slice_dim if fields.HasField("slice_dim") else fields.axis)
        self.sizes = self._sizes(self.bottom_shapes[0][self.along], self.top_count)

    @property
    def shares_data(self) -> bool:
        """True if there is nothing to cut (SliceLayer::Reshape)."""
        return self.top_count == 1

    def _sizes(self, total: int, tops: int) -> Shape:
        points = list(self.fields.slice_point)
        if not points:
            if total % tops:
                self.fail(f"{total} values on axis {self.along} do not divide into {tops} tops")
            return (total // tops,) * tops
        if len(points) != tops - 1:
            self.fail(f"{tops} tops need {tops - 1} slice points, not {len(points)}")
        edges = [0, *points, total]
        sizes = tuple(b - a for a, b in pairwise(edges))
        # The last top may be left with nothing, as long as there are values enough for all.
        if any(size < 1 for size in sizes[:-1]) or sizes[-1] < 0 or tops > total:
            self.fail(f"slice points {points} must grow and cut {total} values into {tops} tops")
        return sizes

    def shapes(self) -> Sequence[Shape]:
        shape = self.bottom_shapes[0]
        return [shape[: self.along] + (n,) + shape[self.along + 1:] for n in self.sizes]

    @property
    def starved(self) -> bool:
        return self.shares_data and not self.count

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        return [(1, 0, 0)] * (len(self.bottom_shapes[0]) - 2) if self.along < 2 else None


@register
class Split(Layer):
    """Copies a bottom to several tops; Caffe inserts it wherever a blob is used twice."""

    pointwise = True
    free = True
    shares_data = True
    in_place_allowed = False
    tops_wanted = (1, None)


@register
class Flatten(Layer):
    """Makes one axis of the axes from ``axis`` to ``end_axis`` (flatten_layer.cpp).

    An ``end_axis`` just before ``axis`` inserts an axis of size 1 there.
    """

    free = True
    shares_data = True
    param = "flatten_param"
    in_place_allowed = False

    def shapes(self) -> Sequence[Shape]:
        shape = self.bottom_shapes[0]
        first, last = self.axis(self.fields.axis), self.axis(self.fields.end_axis)
        if last < first - 1:
            self.fail(f"end_axis {last} lies before axis {first}")
        return [shape[:first] + (prod(shape[first: last + 1]),) + shape[last + 1:]]


@register
class Silence(Layer):
    """Takes blobs that nothing else wants, so that Caffe does not print them."""

    free = True
    bottoms_wanted = (1, None)
    tops_wanted = (0, 0)

    def shapes(self) -> Sequence[Shape]:
        return []


@register
class Reshape(Layer):
    """The same values under another shape; 0 copies a dimension, -1 is worked out
    (reshape_layer.cpp)."""

    free = True
    shares_data = True
    param = "reshape_param"
    in_place_allowed = False

    @property
    def starved(self) -> bool:
        return not self.count

    def shapes(self) -> Sequence[Shape]:
        bottom, fields = self.bottom_shapes[0], self.fields
        first = fields.axis + (len(bottom) + 1 if fields.axis < 0 else 0)
        if not 0 <= first <= len(bottom):
            self.fail(f"axis {fields.axis} does not exist in a bottom of shape {show(bottom)}")
        end = len(bottom) if fields.num_axes == -1 else first + fields.num_axes
        if fields.num_axes < -1 or end > len(bottom):
            self.fail(f"num_axes {fields.num_axes} from axis {first} does not fit {show(bottom)}")
        before, after = bottom[:first], bottom[end:]
        return [before + self._filled(bottom, first, prod(before) * prod(after)) + after]

    def _filled(self, bottom: Shape, first: int, outside: int) -> Shape:
        wanted = list(self.fields.shape.dim)
        if len(wanted) > MAX_AXES:
            self.fail(f"a shape of {len(wanted)} axes; Caffe's limit is {MAX_AXES}")
        for index, dim in enumerate(wanted):
            if dim == 0:
                if first + index >= len(bottom):
                    self.fail(f"dim {index} is 0, but {show(bottom)} has no axis {first + index}")
                wanted[index] = bottom[first + index]
        if wanted.count(-1) > 1:
            self.fail("at most one dim may be -1")
        if -1 in wanted:
            known = outside * prod(dim for dim in wanted if dim != -1)
            if not known or prod(bottom) % known:
                self.fail(f"{prod(bottom)} values do not divide by the other dims ({known})")
            wanted[wanted.index(-1)] = prod(bottom) // known
        if outside * prod(wanted) != prod(bottom):
            self.fail(f"{show(bottom)} has {prod(bottom)} values, the new shape "
                      f"{outside * prod(wanted)}")
        return tuple(wanted)


@register
class Crop(Layer):
    """The first bottom cut to the size of the second from ``axis`` on (crop_layer.cpp)."""

    free = True
    param = "crop_param"
    bottoms_wanted = (2, 2)

    def setup(self) -> None:
        data, size = self.bottom_shapes
        self.first_axis = self.axis(self.fields.axis)
        cropped, offsets = len(data) - self.first_axis, tuple(self.fields.offset)
        if len(offsets) not in (0, 1, cropped):
            self.fail(f"{len(offsets)} offsets for {cropped} cropped axes")
        if len(size) < len(data):
            self.fail(f"the size {show(size)} has fewer axes than the data {show(data)}")
        self.offset = offsets if len(offsets) == cropped else (offsets or (0,)) * cropped
        for axis, offset in enumerate(self.offset, self.first_axis):
            if data[axis] - offset < size[axis]:
                self.fail(f"axis {axis}: {size[axis]} values from {offset} on do not fit into "
                          f"{data[axis]}")

    def shapes(self) -> Sequence[Shape]:
        data, size = self.bottom_shapes
        return [data[: self.first_axis] + size[self.first_axis: len(data)]]

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        if bottom:  # only its size is read
            return ()
        offsets = (0,) * self.first_axis + self.offset
        return [(1, offset, offset) for offset in offsets[2:]]


@register
class Tile(Layer):
    """The bottom repeated ``tiles`` times along an axis (tile_layer.cpp)."""

    free = True
    param = "tile_param"

    def setup(self) -> None:
        self.along, self.tiles = self.axis(self.fields.axis), self.fields.tiles
        if self.tiles < 1:
            self.fail("tiles must be at least 1")

    def shapes(self) -> Sequence[Shape]:
        shape = self.bottom_shapes[0]
        longer = shape[self.along] * self.tiles
        return [shape[: self.along] + (longer,) + shape[self.along + 1:]]

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        return [(1, 0, 0)] * (len(self.bottom_shapes[0]) - 2) if self.along < 2 else None


@register
class BatchReindex(Layer):
    """Images picked by index, as many as there are indices (batch_reindex_layer.cpp)."""

    free = True
    bottoms_wanted = (2, 2)

    def shapes(self) -> Sequence[Shape]:
        data, indices = self.bottom_shapes
        if len(indices) != 1:
            self.fail(f"the indices must have one axis, not {show(indices)}")
        return [indices + data[1:]]

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        return () if bottom else [(1, 0, 0)] * (len(self.bottom_shapes[0]) - 2)


@register
class Filter(Layer):
    """The images whose selector is not zero (filter_layer.cpp).

    How many remain depends on the values; before the first pass Caffe, too, shows all.
    """

    paired = True
    bottoms_wanted = (2, None)
    tops_wanted = (1, None)

    def setup(self) -> None:
        *data, selector = self.bottom_shapes
        if self.top_count != len(data):
            self.fail(f"{len(data)} filtered bottoms need as many tops, not {self.top_count}")
        if not selector or any(dim != 1 for dim in selector[1:]):
            self.fail(f"the selector {show(selector)} must hold one value per image")
        if any(shape[:1] != selector[:1] for shape in data):
            self.fail(f"bottoms and selector {show(selector)} must have the same first dimension")

    def shapes(self) -> Sequence[Shape]:
        return self.bottom_shapes[:-1]

    @property
    def starved(self) -> bool:
        return not prod(self.bottom_shapes[-1])

    def operations(self) -> Operations:
        return Operations(comparisons=prod(self.bottom_shapes[-1]))

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        selects = bottom == len(self.bottom_shapes) - 1
        return () if selects else [(1, 0, 0)] * (len(self.bottom_shapes[bottom]) - 2)


@register
class HDF5Output(Layer):
    """Writes data and labels to an HDF5 file (hdf5_output_layer.cpp)."""

    free = True
    param = "hdf5_output_param"
    bottoms_wanted = (2, 2)
    tops_wanted = (0, 0)

    def shapes(self) -> Sequence[Shape]:
        return []
