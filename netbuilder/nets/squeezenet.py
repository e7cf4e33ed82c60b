"""SqueezeNet 1.0 (Iandola et al., arXiv 1602.07360), with the released layer names."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from netbuilder.lego.base import BaseLego, Chain, LayerLego
from netbuilder.lego.conv import ConvReLU, slashed
from netbuilder.lego.fire import Fire, FireParts
from netbuilder.nets.common import CLASSES, CROP, at_least, check_sizes, input_layer
from netbuilder.nets.datasets import IMAGENET
from netbuilder.nets.registry import Option, Reported, network
from netbuilder.spec import NetSpec

PARTS = FireParts("/squeeze1x1", "/expand1x1", "/expand3x3", "/concat")
POOLED = (4, 8)  # the modules that a pooling follows


def _outer(kind: str, number: str) -> str:
    """conv1, relu_conv1: the released names outside of the modules."""
    return f"conv{number}" if kind == "conv" else f"{kind}_conv{number}"


@network(
    "squeezenet",
    dataset=IMAGENET._replace(test_batch_size=25),
    recipe="squeezenet",
    source="https://github.com/DeepScale/SqueezeNet",
    reported=(Reported("SqueezeNet v1.0", {}, 0.575, 0.803),),
)
def squeezenet(
    *,
    width: Annotated[int, Option("outputs of the first convolution", ("-n",))] = 96,
    squeeze: Annotated[int, Option(
        "outputs to which fire2 and fire3 squeeze; each two further modules squeeze to as many "
        "more, and every module gives 8 times as many as it squeezes to", ("-s",))] = 16,
    num_classes: Annotated[int, CLASSES] = 1000,
    crop_size: Annotated[int, CROP] = 227,
) -> NetSpec:
    """SqueezeNet 1.0."""
    check_sizes(width=width, squeeze=squeeze, num_classes=num_classes)
    at_least(21, crop_size=crop_size)
    xavier = {"type": "xavier"}
    conv = partial(ConvReLU, naming=_outer)
    links = [conv(name="1", num_output=width, kernel_size=7, stride=2, weight_filler=xavier),
             _pool(1)]
    for number in range(2, 10):
        links.append(Fire(
            name=f"fire{number}", squeeze=squeeze * (number // 2),
            expand=4 * squeeze * (number // 2), parts=PARTS,
            unit=partial(ConvReLU, naming=slashed, weight_filler=xavier)))
        if number in POOLED:
            links.append(_pool(number))
    links += [
        LayerLego("Dropout", name="drop9", dropout_ratio=0.5),
        # the released net pads its 1x1 convolution: a frame of biases around the map
        conv(name="10", num_output=num_classes, kernel_size=1, pad=1,
             weight_filler={"type": "gaussian", "std": 0.01}),
        LayerLego("Pooling", name="pool10", pool="AVE", global_pooling=True),
    ]
    net = NetSpec()
    Chain(links=links).attach(net, input_layer(net, crop_size))
    return net


def _pool(number: int) -> BaseLego:
    return LayerLego("Pooling", name=f"pool{number}", pool="MAX", kernel_size=3, stride=2)
