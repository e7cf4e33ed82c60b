"""Values that the caller hands over: Input and MemoryData."""

from __future__ import annotations

import numpy as np
import torch

from netbuilder.errors import DataError
from netbuilder.layer import Layer, show
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch, Source


class Input(Source):
    """Tops that the caller fills; a pass leaves them as they are."""

    def keeps(self, top: int) -> bool:
        return True


class MemoryData(Source):
    """Batches of arrays in memory, over and over (memory_data_layer.cpp).

    The arrays are not copied: values written into them later count. They are not transformed
    either, whatever transform_param says. A pass gives the label blob the shape Nx1x1x1.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self._data: torch.Tensor | None = None
        self._labels: torch.Tensor | None = None
        self._position = 0

    def set_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Takes images (n, channels, height, width) and n labels, and begins at the first.

        Both are contiguous float32; n is a multiple of the batch size. Raises DataError.
        """
        shape = self.layer.top_shapes[0]
        labels = labels.reshape(-1, 1, 1, 1) if labels.ndim == 1 else labels
        self._check("data", data, shape[1:])
        self._check("labels", labels, (1, 1, 1))
        if len(data) != len(labels):
            self._refuse(f"{len(data)} images but {len(labels)} labels")
        if not len(data) or len(data) % shape[0]:
            self._refuse(f"{len(data)} images are no multiple of the batch size {shape[0]}")
        self._data, self._labels = torch.from_numpy(data), torch.from_numpy(labels)
        self._position = 0

    def next_batch(self) -> Batch:
        if self._data is None or self._labels is None:
            self._refuse("no arrays yet; call net.set_input_arrays(data, labels) first")
        batch = slice(self._position, self._position + self.layer.top_shapes[0][0])
        self._position = batch.stop % len(self._data)
        return self._data[batch], self._labels[batch]

    def _check(self, what: str, array: np.ndarray, row: tuple[int, ...]) -> None:
        if array.dtype != np.float32:
            self._refuse(f"the {what} array must be float32, not {array.dtype}")
        if not array.flags.c_contiguous:
            self._refuse(f"the {what} array must be C contiguous; np.ascontiguousarray makes it so")
        if array.shape[1:] != row:
            self._refuse(f"the {what} array has the shape {show(array.shape)}, not Nx{show(row)}")

    def _refuse(self, problem: str) -> None:
        raise DataError(f'layer "{self.layer.name}" ({self.layer.type}): {problem}')
