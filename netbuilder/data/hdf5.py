"""HDF5 files as Caffe's HDF5Data reads them: a text file lists them, datasets are named as tops.

HDF5Output writes one such file, with the datasets ``data`` and ``label``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from netbuilder.data.regular import check_regular, lines
from netbuilder.errors import DataError

if TYPE_CHECKING:
    import numpy as np

OUTPUTS = ("data", "label")  # HDF5_DATA_DATASET_NAME and HDF5_DATA_LABEL_NAME


def list_files(source: str | os.PathLike) -> list[str]:
    """The HDF5 files that a source names, one per line. Raises DataError if there are none."""
    files = list(_listed(source))
    if not files:
        raise DataError(f"{source} lists no HDF5 files")
    return files


def _listed(source: str | os.PathLike) -> Iterator[str]:
    try:
        for line in lines(source):
            yield from line.split()
    except OSError as error:
        raise DataError(
            f"cannot read {source}, the list of HDF5 files: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{source} is no text, so no list of HDF5 files") from error


def first_shapes(source: str | os.PathLike, names: Sequence[str]) -> list[tuple[int, ...]]:
    """The shapes, rows first, of the named datasets in the first listed file."""
    _h5py(source)
    path = next(_listed(source), None)
    if path is None:
        raise DataError(f"{source} lists no HDF5 files")
    with _opened(path, f" (listed in {source})") as file:
        return [tuple(file[name].shape) for name in names]


def read_datasets(path: str, names: Sequence[str]) -> list[np.ndarray]:
    """The named datasets of a file as float32, converted by HDF5 itself, as Caffe's.

    Raises DataError if they are no numbers, or have no rows or not equally many.
    """
    import numpy as np

    with _opened(path) as file:
        for name in names:
            _check_numbers(path, name, file[name])
        arrays = [np.asarray(file[name].astype("float32")[...]) for name in names]
    counts = {len(array) for array in arrays}
    if len(counts) != 1 or 0 in counts:
        rows = ", ".join(f"{name} {len(array)}" for name, array in zip(names, arrays, strict=True))
        raise DataError(f"{path}: its datasets must have equally many rows, at least 1; there "
                        f"are {rows}")
    return arrays


def create(path: str | os.PathLike) -> None:
    """Makes an empty HDF5 file, in place of one that may be there. Raises DataError."""
    h5py = _h5py(path)
    try:
        h5py.File(path, "w").close()
    except OSError as error:
        raise DataError(f"cannot create the HDF5 file {path}: {error}") from error


def write_outputs(path: str | os.PathLike, arrays: Sequence[np.ndarray]) -> None:
    """Adds the datasets ``data`` and ``label``. Raises DataError if the file has them already."""
    h5py = _h5py(path)
    try:
        with h5py.File(path, "a") as file:
            if OUTPUTS[0] in file:
                raise DataError(f"{path} holds a batch already, and Caffe writes no second one "
                                "(it dies): run one forward pass, or set another file_name")
            for name, array in zip(OUTPUTS, arrays, strict=True):
                file.create_dataset(name, data=array)
    except OSError as error:
        raise DataError(f"cannot write the HDF5 file {path}: {error}") from error


def _check_numbers(path: str, name: str, dataset: Any) -> None:
    """Caffe takes HDF5's classes FLOAT and INTEGER, and at least one axis."""
    from h5py import h5t

    if dataset.id.get_type().get_class() not in (h5t.FLOAT, h5t.INTEGER):
        raise DataError(f'{path}: the dataset "{name}" holds {dataset.dtype}; Caffe reads whole '
                        "and floating-point numbers only")
    if not dataset.shape:
        raise DataError(f'{path}: the dataset "{name}" has no rows, it is one value')


def _h5py(path: object) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DataError(f'{path} needs h5py: pip install "netbuilder[train]"') from error
    return h5py


@contextmanager
def _opened(path: str, origin: str = "") -> Iterator[Any]:
    """An HDF5 file to read; what h5py raises becomes a DataError."""
    h5py = _h5py(path)
    try:
        check_regular(path)
        with h5py.File(path, "r") as file:
            yield file
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f"{path} has no dataset for a top of the layer: {error.args[0]}") from error
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        # h5py's own for damaged files, groups in place of datasets, datasets without a shape
        raise DataError(f"{path}{origin} is no readable HDF5 file: {error}") from error
