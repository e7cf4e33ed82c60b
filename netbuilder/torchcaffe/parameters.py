"""The parameters of a net: their first values, their owners, their learning rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from netbuilder.graph import Graph
from netbuilder.layer import Layer
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.fillers import fill
from netbuilder.torchcaffe.ops.base import Op
from netbuilder.torchcaffe.vectors import BlobVec
from netbuilder.weights import array_of, fitting


@dataclass(eq=False)
class Param:
    """A parameter blob that a solver updates; a shared one stands here once, at its owner.

    ``layer`` and ``index`` say whose it is; ``name`` is the name it is shared under, or empty.
    """

    blob: Blob
    layer: str
    index: int
    name: str = ""
    lr_mult: float = 1.0
    decay_mult: float = 1.0


def make_blobs(op: Op, device: torch.device) -> BlobVec:
    """The parameter blobs of a layer: those stored in its message, or as its fillers say."""
    layer = op.layer
    made = op.made()
    blobs = BlobVec(Blob(spec.shape, device) for spec in layer.blobs) if made is None else made
    if layer.message.blobs or made is None:
        values = _stored(layer) if layer.message.blobs else _filled(op)
        for blob, first in zip(blobs, values, strict=True):
            blob.put(first)
    return blobs


def _stored(layer: Layer) -> list[torch.Tensor]:
    where = f'layer "{layer.name}" ({layer.type})'
    arrays = [array_of(blob, where) for blob in layer.message.blobs]
    return [torch.from_numpy(array)
            for array in fitting(layer.name, arrays, [spec.shape for spec in layer.blobs])]


def _filled(op: Op) -> list[torch.Tensor]:
    layer, tensors = op.layer, []
    for spec, filler in zip(layer.blobs, op.fillers(), strict=True):
        tensors.append(torch.empty(spec.shape))
        fill(tensors[-1], filler, op.rng.cpu, f'layer "{layer.name}" ({layer.type}), {spec.name}')
    return tensors


def share(graph: Graph, blobs: Sequence[BlobVec]) -> list[Param]:
    """Joins shared parameters to their owners, and lists all others (Net::AppendParam)."""
    position = {id(layer): index for index, layer in enumerate(graph.layers)}
    params: dict[tuple[int, int], Param] = {}
    for place in ((at, index) for at, own in enumerate(blobs) for index in range(len(own))):
        layer, blob = graph.layers[place[0]], blobs[place[0]][place[1]]
        owner = graph.shared.get(place)
        if owner is None:
            params[place] = _param(layer, place[1], blob)
            continue
        param = params[position[id(owner.layer)], owner.index]
        blob.share_data(param.blob)
        blob.share_diff(param.blob)
        _take_rates(param, layer, place[1])
    return list(params.values())


def _param(layer: Layer, index: int, blob: Blob) -> Param:
    param = Param(blob, layer.name, index)
    if index < len(layer.message.param):
        param.name = layer.message.param[index].name
        _take_rates(param, layer, index)
    if not layer.learns(index):
        param.lr_mult = 0.0
    return param


def _take_rates(param: Param, layer: Layer, index: int) -> None:
    """What a layer's file says of a parameter's rates; graph.resolve saw that sharers agree."""
    spec = layer.message.param[index]
    for rate in filter(spec.HasField, ("lr_mult", "decay_mult")):
        setattr(param, rate, getattr(spec, rate))
