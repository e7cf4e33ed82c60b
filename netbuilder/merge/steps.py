"""A net with its weights as merging sees it: steps that read values and make values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from netbuilder.errors import GraphError, ShapeError
from netbuilder.graph import Graph
from netbuilder.layer import Layer, Shape, layer_class
from netbuilder.weights import fitting

Arrays = list[np.ndarray]


@dataclass(frozen=True, eq=False)
class Value:
    """One state of a blob: a layer in place makes a new one of the same name."""

    name: str
    shape: Shape


@dataclass(frozen=True, eq=False)
class Step:
    """A layer, the values it reads and makes, and its parameters.

    ``keys`` say which parameter of the net each of ``blobs`` is: shared ones have one key.
    """

    layer: Layer
    bottoms: tuple[Value, ...]
    tops: tuple[Value, ...]
    blobs: tuple[np.ndarray, ...]
    keys: tuple[Hashable, ...]

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def type(self) -> str:
        """The layer's type."""
        return self.layer.type

    def __str__(self) -> str:
        return f'"{self.name}" ({self.type})'

    def message(self) -> Any:
        """The LayerParameter, with the names of the values."""
        message = type(self.layer.message)()
        message.CopyFrom(self.layer.message)
        del message.blobs[:]
        message.bottom[:] = [value.name for value in self.bottoms]
        message.top[:] = [value.name for value in self.tops]
        return message

    def remade(self, message: Any, **changes: Any) -> Step:
        """This step as another message says."""
        shapes = [value.shape for value in changes.get("bottoms", self.bottoms)]
        layer = layer_class(message.type)(message, shapes, self.layer.phase)
        return replace(self, layer=layer, **changes)


class Wiring:
    """Who makes each value, and who reads it."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.maker = {value: step for step in steps for value in step.tops}
        self.readers: dict[Value, list[Step]] = defaultdict(list)
        for step in steps:
            for value in step.bottoms:
                self.readers[value].append(step)


def steps_of(graph: Graph, weights: Mapping[str, Sequence[np.ndarray | None]]) -> list[Step]:
    """The steps of a graph with the parameters that a weight file has for them.

    As in Caffe, layers are found by name, and of a shared parameter the file's last values count.
    Raises ShapeError where the file lacks a layer or a parameter has another shape, GraphError
    for two layers of one name that have parameters.
    """
    keys = [_keys(graph, position) for position in range(len(graph.layers))]
    stored = _stored(graph, keys, weights)
    current: dict[str, Value] = {}
    steps = []
    for layer, own in zip(graph.layers, keys, strict=True):
        bottoms = tuple(current[name] for name in layer.bottoms)
        tops = tuple(map(Value, layer.tops, layer.top_shapes))
        current.update((value.name, value) for value in tops)
        blobs = tuple(stored[key].reshape(spec.shape)
                      for key, spec in zip(own, layer.blobs, strict=True))
        steps.append(Step(layer, bottoms, tops, blobs, own))
    return steps


def _keys(graph: Graph, position: int) -> tuple[Hashable, ...]:
    layer, keys = graph.layers[position], []
    for index in range(len(layer.blobs)):
        owner = graph.shared.get((position, index))
        keys.append((id(owner.layer), owner.index) if owner else (id(layer), index))
    return tuple(keys)


def _stored(graph: Graph, keys: Sequence[Sequence[Hashable]],
            weights: Mapping[str, Sequence[np.ndarray | None]]) -> dict[Hashable, np.ndarray]:
    """The arrays of all parameters."""
    places = _by_name(graph)
    stored: dict[Hashable, np.ndarray] = {}
    for name, arrays in weights.items():
        if name in places:
            layer, own = graph.layers[places[name]], keys[places[name]]
            # HDF5 has a shared parameter at its owner only.
            absent = sum(at == places[name] for at, _ in graph.shared) and len(own) - len(arrays)
            shapes = [blob.shape for blob in layer.blobs]
            given = fitting(name, [*arrays, *[None] * absent], shapes)
            for key, array in zip(own, given, strict=True):
                if array is not None:
                    stored[key] = array
    lacking = [layer for layer, own in zip(graph.layers, keys, strict=True)
               if not all(key in stored for key in own)]
    if lacking:
        others = f" and {len(lacking) - 1} others" if lacking[1:] else ""
        raise ShapeError(f'has no weights for layer "{lacking[0].name}" ({lacking[0].type})'
                         f"{others}; is it of another net?")
    return stored


def _by_name(graph: Graph) -> dict[str, int]:
    """Where the layers with parameters stand."""
    count = Counter(layer.name for layer in graph.layers)
    places: dict[str, int] = {}
    for position, layer in enumerate(graph.layers):
        if layer.blobs:
            if count[layer.name] > 1:
                raise GraphError(f'two layers are named "{layer.name}": weights are found by '
                                 "name; rename one in the net and in the weights")
            places[layer.name] = position
    return places
