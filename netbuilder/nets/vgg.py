"""VGG networks (Simonyan and Zisserman, arXiv 1409.1556), with the released layer names."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from netbuilder.errors import BuildError
from netbuilder.lego.base import LayerLego
from netbuilder.lego.classifier import FCReLU
from netbuilder.lego.conv import ConvBNReLU, ConvReLU, joined
from netbuilder.nets.common import CLASSES, CROP, check_sizes, input_layer
from netbuilder.nets.datasets import IMAGENET
from netbuilder.nets.registry import Option, Reported, network, variant
from netbuilder.spec import NetSpec

XAVIER = {"type": "xavier"}
DENSE = "the whole image at a smallest side of 384, densely; trained with scale jittering"
VGG16, VGG19 = (Reported("VGG-16 (D)", {}, 0.744, 0.919, DENSE),
                Reported("VGG-19 (E)", {}, 0.745, 0.92, DENSE))


@network(
    "vgg",
    dataset=IMAGENET._replace(mean_value=(103.939, 116.779, 123.68), batch_size=64),
    recipe="vgg",
    source="https://www.robots.ox.ac.uk/~vgg/research/very_deep",
    reported=(VGG16,),
)
def vgg(
    *,
    blocks: Annotated[tuple[int, ...], Option("number of convolutions in each stage", ("-b",))]
    = (2, 2, 3, 3, 3),
    width: Annotated[int, Option("outputs in the first stage, doubled in each further stage up to "
                                 "eight times as many", ("-n",))] = 64,
    fc_width: Annotated[int, Option("outputs of fc6 and fc7")] = 4096,
    batch_norm: Annotated[bool, Option("batch norm after every convolution")] = False,
    num_classes: Annotated[int, CLASSES] = 1000,
    crop_size: Annotated[int, CROP] = 224,
) -> NetSpec:
    """VGG network."""
    if not blocks or min(blocks) < 1:
        raise BuildError(f"blocks: {' '.join(map(str, blocks)) or 'none'}; give the number of "
                         f"convolutions, at least 1, of at least one stage")
    check_sizes(width=width, fc_width=fc_width, num_classes=num_classes, crop_size=crop_size)
    net = NetSpec()
    top = input_layer(net, crop_size)
    conv = partial(ConvBNReLU if batch_norm else ConvReLU, kernel_size=3, pad=1,
                   weight_filler=XAVIER, naming=joined)
    for stage, count in enumerate(blocks):
        num_output = width * 2**min(stage, 3)
        net.comment(f"Stage {stage + 1}: {count} x {num_output} outputs.")
        for number in range(count):
            top = conv(name=f"{stage + 1}_{number + 1}", num_output=num_output).attach(net, top)
        top = LayerLego("Pooling", name=f"pool{stage + 1}", pool="MAX", kernel_size=2,
                        stride=2).attach(net, top)
    net.comment("The classifier.")
    for name in ("6", "7"):
        top = FCReLU(name=name, num_output=fc_width, weight_filler=XAVIER, naming=joined).attach(
            net, top)
    LayerLego("InnerProduct", name="fc8", num_output=num_classes, weight_filler=XAVIER).attach(
        net, top)
    return net


variant("vgg16", vgg, "VGG network of 16 layers, configuration D", {}, (VGG16,))
variant("vgg19", vgg, "VGG network of 19 layers, configuration E",
        {"blocks": (2, 2, 4, 4, 4)}, (VGG19,))
