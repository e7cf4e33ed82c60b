"""Batches of HDF5 files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from netbuilder.data.hdf5 import list_files, read_datasets
from netbuilder.errors import DataError
from netbuilder.layer import Layer, show
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch, Source


class HDF5Data(Source):
    """The rows of the files that a list names, over and over (hdf5_data_layer.cpp).

    Each top is the dataset of its name. One file is held in memory at a time. With ``shuffle``
    each round has another order of files, and each file another one of its rows; files are not
    mixed.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self._random = np.random.default_rng(rng.integer())
        self._file, self._datasets = "", []
        with self.named():
            if layer.fields.batch_size < 1:
                raise DataError("batch_size must be at least 1; set it in hdf5_data_param")
            self._files = list_files(layer.fields.source)
            self._pieces = self._read_pieces()
            self._rows = next(self._pieces)

    def next_batch(self) -> Batch:
        parts, missing = [], self.layer.fields.batch_size
        with self.named():
            while missing:
                if not len(self._rows):
                    self._rows = next(self._pieces)
                rows, self._rows = self._rows[:missing], self._rows[missing:]
                parts.append([dataset[rows] for dataset in self._datasets])
                missing -= len(rows)
        return tuple(torch.from_numpy(np.concatenate(top)) for top in zip(*parts, strict=True))

    def _read_pieces(self) -> Iterator[np.ndarray]:
        """For each file in turn, without end: loads it and gives the order of its rows."""
        while True:
            for index in self._ordered(len(self._files)):
                self._load(self._files[index])
                yield self._ordered(len(self._datasets[0]))

    def _ordered(self, count: int) -> np.ndarray:
        shuffled = self.layer.fields.shuffle
        return self._random.permutation(count) if shuffled else np.arange(count)

    def _load(self, file: str) -> None:
        if self._file == file:  # a single file is read once
            return
        datasets = read_datasets(file, self.layer.tops)
        for index, (top, values) in enumerate(zip(self.layer.tops, datasets, strict=True)):
            row = self.layer.top_shapes[index][1:]
            if values[0].size != np.prod(row, dtype=int):
                raise DataError(f'{file}: rows of "{top}" are {show(values.shape[1:])}, but the '
                                f"top has {show(row)}")
            datasets[index] = values.reshape(len(values), *row)
        self._file, self._datasets = file, datasets
