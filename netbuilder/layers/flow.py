"""Layer types of FlowNet 2 that real Caffe lacks: two images, and how their places moved.

Facts read in lmb-freiburg/flownet2. Its layers see every blob as (N, C, H, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.layer import Layer, Operations, Shape, register, show
from netbuilder.layers.forks import nchw
from netbuilder.layers.loss import Loss


class Correlated(Layer):
    """Places of the first bottom compared with those around them in the second.

    Attributes: ``radius``, how many steps away the farthest one is; ``kernel``, ``reach_out``.
    """

    param = "correlation_param"
    bottoms_wanted = (2, 2)

    def setup(self) -> None:
        fields = self.fields
        if not (fields.HasField("kernel_size") and fields.HasField("max_displacement")):
            self.fail("needs kernel_size and max_displacement")
        if fields.kernel_size < 1 or fields.stride_1 < 1 or fields.stride_2 < 1:
            self.fail("kernel_size, stride_1 and stride_2 must be at least 1")
        if nchw(self)[1:] != nchw(self, 1)[1:]:
            self.fail("needs two bottoms of one size, not "
                      + ", ".join(map(show, self.bottom_shapes)))
        self.border = (fields.kernel_size - 1) // 2
        self.radius = fields.max_displacement // fields.stride_2

    def steps(self, size: int, border: int) -> int:
        """How many places, ``stride_1`` apart, have all of the other image around them."""
        count = -(-(size - 2 * border) // self.fields.stride_1)
        if count < 1:
            self.fail(f"kernel_size {self.fields.kernel_size} and max_displacement "
                      f"{self.fields.max_displacement} do not fit {show(self.bottom_shapes[0])}")
        return count


@register
class Correlation(Correlated):
    """Compared in both directions (correlation_layer.cpp): a channel for each of the
    (2 radius + 1) squared displacements."""

    fork = "FlowNet 2"

    def shapes(self) -> Sequence[Shape]:
        batch, _, *spatial = nchw(self)
        border, pad = self.border + self.fields.max_displacement, self.fields.pad
        size = (self.steps(side + 2 * pad, border) for side in spatial)
        return [(batch, (2 * self.radius + 1) ** 2, *size)]


@register
class Correlation1D(Correlated):
    """Compared along the rows (correlation_layer1d.cpp), with ``single_direction`` only to one
    side. The rows' ends are padded, not the columns'."""

    fork = "FlowNet 2"

    def shapes(self) -> Sequence[Shape]:
        (batch, _, high, wide), fields = nchw(self), self.fields
        sides = 1 if fields.single_direction else 2
        return [(batch, sides * self.radius + 1, self.steps(high, self.border),
                 self.steps(wide + 2 * fields.pad, self.border + fields.max_displacement))]


@register
class FlowWarp(Layer):
    """The first bottom, each place moved as the second one says (flow_warp_layer.cpp)."""

    bottoms_wanted = (2, 2)
    fork = "FlowNet 2"

    def setup(self) -> None:
        batch, _, *spatial = nchw(self)
        if nchw(self, 1) != (batch, 2, *spatial):
            self.fail("needs images (N, C, H, W) and moves (N, 2, H, W), not "
                      + ", ".join(map(show, self.bottom_shapes)))

    def shapes(self) -> Sequence[Shape]:
        return [nchw(self)]


class Sized(Layer):
    """The first bottom in another size: the second one's, or that of two fields."""

    bottoms_wanted = (1, 2)
    size_fields = ("height", "width")

    def setup(self) -> None:
        high, wide = self.size_fields
        given = tuple(getattr(self.fields, name) for name in self.size_fields)
        self.size = nchw(self, 1)[2:] if len(self.bottom_shapes) == 2 else given
        if min(self.size) < 1:
            self.fail(f"needs {high} and {wide}, or a second bottom that is not empty")

    def shapes(self) -> Sequence[Shape]:
        return [nchw(self)[:2] + self.size]


@register
class Resample(Sized):
    """Nearest, linear or cubic resizing (resample_layer.cpp); ``factor`` is not read."""

    param = "resample_param"
    fork = "FlowNet 2"


@register
class Downsample(Sized):
    """Averages into a smaller size (downsample_layer.cpp)."""

    param = "downsample_param"
    size_fields = ("top_height", "top_width")
    fork = "FlowNet 2"


@register
class Accum(Layer):
    """Bottoms of different sizes, resized and put behind each other along the channels
    (accum_layer.cpp).

    The size is the last bottom's with ``have_reference``, which is then not one of them; else the
    greatest of all, or a greater one: ``top_height`` and ``top_width``, or the next multiple of
    ``size_divisible_by``.
    """

    param = "accum_param"
    bottoms_wanted = (1, None)
    fork = "FlowNet 2"

    def setup(self) -> None:
        shapes = [nchw(self, bottom) for bottom in range(len(self.bottom_shapes))]
        if self.fields.have_reference and len(shapes) < 2:
            self.fail("have_reference needs two bottoms at least")
        self.parts = shapes[:-1] if self.fields.have_reference else shapes
        if len({shape[0] for shape in self.parts}) > 1:
            self.fail("its bottoms must have one number of images, but they are "
                      + ", ".join(map(show, self.bottom_shapes)))
        self.size = shapes[-1][2:] if self.fields.have_reference else self._size()

    def _size(self) -> Shape:
        fields = self.fields
        greatest = tuple(max(shape[axis] for shape in self.parts) for axis in (2, 3))
        wanted = fields.top_height, fields.top_width
        if fields.HasField("size_divisible_by"):
            unit = fields.size_divisible_by
            if unit < 1:
                self.fail("size_divisible_by must be at least 1")
            wanted = tuple(-(-side // unit) * unit for side in greatest)
        larger = all(own > most for own, most in zip(wanted, greatest, strict=True))
        return wanted if larger else greatest

    def shapes(self) -> Sequence[Shape]:
        return [(self.parts[0][0], sum(shape[1] for shape in self.parts), *self.size)]


@register
class ChannelNorm(Layer):
    """The length of each place's channels (channel_norm_layer.cpp)."""

    pointwise = True
    fork = "FlowNet 2"

    def shapes(self) -> Sequence[Shape]:
        batch, _, *spatial = nchw(self)
        return [(batch, 1, *spatial)]

    def operations(self) -> Operations:
        square, root = Operations(multiplications=1, additions=1), Operations(exponentials=1)
        return square * self.count + root * prod(self.top_shapes[0])


@register
class Mean(Layer):
    """A mean added to each bottom, or subtracted (mean_layer.cpp)."""

    pointwise = True
    paired = True
    param = "mean_param"
    bottoms_wanted = (1, None)
    tops_wanted = (1, None)
    fork = "FlowNet 2"

    def setup(self) -> None:
        bottoms, values = len(self.bottom_shapes), len(self.fields.value)
        if self.top_count != bottoms:
            self.fail(f"needs as many tops as bottoms, but has {self.top_count} and {bottoms}")
        channels = [nchw(self, bottom)[1] for bottom in range(bottoms)]
        if not self.fields.HasField("file") and (not values or any(c % values for c in channels)):
            self.fail(f"needs a file, or values whose number divides its channels, not {values}")

    def shapes(self) -> Sequence[Shape]:
        return [nchw(self, bottom) for bottom in range(len(self.bottom_shapes))]

    def operations(self) -> Operations:
        return Operations(additions=sum(map(prod, self.bottom_shapes)))


@register
class L1Loss(Loss):
    """The mean absolute difference of two bottoms, or of one from zero (l1loss_layer.cpp);
    NVIDIA's has always two (l1_loss_layer.cpp)."""

    bottoms_wanted = (1, 2)
    fork = "FlowNet 2, NVIDIA"

    def setup(self) -> None:
        if len(self.bottom_shapes) == 2:
            super().setup()
            if prod(self.bottom_shapes[0][1:]) != prod(self.bottom_shapes[1][1:]):
                self.fail(f"bottoms {show(self.bottom_shapes[0])} and "
                          f"{show(self.bottom_shapes[1])} differ in size")


@register
class FLOWriter(Layer):
    """Writes each image's moves to a file (flowriter_layer.cpp)."""

    param = "writer_param"
    tops_wanted = (0, 0)
    free = True
    fork = "FlowNet 2"
