"""What an edit did to a net: its layers, their shapes, and what they cost (docs/comparing.md)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from netbuilder.analysis.align import Pair, align
from netbuilder.analysis.costs import COUNTS, Costs, LayerRow, costs
from netbuilder.graph import Graph
from netbuilder.layer import Layer, Shape
from netbuilder.proto.scalars import is_repeated

_RATE = re.compile(r"param\[\d\](\.lr_mult|\.decay_mult)?$")
# Told by a layer's place in the net, by the phase that was chosen, or by a training run.
_LEFT_OUT = {"name", "bottom", "top", "include", "exclude", "blobs"}


@dataclass(frozen=True)
class Change:
    """What happened to one layer.

    ``kind``: added, removed, renamed, changed, moved, or follows (its message is the same, but
    its shapes or its costs are not). ``before`` or ``after`` is None where the layer is not
    there. ``fields``, ``tops`` and ``params`` hold old and new values by name: of the message's
    fields (None: not set), and the shapes of its tops and of its parameter blobs.
    """

    kind: str
    before: LayerRow | None
    after: LayerRow | None
    fields: dict[str, tuple[Any, Any]]
    tops: dict[str, tuple[Shape | None, Shape | None]]
    params: dict[str, tuple[Shape | None, Shape | None]]

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Every count of COUNTS before and after, for one image."""
        return {name: (getattr(self.before, name, 0), getattr(self.after, name, 0))
                for name in COUNTS}


@dataclass(frozen=True)
class Diff:
    """Two nets and the changes from one to the other, in the order of the second."""

    before: Costs
    after: Costs
    changes: tuple[Change, ...]

    @property
    def equal(self) -> bool:
        """True if the layers and the names of the nets are the same."""
        return not self.changes and self.before.name == self.after.name


def diff(before: Graph, after: Graph) -> Diff:
    """The changes from one resolved net to another.

    Where the batch size differs, a shape that differs by nothing else is no change.
    """
    comparison = _Comparison(before, after)
    return Diff(comparison.costs[0], comparison.costs[1], tuple(comparison.changes()))


class _Comparison:
    """Two graphs, aligned."""

    def __init__(self, before: Graph, after: Graph) -> None:
        self.graphs = before, after
        self.costs = costs(before), costs(after)
        self.fields = [[_own_fields(layer, graph.phase) for layer in graph.layers]
                       for graph in self.graphs]
        self.pairs: list[Pair] = list(align(*map(self._contents, (0, 1))))
        self.blobs = dict(self._renamed_blobs())

    def changes(self) -> Iterator[Change]:
        changes = (self._change(*pair) for pair in self.pairs)
        return (change for change in changes if change)

    def _contents(self, side: int) -> list[tuple[str, Any]]:
        layers, fields = self.graphs[side].layers, self.fields[side]
        return [(layer.name, tuple(sorted(own.items(), key=lambda item: item[0])))
                for layer, own in zip(layers, fields, strict=True)]

    def _renamed_blobs(self) -> Iterator[tuple[str, str]]:
        """Old and new name of what matching layers make; their takers say nothing new."""
        for old, new in self._matches():
            for was, now in zip(old.tops, new.tops, strict=False):
                if was not in old.bottoms:
                    yield was, now

    def _matches(self) -> Iterator[tuple[LayerRow, LayerRow]]:
        before, after = (result.layers for result in self.costs)
        return ((before[i], after[j]) for i, j, _ in self.pairs if i is not None and j is not None)

    def _change(self, i: int | None, j: int | None, moved: bool) -> Change | None:
        old = None if i is None else self.costs[0].layers[i]
        new = None if j is None else self.costs[1].layers[j]
        if i is None or j is None:
            return Change("added" if i is None else "removed", old, new, {}, {}, {})
        fields = dict(self._changed_fields(i, j))
        change = Change("", old, new, fields, self._changed_tops(old, new), _params(old, new))
        kinds = {"renamed": old.name != new.name, "changed": bool(fields), "moved": moved,
                 "follows": change.tops or change.params or any(
                     was != now for was, now in change.counts.values())}
        kind = next((kind for kind, holds in kinds.items() if holds), None)
        return Change(kind, old, new, fields, change.tops, change.params) if kind else None

    def _changed_fields(self, i: int, j: int) -> Iterator[tuple[str, tuple[Any, Any]]]:
        old, new = self.fields[0][i], self.fields[1][j]
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                yield name, (old.get(name), new.get(name))
        was, now = self.costs[0].layers[i], self.costs[1].layers[j]
        bottoms = tuple(self.blobs.get(name, name) for name in was.bottoms)
        if bottoms != now.bottoms:  # in the second net's names, so that a renamed blob is none
            yield "bottom", (bottoms, now.bottoms)
        tops = tuple(self.blobs.get(name, name) if name in was.bottoms else name
                     for name in was.tops)
        if tops != now.tops:
            yield "top", (tops, now.tops)

    def _changed_tops(self, old: LayerRow, new: LayerRow) -> dict[str, Any]:
        batches = tuple((result.batch,) for result in self.costs)

        def differ(was: Shape | None, now: Shape | None) -> bool:
            if was is None or now is None or was[1:] != now[1:]:
                return True
            return was != now and (was[:1], now[:1]) != batches

        shapes = _side_by_side(dict(zip(old.tops, old.top_shapes, strict=True)),
                               dict(zip(new.tops, new.top_shapes, strict=True)), self.blobs)
        return {name: pair for name, pair in shapes.items() if differ(*pair)}


def _params(old: LayerRow, new: LayerRow) -> dict[str, Any]:
    shapes = _side_by_side({param.name: param.shape for param in old.params},
                           {param.name: param.shape for param in new.params}, {})
    return {name: (was, now) for name, (was, now) in shapes.items() if was != now}


def _side_by_side(old: Mapping[str, Shape], new: Mapping[str, Shape], names: Mapping[str, str],
                  ) -> dict[str, tuple[Shape | None, Shape | None]]:
    old = {names.get(name, name): shape for name, shape in old.items()}
    return {name: (old.get(name), new.get(name)) for name in {**old, **new}}


def _own_fields(layer: Layer, phase: int) -> dict[str, Any]:
    """A layer's fields but those that Caffe itself fills in, as a .caffemodel has them: the net's
    phase, a loss's weight of 1, and that the statistics of a BatchNorm are not learned."""
    fields = dict(_fields(layer.message))
    if layer.message.phase == phase:
        fields.pop("phase", None)
    if layer.auto_top and fields.get("loss_weight") == (1.0,):
        del fields["loss_weight"]
    if layer.type == "BatchNorm":
        fields = {name: value for name, value in fields.items() if not _RATE.match(name)}
    return fields


def _fields(message: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of every field that is set: ``convolution_param.num_output``, 64."""
    for field, value in message.ListFields():
        name = path + field.name
        if not path and name in _LEFT_OUT:
            continue
        if field.message_type is None:
            yield name, tuple(_plain(field, one) for one in value) if is_repeated(field) \
                else _plain(field, value)
        elif is_repeated(field):
            for index, one in enumerate(value):
                yield from _nested(one, f"{name}[{index}]")
        else:
            yield from _nested(value, name)


def _nested(message: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = list(_fields(message, path + "."))
    return iter(inner or [(path, "{ }")])


def _plain(field: FieldDescriptor, value: Any) -> Any:
    """A value as a prototxt writes it: enums by name, floats with the digits that they need."""
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    if isinstance(value, float) and not isfinite(value):
        return str(value)  # JSON has neither inf nor nan, and nan is not equal to itself
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        short = (float(f"{value:.{digits}g}") for digits in (6, 7, 8))
        return next((one for one in short if struct.pack("f", one) == struct.pack("f", value)),
                    value)
    return value.decode("latin-1") if isinstance(value, bytes) else value
