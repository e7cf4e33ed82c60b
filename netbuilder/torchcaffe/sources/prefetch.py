"""Batches made ahead of time by a thread."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from netbuilder.data.transform import Transformer
from netbuilder.layer import Layer
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch, Source


class Prefetching(Source):
    """A source of which one thread makes ``data_param.prefetch`` batches ahead.

    Every type of layer that prefetches takes the number from there (base_data_layer.cpp). The
    batches are made one after the other with a random stream of their own, ``random``, so a run
    can be repeated. The thread ends with the source.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self.random = np.random.default_rng(rng.integer())
        self._thread = ThreadPoolExecutor(1, f"prefetch {layer.name}")
        self._ahead: deque[Future[Batch]] = deque()

    def next_batch(self) -> Batch:
        while len(self._ahead) <= self.layer.message.data_param.prefetch:
            self._ahead.append(self._thread.submit(self.read))
        return self._ahead.popleft().result()

    def read(self) -> Batch:
        """The next batch; runs in the thread."""
        raise NotImplementedError

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    @property
    def batch_size(self) -> int:
        """The images of a batch, as the net was made with."""
        return self.layer.top_shapes[0][0]

    def transformer(self) -> Transformer:
        """The layer's transformation, drawing from ``random``."""
        return Transformer(self.layer.message.transform_param, self.layer.phase, self.random)
