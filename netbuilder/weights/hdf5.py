"""Weights and solver states as HDF5 files: .caffemodel.h5 and .solverstate.h5.

``/data/<layer>/<index>`` and ``/diff/<layer>/<index>`` hold parameters and their gradients;
``iter``, ``learned_net``, ``current_step`` and ``/history/<index>`` a state. Source: Net::ToHDF5
and Net::CopyTrainedLayersFromHDF5 (net.cpp), SGDSolver::SnapshotSolverStateToHDF5, hdf5.cpp.
"""

from __future__ import annotations

import contextlib
import io as streams
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from netbuilder.errors import BuildError, DataError, ParseError
from netbuilder.proto import io
from netbuilder.weights.content import SolverState

if TYPE_CHECKING:
    import numpy as np

    from netbuilder.weights.content import Blob

MAGIC = b"\x89HDF\r\n\x1a\n"
_MAX_PACKED = 1100  # times that HDF5's compression makes values smaller, at best
_MAX_INDEX = 10_000_000  # of a dataset's name: a parameter, or a memory of a solver


def read_blobs(path: str | os.PathLike[str]) -> dict[str, list[Blob]]:
    """As netbuilder.weights.read_blobs; layers sorted by name, as HDF5 keeps them."""
    with _reading(path) as file:
        layers = _group(file, "data", path)
        return {name: [(array, None) for array in _numbered(_group(layers, name, path), path)]
                for name in layers}


def write_weights(
    path: str | os.PathLike[str], name: str,
    layers: Iterable[tuple[Any, Sequence[np.ndarray | None]]],
    diffs: Iterable[Sequence[np.ndarray]] | None = None,
) -> None:
    """As netbuilder.weights.write_weights; HDF5 has no place for the net's name."""
    layers = [(_link(message.name), arrays) for message, arrays in layers]
    with _writing(path) as file:
        _write_arrays(file.create_group("data"), layers)
        if diffs is not None:
            _write_arrays(file.create_group("diff"),
                          zip([name for name, _ in layers], diffs, strict=True))


def read_state(path: str | os.PathLike[str]) -> SolverState:
    """As netbuilder.weights.read_state."""
    with _reading(path) as file:
        history = _numbered(_group(file, "history", path), path)
        if any(array is None for array in history):
            raise DataError(f"{path}: /history has gaps between 0 and {len(history) - 1}")
        net = file["learned_net"][()] if "learned_net" in file else b""
        return SolverState(_number(file, "iter"), os.fsdecode(net), history,
                           _number(file, "current_step"))


def write_state(path: str | os.PathLike[str], state: SolverState) -> None:
    """As netbuilder.weights.write_state."""
    import numpy as np

    with _writing(path) as file:
        for name in ("iter", "current_step"):
            file[name] = np.array([getattr(state, name)], np.int32)
        text = os.fsencode(state.learned_net) + b"\0"  # Caffe reads up to the zero
        file.create_dataset("learned_net", data=np.bytes_(text), dtype=f"S{len(text)}")
        _write_arrays(file, [("history", state.history)])


def _write_arrays(parent: Any, layers: Iterable[tuple[str, Sequence[np.ndarray | None]]]) -> None:
    for name, arrays in layers:
        group = parent.require_group(name)
        for index, array in enumerate(arrays):
            if array is not None:
                group[str(index)] = array.astype("float32", copy=False)


def _link(layer: str) -> str:
    """A layer's name as one link of HDF5."""
    if "/" in layer or layer in ("", "."):
        raise BuildError(f'layer "{layer}" cannot be in an HDF5 file, which takes names with "/" '
                         "for folders (real Caffe aborts); use a .caffemodel: snapshot_format: "
                         "BINARYPROTO")
    return layer


def _group(parent: Any, name: str, path: str | os.PathLike[str]) -> Any:
    group = parent[name]
    if not hasattr(group, "items"):
        raise DataError(f"{path}: {group.name} is no group of datasets")
    return group


def _numbered(group: Any, path: str | os.PathLike[str]) -> list[np.ndarray | None]:
    """The arrays 0, 1, 2 ... of a group; None where a number before the last is missing."""
    if not all(name.isdecimal() and int(name) < _MAX_INDEX for name in group):
        raise DataError(f"{path}: {group.name} has datasets that are no numbers: "
                        f"{', '.join(name for name in group if not name.isdecimal())}")
    arrays = {int(name): _array(group[name], path) for name in group}
    return [arrays.get(index) for index in range(max(arrays, default=-1) + 1)]


def _array(dataset: Any, path: str | os.PathLike[str]) -> np.ndarray:
    """A dataset's values as a float32 array of its own."""
    import numpy as np

    if getattr(dataset, "dtype", np.dtype(object)).kind not in "fiu":
        raise DataError(f"{path}: {dataset.name} is no dataset of numbers")
    if dataset.size * dataset.dtype.itemsize > os.path.getsize(path) * _MAX_PACKED:
        raise DataError(f"{path}: {dataset.name} of shape {dataset.shape} cannot be in a file of "
                        f"{os.path.getsize(path)} bytes")
    return np.array(dataset[()], np.float32)


def _number(file: Any, name: str) -> int:
    return int(file[name][()].item())


@contextlib.contextmanager
def _reading(path: str | os.PathLike[str]) -> Iterator[Any]:
    h5py = _h5py(f"reading {os.fspath(path)}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DataError:
        raise
    except KeyError as error:
        raise ParseError(f"is an HDF5 file of another kind: {error.args[0]}",
                         os.fspath(path)) from error
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise ParseError(f"is damaged, or an HDF5 file of another kind: {error}",
                         os.fspath(path)) from error


@contextlib.contextmanager
def _writing(path: str | os.PathLike[str]) -> Iterator[Any]:
    """An HDF5 file in memory, written to its place once it is whole."""
    h5py = _h5py(f"writing {os.fspath(path)}")
    content = streams.BytesIO()
    with h5py.File(content, "w") as file:
        yield file
    io.write_atomically(path, content.getvalue())


def _h5py(doing: str) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DataError(f'{doing} needs h5py: pip install "netbuilder[train]"') from error
    return h5py
