"""BatchNorm, LRN, MVN: statistics over a blob, and what they normalise."""

from __future__ import annotations

from collections.abc import Sequence

from netbuilder.layer import MAX_COUNT, Layer, Operations, Reach, Shape, register, show
from netbuilder.proto import caffe_pb2

_MKL = caffe_pb2.BatchNormParameter.MKL2017, caffe_pb2.BatchNormParameter.MKLDNN


@register
class BatchNorm(Layer):
    """Normalises each channel; Scale brings gamma and beta (batch_norm_layer.cpp).

    Three blobs: sums of means and variances and the weight of those sums. A solver never changes
    them: Caffe aborts where one or two ``param`` have an ``lr_mult``, and sets all three to 0
    (upgrade_proto.cpp). ``use_global_stats`` follows the phase unless the file says otherwise.
    Forks add a learned scale and bias: NVIDIA's where one is asked for, Intel's MKL engines.
    """

    pointwise = True
    param = "batch_norm_param"

    def setup(self) -> None:
        shape = self.bottom_shapes[0]
        if len(shape) < 2:
            self.fail(f"needs a bottom of at least two axes (N, C, ...), not {show(shape)}")
        self.channels = shape[1]
        self.eps = self.fields.eps
        self.moving_average_fraction = self.fields.moving_average_fraction
        self.use_global_stats = (
            self.fields.use_global_stats if self.fields.HasField("use_global_stats")
            else self.phase == caffe_pb2.TEST
        )
        specs = self.message.param
        self.own_scale = self._own_scale()
        if self.own_scale:
            self.fork = "NVIDIA, Intel"
        elif len(specs) != 3 and any(spec.lr_mult for spec in specs):
            self.fail("its statistics are not learned: param { lr_mult } must be 0 for each")

    def _own_scale(self) -> tuple[str, ...]:
        """The learned blobs that only forks have."""
        fields = self.fields
        if fields.scale_bias or fields.HasField("scale_filler") or (
                fields.HasField("bias_filler") and fields.engine not in _MKL):
            return "scale", "bias"
        if fields.engine not in _MKL or not fields.use_weight_bias:
            return ()
        return ("scale", "bias") if fields.bias_term else ("scale",)

    def learns(self, index: int) -> bool:
        return index > 2 and super().learns(index)

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        own = [(name, (self.channels,)) for name in self.own_scale]
        return [("mean", (self.channels,)), ("variance", (self.channels,)), ("weight", (1,)), *own]

    @property
    def starved(self) -> bool:
        return not self.count

    def operations(self) -> Operations:
        normalise = Operations(additions=1, divisions=1)
        estimate = Operations(multiplications=1, additions=2)  # mean; squares and their mean
        return (normalise if self.use_global_stats else normalise + estimate) * self.count


@register
class LRN(Layer):
    """Local response normalisation across or within channels (lrn_layer.cpp)."""

    param = "lrn_param"

    def setup(self) -> None:
        if len(self.bottom_shapes[0]) != 4:
            self.fail(f"needs a bottom of 4 axes (N, C, H, W), not {show(self.bottom_shapes[0])}")
        if self.fields.local_size % 2 == 0 or self.fields.local_size > MAX_COUNT:
            self.fail(f"local_size must be odd and below 2^31, not {self.fields.local_size}")

    def operations(self) -> Operations:
        size = self.fields.local_size
        within = self.fields.norm_region == caffe_pb2.LRNParameter.WITHIN_CHANNEL
        window = size**2 if within else size
        return Operations(multiplications=3, additions=window + 1, divisions=within,
                          exponentials=1) * self.count

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        within = self.fields.norm_region == caffe_pb2.LRNParameter.WITHIN_CHANNEL
        half = self.fields.local_size // 2 if within else 0
        return [(1, -half, half)] * 2


@register
class MVN(Layer):
    """Mean-variance normalisation of each image (mvn_layer.cpp). Its top always has four axes."""

    param = "mvn_param"

    def shapes(self) -> Sequence[Shape]:
        shape = self.bottom_shapes[0]
        if len(shape) > 4:
            self.fail(f"needs a bottom of at most 4 axes, not {show(shape)}")
        return [shape + (1,) * (4 - len(shape))]

    @property
    def starved(self) -> bool:
        return 0 in self.bottom_shapes[0][1 if self.fields.across_channels else 2:]

    def operations(self) -> Operations:
        if not self.fields.normalize_variance:
            return Operations(additions=2) * self.count
        return Operations(multiplications=1, additions=3, divisions=1) * self.count
