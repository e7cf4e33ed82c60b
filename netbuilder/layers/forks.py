"""Layer types of released networks that real Caffe lacks: segmentation and small networks.

The rules are facts read in the forks that each docstring names; none of them is in real Caffe, so
no test can ask it. Where forks disagree under one name, the fields decide, and where they do
not, ShapeUnknown says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from netbuilder.errors import ShapeUnknown
from netbuilder.layer import Layer, Operations, Reach, Shape, register, show
from netbuilder.layers.loss import legacy
from netbuilder.proto import caffe_pb2


def nchw(layer: Layer, bottom: int = 0) -> Shape:
    """A bottom's shape as (N, C, H, W), ones behind, as Blob::num() ... width() read it."""
    shape = layer.bottom_shapes[bottom]
    if len(shape) > 4:
        layer.fail(f"needs bottoms of at most 4 axes, not {show(shape)}")
    return legacy(shape)


def repeated(scale: int) -> Reach:
    """The reach of a top in which every place of the bottom stands ``scale`` times."""
    return Fraction(1, scale), Fraction(1 - scale, scale), 0


@register
class Interp(Layer):
    """Bilinear resizing (DeepLab v2 and PSPNet, interp_layer.cpp).

    ``shrink_factor`` or ``zoom_factor`` alone come before ``height`` and ``width``, those before
    both factors together (first shrunk, then zoomed), and a second bottom's size comes last.
    DeepLab v1 has the same sizes but refuses more than one of these. OpenVINO's toolbox zooms
    each place, not the steps between them; that is the rule where its size is given (``told``).
    """

    param = "interp_param"
    bottoms_wanted = (1, 2)
    fork = "DeepLab, PSPNet"

    def setup(self) -> None:
        pads = self.fields.pad_beg, self.fields.pad_end
        if max(pads) > 0:
            self.fail(f"pad_beg {pads[0]} and pad_end {pads[1]} can only crop: 0 or negative")
        self.first, self.cropped = -pads[0], tuple(n + sum(pads) for n in nchw(self)[2:])
        if min(self.cropped) < 1:
            self.fail(f"pad_beg and pad_end leave {show(self.cropped)} of its input")
        self.size = self._size(self.cropped)
        if min(self.size) < 1:
            self.fail(f"the output {show(self.size)} is empty")

    def _size(self, cropped: Shape) -> Shape:
        fields = self.fields
        shrinks, zooms, high, wide = map(
            fields.HasField, ("shrink_factor", "zoom_factor", "height", "width"))
        if high and wide and shrinks == zooms:
            return fields.height, fields.width
        if shrinks or zooms:
            shrink, zoom = fields.shrink_factor, fields.zoom_factor
            if shrink < 1 or zoom < 1:
                self.fail("shrink_factor and zoom_factor must be at least 1")
            whole = tuple(size * zoom for size in cropped)
            if not shrinks and self.tops and self.told.get(self.tops[0], ())[2:] == whole:
                return whole
            return tuple((size - 1) // shrink * zoom + 1 for size in cropped)
        if len(self.bottom_shapes) < 2:
            self.fail("needs height and width, zoom_factor, shrink_factor, or a second bottom")
        return nchw(self, 1)[2:]

    def shapes(self) -> Sequence[Shape]:
        return [nchw(self)[:2] + self.size]

    def operations(self) -> Operations:
        if self.size == self.cropped:  # only copied
            return Operations()
        # Two rows, each between two places, and then between the rows.
        return Operations(multiplications=6, additions=3) * prod(self.top_shapes[0])

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        if bottom:  # only its size is read
            return ()
        return list(map(self._between, self.cropped, self.size))

    def _between(self, size: int, resized: int) -> Reach:
        step = Fraction(size - 1, resized - 1) if resized > 1 else Fraction(0)
        rest = 1 - Fraction(1, step.denominator)  # how far the places beside it are at most
        return step, self.first - rest, self.first + rest


@register
class Permute(Layer):
    """Axes in another order; those not named follow in their own (SSD, permute_layer.cpp)."""

    param = "permute_param"
    free = True
    fork = "SSD"

    def setup(self) -> None:
        axes, order = len(self.bottom_shapes[0]), list(self.fields.order)
        if len(set(order)) < len(order) or any(axis >= axes for axis in order):
            self.fail(f"order {order} must name different axes of {show(self.bottom_shapes[0])}")
        self.order = (*order, *(axis for axis in range(axes) if axis not in order))

    def shapes(self) -> Sequence[Shape]:
        return [tuple(self.bottom_shapes[0][axis] for axis in self.order)]


@register
class Normalize(Layer):
    """L2 normalisation and a learned scale, one or one per channel (SSD, normalize_layer.cpp)."""

    param = "norm_param"
    fork = "SSD"

    def setup(self) -> None:
        if len(self.bottom_shapes[0]) < 2:
            self.fail(f"needs a bottom of at least two axes, not {show(self.bottom_shapes[0])}")
        self.channels = nchw(self)[1]
        self.across_spatial = self.fields.across_spatial
        self.channel_shared = self.fields.channel_shared

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        return [("scale", () if self.channel_shared else (self.channels,))]

    def operations(self) -> Operations:
        images, _, *spatial = nchw(self)
        norms = images * (1 if self.across_spatial else prod(spatial))
        return (Operations(multiplications=2, additions=1, divisions=1) * self.count
                + Operations(additions=1, exponentials=1) * norms)

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        axes = len(self.bottom_shapes[0]) - 2
        return None if self.across_spatial else [(1, 0, 0)] * axes


@register
class BN(Layer):
    """Batch normalisation with its own scale and shift; two families share the name.

    SegNet, ENet and DeconvNet: two blobs, scale and shift, no statistics; a second and third top
    hold mean and variance. PSPNet: four, slope, bias and the moving mean and variance, which are
    never learned; ``frozen`` stops slope and bias too (both bn_layer.cpp). The blobs the file
    holds decide, then the fields that only one family has, then more than two ``param``.
    """

    param = "bn_param"
    tops_wanted = (1, 3)
    fork = "SegNet, ENet; PSPNet"
    _FIELDS = {2: ("bn_mode", "scale_filler", "shift_filler"),
               4: ("slope_filler", "bias_filler", "momentum", "eps", "frozen", "engine")}

    def setup(self) -> None:
        self.channels = nchw(self)[1]
        self.blob_count = self._blob_count()
        if self.blob_count == 4 and self.top_count > 1:
            self.fail("has one top; only SegNet's BN has more")

    def _blob_count(self) -> int:
        if len(self.message.blobs) in self._FIELDS:
            return len(self.message.blobs)
        used = {count: [name for name in names if self.fields.HasField(name)]
                for count, names in self._FIELDS.items()}
        if used[2] and used[4]:
            self.fail(f"bn_param mixes two forks: SegNet's {used[2][0]} and PSPNet's {used[4][0]}")
        if used[2] or used[4] or len(self.message.param) > 2:
            return 2 if used[2] else 4
        raise ShapeUnknown(
            f'layer "{self.name}" (BN): nothing tells how many blobs it has. Give bn_param '
            "{ bn_mode: LEARN } for SegNet's two, or bn_param { frozen: false } for PSPNet's four")

    def shapes(self) -> Sequence[Shape]:
        first = nchw(self) if self.blob_count == 2 else self.bottom_shapes[0]
        return [first, *[(1, self.channels, 1, 1)] * (self.top_count - 1)]

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        names = (("scale", "shift") if self.blob_count == 2
                 else ("slope", "bias", "mean", "variance"))
        return [(name, (1, self.channels, 1, 1)) for name in names]

    def learns(self, index: int) -> bool:
        return super().learns(index) and (
            self.blob_count == 2 or (index < 2 and not self.fields.frozen))

    def operations(self) -> Operations:
        fields, affine = self.fields, Operations(multiplications=1, additions=1)
        if self.blob_count == 2 and fields.bn_mode == caffe_pb2.BNParameter.INFERENCE:
            return affine * self.count  # the statistics are folded in
        # SegNet divides by the deviation, PSPNet multiplies by its reciprocal.
        quotient = self.blob_count == 2
        normalise = Operations(multiplications=not quotient, additions=1, divisions=quotient)
        stored = not quotient and (fields.frozen or self.phase == caffe_pb2.TEST)
        estimate = Operations() if stored else Operations(multiplications=1, additions=2)
        return (estimate + normalise + affine) * self.count

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        # The other tops are statistics, with no place in the image.
        return [(1, 0, 0)] * (len(self.bottom_shapes[0]) - 2) if self.top_count == 1 else None


@register
class Upsample(Layer):
    """Two rules under one name; the number of bottoms tells them apart (upsample_layer.cpp).

    Two bottoms, SegNet and ENet: values put back where a mask of Pooling says, into
    ``upsample_h, upsample_w``, or ``scale`` times the size less one where ``pad_out`` is set.
    One bottom, the YOLOv3 forks: nearest neighbours; there ``scale`` has another default.
    """

    param = "upsample_param"
    free = True
    bottoms_wanted = (1, 2)
    fork = "SegNet, ENet; YOLOv3 forks"

    def setup(self) -> None:
        if len(self.bottom_shapes[0]) != 4 or len(set(self.bottom_shapes)) > 1:
            self.fail("needs bottoms of one shape (N, C, H, W), not "
                      + ", ".join(map(show, self.bottom_shapes)))
        self.size = self._repeated() if len(self.bottom_shapes) == 1 else self._unpooled()
        if min(self.size) < 1:
            self.fail(f"the output {show(self.size)} is empty")

    def _repeated(self) -> Shape:
        if not self.fields.HasField("scale"):
            raise ShapeUnknown(f'layer "{self.name}" (Upsample): with one bottom it needs '
                               "upsample_param { scale }; the forks have different defaults")
        return tuple(size * self.fields.scale for size in self.bottom_shapes[0][2:])

    def _unpooled(self) -> Shape:
        fields = self.fields
        has_h, has_w, scale_h, scale_w, scale = map(
            fields.HasField, ("upsample_h", "upsample_w", "scale_h", "scale_w", "scale"))
        if has_h and has_w:
            if min(fields.upsample_h, fields.upsample_w) < 2:
                self.fail("upsample_h and upsample_w must be at least 2")
            return fields.upsample_h, fields.upsample_w
        if scale_h != scale_w or (scale and scale_h):
            self.fail("give upsample_h and upsample_w, or scale, or scale_h and scale_w")
        scales = (fields.scale_h, fields.scale_w) if scale_h else (fields.scale,) * 2
        pads = fields.pad_out_h, fields.pad_out_w
        if min(scales) < 2 or any(p and s != 2 for p, s in zip(pads, scales, strict=True)):
            self.fail(f"scale {show(scales)} must be at least 2, and 2 where pad_out is set")
        return tuple(n * s - p for n, s, p in zip(self.bottom_shapes[0][2:], scales, pads,
                                                  strict=True))

    def shapes(self) -> Sequence[Shape]:
        return [self.bottom_shapes[0][:2] + self.size]

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        # Where a mask puts the values, their places do not tell.
        return [repeated(self.fields.scale)] * 2 if len(self.bottom_shapes) == 1 else None


@register
class Unpooling(Layer):
    """Pooling undone, into ``unpool_size`` (DeconvNet, unpooling_layer.cpp).

    Without a size, forks compute different ones from kernel and stride.
    """

    param = "unpooling_param"
    bottoms_wanted = (1, 2)
    fork = "DeconvNet"

    def setup(self) -> None:
        size, high, wide = map(self.fields.HasField, ("unpool_size", "unpool_h", "unpool_w"))
        if size == (high and wide) or high != wide:
            if size or high or wide:
                self.fail("give unpool_size, or both unpool_h and unpool_w")
            raise ShapeUnknown(f'layer "{self.name}" (Unpooling): forks disagree on its size '
                               "where unpooling_param has no unpool_size")
        self.size = ((self.fields.unpool_size,) * 2 if size
                     else (self.fields.unpool_h, self.fields.unpool_w))

    def shapes(self) -> Sequence[Shape]:
        return [nchw(self)[:2] + self.size]

    def operations(self) -> Operations | None:
        moved = self.fields.unpool == caffe_pb2.UnpoolingParameter.MAX
        return Operations() if moved else None  # forks divide by different counts


@register
class Axpy(Layer):
    """a x + y, with one a per image and channel (SENet, axpy_layer.cpp)."""

    bottoms_wanted = (3, 3)
    fork = "SENet"

    def setup(self) -> None:
        factors, x, y = self.bottom_shapes
        if len(x) < 2 or x != y or factors[:2] != x[:2] or prod(factors) != prod(x[:2]):
            self.fail("needs factors (N, C, 1, 1) and two blobs (N, C, ...) of one shape, not "
                      + ", ".join(map(show, self.bottom_shapes)))

    def shapes(self) -> Sequence[Shape]:
        return [self.bottom_shapes[1]]

    def operations(self) -> Operations:
        count = prod(self.bottom_shapes[1])
        return Operations(multiplications=count, additions=count)

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        # The factors are taken for a parameter, as Scale's.
        return [(1, 0, 0)] * (len(self.bottom_shapes[1]) - 2) if bottom else ()
