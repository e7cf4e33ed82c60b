"""ENet and network in network once more, in PyTorch: written from the Torch7 sources' description,
not from ours. Layers are made in the order in which they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

Params = Mapping[str, Sequence[np.ndarray]]


class Bottleneck(nn.Module):
    """The Torch7 builder's block: convolutions that keep the size are its middle."""

    def __init__(self, cin: int, cout: int, middle: str = "3", down: bool = False) -> None:
        super().__init__()
        mid, size = cout // 4, 2 if down else 1
        self.zeros, self.down = cout - cin, down
        layers: list[nn.Module] = [nn.Conv2d(cin, mid, size, size, bias=False), *after(mid)]
        if middle == "asymmetric":
            layers += [nn.Conv2d(mid, mid, (1, 5), padding=(0, 2), bias=False),
                       nn.Conv2d(mid, mid, (5, 1), padding=(2, 0)), *after(mid)]
        else:
            wide = {"3": 1, "d": 2, "xd": 4, "xxd": 8, "xxxd": 16}[middle]
            layers += [nn.Conv2d(mid, mid, 3, padding=wide, dilation=wide), *after(mid)]
        layers += [nn.Conv2d(mid, cout, 1, bias=False), nn.BatchNorm2d(cout, 1e-3)]
        self.main = nn.Sequential(*layers)
        self.prelu = nn.PReLU(cout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        main = self.main(x) * mask[:, :, None, None]
        if self.down:
            x = F.max_pool2d(x, 2, 2)
        if self.zeros:
            x = torch.cat([x, x.new_zeros(len(x), self.zeros, *x.shape[2:])], 1)
        return self.prelu(x + main)


def after(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(width, 1e-3), nn.PReLU(width)


class ENet(nn.Module):
    """As the post lists it. ``masks`` are what each block's dropout multiplies by."""

    def __init__(self, version: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 13, 3, 2, 1)
        self.after = nn.Sequential(*after(16))
        blocks = [Bottleneck(16, 64, down=True), *(Bottleneck(64, 64) for _ in range(4)),
                  Bottleneck(64, 128, down=True)]
        width = 128
        for _ in range(2):
            out = width * (2 if version == 3 else 1)
            blocks += [Bottleneck(width, width, middle) for middle in
                       ("3", "d", "asymmetric", "xd", "3", "xxd", "asymmetric")]
            blocks += [Bottleneck(width, out, "xxxd"), Bottleneck(out, out, down=True)]
            width = out
        self.blocks = nn.ModuleList(blocks)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor, masks: Sequence[torch.Tensor]) -> torch.Tensor:
        x = self.after(torch.cat([self.conv(x), F.max_pool2d(x, 2, 2)], 1))
        for block, mask in zip(self.blocks, masks, strict=True):
            x = block(x, mask)
        return self.fc(x.mean((2, 3)))


class NIN(nn.Module):
    """As the gist's createModel makes it."""

    def __init__(self, batch_norm: bool, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for cin, out, size, stride, pad in ((3, 96, 11, 4, 5), (96, 256, 5, 1, 2),
                                            (256, 384, 3, 1, 1), (384, 1024, 3, 1, 1)):
            if layers:
                layers.append(nn.MaxPool2d(3, 2, 1))
            for conv in (nn.Conv2d(cin, out, size, stride, pad), nn.Conv2d(out, out, 1),
                         nn.Conv2d(out, out, 1)):
                norm = [nn.BatchNorm2d(out, 1e-3)] if batch_norm else []
                layers += [conv, *norm, nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: torch.Tensor, masks: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return self.fc(self.features(x).mean((2, 3)))


# Weights: of Caffe's layers, and of the modules, in the order in which they come.


def pairs(model: nn.Module, types: Mapping[str, str]) -> Iterator[tuple[torch.Tensor, str, int]]:
    """Each parameter and statistic with the place of its values: a layer and a blob's number.

    ``types`` are the types of Caffe's layers by their names, in the net's order.
    """
    queues = {kind: iter([name for name, type_name in types.items() if type_name == kind])
              for kind in ("Convolution", "BatchNorm", "Scale", "PReLU", "InnerProduct")}
    for module in model.modules():
        kind = {nn.Conv2d: "Convolution", nn.PReLU: "PReLU", nn.Linear: "InnerProduct",
                nn.BatchNorm2d: "Scale"}.get(type(module))
        if kind:
            layer = next(queues[kind])
            yield module.weight, layer, 0
            if getattr(module, "bias", None) is not None:
                yield module.bias, layer, 1
        if kind == "Scale":
            layer = next(queues["BatchNorm"])
            yield module.running_mean, layer, 0
            yield module.running_var, layer, 1
    assert not [name for queue in queues.values() for name in queue]


def put_weights(model: nn.Module, types: Mapping[str, str], params: Params) -> None:
    """Puts a net's weights into a model; statistics are stored with their weight."""
    with torch.no_grad():
        for tensor, layer, index in pairs(model, types):
            values = params[layer][index]
            if types[layer] == "BatchNorm":
                values = values / params[layer][2]
            assert tensor.shape == values.shape, layer
            tensor.copy_(torch.from_numpy(values))
