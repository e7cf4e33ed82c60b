"""Rules about layers that write their top over their bottom.

Caffe refuses few of them; the others run and learn from wrong gradients, because a Backward
reads a blob whose values are gone (the layers' Backward_cpu).
"""

from __future__ import annotations

from netbuilder.analysis.lint import walk
from netbuilder.analysis.lint.findings import ERROR, NET, WARNING, Found, rule
from netbuilder.analysis.lint.walk import Walk
from netbuilder.graph import in_place

# Backward reads the bottom and keeps no copy: no in-place version of it learns rightly.
_READS_BOTTOM = {"BNLL", "Clip", "Log", "LRN"}
# Backward reads the top: no layer may change it afterwards.
_READS_TOP = {"ELU", "Exp", "Sigmoid", "Softmax", "Swish", "TanH"}


@rule("NB105", ERROR, NET, "Give its top a name of its own.")
def in_place_refused(net: Walk) -> Found:
    yield from net.about(walk.IN_PLACE)


@rule("NB201", WARNING, NET, "Give its top a name of its own.")
def in_place_loses_own_input(net: Walk) -> Found:
    for step, name in _in_place(net):
        if step.message.type in _READS_BOTTOM:
            yield step, (f'it works in place on "{name}", but its gradient is computed from the '
                         "values that it overwrites, and comes out wrong")


@rule("NB202", WARNING, NET, "Give the top of the in-place layer a name of its own.")
def in_place_changes_what_is_needed(net: Walk) -> Found:
    for step, name in _in_place(net):
        before = step.bottoms[0]
        if before is not None and before.maker.message.type in _READS_TOP:
            maker = before.maker.message
            yield step, (f'it works in place on "{name}", whose values layer "{maker.name}" '
                         f"({maker.type}) needs for its gradient, which comes out wrong")


def _in_place(net: Walk) -> Found:
    """The layers of a net that learns that work in place on their first bottom."""
    if not net.trains:
        return
    for step in net.steps:
        if step.message.top and in_place(step.message, 0):
            yield step, step.message.top[0]
