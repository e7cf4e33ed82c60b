"""Batches of an LMDB, read and transformed ahead of time by a thread."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from netbuilder.data.db import Cursor
from netbuilder.data.transform import Transformer
from netbuilder.errors import DataError
from netbuilder.layer import Layer
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch, Source


class Data(Source):
    """The images of an LMDB in the order of their keys, from the first again after the last.

    ``data_param.prefetch`` batches are made ahead (base_data_layer.cpp). One thread makes them
    one after the other with a random stream of its own, so a run can be repeated.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        fields = layer.fields
        self._cursor = Cursor(fields.source, fields.backend)
        self._transform = Transformer(layer.message.transform_param, layer.phase,
                                      np.random.default_rng(rng.integer()))
        self._thread = ThreadPoolExecutor(1, f"prefetch {layer.name}")
        self._ahead: deque[Future[Batch]] = deque()

    def next_batch(self) -> Batch:
        while len(self._ahead) <= self.layer.fields.prefetch:
            self._ahead.append(self._thread.submit(self._read))
        return self._ahead.popleft().result()

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._cursor.close()

    def _read(self) -> Batch:
        datums = [self._cursor.next() for _ in range(self.layer.top_shapes[0][0])]
        try:
            images = torch.from_numpy(self._transform.from_datums(datums))
        except DataError as error:
            source = self.layer.fields.source
            raise DataError(f'layer "{self.layer.name}" (Data), {source}: {error}') from error
        labels = torch.tensor([datum.label for datum in datums], dtype=torch.float32)
        return (images, labels)[: self.layer.top_count]
