"""Rules about what a learned weight starts from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netbuilder.analysis.lint.findings import NET, NOTE, WARNING, Found, rule
from netbuilder.analysis.lint.walk import Step, Walk

# Caffe's default filler of these weights is the constant 0; those of Scale and PReLU are not.
_WEIGHTS = {
    "Convolution": "convolution_param", "Deconvolution": "convolution_param",
    "InnerProduct": "inner_product_param", "Embed": "embed_param",
    "LSTM": "recurrent_param", "RNN": "recurrent_param",
}


# The types whose bias can be left out.
_BIASES = {kind: param for kind, param in _WEIGHTS.items() if param != "recurrent_param"}
_BIASES["Scale"] = "scale_param"


def _constant_weights(net: Walk) -> Iterator[tuple[Step, float, bool]]:
    """The layers whose own learned weight starts as one value: that, and if a filler is given."""
    if not net.trains:
        return
    position = {id(step.layer): at for at, step in
                enumerate(step for step in net.steps if step.layer is not None)}
    for step in net.steps:
        if step.layer is None or step.message.type not in _WEIGHTS:
            continue
        fields = getattr(step.message, _WEIGHTS[step.message.type])
        theirs = (position[id(step.layer)], 0) in net.shared
        value = _constant(fields.weight_filler)
        if value is not None and step.layer.learns(0) and not theirs:
            yield step, value, fields.HasField("weight_filler")


def _constant(filler: Any) -> float | None:
    """The value of a filler that has but one."""
    if filler.type == "constant":
        return filler.value
    return filler.min if filler.type == "uniform" and filler.min == filler.max else None


@rule("NB401", WARNING, NET, 'Give it weight_filler { type: "msra" } or "xavier".')
def weight_without_filler(net: Walk) -> Found:
    for step, value, given in _constant_weights(net):
        if value == 0:
            what = "its weight_filler is the constant 0" if given else "it has no weight_filler"
            yield step, (f"{what}, so its weights start at 0 and pass no gradient down; fine only "
                         "if they are loaded from a file")


@rule("NB402", WARNING, NET, 'Give it weight_filler { type: "msra" } or "xavier".')
def weight_filler_inert(net: Walk) -> Found:
    for step, value, _ in _constant_weights(net):
        if value != 0:
            yield step, (f"its weights all start at {value:g}, so its outputs are equal "
                         "and learn the same for ever")


@rule("NB403", WARNING, NET, "Give bias_term: true, or drop the bias_filler.")
def bias_filler_without_bias(net: Walk) -> Found:
    for step, given in _idle_biases(net):
        if not given:
            yield step, "its bias_filler fills nothing, for its bias_term is false if not given"


@rule("NB404", NOTE, NET, "Drop the bias_filler; nothing changes.")
def bias_filler_inert(net: Walk) -> Found:
    for step, given in _idle_biases(net):
        if given:
            yield step, "its bias_filler fills nothing, for it has bias_term: false"


def _idle_biases(net: Walk) -> Iterator[tuple[Step, bool]]:
    """The layers with a bias_filler and no bias, and if they say that they have none."""
    for step in net.steps:
        if step.message.type in _BIASES:
            fields = getattr(step.message, _BIASES[step.message.type])
            if fields.HasField("bias_filler") and not fields.bias_term:
                yield step, fields.HasField("bias_term")
