"""The lists that pycaffe hands out: C++ vectors there, and no more than those here (_caffe.cpp)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import index
from typing import Any, ClassVar

import torch

from netbuilder.errors import EngineError
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.unpickled import Unpickled


class _Vector(Unpickled):
    """Values of one kind by place. As in pycaffe it has none of a list's methods but ``append``
    and ``extend``, slices go step by step, and it equals only itself."""

    holds: ClassVar[type | tuple[type, ...]] = object

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._values = list(values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def __getitem__(self, place: Any) -> Any:
        found = self._values[_checked(place)]
        return type(self)(found) if isinstance(place, slice) else found

    def __setitem__(self, place: Any, value: Any) -> None:
        held = [self._held(one) for one in value] if isinstance(place, slice) else self._held(value)
        self._values[_checked(place)] = held

    def __delitem__(self, place: Any) -> None:
        del self._values[_checked(place)]

    def append(self, value: Any) -> None:
        """Adds one value. Raises TypeError, as all that changes it, for one of another kind."""
        self._values.append(self._held(value))

    def extend(self, values: Iterable[Any]) -> None:
        """Adds several values."""
        self._values.extend([self._held(value) for value in values])

    def _held(self, value: Any) -> Any:
        if isinstance(value, self.holds):
            return value
        hint = "; a blob's values are changed by blob.data[...] = values" * (self.holds is Blob)
        raise TypeError(f"a {type(self).__name__} cannot hold {value!r}{hint}")


def _checked(place: Any) -> Any:
    """A place or slice of a list that a vector has too."""
    if not isinstance(place, slice):
        return index(place)
    if place.step is not None:
        raise IndexError("slice step size not supported; a list has it: list(vector)[::step]")
    return place


class BlobVec(_Vector):
    """Blobs by place, such as a layer's parameters. A Python layer adds its own in ``setup``."""

    holds = Blob
    device: torch.device | str = "cpu"  # of the net

    def add_blob(self, *shape: int, **kwargs: object) -> None:
        """Appends a blob of zeros; without dimensions, one of a single value."""
        if kwargs:
            raise EngineError("BlobVec.add_blob takes no kwargs: name the dimensions by place")
        self.append(Blob(shape, self.device))


class LayerVec(_Vector):
    """A net's layers in the order of forward."""


class NetVec(_Vector):
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


class BoolVec(_Vector):
    """Truth values, as the ``propagate_down`` that a Python layer's backward is given."""


class RawBlobVec(_Vector):
    """The bottoms or tops that a Python layer is given."""

    holds = Blob
