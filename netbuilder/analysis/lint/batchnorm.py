"""Rules about BatchNorm (batch_norm_layer.cpp)."""

from __future__ import annotations

from math import prod

from netbuilder.analysis.lint.findings import NET, WARNING, Found, rule
from netbuilder.analysis.lint.walk import Step, Walk
from netbuilder.layer import show
from netbuilder.proto import caffe_pb2


def _batch_norms(net: Walk) -> list[Step]:
    return [step for step in net.steps if step.message.type == "BatchNorm"]


def _stated(step: Step) -> bool | None:
    """``use_global_stats`` as the file gives it, None if it does not."""
    fields = step.message.batch_norm_param
    return fields.use_global_stats if fields.HasField("use_global_stats") else None


@rule("NB301", WARNING, NET, "Add Scale { scale_param { bias_term: true } } behind it.")
def without_scale(net: Walk) -> Found:
    for step in _batch_norms(net):
        takers = [taker.message.type for blob in step.tops for taker in blob.takers]
        fused = step.message.batch_norm_param.scale_bias  # a fork's BatchNorm that scales itself
        if "Scale" not in takers and not fused:
            yield step, ("no Scale takes its top: Caffe's BatchNorm only normalises, the learned "
                         "factors and offsets are a layer of their own")


@rule("NB302", WARNING, NET, "Leave use_global_stats out: it is false in TRAIN, true in TEST.")
def frozen_in_training(net: Walk) -> Found:
    for step in _batch_norms(net) if net.trains else ():
        if _stated(step):
            yield step, ("use_global_stats: true in TRAIN: its statistics never change; right only "
                         "when finetuning with the statistics of loaded weights")


@rule("NB303", WARNING, NET, "Leave use_global_stats out: it is false in TRAIN, true in TEST.")
def unfrozen_in_test(net: Walk) -> Found:
    for step in _batch_norms(net) if net.phase == caffe_pb2.TEST else ():
        if _stated(step) is False:
            yield step, ("use_global_stats: false in TEST: an image's result depends on the other "
                         "images of its batch")


@rule("NB304", WARNING, NET, "Use a larger batch, or normalise before the maps shrink to 1x1.")
def one_value_per_channel(net: Walk) -> Found:
    for step in _batch_norms(net) if net.trains else ():
        if step.layer is None or step.layer.use_global_stats:
            continue
        shape = step.layer.bottom_shapes[0]
        if prod(shape[:1] + shape[2:]) == 1:
            yield step, (f"its bottom {show(shape)} has one value per channel, which is its own "
                         "mean: the top is always 0")
