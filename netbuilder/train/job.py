"""A training run as its files describe it, checked before an engine is started.

Real Caffe aborts at the first thing that is wrong, sometimes hours into a run (a folder that
cannot be written, at the first snapshot). Everything that can be said beforehand is said here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netbuilder import passes
from netbuilder.errors import SolverError, naming
from netbuilder.proto import caffe_pb2, text
from netbuilder.solver.nets import (
    check_snapshot_prefix,
    net_to_train,
    nets_to_test,
    read_solver,
    weight_files,
)
from netbuilder.solver.policies import check_solver, learning_rate
from netbuilder.train.checks import check_files, check_net, doubting, module_path

NEVER = 2**31 - 1  # as an interval that no run reaches, but which Caffe checks at the start


@dataclass(frozen=True)
class Job:
    """What to train, and with what; the paths in ``param`` are where the files were found.

    ``path`` is where modules of Python layers may be; ``warnings`` are for the user.
    """

    param: Any
    net: Any
    gpu: int | None = None
    weights: tuple[str, ...] = ()
    resume: str | None = None
    bf16: bool = False
    path: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def learning_rate(self, iteration: int) -> float:
        """The rate of that iteration's update."""
        return learning_rate(self.param, iteration)

    def message(self, module: str) -> dict[str, Any]:
        """What the worker gets: the keys that worker.run reads, and the engine's module."""
        param = self.param
        hdf5 = param.snapshot_format == caffe_pb2.SolverParameter.HDF5
        return {
            "module": module, "path": self.path, "gpu": self.gpu, "bf16": self.bf16,
            "solver": text.dumps(steps_only(param)),
            "weights": list(self.weights), "resume": self.resume, "max_iter": param.max_iter,
            "display": param.display, "average_loss": param.average_loss,
            "iter_size": param.iter_size, "test_iter": list(param.test_iter),
            "test_interval": param.test_interval, "test_compute_loss": param.test_compute_loss,
            "test_initialization": param.test_initialization, "snapshot": param.snapshot,
            "snapshot_after_train": param.snapshot_after_train,
            "snapshot_prefix": param.snapshot_prefix, "snapshot_suffix": ".h5" if hdf5 else "",
        }


def steps_only(param: Any) -> Any:
    """The solver that only steps: display, tests, snapshots and weights are the worker's."""
    bare = passes.copy(param)
    bare.test_interval, bare.test_initialization = NEVER, False
    bare.snapshot = NEVER if param.snapshot or param.snapshot_after_train else 0
    if not param.debug_info:  # which Caffe prints at each display
        bare.display = 0
    bare.ClearField("weights")
    return bare


def load(
    solver: str | os.PathLike[str], gpu: int | None = None, weights: Sequence[str] = (),
    snapshot: str | None = None, *, level: int | None = None, stages: Sequence[str] = (),
    bf16: bool = False, foreign: bool = False,
) -> Job:
    """The checked job of a solver file; flags mean what the ``caffe train`` tool's mean.

    ``weights`` take the place of those named in the file; a ``snapshot`` of both. ``level`` takes
    the place of that of train_state, ``stages`` are added to its. Without ``gpu`` the file's
    solver_mode decides, if it is there. For a ``foreign`` engine, whose nets may be richer than
    Caffe's own, a mistake in a net is a warning. Raises ParseError, SolverError, DataError, or what
    ``resolve`` raises for the nets.
    """
    if weights and snapshot:
        raise SolverError("give a snapshot to resume from or weights to start from, not both")
    path, nets, warnings = Path(solver), [], []
    with _naming(path):
        param = _read(path, level, stages, warnings)
        with doubting(foreign, warnings):
            nets = [net_to_train(param), *nets_to_test(param)]
    weights = [] if snapshot else weight_files(weights or param.weights)
    check_files(weights, snapshot)
    for place, net in zip(_places(param, str(path)), nets, strict=bool(nets)):
        with doubting(foreign, warnings), naming(place):
            check_net(net)
    if gpu is None and param.HasField("solver_mode") and param.solver_mode == param.GPU:
        gpu = param.device_id
    return Job(param, nets[0] if nets else caffe_pb2.NetParameter(), gpu, tuple(weights), snapshot,
               bf16, tuple(module_path(path)), tuple(warnings))


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Says in which file a solver's mistake is."""
    try:
        yield
    except SolverError as error:
        raise SolverError(f"{path}: {error}") from error


def _read(path: Path, level: int | None, stages: Sequence[str], warnings: list[str]) -> Any:
    """The checked SolverParameter; it names its nets where they were found."""
    param = read_solver(path)
    check_solver(param)
    if level is not None:
        if param.train_state.level not in (0, level):
            warnings.append(f"{path}: train_state's level {param.train_state.level} gives way to "
                            f"--level {level}, as with Caffe's tool")
        param.train_state.level = level
    param.train_state.stage.extend(stages)
    if param.snapshot or param.snapshot_after_train:
        check_snapshot_prefix(param)
    if not param.HasField("max_iter"):
        raise SolverError("max_iter is not set: training would end before it began")
    for name in ("net", "train_net"):
        if param.HasField(name):
            setattr(param, name, _find(getattr(param, name), name, path))
    for index, file in enumerate(param.test_net):
        param.test_net[index] = _find(file, "test_net", path)
    return param


def _find(file: str, field: str, solver: Path) -> str:
    """Where a net is: as Caffe looks, from the current folder; else beside the solver."""
    places = [Path(file), solver.parent / file]
    for place in places:
        if place.is_file():
            return str(place)
    looked = " and ".join(dict.fromkeys(str(place.absolute()) for place in places))
    raise SolverError(f'{field} "{file}" is not there; looked for {looked}')


def _places(param: Any, solver: str) -> list[str]:
    """The file of each net, the train net first; nets in the solver itself are in its file."""
    generic = param.net or solver
    tests = [solver] * len(param.test_net_param) + list(param.test_net)
    tests += [generic] * (len(param.test_iter) - len(tests))
    return [param.train_net or (solver if param.HasField("train_net_param") else generic), *tests]
