"""Network in network (Lin et al., arXiv 1312.4400) as trained in Torch7, with batch norm."""

from __future__ import annotations

from typing import Annotated

from netbuilder.errors import BuildError
from netbuilder.lego.base import Chain
from netbuilder.lego.classifier import EndPool
from netbuilder.lego.nin import NINBlock
from netbuilder.lego.torch7 import TorchLinear, TorchMaxPool
from netbuilder.nets.common import CLASSES, CROP, check_sizes, input_layer
from netbuilder.nets.datasets import IMAGENET_TORCH
from netbuilder.nets.registry import Option, Reported, network
from netbuilder.spec import NetSpec

# What each block but the width is: kernel size, stride, pad.
BLOCKS = ((11, 4, 5), (5, 1, 2), (3, 1, 1), (3, 1, 1))


@network(
    "nin", dataset=IMAGENET_TORCH, recipe="nin",
    source="https://gist.github.com/marcociccone/a44ac046cd06d83f2ade82d9adbf9deb",
    reported=(
        Reported("NIN", {}, 0.626,
                 about="center crop; 35 epochs took a bit more than a day on one Titan X"),
        Reported("NIN without batch norm", {"batch_norm": False}, 0.626,
                 about="center crop; these are the weights of the one with batch norm, which was "
                       "folded into the convolutions after training"),
    ),
)
def nin(
    *,
    batch_norm: Annotated[bool, Option("batch norm after each convolution")] = True,
    widths: Annotated[tuple[int, ...], Option("outputs of the four blocks")]
    = (96, 256, 384, 1024),
    num_classes: Annotated[int, CLASSES] = 1000,
    crop_size: Annotated[int, CROP] = 224,
) -> NetSpec:
    """Network in network for ImageNet."""
    check_sizes(num_classes=num_classes, crop_size=crop_size)
    if len(widths) != len(BLOCKS):
        raise BuildError(f"widths has {len(widths)} numbers; there are {len(BLOCKS)} blocks")
    net = NetSpec()
    top = input_layer(net, crop_size)
    for block, (width, (size, stride, pad)) in enumerate(zip(widths, BLOCKS, strict=True), 1):
        if block > 1:
            top = TorchMaxPool(name=f"pool{block - 1}", kernel_size=3, stride=2, pad=1).attach(
                net, top)
        net.comment(f"Block {block}: {width} outputs.")
        top = NINBlock(name=str(block), num_output=width, kernel_size=size, stride=stride, pad=pad,
                       batch_norm=batch_norm).attach(net, top)
    net.comment("The classifier.")
    end = Chain(links=[EndPool(), TorchLinear(name=f"fc{num_classes}", num_output=num_classes)])
    end.attach(net, top)
    return net
