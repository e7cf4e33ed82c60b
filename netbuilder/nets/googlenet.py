"""GoogLeNet (Szegedy et al., arXiv 1409.4842) as BVLC released it, with the released names."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from netbuilder.lego.base import BaseLego, Chain, LayerLego
from netbuilder.lego.classifier import EndPool, FCReLU
from netbuilder.lego.conv import ConvReLU, slashed
from netbuilder.lego.inception import Inception, InceptionParts
from netbuilder.nets.common import CLASSES, CROP, at_least, check_sizes, input_layer, multiple_of
from netbuilder.nets.datasets import IMAGENET
from netbuilder.nets.registry import Option, Reported, network
from netbuilder.spec import NetSpec, Top

# Of each module, at the published width: conv_1by1, reduce_3by3, conv_3by3, reduce_5by5,
# conv_5by5, pool_proj.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
POOLED = {"3b": "pool3", "4e": "pool4"}  # the modules that a pooling follows
HEADS = {"4a": "loss1", "4d": "loss2"}  # the modules that an auxiliary classifier reads
PUBLISHED = 64  # the width for which MODULES holds
PARTS = InceptionParts("/1x1", "/3x3_reduce", "/3x3", "/5x5_reduce", "/5x5", "/pool",
                       "/pool_proj", "/output")
XAVIER = {"type": "xavier"}
FILLERS: dict[str, Any] = {"weight_filler": XAVIER, "naming": slashed,
                           "bias_filler": {"type": "constant", "value": 0.2}}
conv = partial(ConvReLU, **FILLERS)


@network(
    "googlenet",
    dataset=IMAGENET,
    recipe="googlenet",
    source="https://github.com/BVLC/caffe/tree/master/models/bvlc_googlenet",
    aux_weight=0.3,
    reported=(Reported("BVLC GoogLeNet", {}, 0.687, 0.889,
                       "center crop, snapshot of iteration 2,400,000"),),
)
def googlenet(
    *,
    aux: Annotated[bool, Option("train two auxiliary classifiers too, with a weight of 0.3")]
    = True,
    width: Annotated[int, Option("outputs of the first convolution, a multiple of 8; all other "
                                 "widths follow it", ("-n",))] = PUBLISHED,
    num_classes: Annotated[int, CLASSES] = 1000,
    crop_size: Annotated[int, CROP] = 224,
) -> NetSpec:
    """GoogLeNet."""
    multiple_of(8, width=width)
    check_sizes(num_classes=num_classes)
    at_least(47 if aux else 31, crop_size=crop_size)
    net = NetSpec()
    top = _stem(width).attach(net, input_layer(net, crop_size))
    for name, widths in MODULES.items():
        top = _module(name, *(one * width // PUBLISHED for one in widths)).attach(net, top)
        if aux and name in HEADS:
            _head(net, top, HEADS[name], width, num_classes)
        if name in POOLED:
            top = _pool(f"{POOLED[name]}/3x3_s2").attach(net, top)
    Chain(links=[
        EndPool(name="pool5/7x7_s1"),
        LayerLego("Dropout", name="pool5/drop_7x7_s1", dropout_ratio=0.4),
        _classifier("loss3/classifier", num_classes),
    ]).attach(net, top)
    return net


def _stem(width: int) -> BaseLego:
    return Chain(links=[
        conv(name="conv1/7x7_s2", num_output=width, kernel_size=7, stride=2, pad=3),
        _pool("pool1/3x3_s2"), _lrn("pool1/norm1"),
        conv(name="conv2/3x3_reduce", num_output=width, kernel_size=1),
        conv(name="conv2/3x3", num_output=3 * width, kernel_size=3, pad=1),
        _lrn("conv2/norm2"), _pool("pool2/3x3_s2"),
    ])


def _module(name: str, *widths: int) -> BaseLego:
    fields = dict(zip(("conv_1by1", "reduce_3by3", "conv_3by3", "reduce_5by5", "conv_5by5",
                       "pool_proj"), widths, strict=True))
    return Inception(name=f"inception_{name}", unit=conv, parts=PARTS, **fields)


def _head(net: NetSpec, top: Top, name: str, width: int, num_classes: int) -> None:
    """An auxiliary classifier: a top that nothing reads."""
    net.comment(f"An auxiliary classifier, {name}.")
    Chain(links=[
        LayerLego("Pooling", name=f"{name}/ave_pool", pool="AVE", kernel_size=5, stride=3),
        conv(name=f"{name}/conv", num_output=2 * width, kernel_size=1),
        FCReLU(name=f"{name}/fc", num_output=16 * width, dropout_ratio=0.7, **FILLERS),
        _classifier(f"{name}/classifier", num_classes),
    ]).attach(net, top)


def _classifier(name: str, num_classes: int) -> BaseLego:
    return LayerLego("InnerProduct", name=name, num_output=num_classes, weight_filler=XAVIER)


def _pool(name: str) -> BaseLego:
    return LayerLego("Pooling", name=name, pool="MAX", kernel_size=3, stride=2)


def _lrn(name: str) -> BaseLego:
    return LayerLego("LRN", name=name, local_size=5, alpha=0.0001, beta=0.75)
