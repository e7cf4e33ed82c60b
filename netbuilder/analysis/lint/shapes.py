"""Rules about layers that cannot be what their fields and bottoms say."""

from __future__ import annotations

from netbuilder.analysis.lint import walk
from netbuilder.analysis.lint.findings import ERROR, NET, NOTE, Found, rule
from netbuilder.analysis.lint.walk import Walk


@rule("NB101", ERROR, NET, "Correct the type's name; a type of your own: docs/adding.md.")
def type_unknown(net: Walk) -> Found:
    yield from net.about(walk.UNKNOWN_TYPE)


@rule("NB104", ERROR, NET, "Change the layer's fields, or the layer that its bottom comes from.")
def shapes_clash(net: Walk) -> Found:
    yield from net.about(walk.SHAPE)


@rule("NB106", ERROR, NET, "Give the layers that share a parameter the same fields, or two names.")
def sharing_fails(net: Walk) -> Found:
    yield from net.about(walk.SHARING)


@rule("NB107", ERROR, NET, "Bring predictions and labels to the same number, image by image.")
def labels_do_not_match(net: Walk) -> Found:
    yield from net.about(walk.LABELS)


@rule("NB111", NOTE, NET, "Give the shape as --input NAME=N,C,H,W to have the rest checked.")
def shape_untold(net: Walk) -> Found:
    yield from net.about(walk.UNKNOWN_SHAPE)


@rule("NB112", NOTE, NET, "Correct what is reported above first, then check again.")
def not_checked(net: Walk) -> Found:
    waiting = [step for step in net.skipped if None not in step.bottoms]
    if waiting:
        names = ", ".join(step.message.name for step in waiting[:3])
        more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
        yield waiting[0], (f"the shapes of layer {names}{more} are not checked, for those of "
                           "their bottoms are unknown")
