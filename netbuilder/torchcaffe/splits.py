"""The Split layers that Caffe inserts where a blob is used more than once (insert_splits.cpp).

With them every blob has one reader, so a gradient is written once and added up in one place; and
their blobs are visible in pycaffe under the names made here.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from netbuilder.proto import caffe_pb2

Place = tuple[int, int]  # position of a layer, index of its top


def insert_splits(net: Any) -> Any:
    """A copy of a net, filtered for one phase, with a Split after each blob of several uses.

    A bottom that no layer makes is left as it is, for graph.resolve to report.
    """
    sources = _sources(net)
    uses = Counter(place for place in sources.values() if place)
    uses.update(_weighted(net))
    split = caffe_pb2.NetParameter()
    split.CopyFrom(net)
    del split.layer[:]
    taken: Counter[Place] = Counter()
    for position, layer in enumerate(net.layer):
        copy = split.layer.add()
        copy.CopyFrom(layer)
        for index in range(len(layer.bottom)):
            place = sources[position, index]
            if place and uses[place] > 1:
                copy.bottom[index] = _blob_name(net, place, taken[place])
                taken[place] += 1
        for index in range(len(layer.top)):
            place = position, index
            if uses[place] > 1:
                weighted = index < len(layer.loss_weight) and layer.loss_weight[index]
                split.layer.append(_split_layer(net, place, uses[place]))
                if weighted:  # the loss is then taken of the first copy
                    copy.ClearField("loss_weight")
                    taken[place] += 1
    return split


def _sources(net: Any) -> dict[Place, Place | None]:
    """For (layer, bottom index): the (layer, top index) that makes that bottom."""
    latest: dict[str, Place] = {}
    sources: dict[Place, Place | None] = {}
    for position, layer in enumerate(net.layer):
        for index, name in enumerate(layer.bottom):
            sources[position, index] = latest.get(name)
        latest.update((name, (position, index)) for index, name in enumerate(layer.top))
    return sources


def _weighted(net: Any) -> list[Place]:
    """The tops whose message gives them a loss weight: a use as well."""
    return [(position, index) for position, layer in enumerate(net.layer)
            for index, weight in enumerate(layer.loss_weight[: len(layer.top)]) if weight]


def _split_layer(net: Any, place: Place, copies: int) -> Any:
    position, index = place
    maker, blob = net.layer[position], net.layer[position].top[index]
    split = caffe_pb2.LayerParameter(
        name=f"{blob}_{maker.name}_{index}_split", type="Split", bottom=[blob],
        top=[_blob_name(net, place, copy) for copy in range(copies)],
    )
    weight = maker.loss_weight[index] if index < len(maker.loss_weight) else 0
    if weight:
        split.loss_weight.extend([weight] + [0] * (copies - 1))
    return split


def _blob_name(net: Any, place: Place, copy: int) -> str:
    position, index = place
    maker = net.layer[position]
    return f"{maker.top[index]}_{maker.name}_{index}_split_{copy}"
