"""The nets that a solver names, each with the state in which the solver uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from netbuilder.analysis.lint.source import Inside, Source
from netbuilder.analysis.lint.states import MOST, State
from netbuilder.proto import caffe_pb2

TRAIN_FIELDS = ("net", "net_param", "train_net", "train_net_param")
INSIDE = ("net_param", "train_net_param", "test_net_param")


def nets_of(solver: Source) -> Iterator[tuple[Source, State]]:
    """Each net with its state (Solver::InitTrainNet, InitTestNets); missing files are left out.

    Nets inside the solver in an old format are left out as well: a rule of their own tells. Of
    more than MOST nets the rest is not looked at.
    """
    param = solver.message
    states = param.test_state or [caffe_pb2.NetState()] * min(len(param.test_iter), MOST)
    uses = [(field, net, caffe_pb2.TRAIN, param.train_state)
            for field in TRAIN_FIELDS for net in _nets(param, field)]
    uses += [(field, net, caffe_pb2.TEST, state)
             for (field, net), state in zip(_tested(param), states, strict=False)]
    sources: dict[Any, Source | None] = {}
    for field, net, phase, asked in uses[:MOST]:
        key = net if isinstance(net, str) else id(net)
        if key not in sources:
            sources[key] = _source(solver, field, net)
        if (source := sources[key]) is not None:
            yield source, _state(source.message, phase, asked)


def is_old(net: Any) -> bool:
    """True for what Caffe upgrades in files, and only there."""
    return bool(net.layers or net.input)


def found_at(solver: Source, path: str) -> str | None:
    """Where a net's file is: from the current folder, as Caffe looks, or beside the solver."""
    beside = os.path.join(os.path.dirname(solver.path), path)
    return next((one for one in (path, beside) if os.path.isfile(one)), None)


def _tested(param: Any) -> Iterator[tuple[str, Any]]:
    """The test nets in Caffe's order; the train net's own serves each further test_iter."""
    own = [(field, net) for field in ("test_net_param", "test_net") for net in _nets(param, field)]
    yield from own
    generic = [(field, net) for field in ("net", "net_param") for net in _nets(param, field)]
    yield from generic[:1] * min(len(param.test_iter) - len(own), MOST)


def _nets(param: Any, field: str) -> list[Any]:
    value = getattr(param, field)
    if field in ("test_net", "test_net_param"):
        return list(value)
    return [value] if param.HasField(field) else []


def _source(solver: Source, field: str, net: Any) -> Source | None:
    if field in INSIDE:
        return None if is_old(net) else Inside(solver, field, net)
    path = found_at(solver, net)
    return None if path is None else Source(path)


def _state(net: Any, phase: int, asked: Any) -> State:
    """The solver's own, then the net's, then what the solver asks for."""
    merged = caffe_pb2.NetState(phase=phase)
    if isinstance(net, caffe_pb2.NetParameter):
        merged.MergeFrom(net.state)
    merged.MergeFrom(asked)
    return State(merged.phase, merged.level, tuple(asked.stage), by_solver=True)
