"""BatchNorm, LRN and MVN (batch_norm_layer.cpp, lrn_layer.cpp, mvn_layer.cpp)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import Op, Tensors, register, with_gradient_of


@register
class BatchNorm(Op):
    """Each channel to mean 0 and variance 1.

    Its three parameters are running sums of means and of unbiased variances, and the weight of
    those sums. Every forward that uses the batch's own statistics adds to them, a bare
    ``net.forward()`` too.
    """

    needs_values = True
    always_backward = True
    keeps_top = False

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [self.normalize(bottoms[0], params)]

    def normalize(self, x: torch.Tensor, statistics: Tensors, scale: torch.Tensor | None = None,
                  bias: torch.Tensor | None = None) -> torch.Tensor:
        """``x`` normalised, and, where given, scaled and shifted per channel in the same pass."""
        mean, variance, weight = (p.detach() for p in statistics)
        if self.layer.use_global_stats:
            # Without any statistics yet, Caffe normalises by mean 0 and variance 0.
            factor = torch.where(weight == 0, weight, weight.reciprocal())
            return F.batch_norm(x, mean * factor, variance * factor, scale, bias, False, 0.0,
                                self.layer.eps)
        return self._by_batch(x, (mean, variance, weight), scale, bias)

    def _by_batch(self, x: torch.Tensor, statistics: Tensors, scale: torch.Tensor | None,
                  bias: torch.Tensor | None) -> torch.Tensor:
        mean, variance = (torch.zeros_like(total) for total in statistics[:2])
        if x.numel() == x.shape[1]:  # of a single value torch knows no unbiased variance; Caffe: 0
            mean, top = x.detach().reshape(-1), x - x
            top = top if scale is None else top * scale.view_as(top)
            top = top if bias is None else top + bias.view_as(top)
        else:  # with momentum 1 torch leaves the mean and unbiased variance of this batch there
            top = torch.batch_norm(x, scale, bias, mean, variance, True, 1.0, self.layer.eps,
                                   torch.backends.cudnn.enabled)
        with torch.no_grad():
            for total, value in zip(statistics, (mean, variance, 1.0), strict=True):
                total.mul_(self.layer.moving_average_fraction).add_(value)
        return top


@register
class LRN(Op):
    """Local response normalisation across or within channels."""

    needs_values = True

    @property
    def always_backward(self) -> bool:
        """Across channels Caffe does not ask whether its bottom's gradient is wanted."""
        return self.layer.fields.norm_region == caffe_pb2.LRNParameter.ACROSS_CHANNELS

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        x, fields = bottoms[0], self.layer.fields
        if fields.norm_region == caffe_pb2.LRNParameter.ACROSS_CHANNELS:
            scale = fields.k + fields.alpha * self._mean_across(x.square())
        else:  # k has no part here: Caffe builds it of pooling and power with shift 1
            size = fields.local_size
            scale = 1 + fields.alpha * F.avg_pool2d(x.square(), size, 1, size // 2)
        return [x * scale.pow(-fields.beta)]

    def _mean_across(self, squares: torch.Tensor) -> torch.Tensor:
        size, channels = self.layer.fields.local_size, squares.shape[1]
        padded = F.pad(squares, (0, 0, 0, 0, size // 2, size // 2))
        return sum(padded[:, i: i + channels] for i in range(size)) / size


@register
class MVN(Op):
    """Each image, or each channel of it, less its mean and by its deviation (mvn_layer.cpp)."""

    needs_values = True
    always_backward = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer, fields = self.layer, self.layer.fields
        x = bottoms[0].reshape(layer.top_shapes[0])
        x = x.flatten(1) if fields.across_channels else x.flatten(2)
        centred = x - x.mean(-1, keepdim=True)
        top = centred
        if fields.normalize_variance:
            fixed = centred.detach()
            deviation = fixed.square().mean(-1, keepdim=True).sqrt() + fields.eps
            value = fixed / deviation
            # Caffe's gradient takes eps, too, for a part that grows with the deviation.
            along = (value * centred).mean(-1, keepdim=True)
            top = with_gradient_of((centred - value * along) / deviation, value)
        return [top.reshape(layer.top_shapes[0])]
