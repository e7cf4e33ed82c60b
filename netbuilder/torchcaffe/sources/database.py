"""Batches of an LMDB or LevelDB."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from netbuilder.data.db import Cursor
from netbuilder.layer import Layer
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch
from netbuilder.torchcaffe.sources.prefetch import Prefetching


class Data(Prefetching):
    """The images of a database in the order of their keys, from the first again after the last.

    ``rand_skip`` does nothing, as in Caffe 1.0 (data_layer.cpp).
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        with self.named():
            self._cursor = Cursor(layer.fields.source, layer.fields.backend)
            self._transform = self.transformer()

    def read(self) -> Batch:
        with self.named():
            datums = [self._cursor.next() for _ in range(self.batch_size)]
        with self.named(self.layer.fields.source):
            images = torch.from_numpy(self._transform(self._arrays(datums)))
        labels = torch.tensor([datum.label for datum in datums], dtype=torch.float32)
        return (images, labels)[: self.layer.top_count]

    def _arrays(self, datums: list[Any]) -> list[np.ndarray]:
        array = self._transform.array
        if any(datum.encoded for datum in datums):
            return self.decoded(array, datums)
        return [array(datum) for datum in datums]

    def close(self) -> None:
        super().close()
        self._cursor.close()
