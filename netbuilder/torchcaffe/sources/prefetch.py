"""Batches made ahead of time by a thread."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from netbuilder.data.transform import Transformer
from netbuilder.layer import Layer
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch, Source

_T = TypeVar("_T")


class Prefetching(Source):
    """A source of which one thread makes ``data_param.prefetch`` batches ahead.

    Every type of layer that prefetches takes the number from there (base_data_layer.cpp). The
    batches are made one after the other with a random stream of their own, ``random``, so a run
    can be repeated. Images of a batch are decoded side by side. The threads end with the source.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self.random = np.random.default_rng(rng.integer())
        self._thread = ThreadPoolExecutor(1, f"prefetch {layer.name}")
        self._decoders = ThreadPoolExecutor(_decoders(), f"decode {layer.name}")
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
        self._decoders.shutdown(cancel_futures=True)

    def decoded(self, decode: Callable[[_T], np.ndarray], items: Iterable[_T]) -> list[np.ndarray]:
        """The image of each item, made by several threads; raises what the first one raises."""
        return list(self._decoders.map(decode, items))

    @property
    def batch_size(self) -> int:
        """The images of a batch, as the net was made with."""
        return self.layer.top_shapes[0][0]

    def transformer(self) -> Transformer:
        """The layer's transformation, drawing from ``random``."""
        return Transformer(self.layer.message.transform_param, self.layer.phase, self.random)


def _decoders() -> int:
    """One thread for each core that is ours, up to eight."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(mine, 8)
