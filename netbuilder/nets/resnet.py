"""Residual networks for ImageNet (He et al., arXiv 1512.03385), with any kind of MAIN_BRANCHES.

Layer names are those of the models that were published with pynetbuilder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from netbuilder.errors import BuildError
from netbuilder.lego.base import BaseLego, LayerLego
from netbuilder.lego.classifier import EndPool, FCStage
from netbuilder.lego.residual import MAIN_BRANCHES, Shortcut, main_branch
from netbuilder.nets.common import CLASSES, CROP, at_least, check_sizes, input_layer
from netbuilder.nets.datasets import IMAGENET, IMAGENET_STD
from netbuilder.nets.registry import Dataset, Option, Reported, network, variant
from netbuilder.spec import NetSpec, Top

MODELS = "https://github.com/jay-mahadeokar/pynetbuilder/tree/master/models"

BRANCH = Option(f"kind of the blocks' main branch: {', '.join(MAIN_BRANCHES)}", ("-m",))


class Trained(NamedTuple):
    """How a kind of block was trained: the recipe, and the data as it was prepared."""

    recipe: str = "resnet"
    dataset: Dataset = IMAGENET


TRAINED = {
    "preact_normal": Trained("preact_resnet"),
    "preact_bottleneck": Trained("preact_resnet"),
    "resnext_bottleneck": Trained("resnext", IMAGENET_STD),
    "se_normal": Trained("se_resnet"),
    "se_bottleneck": Trained("se_resnet"),
}


def trained(options: Mapping[str, Any]) -> Trained:
    """How the network's kind of block was trained."""
    return TRAINED.get(options["main_branch"], Trained())


def stage1_width(options: Mapping[str, Any]) -> int:
    """The paper's output width of a block in stage 1."""
    return main_branch(options["main_branch"]).width


def _row(
    name: str, top1: float, branch: str, blocks: tuple[int, ...], *, width: int,
    fc_layers: bool = False,
) -> Reported:
    return Reported(name, {"main_branch": branch, "blocks": blocks, "num_output_stage1": width,
                           "fc_layers": fc_layers}, top1)


RESNET_50 = _row("Resnet 50", 0.7175, "bottleneck", (3, 4, 6, 3), width=256)


@network(
    "resnet",
    dataset=lambda options: trained(options).dataset,
    recipe=lambda options: trained(options).recipe,
    source=f"{MODELS}/imagenet",
    reported=(
        RESNET_50,
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
    check_sizes(num_output_stage1=num_output_stage1, num_classes=num_classes)
    at_least(3, crop_size=crop_size)
    net = NetSpec()
    top = input_layer(net, crop_size)
    net.comment("The stem: a wide convolution and pooling.")
    top = stem(main_branch, num_output=64, kernel_size=7, stride=2, pad=3).attach(net, top)
    top = LayerLego("Pooling", name="pool1", pool="MAX", kernel_size=3, stride=2).attach(net, top)
    top = stages(net, top, blocks, main_branch=main_branch, width=num_output_stage1)
    net.comment("The classifier.")
    if fc_layers:
        FCStage(num_classes=num_classes).attach(net, top)
    else:
        classifier(net, top, main_branch, num_classes)
    return net


def stem(kind: str, **sizes: Any) -> BaseLego:
    """The convolution in front of blocks of this kind."""
    block = main_branch(kind)
    return block.stem(name="1", bias_term=block.bias_term, **sizes)


def stages(net: NetSpec, top: Top, blocks: tuple[int, ...], *, width: int, **block: Any) -> Top:
    """Stages of blocks over a stem that ends with batch norm and ReLU, and what ends the blocks.

    The first block of every stage but stage 0 halves the size, and doubles the width.
    """
    for stage, count in enumerate(blocks):
        if count < 1:
            raise BuildError(f"stage {stage} has {count} blocks; it needs at least 1")
        num_output = width * 2**stage
        net.comment(f"Stage {stage}: {count} x {block['main_branch']}, {num_output} outputs.")
        for number in range(count):
            lego = Shortcut(name=f"stage{stage}_block{number}", num_output=num_output,
                            stride=2 if stage and not number else 1,
                            activated=not stage and not number, **block)
            top = lego.attach(net, top)
    return main_branch(block["main_branch"]).end(name="last").attach(net, top)


def classifier(net: NetSpec, top: Top, kind: str, num_classes: int) -> Top:
    """The average over the map and an InnerProduct ``fc<num_classes>``."""
    top = EndPool().attach(net, top)
    full = main_branch(kind).classifier(name=f"fc{num_classes}", num_output=num_classes)
    return full.attach(net, top)


# Names of their own.

DEPTHS: dict[int, tuple[str, tuple[int, ...]]] = {
    18: ("normal", (2, 2, 2, 2)), 34: ("normal", (3, 4, 6, 3)), 50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)), 152: ("bottleneck", (3, 8, 36, 3)),
    200: ("bottleneck", (3, 24, 36, 3))}


def _deep(name: str, depth: int, about: str, kind: str = "", source: str = "",
          *reported: Reported) -> None:
    branch, blocks = DEPTHS[depth]
    variant(f"{name}{depth}", resnet, f"{about} of {depth} layers",
            {"main_branch": kind + branch, "blocks": blocks}, reported, source=source)


PREACT, RESNEXT, SE = (f"https://arxiv.org/abs/{number}"
                       for number in ("1603.05027", "1611.05431", "1709.01507"))
AT_224, AT_320 = "224x224 center crop", "320x320 center crop"

for _depth in (18, 34, 101, 152):
    _deep("resnet", _depth, "Residual network")
_deep("resnet", 50, "Residual network", "", "", RESNET_50)
for _depth, _reported in {
    50: (), 152: (Reported("ResNet-152 pre-activation", {}, 0.789, 0.945, AT_320),),
    200: (Reported("ResNet-200 pre-activation", {}, 0.793, 0.947, AT_320),),
}.items():
    _deep("preact_resnet", _depth, "Pre-activation residual network", "preact_", PREACT,
          *_reported)
_deep("resnext", 50, "ResNeXt (32 x 4d)", "resnext_", RESNEXT,
      Reported("ResNeXt-50 (32 x 4d)", {}, 0.778, about=AT_224))
_deep("se_resnet", 50, "Squeeze and excitation residual network", "se_", SE,
      Reported("SE-ResNet-50", {}, 0.7671, 0.9338, AT_224))
