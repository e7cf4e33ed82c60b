"""Batches of image files."""

from __future__ import annotations

import numpy as np
import torch

from netbuilder.data.image import read_image
from netbuilder.data.image_list import read_list
from netbuilder.errors import DataError
from netbuilder.layer import Layer
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch
from netbuilder.torchcaffe.sources.prefetch import Prefetching


class ImageData(Prefetching):
    """The image files of a list, over and over (image_data_layer.cpp).

    With ``shuffle`` in another order each time; with ``rand_skip`` the first round begins at one
    of that many first entries. Images of one size make a batch, the next may have another.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        with self.named():
            self._entries = read_list(layer.fields.source)
            self._transform = self.transformer()
            self._order = self._new_order()
            self._place = self._skipped()
            self._image(self._order[self._place])  # one that is not there is an error at once

    def read(self) -> Batch:
        places = [self._next() for _ in range(self.batch_size)]
        with self.named():
            images = self.decoded(self._image, places)
        with self.named(self.layer.fields.source):
            blob = torch.from_numpy(self._transform(images))
        labels = [self._entries[place][1] for place in places]
        return blob, torch.tensor(labels, dtype=torch.float32)

    def _next(self) -> int:
        """The entry here; moves on to the next, after the last one to a new round's first."""
        entry = self._order[self._place]
        self._place += 1
        if self._place == len(self._order):
            self._order, self._place = self._new_order(), 0
        return entry

    def _new_order(self) -> list[int]:
        count = len(self._entries)
        shuffled = self.layer.fields.shuffle
        return self.random.permutation(count).tolist() if shuffled else list(range(count))

    def _skipped(self) -> int:
        limit = self.layer.fields.rand_skip
        skipped = int(self.random.integers(limit)) if limit else 0
        if skipped >= len(self._entries):
            raise DataError(f"rand_skip {limit}: skips {skipped} images, but "
                            f"{self.layer.fields.source} lists only {len(self._entries)}")
        return skipped

    def _image(self, entry: int) -> np.ndarray:
        fields = self.layer.fields
        path = fields.root_folder + self._entries[entry][0]  # joined as strings, as Caffe does
        try:
            return read_image(path, fields.new_height, fields.new_width, fields.is_color)
        except DataError as error:
            raise DataError(f"{fields.source}:{entry + 1}: {error}") from error
