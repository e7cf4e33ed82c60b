"""Receptive fields: which part of the input a place of each blob depends on, axis by axis.

Layers say which places of their bottoms a top reads (``Layer.reach``); here that is chained from
the sources on. docs/counting.md says what is followed and what is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from netbuilder.graph import Graph
from netbuilder.layer import Layer, Reach

Number = int | Fraction


@dataclass(frozen=True)
class Axis:
    """Along one axis, place o depends on the input from ``stride * o + low`` to ``.. + high``.

    In pixels of the input; a stride below 1 and other fractions come from deconvolutions.
    """

    stride: Number
    low: Number
    high: Number

    @property
    def size(self) -> int:
        """The receptive field: how many pixels at most."""
        return floor(self.high - self.low) + 1

    @property
    def offset(self) -> Number:
        """The centre of the field of place 0; pixel 0 has its centre at 0."""
        return Fraction(self.low + self.high) / 2


@dataclass(frozen=True)
class Field:
    """The receptive field of a blob, with an Axis for each axis from the third on (h, w).

    ``source`` names the blob that it is relative to. ``aligned`` is False if branches that
    differ in stride or centre meet in the blob or above it; the field is then the union of
    theirs at place 0, with the larger stride.
    """

    source: str
    axes: tuple[Axis, ...]
    aligned: bool = True


def receptive_fields(graph: Graph) -> dict[str, Field | None]:
    """The field of each blob in its last version; None where it has no meaning. Linear."""
    fields: dict[str, Field | None] = {}
    for layer in graph.layers:
        seen = list(_through(layer, fields))
        made = _met(seen)
        for index, (name, shape) in enumerate(zip(layer.top_names, layer.top_shapes, strict=True)):
            field = _met(seen[index: index + 1]) if layer.paired else made
            if not layer.bottoms:
                field = Field(name, (Axis(1, 0, 0),) * (len(shape) - 2))
            spatial = field is not None and 2 < len(shape) == len(field.axes) + 2
            fields[name] = field if spatial else None
    return fields


def _through(layer: Layer, fields: dict[str, Field | None]) -> Iterator[Field | None]:
    """What the tops see through each bottom that they read."""
    for index, name in enumerate(layer.bottoms):
        reach, below = layer.reach(index), fields[name]
        if reach is not None and not reach:
            continue
        yield replace(below, axes=tuple(map(_beyond, below.axes, reach))) if (
            reach and below) else None


def _beyond(axis: Axis, reach: Reach) -> Axis:
    step, low, high = reach
    return Axis(axis.stride * step, axis.low + axis.stride * low, axis.high + axis.stride * high)


def _met(branches: Sequence[Field | None]) -> Field | None:
    """Several branches as one; None if one says nothing, or if they start at different blobs."""
    first = branches[0] if branches else None
    if first is None or None in branches[1:] or len({each.source for each in branches}) > 1:
        return None
    if len(branches) == 1:
        return first
    columns = list(zip(*(each.axes for each in branches), strict=True))
    aligned = all(each.aligned for each in branches) and all(
        len({(axis.stride, axis.low + axis.high) for axis in column}) == 1 for column in columns)
    return Field(first.source, tuple(map(_union, columns)), aligned)


def _union(column: Sequence[Axis]) -> Axis:
    return Axis(max(axis.stride for axis in column), min(axis.low for axis in column),
                max(axis.high for axis in column))
