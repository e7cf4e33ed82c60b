"""A linter for network and solver files: every mistake at once, each with a remedy (docs/check.md).

A rule is a function in the table `findings.RULES`; one file here is one family of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netbuilder import passes
from netbuilder.analysis.lint import (  # noqa: F401  (their rules enter the table)
    batchnorm,
    files,
    fillers,
    forks,
    inplace,
    solver,
    wiring,
)
from netbuilder.analysis.lint.findings import (
    ERROR,
    FILE,
    NET,
    RULES,
    SEVERITIES,
    SOLVER,
    Finding,
    Rule,
    rules_about,
)
from netbuilder.analysis.lint.runs import nets_of
from netbuilder.analysis.lint.source import Inside, Place, Source, numbered
from netbuilder.analysis.lint.states import State, idle_layers, states_of
from netbuilder.analysis.lint.walk import Walk
from netbuilder.errors import GraphError, did_you_mean
from netbuilder.layer import Shape
from netbuilder.proto import caffe_pb2

__all__ = ["RULES", "SEVERITIES", "Finding", "Rule", "lint", "lint_files"]


def lint(
    path: str | os.PathLike[str], level: int = 0, stages: Iterable[str] = (),
    inputs: Mapping[str, Shape] | None = None,
) -> list[Finding]:
    """Everything there is to say about a net, or about a solver and the nets that it names."""
    return lint_files([path], level, stages, inputs)


def lint_files(
    paths: Iterable[str | os.PathLike[str]], level: int = 0, stages: Iterable[str] = (),
    inputs: Mapping[str, Shape] | None = None,
) -> list[Finding]:
    """Everything there is to say about the files together, each from top to bottom.

    A net is checked in each state that the solvers among the files ask for, and in each phase
    that the rules of its data layers name, with their stages. The nets that a solver names
    follow, if they are not among the files. ``inputs`` are shapes that no file can tell.
    GraphError if no net has a blob of such a name.
    """
    sources = _Sources(paths)
    found: list[Finding] = []
    blobs: set[str] = set()
    shapes = dict(inputs or {})
    for source in sources:
        one = _Lint(source, sources.asked(source), shapes)
        found += one.findings(level, list(stages))
        blobs |= one.blobs
    unread = any(one.code in ("NB001", "NB002") for one in found)
    for name in () if unread else shapes:
        if name not in blobs:
            raise GraphError(f'no blob is named "{name}"{did_you_mean(name, blobs)}')
    return found


class _Sources:
    """The files, and the nets that the solvers among them name, with the states they ask for."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        given = [Source(path) for path in paths]
        self._all = list({os.path.realpath(one.path): one for one in given}.values())
        self._states: dict[Any, list[State]] = {}
        for source in [one for one in given if one.is_solver]:
            for net, state in nets_of(source):
                known = [one for one in self._all if _key(one) == _key(net)]
                self._all += [] if known else [net]
                for one in known or [net]:
                    one.net_of = source.path
                self._states.setdefault(_key(net), []).append(state)

    def __iter__(self) -> Any:
        return iter(self._all)

    def asked(self, source: Source) -> list[State]:
        """The states that solvers ask for."""
        return self._states.get(_key(source), [])


def _key(source: Source) -> tuple[str, int]:
    """What tells files, and nets inside a file, apart."""
    inside = id(source.message) if isinstance(source, Inside) else 0
    return os.path.realpath(source.path), inside


class _Lint:
    """The findings of one file; ``blobs`` are the names that shapes can be given for."""

    def __init__(self, source: Source, asked: Sequence[State], inputs: dict[str, Shape]) -> None:
        self._source, self._asked, self._inputs = source, asked, inputs
        self.blobs: set[str] = set()

    def findings(self, level: int, stages: list[str]) -> list[Finding]:
        source = self._source
        found = [self._finding(rule, place, sentence) for rule in rules_about(FILE)
                 for place, sentence in rule.find(source)]
        if source.is_solver:
            found += [self._finding(rule, source.field(field), sentence)
                      for rule in rules_about(SOLVER) for field, sentence in rule.find(source)]
        elif source.message is not None and not any(one.severity == ERROR for one in found):
            found += self._net(level, stages)
        return sorted(found, key=lambda one: (one.line or 0, one.column or 0, one.code))

    def _net(self, level: int, stages: list[str]) -> list[Finding]:
        net = passes.upgrade(self._source.message)
        self.blobs = {top for layer in net.layer for top in layer.top}
        mine = {name: shape for name, shape in self._inputs.items() if name in self.blobs}
        numbers = numbered([layer.name for layer in net.layer])
        states = states_of(net, level, stages, self._asked)
        idle = list(idle_layers(net, states))
        found: dict[tuple[str, int, int], list[Finding]] = {}
        for state in states:
            state.layers(caffe_pb2.NetParameter())  # an impossible state
            walk = Walk(net, state, mine, idle)
            for rule in rules_about(NET):
                for count, (step, sentence) in enumerate(rule.find(walk)):
                    place = self._source.layer(numbers[step.position])
                    found.setdefault((rule.code, step.position, count), []).append(
                        self._about(rule, place, step.message, sentence, state))
        # One finding for what all states have.
        return [replace(same[0], phase=None) if len(same) == len(states) else same[0]
                for same in found.values()]

    def _about(self, rule: Rule, place: Place, layer: Any, sentence: str,
               state: State) -> Finding:
        named = sentence if sentence.startswith('layer "') else (
            f'layer "{layer.name}" ({layer.type}): {sentence}')
        return replace(self._finding(rule, place, named), layer=layer.name,
                       phase=caffe_pb2.Phase.Name(state.phase))

    def _finding(self, rule: Rule, place: Place, sentence: str) -> Finding:
        return Finding(rule.code, rule.severity, self._source.path, *place, None, None, sentence,
                       rule.remedy)
