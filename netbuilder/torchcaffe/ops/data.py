"""Layers without bottoms: Parameter, and every layer that a source feeds."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netbuilder.layer import Layer
from netbuilder.torchcaffe.ops.base import Op, Tensors, register
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources import SOURCES, make_source


@register
class Parameter(Op):
    """A learned blob as a top, in one memory (parameter_layer.hpp)."""

    shares_data = shares_diff = True

    def keeps(self, top: int) -> bool:
        return True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        return [params[0]]

    def sets_grad(self, index: int) -> bool:
        return True  # the parameter's diff and the top's are one memory in Caffe


class FromSource(Op):
    """A data layer: its tops are the next batch of its source (netbuilder/torchcaffe/sources)."""

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self.source = make_source(layer, rng)

    def initial(self) -> Sequence[torch.Tensor | None]:
        return self.source.initial()

    def keeps(self, top: int) -> bool:
        return self.source.keeps(top)

    def forward(self, bottoms: Tensors, params: Tensors) -> Sequence[torch.Tensor | None]:
        return self.source.next_batch()


for _type in SOURCES:
    register(type(_type, (FromSource,), {"__doc__": f"{_type}, fed by its source."}))
