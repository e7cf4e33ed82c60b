"""HDF5 files as Caffe's HDF5Data reads them: a text file lists them, datasets are named as tops."""

from __future__ import annotations

import os
from collections.abc import Sequence

from netbuilder.errors import DataError


def list_files(source: str | os.PathLike) -> list[str]:
    """The HDF5 files that a source names, one per line. Raises DataError if there are none."""
    try:
        with open(source, encoding="utf-8") as file:
            files = file.read().split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {source}, the list of HDF5 files: {error}") from error
    if not files:
        raise DataError(f"{source} lists no HDF5 files")
    return files


def first_shapes(source: str | os.PathLike, names: Sequence[str]) -> list[tuple[int, ...]]:
    """The shapes, rows first, of the named datasets in the first listed file."""
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            f'reading {source} needs h5py: pip install "netbuilder[train]"') from error
    path = list_files(source)[0]
    try:
        with h5py.File(path, "r") as file:
            return [tuple(file[name].shape) for name in names]
    except KeyError as error:
        raise DataError(f"{path} has no dataset for a top of the layer: {error.args[0]}") from error
    except OSError as error:
        raise DataError(f"{path} (listed in {source}) is no readable HDF5 file: {error}") from error
