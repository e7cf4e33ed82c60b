"""Rules about layers that cannot be what their fields and bottoms say, and what takes what."""

from __future__ import annotations

from collections.abc import Callable

from netbuilder.analysis.lint import walk
from netbuilder.analysis.lint.findings import ERROR, NET, NOTE, WARNING, Found, rule
from netbuilder.analysis.lint.walk import Step, Walk

_RESULTS = ("Accuracy", "ArgMax", "DetectionOutput")  # made to be looked at

# What the walk met is told as it is: code, how bad, what it is about, remedy.
_MET = (
    ("NB101", ERROR, walk.UNKNOWN_TYPE,
     "Correct the type's name; a type of your own: docs/adding.md."),
    ("NB102", ERROR, walk.BOTTOM,
     "Correct the bottom's name, or add the layer that makes it above."),
    ("NB103", ERROR, walk.TOP, "Give the second top another name."),
    ("NB104", ERROR, walk.SHAPE,
     "Change the layer's fields, or the layer that its bottom comes from."),
    ("NB105", ERROR, walk.IN_PLACE, "Give its top a name of its own."),
    ("NB106", ERROR, walk.SHARING,
     "Give the layers that share a parameter the same fields, or two names."),
    ("NB107", ERROR, walk.LABELS,
     "Bring predictions and labels to the same number, image by image."),
    ("NB109", ERROR, walk.RULES, "Keep the include rules or the exclude rules."),
    ("NB111", NOTE, walk.UNKNOWN_SHAPE,
     "Give the shape as --input NAME=N,C,H,W to have the rest checked."),
    ("NB601", ERROR, walk.DATA,
     "Give each of the data layers its phase: include { phase: TRAIN }."),
)


def _met(about: str) -> Callable[[Walk], Found]:
    def find(net: Walk) -> Found:
        return net.about(about)

    return find


for _code, _severity, _about, _remedy in _MET:
    rule(_code, _severity, NET, _remedy)(_met(_about))


@rule("NB108", WARNING, NET, "Give each layer a name of its own; weights are loaded by name.")
def name_doubled(net: Walk) -> Found:
    seen: dict[str, Step] = {}
    for step in net.steps:
        name = step.message.name
        first = seen.setdefault(name, step)
        if first is not step and (first.has_weights or step.has_weights):
            yield step, (f"its name is also that of a layer above ({first.message.type}); "
                         "Caffe loads weights by name")


@rule("NB110", WARNING, NET, "Use the top, drop its layer, or end it in a Silence layer.")
def top_unused(net: Walk) -> Found:
    if not net.trains:  # what a deployed net leaves over is its result
        return
    for step in net.steps:
        if step.is_loss or step.message.type.endswith(_RESULTS):
            continue
        for blob in step.tops:
            if not blob.takers:
                yield step, (f'no layer takes its top "{blob.name}": it is computed for nothing, '
                             "and printed as a result")


@rule("NB112", NOTE, NET, "Correct what is reported above first, then check again.")
def not_checked(net: Walk) -> Found:
    waiting = [step for step in net.skipped if None not in step.bottoms]
    if waiting:
        names = ", ".join(step.message.name for step in waiting[:3])
        more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
        yield waiting[0], (f"the shapes of layer {names}{more} are not checked, for those of "
                           "their bottoms are unknown")


@rule("NB602", WARNING, NET, "Add a data layer for that phase, or drop the layer.")
def phase_without_data(net: Walk) -> Found:
    for step, phase in net.idle:
        yield step, (f"it is only for phase {phase}, in which no layer brings data in, so it "
                     "never runs")
