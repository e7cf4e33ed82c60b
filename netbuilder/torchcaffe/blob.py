"""Blob: an N-dimensional array with its gradient, as pycaffe shows it (blob.hpp)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index

import numpy as np
import torch

from netbuilder.errors import EngineError, ShapeError
from netbuilder.layer import MAX_AXES, Shape, show
from netbuilder.torchcaffe.storage import Storage
from netbuilder.torchcaffe.unpickled import Unpickled


class Blob(Unpickled):
    """Values and their gradient.

    For users: ``data`` and ``diff``, numpy arrays that share memory with the engine (on a GPU:
    synchronised when asked for, as in Caffe). For the engine: ``tensor`` and ``grad``, views of the
    same memory on the net's device, contiguous and outside of autograd. The memory of ``grad``
    comes into being when first asked for, filled with zeros.
    """

    def __init__(self, shape: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self._data = Storage(self._device)
        self._diff = Storage(self._device)
        self._borrows_data = self._borrows_diff = False
        self._shape: Shape = ()
        self.empty = True  # as long as it has never had room for a value: it then has no memory
        self.reshape(*shape)

    # What pycaffe has.

    @property
    def data(self) -> np.ndarray:
        """The values; writing into the array changes the blob. EngineError if it is empty."""
        self._check_memory()
        return self._view(self._data.host()).numpy()

    @property
    def diff(self) -> np.ndarray:
        """The gradient; writing into the array changes the blob. EngineError if it is empty."""
        self._check_memory()
        self._diff.grow(self.count)
        return self._view(self._diff.host()).numpy()

    @property
    def shape(self) -> Shape:
        """Dimensions; ``()`` for a scalar."""
        return self._shape

    def reshape(self, *shape: int, **kwargs: object) -> None:
        """Changes the shape; memory is kept where it suffices, so values stay in flat order."""
        if kwargs:
            raise EngineError("Blob.reshape takes no kwargs: name the dimensions by place")
        shape = tuple(map(index, shape))
        if len(shape) > MAX_AXES or any(dim < 0 for dim in shape):
            raise ShapeError(f"a blob cannot have the shape {show(shape)}: up to {MAX_AXES} "
                             f"dimensions, each >= 0")
        self._shape = shape
        self.empty = self.empty and not self.count
        self._data.grow(self.count)

    @property
    def count(self) -> int:
        """How many values there are."""
        return prod(self._shape)

    @property
    def num(self) -> int:
        """Dimension 0 of the old (num, channels, height, width); 1 where it does not exist."""
        return self._legacy(0)

    @property
    def channels(self) -> int:
        """Dimension 1 of the old four."""
        return self._legacy(1)

    @property
    def height(self) -> int:
        """Dimension 2 of the old four."""
        return self._legacy(2)

    @property
    def width(self) -> int:
        """Dimension 3 of the old four."""
        return self._legacy(3)

    # What the engine has.

    @property
    def device(self) -> torch.device:
        """Where the engine computes with it."""
        return self._device

    @property
    def tensor(self) -> torch.Tensor:
        """The values on the net's device. Writing into it is writing the blob."""
        return self._view(self._data.device())

    @property
    def grad(self) -> torch.Tensor:
        """The gradient on the net's device. Writing into it is writing the blob."""
        self._diff.grow(self.count)
        return self._view(self._diff.device())

    def filters(self) -> torch.Tensor:
        """The values of four axes with channels last, in the layout of the fast gait's images.

        To read: whether it is the blob's memory, ``in_step`` tells.
        """
        return self._data.lay(self._shape)

    def settle(self) -> None:
        """Makes tensors that were taken before show the newest values, wherever those lie now."""
        self._data.device()

    def in_step(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Values and gradient in one order of memory: with channels last if both lie so."""
        laid = self._data.laid, self._diff.laid
        if all(values is not None and values.shape == self._shape for values in laid):
            return laid
        return self.tensor, self.grad

    def put(self, values: torch.Tensor) -> None:
        """Copies a tensor of any shape and layout in; the blob takes its shape."""
        if values.shape != self._shape:
            self.reshape(*values.shape)
        self._data.grow(self.count)
        self._data.write(values.detach())

    def put_grad(self, values: torch.Tensor | float) -> None:
        """Copies a gradient in: of the blob's shape, or one number for all values."""
        self._diff.grow(self.count)
        self._diff.write(torch.as_tensor(values, dtype=torch.float32).expand(self._shape))

    def clear_grad(self) -> None:
        """Makes the gradient zero."""
        self._diff.clear()

    def add_grad(self, values: torch.Tensor, keep: bool = False) -> None:
        """Adds to the gradient. With ``keep`` the tensor is given away and may become the
        gradient's own memory: ``grad`` must then be taken anew."""
        self._diff.add(values, keep)

    def lose(self, why: str) -> None:
        """Says that the values are not there; reading them raises EngineError with ``why``."""
        if self._borrows_data:
            self._data, self._borrows_data = Storage(self._device), False
        self._data.missing = why

    @property
    def lost(self) -> bool:
        """True if the values are not there."""
        return bool(self._data.missing)

    def lose_grad(self, why: str) -> None:
        """The same of the gradient."""
        if self._borrows_diff:
            self._diff, self._borrows_diff = Storage(self._device), False
        self._diff.missing = why

    def share_data(self, other: Blob) -> None:
        """From now on the values are those of another blob of the same count."""
        self._data = other._data

    def share_diff(self, other: Blob) -> None:
        """From now on the gradient is that of another blob of the same count."""
        self._diff = other._diff

    def borrow_data(self, other: Blob) -> None:
        """The same, until the values are lost: losing them is not losing the other's."""
        self._data, self._borrows_data = other._data, True

    def borrow_diff(self, other: Blob) -> None:
        """The same of the gradient."""
        self._diff, self._borrows_diff = other._diff, True

    def _view(self, flat: torch.Tensor) -> torch.Tensor:
        count = self.count
        return (flat if flat.numel() == count else flat[:count]).view(self._shape)

    def _check_memory(self) -> None:
        if self.empty:
            raise EngineError(f"a blob of shape {show(self._shape)} is empty: there is nothing to "
                              "read or write. Give it a shape without 0")

    def _legacy(self, axis: int) -> int:
        if len(self._shape) > 4:
            raise ShapeError(f"a blob of shape {show(self._shape)} has no num, channels, height "
                             f"and width; use shape")
        return self._shape[axis] if axis < len(self._shape) else 1

    def __repr__(self) -> str:
        return f"<Blob {show(self._shape)}>"
