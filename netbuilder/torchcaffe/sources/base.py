"""What a source of data is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from netbuilder.errors import DataError
from netbuilder.layer import Layer
from netbuilder.torchcaffe.rng import Rng

Batch = tuple[torch.Tensor | None, ...]


class Source:
    """The batches of one data layer.

    A batch is a tuple of float32 CPU tensors, one per top, shaped as they come (a tensor's shape
    becomes the blob's); None for a top that keeps the values it has.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        self.layer = layer
        self.rng = rng

    def initial(self) -> Batch:
        """What the tops hold once the net is made, before any pass."""
        return (None,) * self.layer.top_count

    def next_batch(self) -> Batch:
        """The next batch; raises DataError, naming the layer, if there is none."""
        return (None,) * self.layer.top_count

    def keeps(self, top: int) -> bool:
        """True if a pass leaves the values of this top as they are."""
        return False

    def close(self) -> None:
        """Ends threads and closes files."""

    @contextmanager
    def named(self, place: str = "") -> Iterator[None]:
        """Puts the layer, and a place in its files, in front of what a DataError says."""
        try:
            yield
        except DataError as error:
            where = f", {place}" if place else ""
            raise DataError(
                f'layer "{self.layer.name}" ({self.layer.type}){where}: {error}') from error
