"""A training run as its files describe it, checked before an engine is started.

Real Caffe aborts at the first thing that is wrong, sometimes hours into a run (a folder that
cannot be written, at the first snapshot). Everything that can be said beforehand is said here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netbuilder import passes
from netbuilder.errors import DataError, ShapeUnknown, SolverError, UnknownLayerError, naming
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2, text
from netbuilder.solver.nets import (
    check_snapshot_prefix,
    net_to_train,
    nets_to_test,
    read_solver,
)
from netbuilder.solver.policies import check_solver, learning_rate

NEVER = 2**31 - 1  # as an interval that no run reaches, but which Caffe checks at the start

SOURCES = {
    "Data": "data_param", "ImageData": "image_data_param", "HDF5Data": "hdf5_data_param",
    "WindowData": "window_data_param",
}


@dataclass(frozen=True)
class Job:
    """What to train, and with what; the paths in ``param`` are where the files were found."""

    param: Any
    net: Any
    gpu: int | None = None
    weights: tuple[str, ...] = ()
    resume: str | None = None

    def learning_rate(self, iteration: int) -> float:
        """The rate of that iteration's update."""
        return learning_rate(self.param, iteration)

    def message(self, module: str) -> dict[str, Any]:
        """What the worker gets: the keys that worker.run reads, and the engine's module."""
        param = self.param
        hdf5 = param.snapshot_format == caffe_pb2.SolverParameter.HDF5
        return {
            "module": module, "solver": text.dumps(steps_only(param)), "gpu": self.gpu,
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
    snapshot: str | None = None,
) -> Job:
    """The checked job of a solver file; flags mean what the ``caffe train`` tool's mean.

    ``weights`` take the place of those named in the file; a ``snapshot`` of both. Without ``gpu``
    the file's solver_mode decides, if it is there. Raises ParseError, SolverError, DataError, or
    what ``resolve`` raises for the nets.
    """
    if weights and snapshot:
        raise SolverError("give a snapshot to resume from or weights to start from, not both")
    path = Path(solver)
    with _naming(path):
        param = read_solver(path)
        check_solver(param)
        if param.snapshot or param.snapshot_after_train:
            check_snapshot_prefix(param)
        nets = _check_nets(param, path)
    weights = [] if snapshot else _split(weights or param.weights)
    for kind, file in [*(("weights", file) for file in weights), ("snapshot", snapshot)]:
        if file and not Path(file).is_file():
            raise DataError(f"{kind}: there is no file {file}")
    for place, net in zip(_places(param, str(path)), nets, strict=True):
        with naming(place):
            _check_sources(net)
            _check_shapes(net)
    if gpu is None and param.HasField("solver_mode") and param.solver_mode == param.GPU:
        gpu = param.device_id
    return Job(param, nets[0], gpu, tuple(weights), snapshot)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Says in which file a solver's mistake is."""
    try:
        yield
    except SolverError as error:
        raise SolverError(f"{path}: {error}") from error


def _split(weights: Iterable[str]) -> list[str]:
    """File names: each value may list several, as ``--weights a,b`` does."""
    return [name.strip() for value in weights for name in value.split(",") if name.strip()]


def _check_nets(param: Any, path: Path) -> list[Any]:
    """The train net and the test nets, where they were found; ``param`` then names those places."""
    if not param.HasField("max_iter"):
        raise SolverError("max_iter is not set: training would end before it began")
    for name in ("net", "train_net"):
        if param.HasField(name):
            setattr(param, name, _find(getattr(param, name), name, path))
    for index, file in enumerate(param.test_net):
        param.test_net[index] = _find(file, "test_net", path)
    return [net_to_train(param), *nets_to_test(param)]


def _find(file: str, field: str, solver: Path) -> str:
    """Where a net is: as Caffe looks, from the current folder; else beside the solver."""
    places = [Path(file), solver.parent / file]
    for place in places:
        if place.is_file():
            return str(place)
    looked = " and ".join(dict.fromkeys(str(place.absolute()) for place in places))
    raise SolverError(f'{field} "{file}" is not there; looked for {looked}')


def _places(param: Any, solver: str) -> list[str]:
    """The file of each net of _check_nets; those in the solver itself are in its file."""
    generic = param.net or solver
    tests = [solver] * len(param.test_net_param) + list(param.test_net)
    tests += [generic] * (len(param.test_iter) - len(tests))
    return [param.train_net or (solver if param.HasField("train_net_param") else generic), *tests]


def _check_shapes(net: Any) -> None:
    """Raises what an engine would abort with as it sets up the layers.

    An engine may know types that nothing is known of here, and shapes that only it can tell.
    """
    with contextlib.suppress(ShapeUnknown, UnknownLayerError):
        resolve(net, net.state.phase, net.state.level, net.state.stage)


def _check_sources(net: Any) -> None:
    """Raises DataError for a data source or mean file that is not there."""
    kept = passes.for_phase(net, net.state.phase, net.state.level, net.state.stage)
    for layer in kept.layer:
        field = SOURCES.get(layer.type)
        files = [(f"{field}.source", getattr(layer, field).source)] if field else []
        if layer.transform_param.mean_file:
            files.append(("transform_param.mean_file", layer.transform_param.mean_file))
        for what, file in files:
            if not os.path.exists(file):
                raise DataError(
                    f'layer "{layer.name}" ({layer.type}): {what} "{file}" is not there '
                    f"(looked in {Path(file).absolute()})"
                )
