"""Rules about solver files (Solver::Init, solver.cpp). Paths are relative to the current folder.

What Caffe refuses and what it takes was measured (tests/analysis/test_lint_solver.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from netbuilder.analysis.lint.findings import ERROR, NET, SOLVER, WARNING, Found, rule
from netbuilder.analysis.lint.runs import INSIDE, TRAIN_FIELDS, found_at, is_old
from netbuilder.analysis.lint.source import Source
from netbuilder.analysis.lint.walk import Walk
from netbuilder.errors import SolverError, one_of
from netbuilder.layer import layer_types
from netbuilder.proto import caffe_pb2
from netbuilder.solver.nets import nets_to_test
from netbuilder.solver.policies import check_counts, check_regularization, learning_rate
from netbuilder.upgrade.solver import upgrade_solver

_FILES = ("net", "train_net", "test_net")
_TYPES = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
_WITHOUT_MOMENTUM = ("AdaGrad", "RMSProp")
# (policy, missing field) -> what Caffe computes with the field's 0; it refuses a missing stepsize.
_WITHOUT = {
    ("step", "gamma"): "the rate is 0 from the first step on",
    ("exp", "gamma"): "the rate is 0 from the second iteration on",
    ("multistep", "gamma"): "the rate is 0 from the first step on",
    ("multistep", "stepvalue"): "the rate stays base_lr",
    ("inv", "gamma"): "the rate stays base_lr",
    ("inv", "power"): "the rate stays base_lr",
    ("poly", "power"): "the rate stays base_lr",
    ("poly", "max_iter"): "the rate is no number",
    ("sigmoid", "gamma"): "the rate stays half of base_lr",
}


@rule("NB701", ERROR, SOLVER, "Name the net file once: net: \"train_val.prototxt\".")
def net_not_named(source: Source) -> Found:
    given = [name for name in TRAIN_FIELDS if source.message.HasField(name)]
    if len(given) != 1:
        yield (given[1] if given else "net",
               f"a solver names its net by one of {', '.join(TRAIN_FIELDS)}; here "
               f"{' and '.join(given) or 'none of them'} is given")


@rule("NB702", ERROR, SOLVER, "Correct the path, or run from the folder that it starts in.")
def net_file_missing(source: Source) -> Found:
    for field, path in _paths(source.message, _FILES):
        if not os.path.isfile(path):
            beside = found_at(source, path)
            hint = f"; {beside} does, but Caffe starts from the current folder" if beside else ""
            yield field, f"{field} {path} does not exist (in {os.getcwd()}){hint}"
    if source.net_of is not None:
        yield "", f"the solver {source.net_of} names this file as its net, but it is a solver too"


@rule("NB703", ERROR, SOLVER, "Give one test_iter for each test net, and test_state alike.")
def test_iter_does_not_match(source: Source) -> Found:
    try:
        nets_to_test(_only_counts(source.message))
    except SolverError as error:
        yield "test_iter", str(error)


@rule("NB704", ERROR, SOLVER, "Give test_interval: the iterations between two tests.")
def test_interval_missing(source: Source) -> Found:
    if source.message.test_iter and source.message.test_interval < 1:
        yield "test_iter", "test_iter is given, so test_interval must be above 0"


@rule("NB705", WARNING, SOLVER, "Give test_iter, the batches of a test, or drop test_interval.")
def nothing_tested(source: Source) -> Found:
    param = source.message
    if param.test_interval > 0 and not (param.test_iter or param.test_net or param.test_net_param):
        yield "test_interval", "test_interval is given without test_iter, so nothing is tested"
    for count in param.test_iter:
        if count < 1:
            yield "test_iter", f"test_iter {count} tests no batch, so there is no result"


@rule("NB706", ERROR, SOLVER, "Give the fields that the policy reads (docs/training.md).")
def policy_incomplete(source: Source) -> Found:
    param = source.message
    try:
        learning_rate(param, 0)
    except SolverError as error:
        taken = [f"without {field} {rate}" for (policy, field), rate in _WITHOUT.items()
                 if policy == param.lr_policy and not _given(param, field)]
        refused = not taken or (param.lr_policy == "sigmoid" and param.stepsize < 1)
        yield "lr_policy", f"{error}" if refused else f"{error}; in Caffe {', '.join(taken)}"


@rule("NB707", ERROR, SOLVER, "Make the folder, or correct snapshot_prefix.")
def snapshot_folder_missing(source: Source) -> Found:
    param = source.message
    folder = os.path.dirname(param.snapshot_prefix)
    written = param.snapshot > 0 or param.snapshot_after_train
    if written and folder and not os.path.isdir(folder):
        yield "snapshot_prefix", (f"snapshots are to go to the folder {folder}, which does not "
                                  f"exist (in {os.getcwd()})")


@rule("NB708", ERROR, SOLVER, "Correct the field's value.")
def value_impossible(source: Source) -> Found:
    try:
        param = upgrade_solver(source.message).message
    except SolverError:
        return  # NB002
    if not param.HasField("base_lr"):
        yield "base_lr", "base_lr is missing: nothing would be learned"
    yield from _type(param)
    if not 0 <= param.rms_decay < 1 and param.type == "RMSProp":
        yield "rms_decay", f"rms_decay must be at least 0 and below 1, not {param.rms_decay:g}"
    count = "iter_size" if param.iter_size < 1 else "average_loss"
    checks = [(count, check_counts)]
    if param.weight_decay:
        checks.append(("regularization_type", check_regularization))
    for field, check in checks:
        try:
            check(param)
        except SolverError as error:
            yield field, str(error)


@rule("NB709", ERROR, SOLVER, "Correct the path of the weights, or drop the field.")
def weights_missing(source: Source) -> Found:
    for names in source.message.weights:
        for name in filter(None, map(str.strip, names.split(","))):
            if not os.path.isfile(name):
                yield "weights", f"weights {name} does not exist (in {os.getcwd()})"


@rule("NB710", ERROR, SOLVER, "Write its layers as layer { }, its inputs as Input layers.")
def inner_net_is_old(source: Source) -> Found:
    for field in INSIDE:
        value = getattr(source.message, field)
        for net in value if field == "test_net_param" else [value]:
            if is_old(net):
                yield field, (f"{field} holds a net in an old format, which Caffe upgrades in "
                              "files only")


@rule("NB711", ERROR, NET, "Add a loss layer, or give a top its loss_weight.")
def nothing_learned(net: Walk) -> Found:
    known = layer_types()
    judged = all(step.message.type in known and step.message.type != "Python"
                 for step in net.steps)
    if (net.state.by_solver and net.phase == caffe_pb2.TRAIN and net.steps and judged
            and not net.trains):
        yield net.steps[-1], "the solver trains this net, but no layer of it is a loss"


def _type(param: Any) -> Iterator[tuple[str, str]]:
    if param.type not in _TYPES:
        yield "type", f'unknown type "{param.type}"{one_of(param.type, _TYPES)}'
    if param.type in _WITHOUT_MOMENTUM and param.momentum:
        yield "momentum", f"type {param.type} has no momentum; {param.momentum:g} is given"


def _paths(param: Any, fields: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for field in fields:
        value = getattr(param, field)
        yield from ((field, path) for path in ([value] if isinstance(value, str) else value)
                    if path)


def _given(param: Any, field: str) -> bool:
    return bool(param.stepvalue) if field == "stepvalue" else param.HasField(field)


def _only_counts(param: Any) -> Any:
    """As many test nets, but none that has to be read."""
    counts = caffe_pb2.SolverParameter(test_iter=param.test_iter, test_interval=1,
                                       test_state=param.test_state)
    for _ in (*param.test_net_param, *param.test_net):
        counts.test_net_param.add()
    if param.net or param.HasField("net_param"):
        counts.net_param.SetInParent()
    return counts
