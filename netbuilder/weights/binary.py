"""Weights and solver states as binary messages: .caffemodel and .solverstate.

Source: Net::ToProto and Net::CopyTrainedLayersFrom (net.cpp), Blob::FromProto (blob.cpp),
SGDSolver::SnapshotSolverStateToBinaryProto (sgd_solver.cpp).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netbuilder.errors import DataError
from netbuilder.proto import caffe_pb2, io
from netbuilder.upgrade.net import upgrade_net
from netbuilder.weights.content import SolverState, shape_string

if TYPE_CHECKING:
    import numpy as np


def read_weights(path: str | os.PathLike[str]) -> dict[str, list[np.ndarray]]:
    """The float32 arrays of each layer in a .caffemodel, by layer name, in the file's order.

    Layers without arrays are there too, with an empty list. Of two layers of one name the last
    counts, as in Caffe. The arrays of files older than BlobShape have four axes. Raises
    ParseError for a file that is no .caffemodel, DataError for a blob that contradicts itself.
    """
    return {name: [array for array, _ in params] for name, params in read_params(path).items()}


def read_params(path: str | os.PathLike[str]
                ) -> dict[str, list[tuple[np.ndarray, np.ndarray | None]]]:
    """As ``read_weights``, each array with its gradient, or None where the file has none."""
    net = io.read_binary(path, caffe_pb2.NetParameter)
    layers = upgrade_net(net).message.layer
    return {layer.name: [_param(blob, f'{path}: layer "{layer.name}"') for blob in layer.blobs]
            for layer in layers}


def write_weights(
    path: str | os.PathLike[str], name: str,
    layers: Iterable[tuple[Any, Sequence[np.ndarray]]],
    diffs: Iterable[Sequence[np.ndarray]] | None = None,
) -> None:
    """Writes the .caffemodel of a net: its name, each LayerParameter with its arrays.

    ``diffs`` are the gradients, one list per layer (snapshot_diff). The file appears whole or
    not at all.
    """
    net = caffe_pb2.NetParameter(name=name)
    for message, arrays in layers:
        layer = net.layer.add()
        layer.CopyFrom(message)
        del layer.blobs[:]
        layer.blobs.extend(map(_blob, arrays))
    for layer, arrays in zip(net.layer, diffs or (), strict=False):
        for blob, array in zip(layer.blobs, arrays, strict=True):
            blob.diff.extend(_values(array))
    io.write_binary(path, net)


def read_state(path: str | os.PathLike[str]) -> SolverState:
    """The content of a .solverstate; raises ParseError or DataError."""
    state = io.read_binary(path, caffe_pb2.SolverState)
    history = [array_of(blob, f"{path}: history") for blob in state.history]
    return SolverState(state.iter, state.learned_net, history, state.current_step)


def write_state(path: str | os.PathLike[str], state: SolverState) -> None:
    """Writes a .solverstate, whole or not at all."""
    io.write_binary(path, caffe_pb2.SolverState(
        iter=state.iter, learned_net=state.learned_net, current_step=state.current_step,
        history=map(_blob, state.history),
    ))


def array_of(blob: Any, where: str) -> np.ndarray:
    """The values of a BlobProto as a float32 array of its own."""
    # Caffe takes the doubles where there are any.
    return _array(blob, blob.double_data or blob.data, where)


def _param(blob: Any, where: str) -> tuple[np.ndarray, np.ndarray | None]:
    diff = blob.double_diff or blob.diff
    return array_of(blob, where), _array(blob, diff, f"{where}, diff") if diff else None


def _array(blob: Any, numbers: Sequence[float], where: str) -> np.ndarray:
    import numpy as np

    values = np.array(numbers, np.float32)
    # Four sizes are older than `shape`.
    old = any(blob.HasField(name) for name in ("num", "channels", "height", "width"))
    shape = (blob.num, blob.channels, blob.height, blob.width) if old else tuple(blob.shape.dim)
    if values.size != prod(shape):
        raise DataError(f"{where}: a blob of shape {shape_string(shape)} with "
                        f"{values.size} values")
    return values.reshape(shape)


def _blob(array: np.ndarray) -> Any:
    """The BlobProto of an array."""
    blob = caffe_pb2.BlobProto()
    blob.shape.dim.extend(array.shape)
    blob.data.extend(_values(array))
    return blob


def _values(array: np.ndarray) -> memoryview:
    """The values one after the other; protobuf takes a buffer faster than an array or a list."""
    return memoryview(array.astype("float32", copy=False).ravel())
