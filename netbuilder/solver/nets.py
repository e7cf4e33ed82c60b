"""A solver file and the nets it names, as Caffe finds them (Solver::Init*, solver.cpp).

Paths are relative to the current folder, as Caffe's.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from netbuilder import passes
from netbuilder.errors import SolverError
from netbuilder.proto import caffe_pb2, io
from netbuilder.upgrade.solver import upgrade_solver

MOST_TESTS = 100  # of a solver: each is a copy of its net
_TRAIN_FIELDS = ("net", "net_param", "train_net", "train_net_param")


def read_solver(path: str | os.PathLike[str]) -> Any:
    """The SolverParameter of a file, with ``type`` and ``snapshot_prefix`` as Caffe completes them.

    Without a prefix snapshots go beside the file, under its name (upgrade_proto.cpp). Raises
    ParseError or SolverError.
    """
    param = upgrade_solver(io.read_text(path, caffe_pb2.SolverParameter)).message
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = str(Path(path).with_suffix(""))
    elif os.path.isdir(param.snapshot_prefix):
        param.snapshot_prefix = os.path.join(param.snapshot_prefix, Path(path).stem)
    return param


def weight_files(values: Iterable[str]) -> list[str]:
    """The files that ``weights`` names: each value may list several, as in "a,b"."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def check_snapshot_prefix(param: Any) -> None:
    """Raises SolverError if no file can be written there (CheckSnapshotWritePermissions)."""
    folder = os.path.dirname(param.snapshot_prefix) or "."
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SolverError(f"cannot write to snapshot_prefix '{param.snapshot_prefix}': "
                          f"{error.strerror} (folder {folder})") from error


def net_to_train(param: Any) -> Any:
    """The NetParameter to train, its ``state`` set: TRAIN, then the net's own, then train_state.

    Raises SolverError if the solver names none or several, ParseError if it cannot be read.
    """
    given = [name for name in _TRAIN_FIELDS if param.HasField(name)]
    if len(given) != 1:
        raise SolverError(f"a solver names its net by one of {', '.join(_TRAIN_FIELDS)}; "
                          f"here it gives {' and '.join(given) or 'none of them'}")
    return _in_state(_message(getattr(param, given[0])), caffe_pb2.TRAIN, param.train_state)


def nets_to_test(param: Any) -> list[Any]:
    """The NetParameter of each test net, its ``state`` set.

    First those of test_net_param, then those of test_net, then the train net's own file once for
    each further test_iter. Raises SolverError if their numbers disagree, or are absurd.
    """
    tests = max(len(param.test_iter), len(param.test_net), len(param.test_net_param))
    if tests > MOST_TESTS:
        raise SolverError(f"{tests} test_iter or test nets; more than {MOST_TESTS} are not tested")
    nets = [_message(net) for net in (*param.test_net_param, *param.test_net)]
    count = len(param.test_iter)
    generic = [getattr(param, name) for name in ("net", "net_param") if param.HasField(name)]
    if count < len(nets) or (count > len(nets) and not generic):
        raise SolverError(f"{count} test_iter for {len(nets)} test nets; give one for each")
    if param.test_state and len(param.test_state) != count:
        raise SolverError(f"{len(param.test_state)} test_state for {count} test nets; give none, "
                          "or one for each")
    if count and param.test_interval < 1:
        raise SolverError("test_iter is given, so test_interval must be above 0")
    nets += [_message(generic[0]) for _ in range(count - len(nets))]
    states = param.test_state or [caffe_pb2.NetState()] * count
    return [_in_state(net, caffe_pb2.TEST, state)
            for net, state in zip(nets, states, strict=True)]


def _message(net: Any) -> Any:
    """The NetParameter itself, or that in the file of this name, upgraded as Caffe's reader does.

    It comes before the states: V0 files lose what they say of theirs.
    """
    if isinstance(net, str):
        return passes.upgrade(io.read_text(net, caffe_pb2.NetParameter))
    return net


def _in_state(net: Any, phase: int, state: Any) -> Any:
    merged = caffe_pb2.NetState(phase=phase)
    merged.MergeFrom(net.state)
    merged.MergeFrom(state)
    new = passes.copy(net)
    new.state.CopyFrom(merged)
    return new
