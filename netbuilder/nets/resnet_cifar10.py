"""Residual networks for CIFAR-10: pynetbuilder's, pre-activation and wide ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from netbuilder.nets.common import CLASSES, CROP, check_share, check_sizes, input_layer
from netbuilder.nets.datasets import CIFAR10, CIFAR10_STD
from netbuilder.nets.registry import Option, Reported, network
from netbuilder.nets.resnet import BRANCH, MODELS, Trained, classifier, stages, stem
from netbuilder.spec import NetSpec

PREACT = Trained("preact_resnet_cifar10", CIFAR10)
TRAINED = {"preact_normal": PREACT, "preact_bottleneck": PREACT,
           "wide_normal": Trained("wide_resnet", CIFAR10_STD)}
DROPOUT = Option("share that dropout drops in each block, in front of its last convolution")


def trained(options: Mapping[str, Any]) -> Trained:
    """How the network's kind of block was trained."""
    return TRAINED.get(options["main_branch"], Trained("resnet_cifar10", CIFAR10))


def _preact(name: str, branch: str, width: int, top1: float) -> Reported:
    options = {"main_branch": branch, "n": 18, "width": width}
    return Reported(name, options, top1, about="median of 5 runs, arXiv 1603.05027")


@network(
    "resnet_cifar10",
    dataset=lambda options: trained(options).dataset,
    recipe=lambda options: trained(options).recipe,
    source=f"{MODELS}/cifar10",
    reported=(_preact("ResNet-110 pre-activation", "preact_normal", 1, 0.9363),
              _preact("ResNet-164 pre-activation", "preact_bottleneck", 4, 0.9454)),
)
def resnet_cifar10(
    *,
    main_branch: Annotated[str, BRANCH] = "normal",
    n: Annotated[int, Option("blocks in each of the three stages; the network is 6n+2 layers deep "
                             "(normal) or 9n+2 (bottleneck)", ("-n", "--N"))] = 3,
    width: Annotated[int, Option("factor on the blocks' output widths of 16, 32 and 64")] = 1,
    dropout_ratio: Annotated[float, DROPOUT] = 0.0,
    num_classes: Annotated[int, CLASSES] = 10,
    crop_size: Annotated[int, CROP] = 32,
) -> NetSpec:
    """Residual network for CIFAR-10."""
    check_sizes(width=width, num_classes=num_classes, crop_size=crop_size)
    check_share(dropout_ratio=dropout_ratio)
    net = NetSpec()
    top = input_layer(net, crop_size)
    net.comment("The stem.")
    top = stem(main_branch, num_output=16, kernel_size=3, pad=1).attach(net, top)
    top = stages(net, top, (n, n, n), main_branch=main_branch, width=16 * width,
                 dropout_ratio=dropout_ratio)
    net.comment("The classifier.")
    classifier(net, top, main_branch, num_classes)
    return net


@network(
    "wide_resnet",
    dataset=CIFAR10_STD,
    recipe="wide_resnet",
    source="https://github.com/szagoruyko/wide-residual-networks",
    reported=(
        Reported("WRN-28-10", {}, 0.96, about="median of 5 runs, arXiv 1605.07146"),
        Reported("WRN-28-10 with dropout", {"dropout_ratio": 0.3}, 0.9611,
                 about="median of 5 runs, arXiv 1605.07146"),
    ),
)
def wide_resnet(
    *,
    n: Annotated[int, Option("blocks in each of the three stages; the network is 6n+4 layers "
                             "deep", ("-n",))] = 4,
    width: Annotated[int, Option("factor on the blocks' output widths of 16, 32 and 64",
                                 ("-k",))] = 10,
    dropout_ratio: Annotated[float, DROPOUT] = 0.0,
    num_classes: Annotated[int, CLASSES] = 10,
    crop_size: Annotated[int, CROP] = 32,
) -> NetSpec:
    """Wide residual network for CIFAR-10, pre-activation."""
    return resnet_cifar10(
        main_branch="wide_normal", n=n, width=width, dropout_ratio=dropout_ratio,
        num_classes=num_classes, crop_size=crop_size)
