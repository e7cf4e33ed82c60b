"""Passes: functions from a NetParameter to a new one. The given message never changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netbuilder.errors import GraphError
from netbuilder.proto import caffe_pb2
from netbuilder.upgrade.fields import put
from netbuilder.upgrade.net import upgrade_net

TRAIN, TEST = caffe_pb2.TRAIN, caffe_pb2.TEST


def copy(net: Any) -> Any:
    """An independent copy of a message."""
    twin = type(net)()
    twin.CopyFrom(net)
    return twin


def upgrade(net: Any) -> Any:
    """The net in today's format, as Caffe reads files of any age (docs/upgrade.md).

    One thing more than there: inputs without shapes that no layer makes stay, as an Input layer
    without shapes, so that these can be asked for by name. A net in today's format is returned as
    it is. Raises GraphError or UnknownLayerError.
    """
    new = upgrade_net(net).message
    shaped = net.input_shape or net.input_dim
    made = {top for layer in new.layer for top in layer.top if top not in layer.bottom}
    unmade = [] if shaped else [name for name in net.input if name not in made]
    if not unmade:
        return new
    asking = caffe_pb2.NetParameter()
    asking.layer.add(name="input", type="Input", top=unmade)
    asking.MergeFrom(new)
    return asking


def without_splits(net: Any) -> Any:
    """The net without the Split layers that Caffe puts in before it writes a .caffemodel.

    They are told by their names (insert_splits.cpp). The net must be in today's format; it is
    returned as it is if there are none.
    """
    if not any(map(_is_inserted, net.layer)):
        return net
    new, names = _without_layers(net), {}
    for layer in net.layer:
        bottoms = [names.get(bottom, bottom) for bottom in layer.bottom]
        if _is_inserted(layer):
            names.update(dict.fromkeys(layer.top, bottoms[0]))
        else:
            twin = new.layer.add()
            twin.CopyFrom(layer)
            twin.bottom[:] = bottoms
    return new


def _is_inserted(layer: Any) -> bool:
    """True for a Split as Caffe names them; one that carries a loss has to stay."""
    return (layer.type == "Split" and layer.name.endswith("_split") and len(layer.bottom) == 1
            and not layer.loss_weight
            and list(layer.top) == [f"{layer.name}_{i}" for i in range(len(layer.top))])


def unread(net: Any) -> list[str]:
    """The blobs that no later layer reads: the net's outputs, in the order they are made."""
    outputs: dict[str, None] = {}
    for layer in net.layer:
        for bottom in layer.bottom:
            outputs.pop(bottom, None)
        outputs.update(dict.fromkeys(layer.top))
    return list(outputs)


def leading_to(net: Any, top: str) -> Any:
    """The layers that have a part in a blob, as the last of them leaves it.

    The net is returned as it is if that are all.
    """
    needed, kept = {top}, []
    for layer in reversed(net.layer):
        if needed.intersection(layer.top):
            needed.update(layer.bottom)
            kept.append(layer)
    if len(kept) == len(net.layer):
        return net
    new = _without_layers(net)
    new.layer.extend(reversed(kept))
    return new


def for_phase(net: Any, phase: int, level: int = 0, stages: Iterable[str] = ()) -> Any:
    """The layers that one phase keeps (Net::FilterNet); their rules are left out.

    ``stages`` add to those that the net itself states. Raises GraphError for a layer that has
    both include and exclude rules.
    """
    state = _state(net, phase, level, stages)
    kept = _without_layers(net)
    kept.state.CopyFrom(state)
    for layer in _included(net, state):
        twin = kept.layer.add()
        twin.CopyFrom(layer)
        twin.ClearField("include")
        twin.ClearField("exclude")
    return kept


def _without_layers(net: Any) -> Any:
    new = caffe_pb2.NetParameter()
    for field, value in net.ListFields():
        if field.name != "layer":
            put(new, field.name, value)
    return new


def default_phase(net: Any, level: int = 0, stages: Iterable[str] = ()) -> int:
    """The phase that a file is for: the one it states, in each layer as a .caffemodel does, or
    in which its layers hang together.

    Where both do, it is TRAIN for a net with a loss and TEST for one without, a deploy net.
    """
    if net.state.HasField("phase"):
        return net.state.phase
    new, stages = upgrade(net), list(stages)
    stated = {layer.phase if layer.HasField("phase") else None for layer in new.layer}
    if len(stated) == 1 and None not in stated:
        return stated.pop()
    chosen = {phase: _included(new, _state(new, phase, level, stages))
              for phase in (TRAIN, TEST)}
    sound = [phase for phase in chosen if _hang_together(chosen[phase])]
    if len(sound) == 1:
        return sound[0]
    return TRAIN if any(map(_is_loss, chosen[TRAIN])) else TEST


def _hang_together(layers: list[Any]) -> bool:
    made: set[str] = set()
    for layer in layers:
        if not made.issuperset(layer.bottom):
            return False
        made.update(layer.top)
    return bool(layers)


def _is_loss(layer: Any) -> bool:
    return layer.type.endswith("Loss") or any(layer.loss_weight)


def _state(net: Any, phase: int, level: int, stages: Iterable[str]) -> Any:
    given = [*net.state.stage, *stages]
    try:
        return caffe_pb2.NetState(phase=phase, level=level, stage=given)
    except (TypeError, ValueError) as error:
        raise GraphError(f"phase {phase}, level {level} and these stages are no state of a net: "
                         f"{error}") from None


def _included(net: Any, state: Any) -> list[Any]:
    """The layers that a NetState keeps, the net's own: with weights in them they are large."""
    stages = frozenset(state.stage)
    return [layer for layer in net.layer if _is_included(layer, state, stages)]


def _is_included(layer: Any, state: Any, stages: frozenset[str]) -> bool:
    if layer.include and layer.exclude:
        raise GraphError(f'layer "{layer.name}": give include rules or exclude rules, not both')
    if layer.include:
        return any(_meets(rule, state, stages) for rule in layer.include)
    return not any(_meets(rule, state, stages) for rule in layer.exclude)


def _meets(rule: Any, state: Any, stages: frozenset[str]) -> bool:
    """True if every condition of a NetStateRule holds (Net::StateMeetsRule)."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    return stages.issuperset(rule.stage) and stages.isdisjoint(rule.not_stage)
