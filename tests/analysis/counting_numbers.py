"""Numbers that count what is done with them, for formulas that are walked through.

A sum or a maximum is a loop that begins with nothing, as Caffe's are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

Shape = tuple[int, ...]
KINDS = ("multiplications", "additions", "comparisons", "divisions", "exponentials")


class Number:
    """A number without a value: what is done with it is entered in its tally."""

    def __init__(self, tally: Counter[str]) -> None:
        self.tally = tally

    def did(self, kind: str) -> Number:
        self.tally[kind] += 1
        return self

    def __add__(self, other: object) -> Number:
        return self.did("additions")

    def __sub__(self, other: object) -> Number:
        return self.did("additions")

    __radd__ = __rsub__ = __add__

    def __mul__(self, other: object) -> Number:
        return self.did("multiplications")

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Number:
        return self.did("divisions")

    __rtruediv__ = __truediv__

    def __pow__(self, other: object) -> Number:
        return self.did("exponentials")

    __rpow__ = __pow__

    def __neg__(self) -> Number:  # a sign is a bit
        return self


def exp(x: Number) -> Number:
    return x.did("exponentials")


log = root = tanh = exp


def more(x: Number, y: object) -> Number:
    """Also the larger, the smaller, the absolute value."""
    return x.did("comparisons")


larger = smaller = more


def total(values: Iterable[Number]) -> Number | int:
    result: Number | int = 0
    for value in values:
        result = value + result
    return result


def largest(values: Iterable[Number]) -> None:
    for value in values:
        larger(value, "the largest yet")


class Given:
    """A layer's message, bottoms and phase, and fresh numbers."""

    def __init__(self, message: Any, shapes: Sequence[Shape], phase: int) -> None:
        self.message, self.shapes, self.phase = message, shapes, phase
        self.tally: Counter[str] = Counter()

    @property
    def x(self) -> Number:
        return Number(self.tally)

    def each(self, shape: Shape | None = None) -> Iterator[Number]:
        """A number for every value of a shape, by default the first bottom's."""
        for _ in product(*map(range, self.shapes[0] if shape is None else shape)):
            yield self.x

    def lines(self, axis: int, bottom: int = 0) -> Iterator[Iterator[Number]]:
        """The numbers along an axis, line by line."""
        shape = self.shapes[bottom]
        for _ in self.each(shape[:axis] + shape[axis + 1:]):
            yield self.each(shape[axis: axis + 1])
