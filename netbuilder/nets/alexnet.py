"""AlexNet as BVLC released it (bvlc_alexnet), CaffeNet, and AlexNet with batch norm.

Layer names are the released ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

from netbuilder.errors import BuildError, one_of
from netbuilder.lego.base import BaseLego, Chain, LayerLego
from netbuilder.lego.classifier import FCReLU
from netbuilder.lego.conv import ConvBNReLU, ConvReLU, joined
from netbuilder.nets.common import CLASSES, CROP, at_least, check_sizes, input_layer, multiple_of
from netbuilder.nets.datasets import IMAGENET
from netbuilder.nets.registry import Option, Reported, network, variant
from netbuilder.spec import NetSpec

BVLC = "https://github.com/BVLC/caffe/tree/master/models"


class Norm(NamedTuple):
    """A kind of normalisation: what makes each convolution, and what is beside a pooling."""

    unit: Callable[..., BaseLego]
    beside_pool: Callable[[str], tuple[BaseLego, ...]]


def _lrn(number: str) -> tuple[BaseLego, ...]:
    return (LayerLego("LRN", name=f"norm{number}", local_size=5, alpha=0.0001, beta=0.75),)


NORMS = {"lrn": Norm(ConvReLU, _lrn), "batch_norm": Norm(ConvBNReLU, lambda number: ())}


@network(
    "alexnet",
    dataset=IMAGENET._replace(batch_size=256),
    recipe="alexnet",
    source=f"{BVLC}/bvlc_alexnet",
    reported=(Reported("BVLC AlexNet", {}, 0.571, 0.802,
                       "center crop, snapshot of iteration 360,000"),),
)
def alexnet(
    *,
    norm: Annotated[str, Option(f"normalisation: {', '.join(NORMS)}; batch norm is in front of "
                                "the ReLU of every convolution")] = "lrn",
    caffenet: Annotated[bool, Option("as CaffeNet: pool before normalising, and start at 1 the "
                                     "biases that AlexNet starts at 0.1")] = False,
    width: Annotated[int, Option("outputs of the first convolution, a multiple of 6; the others "
                                 "are 8/3 and 4 times as wide", ("-n",))] = 96,
    fc_width: Annotated[int, Option("outputs of fc6 and fc7")] = 4096,
    num_classes: Annotated[int, CLASSES] = 1000,
    crop_size: Annotated[int, CROP] = 227,
) -> NetSpec:
    """AlexNet, with grouped convolutions."""
    if norm not in NORMS:
        raise BuildError(f'unknown norm "{norm}"{one_of(norm, NORMS)}')
    multiple_of(6, width=width)
    check_sizes(fc_width=fc_width, num_classes=num_classes)
    at_least(39, crop_size=crop_size)
    bias = _constant(1 if caffenet else 0.1)
    unit = partial(NORMS[norm].unit, naming=joined, weight_filler=_gaussian(0.01))
    small = partial(unit, kernel_size=3, pad=1)
    dense = partial(FCReLU, num_output=fc_width, naming=joined, weight_filler=_gaussian(0.005),
                    bias_filler=bias)
    beside = partial(_normed_pool, norm=NORMS[norm], pool_first=caffenet)
    mid, wide = width * 8 // 3, width * 4
    net = NetSpec()
    Chain(links=[
        unit(name="1", num_output=width, kernel_size=11, stride=4), *beside("1"),
        unit(name="2", num_output=mid, kernel_size=5, pad=2, group=2, bias_filler=bias),
        *beside("2"),
        small(name="3", num_output=wide),
        small(name="4", num_output=wide, group=2, bias_filler=bias),
        small(name="5", num_output=mid, group=2, bias_filler=bias), _pool("5"),
        dense(name="6"), dense(name="7"),
        LayerLego("InnerProduct", name="fc8", num_output=num_classes,
                  weight_filler=_gaussian(0.01)),
    ]).attach(net, input_layer(net, crop_size))
    return net


def _normed_pool(number: str, *, norm: Norm, pool_first: bool) -> list[BaseLego]:
    links = [*norm.beside_pool(number), _pool(number)]
    return links[::-1] if pool_first else links


def _pool(number: str) -> BaseLego:
    return LayerLego("Pooling", name=f"pool{number}", pool="MAX", kernel_size=3, stride=2)


def _gaussian(std: float) -> dict[str, Any]:
    return {"type": "gaussian", "std": std}


def _constant(value: float) -> dict[str, Any]:
    return {"type": "constant", "value": value}


variant("caffenet", alexnet, "CaffeNet: AlexNet that pools before it normalises",
        {"caffenet": True}, (Reported("BVLC CaffeNet", {}, 0.574, 0.804,
                                      "center crop, snapshot of iteration 310,000"),),
        source=f"{BVLC}/bvlc_reference_caffenet")
