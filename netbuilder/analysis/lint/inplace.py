"""Rules about layers that write their top over their bottom.

Caffe refuses few of them; the others run and learn from wrong gradients, or compute wrong values,
because a layer reads a blob whose values are gone. Each row was measured in real Caffe against
the same net with names of their own (tests/analysis/test_lint_inplace.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netbuilder.analysis.lint.findings import NET, WARNING, Found, rule
from netbuilder.analysis.lint.walk import Blob, Step, Walk
from netbuilder.graph import in_place
from netbuilder.proto import caffe_pb2

_PRODUCT = caffe_pb2.EltwiseParameter.PROD
_WITHIN = caffe_pb2.LRNParameter.WITHIN_CHANNEL


def _always(layer: Any) -> bool:
    return True


def _no_column(layer: Any) -> bool:
    """True for a 1x1 convolution: it reads its bottom without a copy (is_1x1_)."""
    fields = layer.convolution_param
    sizes = [*fields.kernel_size, fields.kernel_h or 1, fields.kernel_w or 1]
    return all(size == 1 for size in sizes)


# Types whose Forward reads the bottom after it wrote into the top.
_LOSES_VALUES: dict[str, Callable[[Any], bool]] = {
    "Convolution": _no_column,
    "Deconvolution": _no_column,
    "Eltwise": lambda layer: layer.eltwise_param.operation != _PRODUCT,
    "InnerProduct": _always,
    "LRN": lambda layer: layer.lrn_param.norm_region != _WITHIN,
    "Pooling": _always,
}
# Those whose Backward needs what Forward wrote over.
_LOSES_GRADIENT: dict[str, Callable[[Any], bool]] = {
    "BNLL": _always,
    "Clip": _always,
    "Convolution": _always,
    "Deconvolution": _always,
    "ELU": lambda layer: layer.elu_param.alpha < 0,
    "Eltwise": _always,
    "Im2col": _always,
    "LRN": _always,
    "Log": _always,
    "MVN": lambda layer: layer.mvn_param.normalize_variance,
    "Power": _always,
    "ReLU": lambda layer: layer.relu_param.negative_slope < 0,
}
# Those whose Backward reads the top, so that no layer may change it afterwards.
_READS_TOP: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("ELU", "Exp", "Sigmoid", "Softmax", "Swish", "TanH"), _always),
    "LRN": lambda layer: layer.lrn_param.norm_region != _WITHIN,
    "MVN": lambda layer: layer.mvn_param.normalize_variance,
    "Power": lambda layer: layer.power_param.power not in (0, 1, 2),
    "ReLU": lambda layer: in_place(layer, 0),  # then its bottom is its top: only the sign counts
}
_POSITIVE = {"Exp", "Power", "Sigmoid", "Softmax"}  # Power: it depends, so nothing is said
_RECTIFIERS = {"ELU", "PReLU", "ReLU"}
_KEEP_SIGNS = {*_RECTIFIERS, "Dropout", "Swish", "TanH"}


@rule("NB201", WARNING, NET, "Give its top a name of its own.")
def in_place_loses_own_input(net: Walk) -> Found:
    for step, name in _in_place(net) if net.trains else ():
        if _holds(_LOSES_GRADIENT, step.message) and not _holds(_LOSES_VALUES, step.message):
            yield step, (f'it works in place on "{name}", but its gradient is computed from the '
                         "values that it overwrites, and comes out wrong")


@rule("NB202", WARNING, NET, "Give the top of the in-place layer a name of its own.")
def in_place_changes_what_is_needed(net: Walk) -> Found:
    for step, name in _in_place(net) if net.trains else ():
        harmed = next((one.message for one in _writers(step.bottoms[0])
                       if _holds(_READS_TOP, one.message)
                       and not _harmless(one.message, step.message)), None)
        if harmed is not None:
            yield step, (f'it works in place on "{name}", whose values layer "{harmed.name}" '
                         f"({harmed.type}) needs for its gradient, which comes out wrong")


@rule("NB203", WARNING, NET, "Give its top a name of its own.")
def in_place_loses_values(net: Walk) -> Found:
    for step, name in _in_place(net):
        if _holds(_LOSES_VALUES, step.message):
            yield step, (f'it works in place on "{name}", which it still reads after it has '
                         "written there, so its top comes out wrong")


def _holds(table: dict[str, Callable[[Any], bool]], message: Any) -> bool:
    return message.type in table and table[message.type](message)


def _harmless(before: Any, message: Any) -> bool:
    """True if what an in-place layer changes does not alter the gradient of the layer before."""
    if before.type == "MVN":
        return message.type == "BatchNorm"  # it finds nothing left to do
    if before.type == "ReLU":
        return message.type in _KEEP_SIGNS
    if before.type in _POSITIVE and message.type in _RECTIFIERS:
        return True
    return message.type == "ReLU" and message.relu_param.negative_slope == 0


def _writers(blob: Blob | None) -> Iterator[Step]:
    """The layers that have written to the memory of a blob, the last one first."""
    while blob is not None:
        step = blob.maker
        yield step
        works_over = in_place(step.message, blob.index) or (
            step.layer is not None and step.layer.shares_data)
        blob = step.bottoms[blob.index if in_place(step.message, blob.index) else 0] \
            if works_over and step.bottoms else None


def _in_place(net: Walk) -> Found:
    """The layers that work in place on their first bottom, where Caffe does not refuse it."""
    for step in net.steps:
        if step.message.top and in_place(step.message, 0):
            yield step, step.message.top[0]
