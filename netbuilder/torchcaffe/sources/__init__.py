"""The data side of data layers: where batches come from.

``make_source(layer, rng)`` gives the Source (base.py) of a resolved data layer. It opens its files
when it is made, so that a missing one is an error when the net is made. ``rng`` is the Rng of the
net (netbuilder/torchcaffe/rng.py).
"""

from __future__ import annotations

from netbuilder.layer import Layer
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Source
from netbuilder.torchcaffe.sources.database import Data
from netbuilder.torchcaffe.sources.dummy import DummyData
from netbuilder.torchcaffe.sources.hdf5 import HDF5Data
from netbuilder.torchcaffe.sources.image_list import ImageData
from netbuilder.torchcaffe.sources.memory import Input, MemoryData
from netbuilder.torchcaffe.sources.windows import WindowData

SOURCES: dict[str, type[Source]] = {
    source.__name__: source
    for source in (Data, DummyData, HDF5Data, ImageData, Input, MemoryData, WindowData)
}


def make_source(layer: Layer, rng: Rng) -> Source:
    """The source of a data layer."""
    return SOURCES[layer.type](layer, rng)
