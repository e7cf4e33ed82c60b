"""HDF5 files as Caffe's HDF5Data reads them: a text file lists them, datasets are named as tops."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from netbuilder.data.regular import check_regular, lines
from netbuilder.errors import DataError


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
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            f'reading {source} needs h5py: pip install "netbuilder[train]"') from error
    path = next(_listed(source), None)
    if path is None:
        raise DataError(f"{source} lists no HDF5 files")
    try:
        check_regular(path)
        with h5py.File(path, "r") as file:
            return [tuple(file[name].shape) for name in names]
    except KeyError as error:
        raise DataError(f"{path} has no dataset for a top of the layer: {error.args[0]}") from error
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        # h5py's own for damaged files, groups in place of datasets, datasets without a shape
        raise DataError(f"{path} (listed in {source}) is no readable HDF5 file: {error}") from error
