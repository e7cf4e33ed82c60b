"""What can be said of a net and its files before an engine is started."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from netbuilder import passes
from netbuilder.errors import (
    DataError,
    NetbuilderError,
    ShapeUnknown,
    SolverError,
    UnknownLayerError,
)
from netbuilder.graph import resolve

SOURCES = {
    "Data": "data_param", "ImageData": "image_data_param", "HDF5Data": "hdf5_data_param",
    "WindowData": "window_data_param",
}


def check_files(weights: Iterable[str], snapshot: str | None = None) -> None:
    """Raises DataError for a file to start from that is not there."""
    for kind, file in [*(("weights", file) for file in weights), ("snapshot", snapshot)]:
        if file and not Path(file).is_file():
            raise DataError(f"{kind}: there is no file {file}")


def module_path(file: str | os.PathLike[str]) -> list[str]:
    """Where a Python layer's module may lie, beside the current folder: PYTHONPATH, the file's.

    Real Caffe's own Python is kept from PYTHONPATH, which is this Python's, as it starts.
    """
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [os.path.abspath(folder) for folder in (*filter(None, folders), Path(file).parent)]


@contextlib.contextmanager
def doubting(foreign: bool, warnings: list[str]) -> Iterator[None]:
    """Only warns of what a foreign engine may not mind; what none can do without is an end."""
    try:
        yield
    except (SolverError, DataError):
        raise
    except NetbuilderError as error:
        if not foreign:
            raise
        text = f"Caffe as released would refuse this: {error}"
        if text not in warnings:  # of several nets in one file
            warnings.append(text)


def check_net(net: Any) -> None:
    """Raises what an engine would die of as it sets up the net in its own ``state``.

    An engine may know types that nothing is known of here, and shapes that only it can tell.
    """
    _check_sources(net)
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
