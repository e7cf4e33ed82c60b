"""What a resolved net costs: one row per layer, and totals. No layer type is known here.

Each count is a property of LayerRow and a line in COUNTS; the totals are the rows' sums, and
everything that prints iterates over COUNTS. docs/counting.md defines each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from netbuilder.graph import Graph
from netbuilder.layer import VALUE_BYTES, BlobSpec, Layer, Operations, Shape
from netbuilder.proto import caffe_pb2

if TYPE_CHECKING:
    from netbuilder.analysis.memory import Memory
    from netbuilder.analysis.receptive import Field

COUNTS = {
    "learned_params": "learned parameters",
    "stored_values": "stored values",
    "macs": "multiply-accumulates",
    "flops": "FLOPs",
    "multiplications": "multiplications",
    "additions": "additions",
    "comparisons": "comparisons",
    "divisions": "divisions",
    "exponentials": "exponentials",
    "documented_params": "params",
    "documented_flops": "flops",
}


@dataclass(frozen=True)
class ParamRow:
    """A parameter blob. ``shared_with`` names the earlier layer that holds it, if one does."""

    name: str
    shape: Shape
    count: int
    learned: bool
    shared_with: str | None = None


@dataclass(frozen=True)
class LayerRow:
    """A layer: its place in the net, and its costs for one image.

    A shared parameter counts in the layer that holds it, once; pynetbuilder's convention
    (``documented_...``) counts it in every layer, as that tool did. ``operations`` is None where
    no rule is known, and so is then ``intensity``, the FLOPs per byte moved. ``bytes_moved`` and
    ``intensity`` are of the whole batch, for which parameters are read once.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    top_shapes: tuple[Shape, ...]
    params: tuple[ParamRow, ...]
    macs: int
    documented_params: int
    documented_flops: int
    operations: Operations | None
    bytes_moved: int
    intensity: float | None

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return self.operations.flops if self.operations else 0

    @property
    def multiplications(self) -> int:
        """Multiplications; 0 as well for a layer that is not counted."""
        return self.operations.multiplications if self.operations else 0

    @property
    def additions(self) -> int:
        """Additions and subtractions."""
        return self.operations.additions if self.operations else 0

    @property
    def comparisons(self) -> int:
        """Comparisons of two values."""
        return self.operations.comparisons if self.operations else 0

    @property
    def divisions(self) -> int:
        """Divisions."""
        return self.operations.divisions if self.operations else 0

    @property
    def exponentials(self) -> int:
        """Exponentials, logarithms, powers, roots and tanh."""
        return self.operations.exponentials if self.operations else 0

    @property
    def counted(self) -> bool:
        """False if no rule tells the layer's arithmetic, so that its zeros mean nothing."""
        return self.operations is not None

    @property
    def learned_params(self) -> int:
        """Values that a solver changes."""
        return sum(param.count for param in self.params if param.learned and not param.shared_with)

    @property
    def stored_values(self) -> int:
        """Values that a .caffemodel holds, statistics and frozen weights included."""
        return sum(param.count for param in self.params if not param.shared_with)

    @property
    def counts(self) -> dict[str, int]:
        """Every count of COUNTS by its name."""
        return {name: getattr(self, name) for name in COUNTS}


@dataclass(frozen=True)
class Costs:
    """The rows of a net in one phase (``TRAIN`` or ``TEST``), and the shape of every blob.

    What only some readers want is worked out when it is first asked for.
    """

    name: str
    phase: str
    batch: int
    layers: tuple[LayerRow, ...]
    blobs: dict[str, Shape]
    graph: Graph

    @cached_property
    def memory(self) -> Memory:
        """The memory that the whole batch needs."""
        from netbuilder.analysis.memory import memory

        return memory(self.graph)

    @cached_property
    def fields(self) -> dict[str, Field | None]:
        """The receptive field of each blob, or None."""
        from netbuilder.analysis.receptive import receptive_fields

        return receptive_fields(self.graph)

    @cached_property
    def totals(self) -> dict[str, int]:
        """Every count of COUNTS over the whole net, by its name."""
        return {name: sum(getattr(row, name) for row in self.layers) for name in COUNTS}

    @cached_property
    def bytes_moved(self) -> int:
        """Bytes that all layers move for the whole batch."""
        return sum(row.bytes_moved for row in self.layers)

    @cached_property
    def intensity(self) -> float:
        """FLOPs per byte moved, of the layers whose operations are known."""
        known = [row for row in self.layers if row.counted]
        moved = sum(row.bytes_moved for row in known)
        return sum(row.intensity * row.bytes_moved for row in known) / moved if moved else 0.0

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The layer types whose arithmetic no rule tells, sorted."""
        return tuple(sorted({row.type for row in self.layers if not row.counted}))

    @property
    def free(self) -> tuple[str, ...]:
        """The layer types of this net that compute nothing, sorted."""
        busy = {row.type for row in self.layers if row.operations != Operations()}
        return tuple(sorted({row.type for row in self.layers} - busy))


def costs(graph: Graph) -> Costs:
    """The costs of a net, for one image: the batch size never enters."""
    batch = graph.batch
    return Costs(
        name=graph.name,
        phase=caffe_pb2.Phase.Name(graph.phase),
        batch=batch,
        layers=tuple(_row(graph, index, batch) for index in range(len(graph.layers))),
        blobs=dict(graph.blobs),
        graph=graph,
    )


def _row(graph: Graph, position: int, batch: int) -> LayerRow:
    layer: Layer = graph.layers[position]
    macs, moved, operations = layer.macs(), _bytes_moved(layer), layer.operations()
    return LayerRow(
        name=layer.name,
        type=layer.type,
        bottoms=layer.bottoms,
        tops=layer.tops,
        top_shapes=layer.top_shapes[: len(layer.tops)],
        params=tuple(_param(graph, position, i, blob) for i, blob in enumerate(layer.blobs)),
        macs=_per_image(macs, batch),
        documented_params=layer.blobs[0].count if layer.blobs else 0,
        documented_flops=layer.documented_flops(),
        operations=operations and Operations(
            *(_per_image(count, batch) for count in operations.kinds.values())),
        bytes_moved=moved,
        intensity=operations and _ratio(operations.flops, moved),
    )


def _ratio(count: int, moved: int) -> float:
    return count / moved if moved else 0.0


def _bytes_moved(layer: Layer) -> int:
    """Bottoms and parameters read, tops written, each once, for the whole batch."""
    if layer.shares_data:
        return 0
    shapes = (*layer.bottom_shapes, *layer.top_shapes, *(blob.shape for blob in layer.blobs))
    return VALUE_BYTES * sum(map(prod, shapes))


def _param(graph: Graph, position: int, index: int, blob: BlobSpec) -> ParamRow:
    owner = graph.shared.get((position, index))
    shared_with = owner.layer.name if owner else None
    return ParamRow(blob.name, blob.shape, blob.count, blob.learned, shared_with)


def _per_image(whole: int, batch: int) -> int:
    """One image's share, rounded up: a layer may look at something else than the images."""
    return -(-whole // max(batch, 1))
