"""Residual networks (He et al., arXiv 1512.03385), with the main branches of pynetbuilder.

Layer names are those of the models that were published with pynetbuilder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from netbuilder.errors import BuildError
from netbuilder.lego.base import LayerLego
from netbuilder.lego.classifier import EndPool, FCStage
from netbuilder.lego.conv import ConvBNReLU
from netbuilder.lego.residual import MAIN_BRANCHES, Shortcut, main_branch
from netbuilder.nets.common import CLASSES, CROP, check_sizes, input_layer
from netbuilder.nets.datasets import CIFAR10, IMAGENET
from netbuilder.nets.registry import Option, Reported, network
from netbuilder.spec import NetSpec, Top

MODELS = "https://github.com/jay-mahadeokar/pynetbuilder/tree/master/models"

BRANCH = Option(f"kind of the blocks' main branch: {', '.join(MAIN_BRANCHES)}", ("-m",))


def stage1_width(options: Mapping[str, Any]) -> int:
    """The paper's output width of a block in stage 1."""
    kind = options["main_branch"]
    main_branch(kind)
    return 256 if "bottleneck" in kind else 64


def _row(
    name: str, top1: float, branch: str, blocks: tuple[int, ...], *, width: int,
    fc_layers: bool = False,
) -> Reported:
    return Reported(name, {"main_branch": branch, "blocks": blocks, "num_output_stage1": width,
                           "fc_layers": fc_layers}, top1)


@network(
    "resnet",
    dataset=IMAGENET,
    recipe="resnet",
    source=f"{MODELS}/imagenet",
    reported=(
        _row("Resnet 50", 0.7175, "bottleneck", (3, 4, 6, 3), width=256),
        _row("Resnet 50 1by2", 0.6679, "bottleneck", (3, 4, 6, 3), width=128),
        _row("resnet 77 1by2", 0.6984, "bottleneck", (3, 4, 15, 3), width=128),
        _row("Resnet 66 1by2 inception trick and bottleneck", 0.6636,
             "inception_trick_bottleneck", (3, 4, 6, 3), width=128),
        _row("resnet 68 1by2 with4k inception trick and bottleneck", 0.6963,
             "inception_trick_bottleneck", (3, 4, 6, 3), width=128, fc_layers=True),
        _row("resnet 34 inception trick", 0.678, "inception_trick", (2, 2, 2, 2), width=64),
        _row("resnet 36 with4k inception trick", 0.7076, "inception_trick", (2, 2, 2, 2), width=64,
             fc_layers=True),
    ),
)
def resnet(
    *,
    main_branch: Annotated[str, BRANCH] = "bottleneck",
    blocks: Annotated[tuple[int, ...], Option("number of blocks in each stage", ("-b",))]
    = (3, 4, 6, 3),
    num_output_stage1: Annotated[int | None, Option(
        "output width of a block in stage 1, doubled in each further stage; not given: 256 for "
        "the bottleneck kinds, 64 for the others", ("-n",), stage1_width,
        "the paper's width for this main branch")] = None,
    fc_layers: Annotated[bool, Option("end with 1x1 convolutions of 2048 and 4096")] = False,
    num_classes: Annotated[int, CLASSES] = 1000,
    crop_size: Annotated[int, CROP] = 224,
) -> NetSpec:
    """Residual network for ImageNet."""
    if not blocks:
        raise BuildError("blocks: give the number of blocks of at least one stage")
    check_sizes(num_output_stage1=num_output_stage1, num_classes=num_classes, crop_size=crop_size)
    net = NetSpec()
    top = input_layer(net, crop_size)
    net.comment("The stem: a wide convolution and pooling.")
    top = ConvBNReLU(name="1", num_output=64, kernel_size=7, stride=2, pad=3).attach(net, top)
    top = LayerLego("Pooling", name="pool1", pool="MAX", kernel_size=3, stride=2).attach(net, top)
    for stage, count in enumerate(blocks):
        top = _stage(net, top, stage, count=count, branch=main_branch,
                     width=num_output_stage1 * 2**stage)
    net.comment("The classifier.")
    if fc_layers:
        FCStage(num_classes=num_classes).attach(net, top)
    else:
        _classifier(net, top, num_classes)
    return net


@network("resnet_cifar10", dataset=CIFAR10, recipe="resnet_cifar10",
         source=f"{MODELS}/cifar10")
def resnet_cifar10(
    *,
    main_branch: Annotated[str, BRANCH] = "normal",
    n: Annotated[int, Option("blocks in each of the three stages; the network is 6n+2 layers deep "
                             "(normal) or 9n+2 (bottleneck)", ("-n", "--N"))] = 3,
    num_classes: Annotated[int, CLASSES] = 10,
    crop_size: Annotated[int, CROP] = 32,
) -> NetSpec:
    """Residual network for CIFAR-10."""
    check_sizes(num_classes=num_classes, crop_size=crop_size)
    net = NetSpec()
    top = input_layer(net, crop_size)
    net.comment("The stem.")
    top = ConvBNReLU(name="1", num_output=16, kernel_size=3, pad=1).attach(net, top)
    for stage in range(3):
        top = _stage(net, top, stage, count=n, branch=main_branch, width=16 * 2**stage)
    net.comment("The classifier.")
    _classifier(net, top, num_classes)
    return net


def _stage(net: NetSpec, top: Top, stage: int, *, count: int, branch: str, width: int) -> Top:
    """Blocks of one width; the first of every stage but stage 0 halves the size."""
    if count < 1:
        raise BuildError(f"stage {stage} has {count} blocks; it needs at least 1")
    net.comment(f"Stage {stage}: {count} x {branch}, {width} outputs.")
    for block in range(count):
        lego = Shortcut(name=f"stage{stage}_block{block}", main_branch=branch, num_output=width,
                        stride=2 if stage and not block else 1)
        top = lego.attach(net, top)
    return top


def _classifier(net: NetSpec, top: Top, num_classes: int) -> Top:
    top = EndPool().attach(net, top)
    return LayerLego("InnerProduct", name=f"fc{num_classes}", num_output=num_classes).attach(
        net, top)
