"""Inception-ResNet-v2 (Szegedy et al., arXiv 1602.07261): the paper's, as it was re-trained, and
the one that TF-slim released. What the paper misprints is told by the option ``corrected``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from netbuilder.errors import BuildError, one_of
from netbuilder.lego.base import Chain, LayerLego, several, shape_of
from netbuilder.lego.classifier import EndPool
from netbuilder.lego.inception_resnet import Branches, Convolution, InceptionResidual, made
from netbuilder.nets.common import CLASSES, CROP, check_sizes, input_layer
from netbuilder.nets.datasets import IMAGENET, IMAGENET_STD
from netbuilder.nets.inception_resnet_tables import ALIKE, Variant, one_variant
from netbuilder.nets.registry import Dataset, Option, Reported, network
from netbuilder.spec import NetSpec, Top

RETRAINED = "https://github.com/lim0606/torch-inception-resnet-v2"
SLIM = ("https://github.com/tensorflow/models/blob/master/research/slim/nets/"
        "inception_resnet_v2.py")

RECIPE = "inception_resnet_v2"
ORIENTATIONS = ("trained", "printed")
STAGES = ("A", "B", "C")


class Sizes(NamedTuple):
    """Input sizes that work: ``smallest`` and the next, and so on by a period."""

    smallest: int
    period: int

    def fits(self, size: int) -> bool:
        """Whether the size is one of them."""
        return size >= self.smallest and (size - self.smallest) % self.period < 2

    def nearest(self, size: int) -> str:
        """The next that work below and above, in words."""
        first = self.smallest + max(0, (size - self.smallest) // self.period) * self.period
        near = [first] if size < first else [first + 1, first + self.period]
        return (f"the nearest that work: {' and '.join(map(str, near))} "
                f"({self.smallest} or {self.smallest + 1}, and {self.period} more, and so on)")


# Where every pooling divides exactly, so that it makes no difference how it rounds; and where the
# auxiliary classifier's, of 5x5 by steps of 3, does so too.
SIZES, AUX_SIZES = Sizes(75, 32), Sizes(107, 96)

MISPRINTS = (
    "as the paper prints it this network cannot be built. Figure 17: the last convolution of a B "
    "block has 1154 outputs, but is added to the block's input of 384 + 384 + 384 = 1152 "
    "channels; it was trained with 1152. Figure 18: the second reduction has 288, 288 and 320 "
    "outputs, which makes 1152 + 384 + 288 + 320 = 2144 channels, but the C blocks of figure 19 "
    "have 2048; it was trained with 256, 256 and 256. Leave --no-corrected away")

SETTINGS = {name: f"{RECIPE}_{name}" for name in ("1", "2", "3", "paper")}


def dataset(options: Mapping[str, Any]) -> Dataset:
    """ImageNet as each variant took it. For 299 the stored images are of 328, or of 342: TF-slim
    tests on the middle 87.5 % of an image."""
    if options["variant"] == "slim":
        stored = round(options["crop_size"] / 0.875)
        return IMAGENET._replace(mean_value=(127.5,), scale=1 / 127.5, stored_size=stored)
    return IMAGENET_STD._replace(stored_size=round(options["crop_size"] * 328 / 299))


def _chosen(options: Mapping[str, Any]) -> Variant:
    return one_variant(options["variant"])


def _has_aux(options: Mapping[str, Any]) -> bool:
    return options["variant"] == "slim" and AUX_SIZES.fits(options["crop_size"])


@network(
    "inception_resnet_v2",
    dataset=dataset,
    recipe=lambda options: f"{RECIPE}_slim" if options["variant"] == "slim" else f"{RECIPE}_1",
    settings=lambda options: SETTINGS if options["variant"] == "seed" else {},
    source=lambda options: SLIM if options["variant"] == "slim" else RETRAINED,
    aux_weight=0.4,
    reported=(
        Reported("Inception-ResNet-v2, setting 1", {}, 0.75593, 0.92593, setting="1",
                 about="center 299 crop of 328, after 90 epochs: about 21 days on two Titan X"),
        Reported("TF-slim's Inception-ResNet-v2 (2016-08-30)",
                 {"variant": "slim", "num_classes": 1001}, 0.804, 0.953,
                 about="single crop, with TF-slim's released weights"),
    ),
)
def inception_resnet_v2(
    *,
    variant: Annotated[str, Option("seed: the paper's network as it was re-trained; slim: the one "
                                   "that TF-slim released")] = "seed",
    orientation: Annotated[str, Option("seed: kernels of 7 and 3 taps as trained (7x1 before 1x7 "
                                       "in blocks, h x w), or exchanged as the paper has them "
                                       "printed")] = "trained",
    blocks: Annotated[tuple[int, ...] | None, Option(
        "number of A, B and C blocks; not given: 5 10 5, or slim's 10 20 10", ("-b",),
        lambda options: _chosen(options).blocks, "the variant's")] = None,
    residual_scale: Annotated[tuple[float, ...] | None, Option(
        "factor on what a block adds, for all blocks, or for A, B and C blocks (slim: and for "
        "the last one); not given: 0.1, or slim's 0.17 0.1 0.2 1", (),
        lambda options: _chosen(options).scales, "the variant's")] = None,
    width: Annotated[float, Option("factor on the outputs of all convolutions")] = 1.0,
    aux: Annotated[bool | None, Option(
        "slim: a second classifier in training, on the B blocks; not given: yes where the size "
        "allows it (107 + 96 k)", (), _has_aux, "as the variant was trained")] = None,
    corrected: Annotated[bool, Option("without the paper's two misprints")] = True,
    num_classes: Annotated[int, CLASSES] = 1000,
    crop_size: Annotated[int, CROP] = 299,
) -> NetSpec:
    """Inception-ResNet-v2 for ImageNet."""
    chosen = one_variant(variant).changed(_change(width, _turned(variant, orientation)))
    stages = _scales(_counts(blocks), several(residual_scale), chosen)
    check_sizes(num_classes=num_classes)
    _check(chosen, corrected, crop_size, aux)
    net = NetSpec()
    top = _stem(net, input_layer(net, crop_size), chosen)
    for stage, scales in enumerate(stages):
        if stage:
            net.comment(f"Reduction {stage}: half the size, and wider.")
            top = Branches(name=f"reduction_{stage}", table=chosen.reductions[stage - 1],
                           unit=chosen.unit).attach(net, top)
        top = _stage(net, top, stage, scales, chosen)
        if aux and stage == 1:
            _auxiliary(net, top, chosen, num_classes)
    _classifier(net, top, chosen, num_classes)
    return net


# Options.


def _turned(variant: str, orientation: str) -> bool:
    """Whether kernels are exchanged against the tables: those are as printed, as slim's are."""
    if orientation not in ORIENTATIONS:
        raise BuildError(f'unknown orientation "{orientation}"{one_of(orientation, ORIENTATIONS)}')
    return variant == "seed" and orientation == "trained"


def _change(width: float, turned: bool) -> Callable[[Convolution], Convolution]:
    if not 0 < width < math.inf:
        raise BuildError(f"width is {width}; it is a factor, more than 0")

    def change(step: Convolution) -> Convolution:
        kernel = step.kernel[::-1] if turned and isinstance(step.kernel, tuple) else step.kernel
        return step._replace(num_output=max(1, round(step.num_output * width)), kernel=kernel)

    return change


def _counts(blocks: Sequence[int]) -> Sequence[int]:
    if len(blocks) != len(STAGES):
        raise BuildError(f"blocks has {len(blocks)} values; give 3: A, B and C blocks")
    for stage, count in zip(STAGES, blocks, strict=True):
        if count < 1:
            raise BuildError(f"there are {count} {stage} blocks; at least 1 is needed")
    return blocks


def _scales(
    counts: Sequence[int], given: Sequence[float], chosen: Variant
) -> Sequence[Sequence[float]]:
    """The scale of each block of each stage."""
    wanted = len(counts) + (not chosen.last_relu)
    if len(given) not in (1, wanted):
        last = "" if chosen.last_relu else ", and the last"
        raise BuildError(f"residual_scale has {len(given)} values; give 1 for all blocks, or "
                         f"{wanted}: for A, B and C blocks{last}")
    each = list(given) * wanted if len(given) == 1 else given
    scales = [[scale] * count for scale, count in zip(each, counts, strict=False)]
    scales[-1][-1] = each[-1]
    return scales


def _check(chosen: Variant, corrected: bool, crop_size: int, aux: bool) -> None:
    if not corrected:
        raise BuildError(MISPRINTS)
    if not SIZES.fits(crop_size):
        why = ("the last windows would be larger than their maps" if crop_size < SIZES.smallest
               else "Caffe's poolings would round sizes up, where the convolutions beside them, "
                    "and the network as it was trained, round down")
        raise BuildError(f"crop_size is {crop_size}: {why}; {SIZES.nearest(crop_size)}")
    if aux and not chosen.aux:
        raise BuildError("aux: only the variant slim was trained with an auxiliary classifier")
    if aux and not AUX_SIZES.fits(crop_size):
        raise BuildError(f"aux: at crop_size {crop_size} Caffe would round the auxiliary "
                         f"classifier's pooling up; {AUX_SIZES.nearest(crop_size)}, or --no-aux")


# Parts.


def _stem(net: NetSpec, top: Top, chosen: Variant) -> Top:
    net.comment("The stem.")
    for place, step in enumerate(chosen.stem, 1):
        top = made(step, f"stem_{place}", chosen.unit).attach(net, top)
    for place, table in enumerate(chosen.mixed, 1):
        top = Branches(name=f"mixed_{place}", table=table, unit=chosen.unit).attach(net, top)
    return top


def _stage(
    net: NetSpec, top: Top, stage: int, scales: Sequence[float], chosen: Variant
) -> Top:
    """The residual blocks of one size: a1, a2 ..., b1 ..., c1 ..."""
    net.comment(f"{len(scales)} {STAGES[stage]} blocks: a share of their branches is added.")
    for block, scale in enumerate(scales, 1):
        last = stage == len(STAGES) - 1 and block == len(scales)
        lego = InceptionResidual(
            name=f"{STAGES[stage].lower()}{block}", table=chosen.residual[stage], scale=scale,
            relu=chosen.last_relu or not last, unit=chosen.unit, up=chosen.up)
        top = lego.attach(net, top)
    return top


def _auxiliary(net: NetSpec, top: Top, chosen: Variant, num_classes: int) -> None:
    """A classifier for training only: what lies below learns from it too."""
    net.comment("The auxiliary classifier.")
    pool = LayerLego("Pooling", name="aux_pool", pool="AVE", kernel_size=5, stride=3)
    narrow, wide = (step.num_output for step in chosen.aux)
    top = pool.attach(net, top)
    links = [chosen.unit(name="aux_1", num_output=narrow, kernel_size=1),
             chosen.unit(name="aux_2", num_output=wide, kernel_size=shape_of(top)[2:])]
    _fully(net, Chain(links=links).attach(net, top), chosen, f"aux_fc{num_classes}", num_classes)


def _classifier(net: NetSpec, top: Top, chosen: Variant, num_classes: int) -> None:
    net.comment("The classifier.")
    links = [made(step, f"end_{place}", chosen.unit) for place, step in enumerate(chosen.end, 1)]
    links += [EndPool(), LayerLego("Dropout", name="drop", dropout_ratio=0.2)]
    _fully(net, Chain(links=links).attach(net, top), chosen, f"fc{num_classes}", num_classes)


def _fully(net: NetSpec, top: Top, chosen: Variant, name: str, num_classes: int) -> None:
    inputs = math.prod(shape_of(top)[1:])
    LayerLego("InnerProduct", name=name, num_output=num_classes, param=[ALIKE] * 2,
              weight_filler=chosen.filler(inputs)).attach(net, top)
