"""A linter for network and solver files: every mistake at once, each with a remedy (docs/check.md).

A rule is a function in the table `findings.RULES`; one file here is one family of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from netbuilder import passes
from netbuilder.analysis.lint import (  # noqa: F401  (their rules enter the table)
    batchnorm,
    files,
    fillers,
    inplace,
    shapes,
    solver,
    wiring,
)
from netbuilder.analysis.lint.findings import (
    FILE,
    NET,
    RULES,
    SEVERITIES,
    SOLVER,
    Finding,
    Rule,
    rules_about,
)
from netbuilder.analysis.lint.source import NOWHERE, Place, Source, numbered
from netbuilder.analysis.lint.walk import Walk
from netbuilder.errors import GraphError, did_you_mean
from netbuilder.layer import Shape
from netbuilder.proto import caffe_pb2

__all__ = ["RULES", "SEVERITIES", "Finding", "Rule", "lint"]


def lint(
    path: str | os.PathLike[str], level: int = 0, stages: Iterable[str] = (),
    inputs: Mapping[str, Shape] | None = None,
) -> list[Finding]:
    """Everything there is to say about a net or a solver file, from top to bottom.

    A net is checked in each phase that the rules of its data layers name, with their stages.
    ``inputs`` are shapes that the file cannot tell. GraphError if it has no blob of such a name.
    """
    source = Source(path)
    found = [_finding(rule, source, place, sentence) for rule in rules_about(FILE)
             for place, sentence in rule.find(source)]
    if source.is_solver:
        found += [_finding(rule, source, source.field(field), sentence)
                  for rule in rules_about(SOLVER) for field, sentence in rule.find(source)]
    elif source.message is not None and not found:
        found += _lint_net(source, level, list(stages), dict(inputs or {}))
    return sorted(found, key=lambda one: (one.line or 0, one.column or 0, one.code))


def _lint_net(source: Source, level: int, stages: list[str],
              inputs: dict[str, Shape]) -> list[Finding]:
    net = passes.upgrade(source.message)
    _check_inputs(net, inputs)
    numbers = numbered([layer.name for layer in net.layer])
    states = _states(net, level, stages)
    found: dict[tuple[str, int, int], list[Finding]] = {}
    for phase, chosen in states:
        passes.for_phase(caffe_pb2.NetParameter(), phase, level, chosen)  # an impossible state
        walk = Walk(net, phase, level, chosen, inputs)
        for rule in rules_about(NET):
            for count, (step, sentence) in enumerate(rule.find(walk)):
                layer = step.message
                named = sentence if sentence.startswith('layer "') else (
                    f'layer "{layer.name}" ({layer.type}): {sentence}')
                place = source.layers.get(numbers[step.position], NOWHERE)
                found.setdefault((rule.code, step.position, count), []).append(
                    replace(_finding(rule, source, place, named), layer=layer.name,
                            phase=caffe_pb2.Phase.Name(phase)))
    # One finding for what all states have.
    return [replace(same[0], phase=None) if len(same) == len(states) else same[0]
            for same in found.values()]


def _check_inputs(net: Any, inputs: Mapping[str, Shape]) -> None:
    tops = {top for layer in net.layer for top in layer.top}
    for name in inputs:
        if name not in tops:
            raise GraphError(f'no blob is named "{name}"{did_you_mean(name, tops)}')


def _states(net: Any, level: int, stages: list[str]) -> list[tuple[int, list[str]]]:
    """The phases that a file is for, each with its stages.

    It is the phase that the net states; else those that the rules of its data layers name, each
    with the stages that these ask for; else, if any layer has such rules, both; else the default.
    """
    if net.state.HasField("phase"):
        return [(net.state.phase, stages)]
    named = {(rule.phase, tuple(stages or rule.stage)) for layer in net.layer if not layer.bottom
             for rule in layer.include if rule.HasField("phase")}
    if named:
        return [(phase, list(chosen)) for phase, chosen in sorted(named)]
    if any(rule.HasField("phase") for layer in net.layer
           for rule in (*layer.include, *layer.exclude)):
        return [(caffe_pb2.TRAIN, stages), (caffe_pb2.TEST, stages)]
    try:
        return [(passes.default_phase(net, level, stages), stages)]
    except GraphError:  # include and exclude rules in one layer: a finding of its own
        return [(caffe_pb2.TRAIN, stages), (caffe_pb2.TEST, stages)]


def _finding(rule: Rule, source: Source, place: Place, sentence: str) -> Finding:
    return Finding(rule.code, rule.severity, source.path, *place, None, None, sentence,
                   rule.remedy)
