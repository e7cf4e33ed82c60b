"""ResNet-50 written by hand for PyTorch, as fast as it goes: the measure of the engine."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torch.nn import functional


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-5, momentum=0.001)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with batch norm, added to its input or to a 1x1 of it."""

    def __init__(self, inputs: int, width: int, stride: int, bias: bool) -> None:
        super().__init__()
        conv = partial(nn.Conv2d, bias=bias)
        self.main = nn.Sequential(
            conv(inputs, width, 1, stride), _norm(width), nn.ReLU(inplace=True),
            conv(width, width, 3, 1, 1), _norm(width), nn.ReLU(inplace=True),
            conv(width, 4 * width, 1), _norm(4 * width))
        self.side = nn.Identity() if inputs == 4 * width and stride == 1 else nn.Sequential(
            conv(inputs, 4 * width, 1, stride), _norm(4 * width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.main(x) + self.side(x), inplace=True)


def resnet50(bias: bool = False) -> nn.Module:
    """Stride in the first 1x1, as in the Caffe model; 224 x 224 images to 1000 values.

    With ``bias`` its convolutions have the biases that the Caffe model's have; PyTorch's users
    leave them out, because batch norm takes them away again.
    """
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=bias), _norm(64), nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True)]
    body, inputs = [], 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            body.append(Bottleneck(inputs, width, stride if block == 0 else 1, bias))
            inputs = 4 * width
    return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(2048, 1000)).train()
