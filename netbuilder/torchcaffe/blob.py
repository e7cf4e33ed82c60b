"""Blob: an N-dimensional array with its gradient, as pycaffe shows it (blob.hpp, syncedmem.hpp)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import torch

from netbuilder.errors import EngineError, ShapeError
from netbuilder.layer import MAX_AXES, Shape, show


class Storage:
    """Flat float32 memory that a device and numpy share, copied lazily between them on a GPU.

    It only ever grows, so that arrays handed out keep showing the newest values. On a GPU it works
    as Caffe's SyncedMemory: ``host`` brings the values to the CPU and says they may change there,
    ``device`` brings them back.
    """

    def __init__(self, device: torch.device) -> None:
        self.where = device
        self._device = torch.zeros(0, device=device)
        self._host = self._device.cpu()  # on a CPU the same tensor
        self._newest_on_host = False

    def grow(self, count: int) -> None:
        """Makes room for ``count`` values; new memory is zero."""
        if count > self._device.numel():
            self._device = torch.zeros(count, device=self.where)
            self._host = self._device if self.where.type == "cpu" else torch.zeros(count)
            self._newest_on_host = False

    def device(self) -> torch.Tensor:
        """The values where the engine computes."""
        if self._newest_on_host:
            self._device.copy_(self._host)
            self._newest_on_host = False
        return self._device

    def host(self) -> torch.Tensor:
        """The values where numpy reads and writes."""
        if self.where.type != "cpu" and not self._newest_on_host:
            self._host.copy_(self._device)
            self._newest_on_host = True
        return self._host


class Blob:
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
        self.stale = ""  # why the values are not those of the last pass; empty if they are
        self._shape: Shape = ()
        self.reshape(*shape)

    # What pycaffe has.

    @property
    def data(self) -> np.ndarray:
        """The values; writing into the array changes the blob."""
        return self._view(self._fresh(self._data).host()).numpy()

    @property
    def diff(self) -> np.ndarray:
        """The gradient; writing into the array changes the blob."""
        return self._view(self._fresh(self._diff).host()).numpy()

    @property
    def shape(self) -> Shape:
        """Dimensions; ``()`` for a scalar."""
        return self._shape

    def reshape(self, *shape: int) -> None:
        """Changes the shape; memory is kept where it suffices, so values stay in flat order."""
        if len(shape) > MAX_AXES or any(dim < 0 for dim in shape):
            raise ShapeError(f"a blob cannot have the shape {show(shape)}: up to {MAX_AXES} "
                             f"dimensions, each >= 0")
        self._shape = tuple(int(dim) for dim in shape)
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
    def tensor(self) -> torch.Tensor:
        """The values on the net's device. Writing into it is writing the blob."""
        return self._view(self._data.device())

    @property
    def grad(self) -> torch.Tensor:
        """The gradient on the net's device. Writing into it is writing the blob."""
        self._diff.grow(self.count)
        return self._view(self._diff.device())

    def put(self, values: torch.Tensor) -> None:
        """Copies a tensor of any shape and layout in; the blob takes its shape."""
        if values.shape != self._shape:
            self.reshape(*values.shape)
        self.tensor.copy_(values.detach())
        self.stale = ""

    def share_data(self, other: Blob) -> None:
        """From now on the values are those of another blob of the same count."""
        self._data = other._data

    def share_diff(self, other: Blob) -> None:
        """From now on the gradient is that of another blob of the same count."""
        self._diff = other._diff

    def _fresh(self, storage: Storage) -> Storage:
        if self.stale:
            raise EngineError(self.stale)
        storage.grow(self.count)
        return storage

    def _view(self, flat: torch.Tensor) -> torch.Tensor:
        return flat[: self.count].view(self._shape)

    def _legacy(self, axis: int) -> int:
        if len(self._shape) > 4:
            raise ShapeError(f"a blob of shape {show(self._shape)} has no num, channels, height "
                             f"and width; use shape")
        return self._shape[axis] if axis < len(self._shape) else 1

    def __repr__(self) -> str:
        return f"<Blob {show(self._shape)}>"
