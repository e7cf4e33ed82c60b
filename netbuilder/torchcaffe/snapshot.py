"""Snapshots: the files a training run goes on from, in either engine (sgd_solver.cpp)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from netbuilder import weights
from netbuilder.errors import ShapeError, SolverError
from netbuilder.layer import Shape, show
from netbuilder.proto import caffe_pb2
from netbuilder.solver.policies import current_step
from netbuilder.torchcaffe import exchange
from netbuilder.torchcaffe.glog import log

if TYPE_CHECKING:
    from netbuilder.torchcaffe.solver import Solver


def write(solver: Solver) -> None:
    """Writes weights and state of a solver in its format, each file whole or not at all.

    Raises BuildError where a file cannot be written.
    """
    param = solver.param
    hdf5 = param.snapshot_format == caffe_pb2.SolverParameter.HDF5
    form, ending = ("HDF5", ".h5") if hdf5 else ("binary proto", "")
    stem = f"{param.snapshot_prefix}_iter_{solver.iter}"
    model, state = f"{stem}.caffemodel{ending}", f"{stem}.solverstate{ending}"
    log.info("Snapshotting to %s file %s", form, model)
    exchange.save(solver.net, model, diffs=param.snapshot_diff, hdf5=hdf5)
    log.info("Snapshotting solver state to %s file %s", form, state)
    weights.write_state(state, weights.SolverState(
        iter=solver.iter, learned_net=model,
        history=[tensor.cpu().numpy() for tensor in solver.history],
        current_step=current_step(param, solver.iter - 1),  # as of the last update
    ), hdf5=hdf5)


def restore(solver: Solver, path: str | os.PathLike[str]) -> None:
    """Takes iteration, weights and history from a .solverstate of either format.

    Raises ParseError for a file that is none, SolverError for a history that does not fit the
    net, ShapeError for weights that do not. The learning rate follows from the iteration alone.
    """
    state = weights.read_state(path)
    found, wanted = len(state.history), len(solver.history)
    if found != wanted:
        raise SolverError(f"{os.fspath(path)}: Incorrect length of history blobs: {found} in the "
                          f"file, {wanted} for the solver type {solver.type} of this net")
    history = [_fitting(path, index, array, tuple(tensor.shape)) for index, (array, tensor)
               in enumerate(zip(state.history, solver.history, strict=True))]
    if state.learned_net:
        solver.net.copy_from(state.learned_net)
    log.info("%sSolver: restoring history", solver.type)
    for tensor, array in zip(solver.history, history, strict=True):
        tensor.copy_(torch.from_numpy(array))
    solver.iter = state.iter


def _fitting(path: str | os.PathLike[str], index: int, array: Any, shape: Shape) -> Any:
    """A history in the shape of its parameter; four axes of an old file fit fewer."""
    try:
        return weights.fitting("", [array], [shape])[0]
    except ShapeError:
        raise ShapeError(f"{os.fspath(path)}: shape mismatch: history {index} is "
                         f"{show(array.shape)}, the net's parameter {show(shape)}: the state is "
                         "of another net") from None
