"""The lists that pycaffe hands out: C++ vectors there, Python's lists here (_caffe.cpp)."""

from __future__ import annotations

import torch

from netbuilder.errors import EngineError
from netbuilder.torchcaffe.blob import Blob


class BlobVec(list):
    """Blobs by place, such as a layer's parameters. A Python layer adds its own in ``setup``."""

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


class StringVec(list):
    """Names, as of layers, blobs, layer types."""


class IntVec(list):
    """Whole numbers, as places of blobs."""


class DtypeVec(list):
    """Numbers, as loss weights."""


class BoolVec(list):
    """Truth values, as the ``propagate_down`` that a Python layer's backward is given."""


class RawBlobVec(list):
    """The bottoms or tops that a Python layer is given."""
