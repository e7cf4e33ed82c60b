"""Bytes of a net's values: activations in TEST and TRAIN, what Caffe logs, and weights.

docs/counting.md defines each. Everything is of the whole batch, 4 bytes a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from netbuilder.graph import Graph
from netbuilder.layer import AUTOMATIC, VALUE_BYTES

Place = tuple[int, int]  # position of a layer, index of its top

MEMORY = {
    "test_bytes": "activations alive at once in TEST",
    "train_bytes": "activations in TRAIN, data and diff",
    "logged_bytes": "what Caffe logs as required for data",
    "weight_bytes": "weights",
}


@dataclass(frozen=True)
class Memory:
    """Bytes of a net in one phase. ``peak`` names the layer at which ``test_bytes`` are alive.

    ``alive`` has the bytes of activations alive while each layer runs, in the order of layers.
    """

    test_bytes: int
    train_bytes: int
    logged_bytes: int
    weight_bytes: int
    peak: str
    alive: tuple[int, ...]

    @property
    def figures(self) -> dict[str, int]:
        """Every figure of MEMORY by its name."""
        return {name: getattr(self, name) for name in MEMORY}


def memory(graph: Graph) -> Memory:
    """The memory of a resolved net; linear in its layers."""
    blobs = list(_buffers(graph))
    alive = _alive(blobs, len(graph.layers))
    peak = max(range(len(alive)), key=alive.__getitem__, default=None)
    return Memory(
        test_bytes=0 if peak is None else alive[peak],
        train_bytes=2 * sum(size for size, _, _ in blobs),
        logged_bytes=_logged(graph),
        weight_bytes=_weights(graph),
        peak="" if peak is None else graph.layers[peak].name,
        alive=tuple(alive),
    )


def _buffers(graph: Graph) -> Iterator[tuple[int, int, int]]:
    """(bytes, first layer, last layer) of each piece of memory that activations need.

    A top in place, or of a layer whose tops are its bottom under another shape or name, lives in
    the memory of its bottom.
    """
    buffers: list[list[int]] = []
    home: dict[str, int] = {}  # blob -> its buffer
    for position, layer in enumerate(graph.layers):
        for name in layer.bottoms:
            buffers[home[name]][2] = position
        for index, (name, shape) in enumerate(zip(layer.top_names, layer.top_shapes, strict=True)):
            if layer.shares_data and layer.bottoms:
                home[name] = home[layer.bottoms[0]]
            elif name not in layer.bottoms[index: index + 1]:
                home[name] = len(buffers)
                last = len(graph.layers) - 1 if name == AUTOMATIC else position
                buffers.append([VALUE_BYTES * prod(shape), position, last])
            else:  # Caffe may let it grow there, and never gives memory back
                buffers[home[name]][0] = max(buffers[home[name]][0], VALUE_BYTES * prod(shape))
    for name in graph.outputs:  # somebody wants them in the end, as a loss that nobody named
        buffers[home[name]][2] = len(graph.layers) - 1
    return (tuple(buffer) for buffer in buffers)


def _alive(buffers: list[tuple[int, int, int]], layers: int) -> list[int]:
    """Bytes alive while each layer runs, from the spans of the buffers."""
    change = [0] * (layers + 1)
    for size, first, last in buffers:
        change[first] += size
        change[last + 1] -= size
    alive, now = [], 0
    for step in change[:layers]:
        now += step
        alive.append(now)
    return alive


def _logged(graph: Graph) -> int:
    """Net::Init adds up every top, in place or not, and those of the Splits it inserts."""
    uses: Counter[Place] = Counter()
    latest: dict[str, Place] = {}
    total = 0
    for position, layer in enumerate(graph.layers):
        uses.update(latest[name] for name in layer.bottoms)
        latest.update((name, (position, index)) for index, name in enumerate(layer.tops))
        uses.update((position, index) for index, weight
                    in enumerate(layer.message.loss_weight[: len(layer.tops)]) if weight)
        total += sum(map(prod, layer.top_shapes))
    copies = ((graph.layers[position].top_shapes[index], times)
              for (position, index), times in uses.items() if times > 1)
    return VALUE_BYTES * (total + sum(prod(shape) * times for shape, times in copies))


def _weights(graph: Graph) -> int:
    """Parameters that layers share count once."""
    return VALUE_BYTES * sum(
        blob.count for position, layer in enumerate(graph.layers)
        for index, blob in enumerate(layer.blobs) if (position, index) not in graph.shared
    )
