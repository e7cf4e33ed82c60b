"""Pooling over two spatial axes (pooling_layer.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.layer import MAX_COUNT, Layer, Operations, Reach, Shape, register, show
from netbuilder.proto import caffe_pb2

_Param, _SPP = caffe_pb2.PoolingParameter, caffe_pb2.SPPParameter


def pooled_extent(
    size: int, kernel: int, stride: int, pad: int, *, ceil: bool, clip: bool
) -> int:
    """Output size of a pooling along one axis.

    Caffe rounds up. With padding on either axis (``clip``), the last window must still start
    inside the image or its leading pad.
    """
    span = size + 2 * pad - kernel
    pooled = (-(-span // stride) if ceil else span // stride) + 1
    if clip and (pooled - 1) * stride >= size + pad:
        pooled -= 1
    return pooled


def pooling_operations(method: int, window: int, phase: int) -> Operations:
    """What one output costs; a window that reaches over the edge counts as a whole one."""
    if method == _Param.MAX:
        return Operations(comparisons=window)
    if method == _Param.AVE:
        return Operations(additions=window, divisions=1)
    if phase == caffe_pb2.TRAIN:  # sums up, draws a threshold, and sums until it is reached
        return Operations(multiplications=1, additions=2 * window, comparisons=window)
    return Operations(multiplications=window, additions=2 * window, divisions=1)


@register
class Pooling(Layer):
    """Maximum, average or stochastic choice in sliding windows.

    Attributes: ``method`` (PoolingParameter.MAX, AVE, STOCHASTIC), ``kernel``, ``stride``,
    ``pad`` as (h, w), ``global_pooling``, ``ceil``. A second top of MAX holds the positions.
    """

    param = "pooling_param"
    tops_wanted = (1, 2)

    def setup(self) -> None:
        if len(self.bottom_shapes[0]) != 4:
            self.fail(f"needs a bottom of 4 axes (N, C, H, W), not "
                      f"{show(self.bottom_shapes[0])}")
        self.method = self.fields.pool
        self.ceil = self.fields.round_mode == _Param.CEIL and self.fields.ceil_mode
        self.global_pooling = self.fields.global_pooling
        if self.top_count == 2 and self.method != _Param.MAX:
            self.fail("only MAX pooling has a second top")
        self.kernel = self._kernel()
        self.stride = self._pair("stride", self.fields.stride)
        self.pad = self._pair("pad", self.fields.pad)
        self._check()

    def _pair(self, stem: str, both: int) -> Shape:
        fields = self.fields
        has_h, has_w = fields.HasField(f"{stem}_h"), fields.HasField(f"{stem}_w")
        if has_h != has_w or (has_h and fields.HasField(stem)):
            self.fail(f"give {stem}, or both {stem}_h and {stem}_w")
        return (getattr(fields, f"{stem}_h"), getattr(fields, f"{stem}_w")) if has_h else (
            both, both)

    def _kernel(self) -> Shape:
        fields = self.fields
        has_size, has_h, has_w = map(fields.HasField, ("kernel_size", "kernel_h", "kernel_w"))
        if self.global_pooling:
            if has_size or has_h or has_w:
                self.fail("global_pooling takes the whole image; leave the kernel out")
            return self.bottom_shapes[0][2:]
        if has_size == (has_h and has_w):
            self.fail("needs kernel_size, or both kernel_h and kernel_w")
        return (fields.kernel_size,) * 2 if has_size else (fields.kernel_h, fields.kernel_w)

    def _check(self) -> None:
        for what in ("kernel", "stride", "pad"):
            sizes = getattr(self, what)
            if max(sizes) > MAX_COUNT or (0 in sizes and what != "pad"):  # Caffe counts in int
                self.fail(f"{what} {show(sizes)} must be positive and below 2^31")
        if self.global_pooling and (self.pad != (0, 0) or self.stride != (1, 1)):
            self.fail("global_pooling works with pad 0 and stride 1 only")
        if any(self.pad):
            if self.method == _Param.STOCHASTIC:
                self.fail("stochastic pooling cannot pad")
            if any(p >= k for p, k in zip(self.pad, self.kernel, strict=True)):
                self.fail(f"pad {show(self.pad)} must be smaller than the kernel "
                          f"{show(self.kernel)}")

    def shapes(self) -> Sequence[Shape]:
        spatial, clip = self.bottom_shapes[0][2:], any(self.pad)
        pooled = tuple(
            pooled_extent(*axis, ceil=self.ceil, clip=clip)
            for axis in zip(spatial, self.kernel, self.stride, self.pad, strict=True)
        )
        if any(size < 0 for size in pooled):  # 0 passes in Caffe too
            self.fail(f"kernel {show(self.kernel)} is larger than its input {show(spatial)}")
        return [self.bottom_shapes[0][:2] + pooled] * self.top_count

    def operations(self) -> Operations:
        each = pooling_operations(self.method, prod(self.kernel), self.phase)
        return each * prod(self.top_shapes[0])

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        return [(stride, -pad, kernel - 1 - pad) for kernel, stride, pad
                in zip(self.kernel, self.stride, self.pad, strict=True)]


@register
class SPP(Layer):
    """Spatial pyramid pooling: 1, 4, 16 ... bins, laid in a row (spp_layer.cpp)."""

    param = "spp_param"

    def setup(self) -> None:
        if len(self.bottom_shapes[0]) != 4:
            self.fail(f"needs a bottom of 4 axes (N, C, H, W), not "
                      f"{show(self.bottom_shapes[0])}")
        self.method, self.pyramid_height = self.fields.pool, self.fields.pyramid_height
        if self.pyramid_height < 1:
            self.fail("pyramid_height must be at least 1")

    @property
    def reshapes_in_place(self) -> bool:
        """True for one level: of more, the second finds no image any more."""
        return self.pyramid_height == 1

    def level(self, index: int) -> tuple[Shape, Shape, Shape]:
        """Kernel (which is the stride too), pad and pooled size of one level, each (h, w)."""
        bins, spatial = 2**index, self.bottom_shapes[0][2:]
        kernel = tuple(-(-size // bins) for size in spatial)
        pad = tuple((k * bins - size + 1) // 2 for k, size in zip(kernel, spatial, strict=True))
        if any(p >= k for p, k in zip(pad, kernel, strict=True)):
            self.fail(f"level {index} has {bins}x{bins} bins, too many for {show(spatial)}")
        clip = any(pad)
        if clip and self.method == _SPP.STOCHASTIC:
            self.fail(f"stochastic pooling cannot pad, and level {index} pads {show(spatial)}")
        pooled = tuple(pooled_extent(n, k, k, p, ceil=True, clip=clip)
                       for n, k, p in zip(spatial, kernel, pad, strict=True))
        return kernel, pad, pooled

    def shapes(self) -> Sequence[Shape]:
        batch, channels = self.bottom_shapes[0][:2]
        pooled = [self.level(index)[2] for index in range(self.pyramid_height)]
        if len(pooled) == 1:  # a single level is a plain Pooling, not flattened
            return [(batch, channels, *pooled[0])]
        return [(batch, channels * sum(h * w for h, w in pooled))]

    def operations(self) -> Operations:
        planes, total = prod(self.bottom_shapes[0][:2]), Operations()
        for index in range(self.pyramid_height):
            kernel, _, pooled = self.level(index)
            each = pooling_operations(self.method, prod(kernel), self.phase)
            total += each * (planes * prod(pooled))
        return total
