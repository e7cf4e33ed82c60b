"""The lists that pycaffe hands out: C++ vectors there, Python's lists here (_caffe.cpp)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from netbuilder.errors import EngineError
from netbuilder.torchcaffe.blob import Blob


class _Vector(list):
    """A list that takes values of one kind, as a C++ vector does."""

    holds: ClassVar[type | tuple[type, ...]]

    def __setitem__(self, place: Any, value: Any) -> None:
        if isinstance(place, slice):
            super().__setitem__(place, map(self._held, value))
        else:
            super().__setitem__(place, self._held(value))

    def append(self, value: Any) -> None:
        """Adds one value. Raises TypeError, as all that changes it, for one of another kind."""
        super().append(self._held(value))

    def extend(self, values: Iterable[Any]) -> None:
        """Adds several values."""
        super().extend(map(self._held, values))

    def _held(self, value: Any) -> Any:
        if isinstance(value, self.holds):
            return value
        hint = "; a blob's values are changed by blob.data[...] = values" * (self.holds is Blob)
        raise TypeError(f"a {type(self).__name__} cannot hold {value!r}{hint}")


class BlobVec(_Vector):
    """Blobs by place, such as a layer's parameters. A Python layer adds its own in ``setup``."""

    holds = Blob
    device: torch.device | str = "cpu"  # of the net

    def add_blob(self, *shape: int, **kwargs: object) -> None:
        """Appends a blob of zeros; without dimensions, one of a single value."""
        if kwargs:
            raise EngineError("BlobVec.add_blob takes no kwargs: name the dimensions by place")
        self.append(Blob(shape, self.device))


class LayerVec(list):
    """A net's layers in the order of forward."""


class NetVec(list):
    """A solver's test nets."""


class StringVec(_Vector):
    """Names, as of layers, blobs, layer types."""

    holds = str


class IntVec(_Vector):
    """Whole numbers, as places of blobs."""

    holds = int


class DtypeVec(_Vector):
    """Numbers, as loss weights."""

    holds = (int, float)


class BoolVec(list):
    """Truth values, as the ``propagate_down`` that a Python layer's backward is given."""


class RawBlobVec(_Vector):
    """The bottoms or tops that a Python layer is given."""

    holds = Blob
