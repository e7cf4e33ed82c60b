"""BatchNorm, LRN and MVN (batch_norm_layer.cpp, lrn_layer.cpp, mvn_layer.cpp)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from netbuilder.layer import Layer
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.ops.base import Op, Tensors, register, with_gradient_of
from netbuilder.torchcaffe.rng import Rng


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
    rereads = ()

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        if layer.eps < 0:
            layer.fail(f"the embedded engine takes no negative eps: it is {layer.eps:g}")

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [self.normalize(bottoms[0], params)]

    def normalize(self, x: torch.Tensor, statistics: Tensors, scale: torch.Tensor | None = None,
                  bias: torch.Tensor | None = None, shift: torch.Tensor | float = 0.0
                  ) -> torch.Tensor:
        """``x`` normalised, and, where given, scaled and shifted per channel in the same pass.

        ``shift`` is what each channel of the batch has more than ``x``: it goes into the mean.
        """
        mean, variance, weight = (p.detach() for p in statistics)
        x = _one_layout(x)
        if self.layer.use_global_stats:
            # Without any statistics yet, Caffe normalises by mean 0 and variance 0.
            factor = torch.where(weight == 0, weight, weight.reciprocal())
            return _one_layout(F.batch_norm(x, mean * factor, variance * factor, scale, bias,
                                            False, 0.0, self.layer.eps))
        return _one_layout(self._by_batch(x, (mean, variance, weight), scale, bias, shift))

    def _by_batch(self, x: torch.Tensor, statistics: Tensors, scale: torch.Tensor | None,
                  bias: torch.Tensor | None, shift: torch.Tensor | float) -> torch.Tensor:
        mean, variance = (torch.zeros_like(total) for total in statistics[:2])
        if x.numel() == x.shape[1]:  # of a single value torch knows no unbiased variance; Caffe: 0
            mean = x.detach().reshape(-1)
            top = (x - x) * torch.tensor(self.layer.eps).rsqrt()  # no number where eps is 0
            top = top if scale is None else top * scale.view_as(top)
            top = top if bias is None else top + bias.view_as(top)
        else:  # with momentum 1 torch leaves the mean and unbiased variance of this batch there
            top = torch.batch_norm(x, scale, bias, mean, variance, True, 1.0, self.layer.eps,
                                   torch.backends.cudnn.enabled)
        with torch.no_grad():
            for total, value in zip(statistics, (mean + shift, variance, 1.0), strict=True):
                total.mul_(self.layer.moving_average_fraction).add_(value)
        return top


def _one_layout(x: torch.Tensor) -> torch.Tensor:
    """The same values; of a single image, values and gradient with strides of one layout.

    Where an axis has length 1 any stride will do, but torch's batch_norm then takes the tensor for
    contiguous in one place and for channels last in another, and its gradient is wrong.
    """
    if x.dim() != 4 or len(x) != 1:
        return x
    pixels = x.permute(0, 2, 3, 1)
    return pixels.view(pixels.shape).permute(0, 3, 1, 2)


@register
class LRN(Op):
    """Local response normalisation across or within channels."""

    needs_values = True
    rereads = (0,)

    @property
    def always_backward(self) -> bool:
        """Across channels Caffe does not ask whether its bottom's gradient is wanted."""
        return self.layer.fields.norm_region == caffe_pb2.LRNParameter.ACROSS_CHANNELS

    @property
    def reads_top(self) -> bool:
        """Within a channel it is a product, whose factors count."""
        return self.always_backward

    @property
    def clashes(self) -> bool:
        """Across channels the factor is written into the top, and its slope into the diff."""
        return self.always_backward

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        factor = self._scale(bottoms[0]).pow(-self.layer.fields.beta)
        return [factor * (factor if self.in_place and self.clashes else bottoms[0])]

    def _scale(self, x: torch.Tensor) -> torch.Tensor:
        fields = self.layer.fields
        # k has no part within a channel: Caffe builds it of pooling and power with shift 1
        shift = fields.k if self.always_backward else 1
        return shift + fields.alpha * self._mean(x.square())

    def _mean(self, x: torch.Tensor) -> torch.Tensor:
        size = self.layer.fields.local_size
        return self._mean_across(x) if self.always_backward else \
            F.avg_pool2d(x, size, 1, size // 2)

    def puts_aside(self, bottoms: Tensors) -> Tensors:
        return [self._scale(bottoms[0])]

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        fields, (scale,), x = self.layer.fields, aside, bottoms[0]
        factor = scale.pow(-fields.beta)
        if not self.always_backward:
            pull = self._mean(x * grads[0] * factor / scale)
            return [grads[0] * factor - 2 * fields.alpha * fields.beta * x * pull]
        above = factor * factor if self.in_place else grads[0]
        direct = above if self.in_place else above * factor
        pull = self._mean(above * tops[0] / scale)
        return [direct - 2 * fields.alpha * fields.beta * x * pull]

    def _mean_across(self, squares: torch.Tensor) -> torch.Tensor:
        size, channels = self.layer.fields.local_size, squares.shape[1]
        padded = F.pad(squares, (0, 0, 0, 0, size // 2, size // 2))
        return sum(padded[:, i: i + channels] for i in range(size)) / size


@register
class MVN(Op):
    """Each image, or each channel of it, less its mean and by its deviation (mvn_layer.cpp)."""

    needs_values = True
    always_backward = True
    rereads = ()

    @property
    def reads_top(self) -> bool:
        """True if there is more to do than to subtract the mean."""
        return self.layer.fields.normalize_variance

    clashes = reads_top

    def puts_aside(self, bottoms: Tensors) -> Tensors:
        x = self._rows(bottoms[0])
        return [x.var(-1, correction=0, keepdim=True).sqrt() + self.layer.fields.eps]

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        top, above = self._rows(tops[0]), self._rows(grads[0])
        diff = top * (top * above).sum(-1, keepdim=True)
        if self.in_place:  # diff and above are one memory from here on
            above = diff
        diff = diff + above.sum(-1, keepdim=True)
        diff = diff / -diff.shape[-1]
        diff = diff + (diff if self.in_place else above)
        return [(diff / aside[0]).reshape(bottoms[0].shape)]

    def _rows(self, x: torch.Tensor) -> torch.Tensor:
        x = x.reshape(self.layer.top_shapes[0])
        return x.flatten(1) if self.layer.fields.across_channels else x.flatten(2)

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        layer, fields = self.layer, self.layer.fields
        x = self._rows(bottoms[0])
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
