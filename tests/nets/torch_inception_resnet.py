"""Inception-ResNet-v2 in PyTorch, both variants: written from the paper's figures and from what was
trained, not from netbuilder's tables. Kernels and paddings are (h, w)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

ONE, THREE, FIVE = ((1, 1), (0, 0)), ((3, 3), (1, 1)), ((5, 5), (2, 2))
VALID = ((3, 3), (0, 0))
HALF = (*VALID, 2)
FLAT7, TALL7 = ((1, 7), (0, 3)), ((7, 1), (3, 0))
FLAT3, TALL3 = ((1, 3), (0, 1)), ((3, 1), (1, 0))


class Net(nn.Module):
    """What makes the parts of one variant: ``eps`` and ``keep`` are those of its batch norms."""

    def __init__(self, eps: float, keep: float) -> None:
        super().__init__()
        self.norm = {"eps": eps, "momentum": 1 - keep}

    def unit(self, inputs: int, outputs: int, kernel: Sequence[int], pad: Sequence[int],
             stride: int = 1) -> nn.Sequential:
        return nn.Sequential(self.linear(inputs, outputs, kernel, pad, stride), nn.ReLU())

    def linear(self, inputs: int, outputs: int, kernel: Sequence[int], pad: Sequence[int],
               stride: int = 1) -> nn.Sequential:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs, **self.norm))

    def line(self, inputs: int, *convs: tuple) -> nn.Sequential:
        """Convolutions one on top of the other: (outputs, *kernel, padding and stride)."""
        units = []
        for outputs, *how in convs:
            units.append(self.unit(inputs, outputs, *how))
            inputs = outputs
        return nn.Sequential(*units)


class Beside(nn.Module):
    """Branches side by side."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Block(nn.Module):
    """x + scale * up(branches(x))."""

    def __init__(self, branches: nn.Module, up: nn.Module, scale: float, relu: bool = True) -> None:
        super().__init__()
        self.branches, self.up, self.scale, self.relu = branches, up, scale, relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = x + self.scale * self.up(self.branches(x))
        return total.relu() if self.relu else total


class Paper(Net):
    """The paper's network without its misprints; ``trained``: kernels exchanged as in training."""

    def __init__(self, counts: Sequence[int], trained: bool, classes: int) -> None:
        super().__init__(1e-5, 0.9)
        first7, second7 = (TALL7, FLAT7) if trained else (FLAT7, TALL7)  # of B; the stem's inverse
        first3, second3 = (TALL3, FLAT3) if trained else (FLAT3, TALL3)
        pool = nn.MaxPool2d(3, 2)
        line, half = self.line, HALF
        self.stem = nn.Sequential(
            line(3, (32, *half), (32, *VALID), (64, *THREE)),
            Beside(pool, line(64, (96, *half))),
            Beside(line(160, (64, *ONE), (96, *VALID)),
                   line(160, (64, *ONE), (64, *second7), (64, *first7), (96, *VALID))),
            Beside(line(192, (192, *half)), pool))
        self.a = nn.Sequential(*(Block(
            Beside(line(384, (32, *ONE)), line(384, (32, *ONE), (32, *THREE)),
                   line(384, (32, *ONE), (48, *THREE), (64, *THREE))),
            self.linear(128, 384, *ONE), 0.1) for _ in range(counts[0])))
        self.to_b = Beside(pool, line(384, (384, *half)),
                           line(384, (256, *ONE), (256, *THREE), (384, *half)))
        self.b = nn.Sequential(*(Block(
            Beside(line(1152, (192, *ONE)),
                   line(1152, (128, *ONE), (160, *first7), (192, *second7))),
            self.linear(384, 1152, *ONE), 0.1) for _ in range(counts[1])))
        self.to_c = Beside(pool, line(1152, (256, *ONE), (384, *half)),
                           line(1152, (256, *ONE), (256, *half)),
                           line(1152, (256, *ONE), (256, *THREE), (256, *half)))
        self.c = nn.Sequential(*(Block(
            Beside(line(2048, (192, *ONE)),
                   line(2048, (192, *ONE), (224, *first3), (256, *second3))),
            self.linear(448, 2048, *ONE), 0.1) for _ in range(counts[2])))
        self.dropout = nn.Dropout(0.2)
        self.classes = nn.Linear(2048, classes)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        for part in (self.stem, self.a, self.to_b, self.b, self.to_c, self.c):
            x = part(x)
        return [self.classes(self.dropout(x.mean((2, 3))))]


class Slim(Net):
    """TF-slim's; gives the classifier's values, and before it the auxiliary classifier's."""

    def __init__(self, counts: Sequence[int], size: int, classes: int) -> None:
        super().__init__(1e-3, 0.9997)
        line, half, pool = self.line, HALF, nn.MaxPool2d(3, 2)
        self.stem = nn.Sequential(
            line(3, (32, *half), (32, *VALID), (64, *THREE)), pool,
            line(64, (80, *ONE), (192, *VALID)), pool,
            Beside(line(192, (96, *ONE)), line(192, (48, *ONE), (64, *FIVE)),
                   line(192, (64, *ONE), (96, *THREE), (96, *THREE)),
                   nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False),
                                 line(192, (64, *ONE)))))
        self.a = nn.Sequential(*(Block(
            Beside(line(320, (32, *ONE)), line(320, (32, *ONE), (32, *THREE)),
                   line(320, (32, *ONE), (48, *THREE), (64, *THREE))),
            nn.Conv2d(128, 320, 1), 0.17) for _ in range(counts[0])))
        self.to_b = Beside(line(320, (384, *half)),
                           line(320, (256, *ONE), (256, *THREE), (384, *half)), pool)
        self.b = nn.Sequential(*(Block(
            Beside(line(1088, (192, *ONE)), line(1088, (128, *ONE), (160, *FLAT7), (192, *TALL7))),
            nn.Conv2d(384, 1088, 1), 0.10) for _ in range(counts[1])))
        side = ((size - 107) // 32 * 2) // 3 + 1  # of the 5x5 averages, by steps of 3
        self.aux = nn.Sequential(
            nn.AvgPool2d(5, 3),
            line(1088, (128, *ONE), (768, (side, side), (0, 0))), nn.Flatten(),
            nn.Linear(768, classes))
        self.to_c = Beside(line(1088, (256, *ONE), (384, *half)),
                           line(1088, (256, *ONE), (288, *half)),
                           line(1088, (256, *ONE), (288, *THREE), (320, *half)), pool)
        self.c = nn.Sequential(*(Block(
            Beside(line(2080, (192, *ONE)), line(2080, (192, *ONE), (224, *FLAT3), (256, *TALL3))),
            nn.Conv2d(448, 2080, 1), *how) for how in [(0.20,)] * (counts[2] - 1) + [(1.0, False)]))
        self.end = line(2080, (1536, *ONE))
        self.dropout = nn.Dropout(0.2)
        self.classes = nn.Linear(1536, classes)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        for part in (self.stem, self.a, self.to_b, self.b):
            x = part(x)
        aux = self.aux(x)
        for part in (self.to_c, self.c, self.end):
            x = part(x)
        return [aux, self.classes(self.dropout(x.mean((2, 3))))]
