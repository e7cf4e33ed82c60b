"""Rules about what a learned weight starts from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netbuilder.analysis.lint.findings import NET, WARNING, Found, rule
from netbuilder.analysis.lint.walk import Step, Walk

# Caffe's default filler of these weights is the constant 0; those of Scale and PReLU are not.
_WEIGHTS = {
    "Convolution": "convolution_param", "Deconvolution": "convolution_param",
    "InnerProduct": "inner_product_param", "Embed": "embed_param",
    "LSTM": "recurrent_param", "RNN": "recurrent_param",
}


def _constant_weights(net: Walk) -> Iterator[tuple[Step, Any, bool]]:
    """The layers whose own learned weight starts as one constant: with its filler, if given."""
    if not net.trains:
        return
    position = {id(step.layer): at for at, step in
                enumerate(step for step in net.steps if step.layer is not None)}
    for step in net.steps:
        if step.layer is None or step.message.type not in _WEIGHTS:
            continue
        fields = getattr(step.message, _WEIGHTS[step.message.type])
        theirs = (position[id(step.layer)], 0) in net.shared
        if fields.weight_filler.type == "constant" and step.layer.learns(0) and not theirs:
            yield step, fields.weight_filler, fields.HasField("weight_filler")


@rule("NB401", WARNING, NET, 'Give it weight_filler { type: "msra" } or "xavier".')
def weight_without_filler(net: Walk) -> Found:
    for step, filler, given in _constant_weights(net):
        if filler.value == 0:
            what = "its weight_filler is the constant 0" if given else "it has no weight_filler"
            yield step, (f"{what}, so its weights start at 0 and pass no gradient down; fine only "
                         "if they are loaded from a file")


@rule("NB402", WARNING, NET, 'Give it weight_filler { type: "msra" } or "xavier".')
def weight_filler_inert(net: Walk) -> Found:
    for step, filler, _ in _constant_weights(net):
        if filler.value != 0:
            yield step, (f"its weights all start at {filler.value:g}, so its outputs are equal "
                         "and learn the same for ever")
