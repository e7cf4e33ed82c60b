"""Rules about solver files (Solver::Init, solver.cpp). Paths are relative to the current folder."""

from __future__ import annotations

import os
from typing import Any

from netbuilder.analysis.lint.findings import ERROR, SOLVER, WARNING, Found, rule
from netbuilder.analysis.lint.source import Source
from netbuilder.errors import ParseError, SolverError
from netbuilder.proto import caffe_pb2
from netbuilder.solver.nets import net_to_train, nets_to_test
from netbuilder.solver.policies import check_counts, check_regularization, learning_rate

_FILES = ("net", "train_net", "test_net")
_TYPES = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")


@rule("NB701", ERROR, SOLVER, "Name the net file once: net: \"train_val.prototxt\".")
def net_not_named(source: Source) -> Found:
    try:
        net_to_train(source.message)
    except SolverError as error:
        yield "net", str(error)
    except ParseError:
        pass  # the file's own findings


@rule("NB702", ERROR, SOLVER, "Correct the path, or run from the folder that it starts in.")
def net_file_missing(source: Source) -> Found:
    for field in _FILES:
        value = getattr(source.message, field)
        for path in [value] if isinstance(value, str) else value:
            if path and not os.path.isfile(path):
                yield field, f"{field} {path} does not exist (in {os.getcwd()})"


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


@rule("NB705", WARNING, SOLVER, "Give test_iter, or drop test_interval.")
def test_iter_missing(source: Source) -> Found:
    param = source.message
    if param.test_interval > 0 and not (param.test_iter or param.test_net or param.test_net_param):
        yield "test_interval", "test_interval is given without test_iter, so nothing is tested"


@rule("NB706", ERROR, SOLVER, "Give the fields that the policy reads (docs/training.md).")
def policy_incomplete(source: Source) -> Found:
    try:
        learning_rate(source.message, 0)
    except SolverError as error:
        yield "lr_policy", str(error)


@rule("NB707", ERROR, SOLVER, "Make the folder, or correct snapshot_prefix.")
def snapshot_folder_missing(source: Source) -> Found:
    folder = os.path.dirname(source.message.snapshot_prefix)
    if folder and not os.path.isdir(folder):
        yield "snapshot_prefix", (f"snapshots are to go to the folder {folder}, which does not "
                                  f"exist (in {os.getcwd()})")


@rule("NB708", ERROR, SOLVER, "Correct the field's value.")
def value_impossible(source: Source) -> Found:
    param = source.message
    if not param.HasField("base_lr"):
        yield "base_lr", "base_lr is missing: nothing would be learned"
    if param.type not in _TYPES:
        yield "type", f'unknown type "{param.type}"; known: {", ".join(_TYPES)}'
    count = "iter_size" if param.iter_size < 1 else "average_loss"
    for field, check in ((count, check_counts), ("regularization_type", check_regularization)):
        try:
            check(param)
        except SolverError as error:
            yield field, str(error)


def _only_counts(param: Any) -> Any:
    """As many test nets, but none that has to be read."""
    counts = caffe_pb2.SolverParameter(test_iter=param.test_iter, test_interval=1,
                                       test_state=param.test_state)
    for _ in (*param.test_net_param, *param.test_net):
        counts.test_net_param.add()
    if param.net or param.HasField("net_param"):
        counts.net_param.SetInParent()
    return counts
