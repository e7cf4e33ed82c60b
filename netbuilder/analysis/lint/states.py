"""The states in which a net is used: those that its solver asks for, or that its rules tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netbuilder import passes
from netbuilder.errors import GraphError, did_you_mean
from netbuilder.proto import caffe_pb2

BOTH = (caffe_pb2.TRAIN, caffe_pb2.TEST)
MOST = 20  # states in which a net is looked at: a file could name one for each of its layers


@dataclass(frozen=True)
class State:
    """Phase, level and stages; the stages add to those that the net itself states.

    ``by_solver`` is True where a solver says that it uses the net so.
    """

    phase: int
    level: int = 0
    stages: tuple[str, ...] = ()
    by_solver: bool = False

    def layers(self, net: Any) -> Sequence[Any]:
        """The layers that the state keeps. GraphError for a layer with rules of both kinds."""
        return passes.for_phase(net, self.phase, self.level, self.stages).layer


def states_of(net: Any, level: int, stages: Sequence[str],
              asked: Iterable[State] = ()) -> list[State]:
    """The states that a net is for.

    They are those that solvers ask for; then the phase that the net states, or those that the
    rules of its data layers name, each with the stages that these ask for; else, if any layer
    has such rules, both, unless only one hangs together; else the default. Not more than MOST.
    """
    states = list(dict.fromkeys(asked))
    given = tuple(stages)
    named = _named(net, given)
    told = [State(phase, level, chosen) for phase, chosen in sorted(named)]
    if net.state.HasField("phase"):
        told = [State(net.state.phase, level, given)]
    elif not told and not states:
        told = _guessed(net, level, given)
    phases = {state.phase for state in states}
    return (states + [state for state in told if state.phase not in phases])[:MOST]


def idle_layers(net: Any, states: Iterable[State]) -> Iterator[tuple[int, str]]:
    """Position and phase of the layers that are only for a phase in which nothing brings data."""
    if any(_is_source(layer) and not _phases(layer) for layer in net.layer) or not _named(net, ()):
        return
    used = {state.phase for state in states}
    for position, layer in enumerate(net.layer):
        wanted = _phases(layer)
        if layer.bottom and wanted and not wanted & used and len(wanted) == 1:
            yield position, caffe_pb2.Phase.Name(*wanted)


def _named(net: Any, stages: tuple[str, ...]) -> set[tuple[int, tuple[str, ...]]]:
    return {(rule.phase, stages or tuple(rule.stage)) for layer in net.layer if _is_source(layer)
            for rule in layer.include if rule.HasField("phase")}


def _is_source(layer: Any) -> bool:
    return not layer.bottom and layer.type != "Parameter"


def _phases(layer: Any) -> set[int]:
    """The phases that all include rules of a layer keep it to; empty for no limit."""
    if not layer.include or not all(rule.HasField("phase") for rule in layer.include):
        return set()
    return {rule.phase for rule in layer.include}


def _guessed(net: Any, level: int, stages: tuple[str, ...]) -> list[State]:
    both = [State(phase, level, stages) for phase in BOTH]
    try:
        if any(rule.HasField("phase") for layer in net.layer
               for rule in (*layer.include, *layer.exclude)):
            return [one for one in both if not _belongs_elsewhere(net, one, both)] or both
        return [State(passes.default_phase(net, level, stages), level, stages)]
    except GraphError:  # include and exclude rules in one layer: a finding of its own
        return both


def _belongs_elsewhere(net: Any, state: State, both: list[State]) -> bool:
    """True if the net hangs together in the other state, and not by a slip in this one.

    It is a slip if the name of a missing bottom is close to one that is there.
    """
    other = next(one for one in both if one is not state)
    if any(_missing(other.layers(net))):
        return False
    made = {top for layer in state.layers(net) for top in layer.top}
    missing = list(_missing(state.layers(net)))
    elsewhere = {top for layer in other.layers(net) for top in layer.top} - made
    return bool(missing) and all(name in elsewhere or not did_you_mean(name, made)
                                 for name in missing)


def _missing(layers: Iterable[Any]) -> Iterator[str]:
    made: set[str] = set()
    for layer in layers:
        yield from (name for name in layer.bottom if name not in made)
        made.update(layer.top)
