"""Tops that fillers fill."""

from __future__ import annotations

from typing import Any

import torch

from netbuilder.layer import Layer
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.fillers import fill
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch, Source


class DummyData(Source):
    """Values of fillers (dummy_data_layer.cpp).

    A constant top is filled once, when the net is made; any other anew for each pass.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        given = layer.fields.data_filler or [caffe_pb2.FillerParameter()]
        self._fillers: list[Any] = layer.one_per_top(given, "data_filler")

    def initial(self) -> Batch:
        return self._filled(constant=True)

    def next_batch(self) -> Batch:
        return self._filled(constant=False)

    def keeps(self, top: int) -> bool:
        return self._fillers[top].type == "constant"

    def _filled(self, constant: bool) -> Batch:
        return tuple(self._top(index) if self.keeps(index) == constant else None
                     for index in range(len(self._fillers)))

    def _top(self, index: int) -> torch.Tensor:
        top = torch.empty(self.layer.top_shapes[index])
        where = f'layer "{self.layer.name}" (DummyData)'
        fill(top, self._fillers[index], self.rng.cpu, where)
        return top
