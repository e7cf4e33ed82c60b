"""Layer types of small and fast networks that real Caffe lacks: MobileNet, ShuffleNet, YOLOv2.

As in forks.py, the rules are facts read in the forks that each docstring names.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.layer import Layer, Operations, Reach, Shape, register, show
from netbuilder.layers.convolution import Convolution, Window
from netbuilder.layers.forks import nchw, repeated
from netbuilder.layers.loss import Loss


@register
class DepthwiseConvolution(Convolution):
    """A Convolution with a faster kernel for one channel per group (yonghenglh6's
    DepthwiseConvolution, depthwise_conv_layer.cpp): fields and blobs are Convolution's, and
    ``group`` must be given as there."""

    fork = "MobileNet forks"


@register
class ConvolutionDepthwise(Window):
    """One filter for each channel; ``num_output`` and ``group`` are not read (the MobileNet
    fork farmingyard/caffe, conv_dw_layer.cpp)."""

    fork = "MobileNet forks"

    def setup(self) -> None:
        super().setup()
        if self.channel_axis != 1 or len(self.kernel) != 2:
            self.fail(f"needs a bottom (N, C, H, W) and axis 1, not "
                      f"{show(self.bottom_shapes[0])} and axis {self.channel_axis}")
        self.bias_term = self.fields.bias_term

    def shapes(self) -> Sequence[Shape]:
        return [self.bottom_shapes[0][:2] + self.windows()]

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        bias = [("bias", (self.channels,))] if self.bias_term else []
        return [("weight", (self.channels, 1, *self.kernel)), *bias]

    def macs(self) -> int:
        return prod(self.top_shapes[0]) * prod(self.kernel)

    def operations(self) -> Operations:
        biases = prod(self.top_shapes[0]) if self.bias_term else 0
        return Operations(multiplications=self.macs(), additions=self.macs() + biases)


@register
class ReLU6(Layer):
    """min(max(x, 0), 6) (the MobileNet forks, relu6_layer.cpp)."""

    pointwise = True
    param = "relu6_param"
    fork = "MobileNet forks"

    def operations(self) -> Operations:
        return Operations(comparisons=2) * self.count


@register
class CReLU(Layer):
    """ReLU of x and of -x, one behind the other along the channels (crelu_layer.cpp)."""

    pointwise = True
    in_place_allowed = False
    fork = "CReLU forks"

    def shapes(self) -> Sequence[Shape]:
        shape = self.bottom_shapes[0]
        if len(shape) < 2:
            self.fail(f"needs a bottom of at least two axes, not {show(shape)}")
        return [(shape[0], 2 * shape[1], *shape[2:])]

    def operations(self) -> Operations:
        return Operations(comparisons=2) * self.count


@register
class ShuffleChannel(Layer):
    """Channels interleaved over ``group`` groups (ShuffleNet, shuffle_channel_layer.cpp)."""

    pointwise = True
    param = "shuffle_channel_param"
    free = True
    fork = "ShuffleNet"

    def setup(self) -> None:
        self.group, channels = self.fields.group, nchw(self)[1]
        if self.group < 1 or channels % self.group:
            self.fail(f"group {self.group} must divide its {channels} channels")

    def shapes(self) -> Sequence[Shape]:
        return [nchw(self)]


@register
class Reorg(Layer):
    """Squares of ``stride`` x ``stride`` values moved into channels, or, with ``reverse``, back
    (YOLOv2, reorg_layer.cpp)."""

    param = "reorg_param"
    in_place_allowed = False
    free = True
    fork = "YOLOv2"

    def setup(self) -> None:
        self.stride, self.reverse = self.fields.stride, self.fields.reverse
        _, channels, *spatial = nchw(self)
        if self.stride < 1:
            self.fail("needs a stride of at least 1")
        divided = [channels] if self.reverse else spatial
        unit = self.stride**2 if self.reverse else self.stride
        if any(size % unit for size in divided):
            self.fail(f"stride {self.stride} does not fit {show(nchw(self))}: {unit} must divide "
                      f"{' and '.join(map(str, divided))}")

    def shapes(self) -> Sequence[Shape]:
        (batch, channels, high, wide), stride = nchw(self), self.stride
        if self.reverse:
            return [(batch, channels // stride**2, high * stride, wide * stride)]
        return [(batch, channels * stride**2, high // stride, wide // stride)]

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        return [repeated(self.stride) if self.reverse else (self.stride, 0, self.stride - 1)] * 2


@register
class CenterLoss(Loss):
    """Half the mean squared distance to a learned centre per class (ydwen/caffe,
    center_loss_layer.cpp)."""

    param = "center_loss_param"
    fork = "CenterLoss"

    def setup(self) -> None:
        super().setup()
        if nchw(self, 1)[1:] != (1, 1, 1):
            self.fail(f"needs one label per image, not {show(self.bottom_shapes[1])}")
        self.num_output, self.first_axis = self.fields.num_output, self.axis(self.fields.axis)
        if self.num_output < 1:
            self.fail("num_output must be at least 1")

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        return [("center", (self.num_output, prod(self.bottom_shapes[0][self.first_axis:])))]

    def operations(self) -> Operations:
        return Operations(multiplications=1, additions=2) * self.count
