"""What weight files and solver states hold, whatever their format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from netbuilder.errors import ShapeError
from netbuilder.layer import Shape

if TYPE_CHECKING:
    import numpy as np

    Blob = tuple[np.ndarray | None, np.ndarray | None]  # values and their gradient


def fitting(layer: str, arrays: Sequence[np.ndarray | None], shapes: Sequence[Shape]
            ) -> list[np.ndarray | None]:
    """The arrays of a layer in the shapes of the parameters that they are copied to.

    Four axes of an old file, the first ones 1, fit parameters of fewer axes (Blob::ShapeEquals).
    None, where a file lacks a shared parameter, stays. Raises ShapeError with Caffe's words for a
    wrong number of arrays or a wrong shape.
    """
    if len(arrays) != len(shapes):
        raise ShapeError(f"Incompatible number of blobs for layer {layer}: "
                         f"{len(arrays)} in the file, {len(shapes)} in the net")
    return [None if array is None else _reshaped(layer, index, array, shape)
            for index, (array, shape) in enumerate(zip(arrays, shapes, strict=True))]


def _reshaped(layer: str, index: int, array: np.ndarray, shape: Shape) -> np.ndarray:
    padded = (1,) * (4 - len(shape)) + tuple(shape)
    if array.shape not in (tuple(shape), padded):
        raise ShapeError(
            f"Cannot copy param {index} weights from layer '{layer}'; shape mismatch.  Source "
            f"param shape is {shape_string(array.shape)}; target param shape is "
            f"{shape_string(shape)}. To learn this layer's parameters from scratch rather "
            "than copying from a saved net, rename the layer."
        )
    return array.reshape(shape)


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
