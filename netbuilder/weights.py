"""Trained weights and solver states as files: .caffemodel and .solverstate <-> arrays.

Source: Net::ToProto and Net::CopyTrainedLayersFrom (net.cpp), Blob::FromProto (blob.cpp),
SGDSolver::SnapshotSolverStateToBinaryProto (sgd_solver.cpp).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from netbuilder.errors import DataError, ShapeError
from netbuilder.layer import Shape
from netbuilder.proto import caffe_pb2, io
from netbuilder.upgrade.net import upgrade_net

if TYPE_CHECKING:
    import numpy as np


def read_weights(path: str | os.PathLike[str]) -> dict[str, list[np.ndarray]]:
    """The float32 arrays of each layer in a .caffemodel, by layer name, in the file's order.

    Layers without arrays are there too, with an empty list. Of two layers of one name the last
    counts, as in Caffe. The arrays of files older than BlobShape have four axes. Raises
    ParseError for a file that is no .caffemodel, DataError for a blob that contradicts itself.
    """
    net = io.read_binary(path, caffe_pb2.NetParameter)
    layers = upgrade_net(net).message.layer
    return {layer.name: [array_of(blob, f'{path}: layer "{layer.name}"') for blob in layer.blobs]
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


def fitting(layer: str, arrays: Sequence[np.ndarray], shapes: Sequence[Shape]) -> list[np.ndarray]:
    """The arrays of a layer in the shapes of the parameters that they are copied to.

    Four axes of an old file, the first ones 1, fit parameters of fewer axes (Blob::ShapeEquals).
    Raises ShapeError with Caffe's words for a wrong number of arrays or a wrong shape.
    """
    if len(arrays) != len(shapes):
        raise ShapeError(f"Incompatible number of blobs for layer {layer}: "
                         f"{len(arrays)} in the file, {len(shapes)} in the net")
    for index, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
        padded = (1,) * (4 - len(shape)) + tuple(shape)
        if array.shape not in (tuple(shape), padded):
            raise ShapeError(
                f"Cannot copy param {index} weights from layer '{layer}'; shape mismatch.  Source "
                f"param shape is {shape_string(array.shape)}; target param shape is "
                f"{shape_string(shape)}. To learn this layer's parameters from scratch rather "
                "than copying from a saved net, rename the layer."
            )
    return [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]


def shape_string(shape: Sequence[int]) -> str:
    """A shape as Caffe writes it: ``64 3 7 7 (9408)`` (Blob::shape_string)."""
    return "".join(f"{dim} " for dim in shape) + f"({prod(shape)})"


@dataclass
class SolverState:
    """Where a training run stands: what a .solverstate holds.

    ``learned_net`` is the path of the .caffemodel that belongs to it, ``history`` one array or
    more per learned parameter as the solver type keeps them, ``current_step`` the steps that the
    policy multistep has done.
    """

    iter: int
    learned_net: str
    history: list[np.ndarray]
    current_step: int = 0


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
    import numpy as np

    # Caffe takes the doubles where there are any; four sizes are older than `shape`.
    values = np.array(blob.double_data or blob.data, np.float32)
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
