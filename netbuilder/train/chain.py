"""A folder's solvers, trained one after another: a run of several regimes, and where it stands.

Each regime after the first starts from the weights that the one before left, without its history:
as the scripts of old did that changed learning rate and weight decay together. What is on disk
tells how far a run has come, so it goes on where it was stopped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from netbuilder.errors import SolverError
from netbuilder.proto import caffe_pb2
from netbuilder.solver.nets import read_solver

_NUMBERED = re.compile(r"solver_(\d+)\.prototxt")


class Start(NamedTuple):
    """A regime that is to be trained, and from what: a snapshot, weights, or neither."""

    solver: Path
    snapshot: str | None = None
    weights: Sequence[str] = ()


class Reached(NamedTuple):
    """How far a regime has come: the weights of its end, or the newest state to resume from."""

    solver: Path
    file: str
    snapshots: str  # a pattern of all that it left

    @property
    def older(self) -> bool:
        """True if the solver was written later: the file may be another run's."""
        return os.stat(self.file).st_mtime < os.stat(self.solver).st_mtime


def solvers(folder: str | os.PathLike[str]) -> list[Path]:
    """The solver files of a folder in their order: solver_1.prototxt and so on, or the one
    solver.prototxt. Raises SolverError if there are none, both, or a number is missing."""
    path = Path(folder)
    if not path.is_dir():
        raise SolverError(f"{path} is no folder; --run takes the folder that `netbuilder build` "
                          f"made, --solver a file")
    matches = [match for match in map(_NUMBERED.fullmatch, os.listdir(path)) if match]
    numbered = {int(match[1]): path / match[0] for match in matches}
    single = path / "solver.prototxt"
    if numbered and single.exists():
        raise SolverError(f"{path} has solver.prototxt and numbered solvers: which are the run?")
    if not numbered and not single.exists():
        raise SolverError(f"{path} has no solver.prototxt and no solver_1.prototxt")
    missing = set(range(1, len(numbered) + 1)) - set(numbered)
    if missing:
        raise SolverError(f"{path} has no solver_{min(missing)}.prototxt, but later ones")
    return [numbered[number] for number in sorted(numbered)] or [single]


def starts(files: Sequence[Path], weights: Sequence[str] = ()) -> Iterator[Start]:
    """The regimes that are not done yet, each looked up when its turn comes.

    ``weights`` are for the first regime. Raises SolverError or ParseError for a file that is no
    solver, and if a regime ends without the weights that the next is to start from.
    """
    for file in files:
        param = read_solver(file)
        if not param.snapshot_after_train and file != files[-1]:
            raise SolverError(f"{file}: snapshot_after_train is false, so it leaves no weights for "
                              f"the next solver")
        if _weights(param, param.max_iter) is None:
            snapshot = _newest_state(param)
            yield Start(file, snapshot, () if snapshot else tuple(weights))
        weights = tuple(filter(None, [_weights(param, param.max_iter)]))
        if not weights and file != files[-1]:
            raise SolverError(f"{file}: it ended without {_name(param, param.max_iter)}")


def reached(files: Sequence[Path]) -> list[Reached]:
    """What is there already of each regime that was begun, for ``starts`` to go on from."""
    found = []
    for file in files:
        param = read_solver(file)
        newest = _weights(param, param.max_iter) or _newest_state(param)
        if newest:
            found.append(Reached(file, newest, f"{param.snapshot_prefix}_iter_*"))
    return found


def _suffix(param: Any) -> str:
    return ".h5" if param.snapshot_format == caffe_pb2.SolverParameter.HDF5 else ""


def _name(param: Any, iteration: int) -> str:
    return f"{param.snapshot_prefix}_iter_{iteration}.caffemodel{_suffix(param)}"


def _weights(param: Any, iteration: int) -> str | None:
    """The weights of that iteration, if they are there."""
    path = _name(param, iteration)
    return path if os.path.exists(path) else None


def _newest_state(param: Any) -> str | None:
    """The latest state to resume from, of those whose weights are there too."""
    prefix = Path(param.snapshot_prefix)
    name = re.compile(re.escape(prefix.name) + r"_iter_(\d+)\.solverstate"
                      + re.escape(_suffix(param)))
    if not prefix.parent.is_dir():
        return None
    found = [int(match[1]) for match in map(name.fullmatch, os.listdir(prefix.parent)) if match]
    there = [iteration for iteration in found
             if iteration <= param.max_iter and _weights(param, iteration)]
    return f"{prefix}_iter_{max(there)}.solverstate{_suffix(param)}" if there else None
