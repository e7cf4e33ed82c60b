"""ENet's encoder as a classifier of ImageNet: versions 2 and 3 of its authors' post.

Sizes in the post's listing of version 3 are stale, those of the street scenes that ENet was made
for; both versions end in maps of 7x7. In the last ``dilated_16`` of 14x14 maps only the centre of
the 3x3 kernel ever meets data, as in the original.
"""

from __future__ import annotations

from typing import Annotated

from netbuilder.errors import BuildError
from netbuilder.lego.base import Chain
from netbuilder.lego.classifier import EndPool
from netbuilder.lego.enet import ENetBottleneck, ENetStem
from netbuilder.lego.torch7 import TorchLinear
from netbuilder.nets.common import (
    CLASSES,
    CROP,
    at_least,
    check_sizes,
    input_layer,
    multiple_of,
)
from netbuilder.nets.datasets import IMAGENET_TORCH
from netbuilder.nets.registry import Option, Reported, network, variant
from netbuilder.spec import NetSpec, Top

# Version -> by how much the last block of each pass widens.
GROWTH = {2: 1, 3: 2}

# The blocks of a pass, before the one that halves the size.
PASS = ("regular", "dilated_2", "asymmetric", "dilated_4",
        "regular", "dilated_8", "asymmetric", "dilated_16")

EYEBALLED = "center crop, read by eye off the post's figure, which is of epoch {}"
REPORTED = (
    Reported("ENet V2", {"version": 2}, 0.53, about=EYEBALLED.format(48)),
    Reported("ENet V3", {"version": 3}, 0.60, about=EYEBALLED.format(39)),
)


@network("enet", dataset=IMAGENET_TORCH, recipe=lambda options: f"enet_v{options['version']}",
         source="https://culurciello.github.io/tech/2016/06/20/training-enet.html",
         reported=REPORTED)
def enet(
    *,
    version: Annotated[int, Option("the post's version, 2 or 3: 3 is wider")] = 3,
    dropout: Annotated[str, Option("spatial dropout: torch, as trained, which is a factor in "
                                   "testing; or inverted, which is one in training")] = "torch",
    dropout_ratios: Annotated[tuple[float, ...], Option(
        "probability to drop a map, in stage 1 and after it; 0 0 for none")] = (0.01, 0.1),
    width: Annotated[int, Option("outputs of a block in stage 1; the other stages follow")] = 64,
    blocks_stage1: Annotated[int, Option("blocks in stage 1 after its first")] = 4,
    passes: Annotated[int, Option("how often the dilated and asymmetric blocks come")] = 2,
    num_classes: Annotated[int, CLASSES] = 1000,
    crop_size: Annotated[int, CROP] = 224,
) -> NetSpec:
    """ENet for ImageNet."""
    check_sizes(num_classes=num_classes, passes=passes, blocks_stage1=blocks_stage1)
    _check(version, width, dropout_ratios)
    multiple_of(2 ** (3 + passes), crop_size=crop_size)
    net = NetSpec()
    early, late = ({"dropout": dropout, "dropout_ratio": ratio} for ratio in dropout_ratios)
    net.comment("The stem.")
    top = ENetStem(name="stem", num_output=width // 4).attach(net, input_layer(net, crop_size))
    net.comment(f"Stage 1: {1 + blocks_stage1} blocks, {width} outputs.")
    top = ENetBottleneck(name="b1_0", num_output=width, stride=2, **early).attach(net, top)
    for block in range(1, 1 + blocks_stage1):
        top = ENetBottleneck(name=f"b1_{block}", num_output=width, **early).attach(net, top)
    width *= 2
    net.comment(f"Stage 2 begins: {width} outputs.")
    top = ENetBottleneck(name="b2_0", num_output=width, stride=2, **late).attach(net, top)
    for stage in range(2, 2 + passes):
        top = _pass(net, top, stage, widths=(width, width * GROWTH[version]), **late)
        width *= GROWTH[version]
    net.comment("The classifier.")
    end = Chain(links=[EndPool(), TorchLinear(name=f"fc{num_classes}", num_output=num_classes)])
    end.attach(net, top)
    return net


def _check(version: int, width: int, dropout_ratios: tuple[float, ...]) -> None:
    if version not in GROWTH:
        raise BuildError(f"version is {version}; there are {' and '.join(map(str, GROWTH))}")
    if len(dropout_ratios) != 2 or not all(0 <= ratio < 1 for ratio in dropout_ratios):
        raise BuildError(f"dropout_ratios is {' '.join(map(str, dropout_ratios))}; give two "
                         f"numbers from 0 to below 1")
    at_least(16, width=width)  # the stem's outputs, a quarter, are more than the image's channels
    multiple_of(4, width=width)


def _pass(net: NetSpec, top: Top, stage: int, *, widths: tuple[int, int], **late: object) -> Top:
    """The blocks of PASS, the last of them the second width wide, and one that halves the size."""
    net.comment(f"Stage {stage}: {', '.join(PASS)}.")
    for block, kind in enumerate(PASS, 1):
        top = ENetBottleneck(name=f"b{stage}_{block}", kind=kind, **late,
                             num_output=widths[block == len(PASS)]).attach(net, top)
    net.comment(f"Stage {stage + 1} begins: {widths[1]} outputs.")
    return ENetBottleneck(name=f"b{stage + 1}_0", num_output=widths[1], stride=2, **late).attach(
        net, top)


for _version in GROWTH:
    variant(f"enet_v{_version}", enet, f"ENet V{_version} for ImageNet", {"version": _version},
            [row for row in REPORTED if row.options["version"] == _version])
