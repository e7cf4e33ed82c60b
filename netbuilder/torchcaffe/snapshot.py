"""Snapshots: the files a training run goes on from, in either engine (sgd_solver.cpp)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from netbuilder import weights
from netbuilder.errors import SolverError
from netbuilder.proto import caffe_pb2
from netbuilder.solver.nets import check_snapshot_prefix
from netbuilder.solver.policies import steps_done
from netbuilder.torchcaffe.glog import log

if TYPE_CHECKING:
    from netbuilder.torchcaffe.solver import Solver


def check(param: Any) -> None:
    """Raises SolverError if no snapshot could be written as a SolverParameter says."""
    _check_format(param)
    check_snapshot_prefix(param)


def _check_format(param: Any) -> None:
    if param.snapshot_format != caffe_pb2.SolverParameter.BINARYPROTO:
        raise SolverError("snapshot_format: HDF5 cannot be written yet; use BINARYPROTO")


def write(solver: Solver) -> None:
    """Writes weights and state of a solver, each file whole or not at all.

    Raises SolverError for the format HDF5, BuildError where a file cannot be written.
    """
    param = solver.param
    _check_format(param)
    stem = f"{param.snapshot_prefix}_iter_{solver.iter}"
    log.info("Snapshotting to binary proto file %s.caffemodel", stem)
    solver.net.save(f"{stem}.caffemodel", diffs=param.snapshot_diff)
    log.info("Snapshotting solver state to binary proto file %s.solverstate", stem)
    weights.write_state(f"{stem}.solverstate", weights.SolverState(
        iter=solver.iter, learned_net=f"{stem}.caffemodel",
        history=[tensor.cpu().numpy() for tensor in solver.history],
        current_step=steps_done(param, solver.iter - 1),  # as of the last update
    ))


def restore(solver: Solver, path: str | os.PathLike[str]) -> None:
    """Takes iteration, weights and history from a .solverstate.

    Raises ParseError for a file that is none, SolverError for a history that does not fit the
    net, ShapeError for weights that do not. The learning rate follows from the iteration alone.
    """
    state = weights.read_state(path)
    found, wanted = len(state.history), len(solver.history)
    if found != wanted:
        raise SolverError(f"{os.fspath(path)}: Incorrect length of history blobs: {found} in the "
                          f"file, {wanted} for a {solver.type} solver of this net")
    shapes = [tuple(tensor.shape) for tensor in solver.history]
    history = weights.fitting("history", state.history, shapes)
    if state.learned_net:
        solver.net.copy_from(state.learned_net)
    log.info("%sSolver: restoring history", solver.type)
    for tensor, array in zip(solver.history, history, strict=True):
        tensor.copy_(torch.from_numpy(array))
    solver.iter = state.iter
