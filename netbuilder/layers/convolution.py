"""Convolution, Deconvolution, Im2col: N-dimensional sliding windows (base_conv_layer.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import ClassVar

from netbuilder.layer import MAX_COUNT, Layer, Operations, Reach, Shape, register, show


def window_extent(size: int, kernel: int, stride: int, pad: int, dilation: int) -> int:
    """Output size of a convolution along one axis.

    Caffe divides as C++ does, toward zero, so that a kernel up to ``stride - 1`` larger than the
    padded image still gives one output (conv_layer.cpp, compute_output_shape).
    """
    return int((size + 2 * pad - (dilation * (kernel - 1) + 1)) / stride) + 1


def repeat(layer: Layer, what: str, values: Sequence[int], axes: int, default: int) -> Shape:
    """One value per spatial axis from a repeated field that holds none, one, or all of them."""
    if len(values) not in (0, 1, axes):
        layer.fail(f"{what} has {len(values)} values; give one, or one per spatial axis ({axes})")
    return tuple(values) if len(values) == axes else (values[0] if values else default,) * axes


class Window(Layer):
    """The fields that convolution, deconvolution and im2col share.

    Attributes: ``kernel``, ``stride``, ``pad``, ``dilation`` (one int per spatial axis),
    ``channel_axis``, ``channels``.
    """

    param = "convolution_param"
    divides: ClassVar[bool] = True  # by the stride: Caffe dies of a stride_h or stride_w of 0

    def setup(self) -> None:
        self.channel_axis = self.axis(self.fields.axis)
        axes = len(self.bottom_shapes[0]) - self.channel_axis - 1
        self.channels = self.bottom_shapes[0][self.channel_axis]
        self.kernel = self._pair_or_list("kernel_size", "kernel", axes, None)
        self.stride = self._pair_or_list("stride", "stride", axes, 1)
        self.pad = self._pair_or_list("pad", "pad", axes, 0)
        dilation = self.fields.dilation or self.fields.hole  # DeepLab's older name
        self.dilation = repeat(self, "dilation", dilation, axes, 1)
        if 0 in self.kernel:  # a dilation of 0 passes: every tap reads the same place
            self.fail(f"kernel is {show(self.kernel)}; every value must be positive")
        if 0 in self.stride and (self.divides or self.fields.stride):
            self.fail(f"stride is {show(self.stride)}; every value must be positive")
        for what in ("kernel", "stride", "pad", "dilation"):  # Caffe counts in int
            if max(getattr(self, what), default=0) > MAX_COUNT:
                self.fail(f"{what} is {show(getattr(self, what))}; values must be below 2^31")

    def _pair_or_list(self, listed: str, stem: str, axes: int, default: int | None) -> Shape:
        """A field given either as a list (``stride``) or as the pair ``stride_h, stride_w``."""
        fields, values = self.fields, getattr(self.fields, listed)
        if fields.HasField(f"{stem}_h") or fields.HasField(f"{stem}_w"):
            if values or axes != 2:
                self.fail(f"{stem}_h and {stem}_w are for two spatial axes, in place of {listed}")
            return getattr(fields, f"{stem}_h"), getattr(fields, f"{stem}_w")
        if default is None and not values and axes:
            self.fail(f"needs {listed}, or {stem}_h and {stem}_w")
        return repeat(self, listed, values, axes, default or 0)

    @property
    def spatial(self) -> Shape:
        """The bottom's spatial shape."""
        return self.bottom_shapes[0][self.channel_axis + 1:]

    def windows(self) -> Shape:
        """How many windows fit along each spatial axis; Caffe lets 0 pass, and so do we."""
        sizes = tuple(map(window_extent, self.spatial, self.kernel, self.stride, self.pad,
                          self.dilation))
        if any(size < 0 for size in sizes):
            self.fail(f"kernel {show(self.kernel)} (dilation {show(self.dilation)}, pad "
                      f"{show(self.pad)}) is larger than its input {show(self.spatial)}")
        return sizes

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        if self.channel_axis != 1:
            return None
        return [(stride, -pad, dilation * (kernel - 1) - pad)
                for kernel, stride, pad, dilation in zip(self.kernel, self.stride, self.pad,
                                                         self.dilation, strict=True)]


class _BiasedWindow(Window):
    """What Convolution and Deconvolution share: filters, groups, bias, several bottoms."""

    paired = True
    bottoms_wanted = (1, None)
    tops_wanted = (1, None)

    def setup(self) -> None:
        super().setup()
        self.num_output, self.group = self.fields.num_output, self.fields.group
        self.bias_term = self.fields.bias_term
        if len(set(self.bottom_shapes)) > 1:
            self.fail("all bottoms must have one shape, but they are "
                      + ", ".join(map(show, self.bottom_shapes)))
        if len(self.bottom_shapes) != self.top_count:
            self.fail(f"{len(self.bottom_shapes)} bottoms need as many tops, not {self.top_count}")
        if self.num_output < 1:
            self.fail("num_output must be at least 1")
        if self.group < 1 or self.channels % self.group or self.num_output % self.group:
            self.fail(f"group {self.group} must divide both the input's {self.channels} channels "
                      f"and num_output {self.num_output}")

    def sizes(self) -> Shape:
        """The spatial shape of the top."""
        raise NotImplementedError

    def weight_shape(self) -> Shape:
        """The filters' shape, kernel included."""
        raise NotImplementedError

    def shapes(self) -> Sequence[Shape]:
        sizes = self.sizes()
        if 0 in sizes and self.bias_term:  # Caffe cannot allocate the ones it adds the bias with
            self.fail(f"nothing is left of its input {show(self.spatial)}: the output is "
                      f"{show(sizes)}")
        top = (*self.bottom_shapes[0][: self.channel_axis], self.num_output, *sizes)
        return [top] * self.top_count

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        bias = [("bias", (self.num_output,))] if self.bias_term else []
        return [("weight", self.weight_shape()), *bias]

    def operations(self) -> Operations:
        macs = self.macs()
        return Operations(macs, macs + self.bias_term * sum(map(prod, self.top_shapes)))


@register
class Convolution(_BiasedWindow):
    """Cross-correlation with ``num_output`` filters (conv_layer.cpp)."""

    def sizes(self) -> Shape:
        return self.windows()

    def weight_shape(self) -> Shape:
        return (self.num_output, self.channels // self.group, *self.kernel)

    def macs(self) -> int:
        positions = sum(prod(top) // self.num_output for top in self.top_shapes)
        return positions * self.blobs[0].count

    def documented_flops(self) -> int:
        return self.blobs[0].count * prod(self.top_shapes[0][self.channel_axis + 1:])


@register
class Deconvolution(_BiasedWindow):
    """The gradient of a convolution, used forward (deconv_layer.cpp).

    Caffe loads it with a ``stride_h`` or ``stride_w`` of 0, and dies of it in the first pass.
    """

    divides = False

    def sizes(self) -> Shape:
        sizes = tuple(
            s * (n - 1) + d * (k - 1) + 1 - 2 * p
            for n, k, s, p, d in zip(self.spatial, self.kernel, self.stride, self.pad,
                                     self.dilation, strict=True)
        )
        if any(size < 0 for size in sizes):
            self.fail(f"pad {show(self.pad)} leaves nothing of the output {show(sizes)}")
        return sizes

    def weight_shape(self) -> Shape:
        return (self.channels, self.num_output // self.group, *self.kernel)

    def macs(self) -> int:
        positions = sum(prod(bottom) // self.channels for bottom in self.bottom_shapes)
        return positions * self.blobs[0].count

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        if self.channel_axis != 1:
            return None
        if 0 in self.stride:
            return None
        return [(Fraction(1, stride), Fraction(pad - dilation * (kernel - 1), stride),
                 Fraction(pad, stride))
                for kernel, stride, pad, dilation in zip(self.kernel, self.stride, self.pad,
                                                         self.dilation, strict=True)]


@register
class Im2col(Window):
    """The windows of a convolution laid out as columns (im2col_layer.cpp)."""

    free = True

    def setup(self) -> None:
        super().setup()
        if not self.kernel:
            self.fail(f"needs a spatial axis after axis {self.channel_axis}")

    def shapes(self) -> Sequence[Shape]:
        columns = self.channels * prod(self.kernel)
        return [self.bottom_shapes[0][: self.channel_axis] + (columns,) + self.windows()]
