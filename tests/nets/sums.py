"""Parameters and multiply-accumulates by hand: what golden rows are checked against."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Part(NamedTuple):
    """A convolution or InnerProduct (size 1) of a net, or a batch norm alone (kernel 0)."""

    into: int
    out: int
    kernel: int = 1
    size: int = 1  # height and width of the top
    group: int = 1
    bias: bool = True
    norm: bool = False  # batch norm and scale follow


def figures(parts: Iterable[Part]) -> tuple[int, int, int]:
    """Learned parameters, stored values and multiply-accumulates."""
    learned = stored = macs = 0
    for one in parts:
        weights = one.into // one.group * one.out * one.kernel**2
        values = weights + (one.out if one.bias else 0) + (2 * one.out if one.norm else 0)
        learned += values
        stored += values + (2 * one.out + 1 if one.norm else 0)
        macs += weights * one.size**2
    return learned, stored, macs
