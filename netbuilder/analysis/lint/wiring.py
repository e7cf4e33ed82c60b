"""Rules about which layer takes what from which."""

from __future__ import annotations

from netbuilder.analysis.lint import walk
from netbuilder.analysis.lint.findings import ERROR, NET, WARNING, Found, rule
from netbuilder.analysis.lint.walk import Step, Walk

_RESULTS = {"Accuracy", "ArgMax", "DetectionOutput"}  # made to be looked at


@rule("NB102", ERROR, NET, "Correct the bottom's name, or add the layer that makes it above.")
def bottom_missing(net: Walk) -> Found:
    yield from net.about(walk.BOTTOM)


@rule("NB103", ERROR, NET, "Give the second top another name.")
def top_made_twice(net: Walk) -> Found:
    yield from net.about(walk.TOP)


@rule("NB108", WARNING, NET, "Give each layer a name of its own; weights are loaded by name.")
def name_doubled(net: Walk) -> Found:
    seen: dict[str, Step] = {}
    for step in net.steps:
        name = step.message.name
        if name in seen:
            yield step, (f"its name is also that of a layer above, a {seen[name].message.type}; "
                         "Caffe loads weights by name")
        seen.setdefault(name, step)


@rule("NB109", ERROR, NET, "Keep the include rules or the exclude rules.")
def rules_of_both_kinds(net: Walk) -> Found:
    yield from net.about(walk.RULES)


@rule("NB110", WARNING, NET, "Use the top, drop its layer, or end it in a Silence layer.")
def top_unused(net: Walk) -> Found:
    if not net.trains:  # what a deployed net leaves over is its result
        return
    for step in net.steps:
        if step.is_loss or step.message.type in _RESULTS:
            continue
        for blob in step.tops:
            if not blob.takers:
                yield step, (f'no layer takes its top "{blob.name}": it is computed for nothing, '
                             "and printed as a result")


@rule("NB601", ERROR, NET, "Give each of the data layers its phase: include { phase: TRAIN }.")
def data_without_phase(net: Walk) -> Found:
    for step, sentence in net.about(walk.DATA):
        yield step, f"{sentence}; both bring data in, and no rule keeps them to one phase"
