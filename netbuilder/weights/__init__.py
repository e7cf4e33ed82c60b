"""Trained weights and solver states as files <-> arrays, in Caffe's two formats.

Which format a file has is told by its first bytes, as Net::CopyTrainedLayersFrom does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from netbuilder.weights import binary
from netbuilder.weights import hdf5 as packed
from netbuilder.weights.binary import array_of
from netbuilder.weights.content import SolverState, fitting, shape_string

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SolverState", "array_of", "fitting", "is_hdf5", "read_params", "read_state",
           "read_weights", "shape_string", "write_state", "write_weights"]


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """True for an HDF5 file; False for any other, and for none."""
    with contextlib.suppress(OSError, ValueError):
        if os.path.isfile(path):  # a pipe would wait
            with open(path, "rb") as file:
                return file.read(len(packed.MAGIC)) == packed.MAGIC
    return False


def read_weights(path: str | os.PathLike[str]) -> dict[str, list[np.ndarray | None]]:
    """The float32 arrays of each layer in a weight file, by layer name.

    Layers without arrays are there too, with an empty list. HDF5 files have a shared parameter at
    its owner only: None stands for one that is missing before others, and the list may be short.
    Of two layers of one name the last counts, as in Caffe. The arrays of files older than
    BlobShape have four axes. Raises ParseError for a file that is no weight file, DataError for a
    blob that contradicts itself.
    """
    return _format(is_hdf5(path)).read_weights(path)


def read_params(path: str | os.PathLike[str]
                ) -> dict[str, list[tuple[np.ndarray | None, np.ndarray | None]]]:
    """As ``read_weights``, each array with its gradient, or None: only a .caffemodel tells any."""
    if not is_hdf5(path):
        return binary.read_params(path)
    return {name: [(array, None) for array in arrays]
            for name, arrays in packed.read_weights(path).items()}


def write_weights(
    path: str | os.PathLike[str], name: str,
    layers: Iterable[tuple[Any, Sequence[np.ndarray | None]]],
    diffs: Iterable[Sequence[np.ndarray]] | None = None, *, hdf5: bool = False,
) -> None:
    """Writes the weight file of a net: its name, each LayerParameter with its arrays.

    ``diffs`` are the gradients, one list per layer (snapshot_diff). An array that is None, of a
    parameter whose owner is another layer, is left out: only HDF5 has that. The file appears
    whole or not at all. Raises BuildError where it cannot be written.
    """
    _format(hdf5).write_weights(path, name, layers, diffs)


def read_state(path: str | os.PathLike[str]) -> SolverState:
    """The content of a solver state; raises ParseError or DataError."""
    return _format(is_hdf5(path)).read_state(path)


def write_state(path: str | os.PathLike[str], state: SolverState, *, hdf5: bool = False) -> None:
    """Writes a solver state, whole or not at all."""
    _format(hdf5).write_state(path, state)


def _format(is_hdf5: bool) -> Any:
    return packed if is_hdf5 else binary
