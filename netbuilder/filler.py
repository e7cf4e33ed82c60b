"""What real Caffe asks of a filler and the blob that it fills (filler.hpp).

How the values are drawn is an engine's part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from netbuilder.errors import one_of


def _any(filler: Any, shape: Sequence[int]) -> str | None:
    return None


def _fans(filler: Any, shape: Sequence[int]) -> str | None:
    return None if len(shape) else "needs a blob of at least one axis, not a scalar"


def _bilinear(filler: Any, shape: Sequence[int]) -> str | None:
    if len(shape) == 4 and shape[2] == shape[3]:
        return None
    return f"needs a blob of 4 axes with a square kernel, not {'x'.join(map(str, shape))}"


def _uniform(filler: Any, shape: Sequence[int]) -> str | None:
    return None if filler.min <= filler.max else f"min {filler.min:g} is above max {filler.max:g}"


def _gaussian(filler: Any, shape: Sequence[int]) -> str | None:
    if not filler.std > 0:
        return f"std must be greater than 0, not {filler.std:g}"
    most = shape[0] if len(shape) else -1
    if not -1 <= filler.sparse <= most:
        return f"sparse must lie between 0 and the first dimension {most}, not {filler.sparse}"
    return None


FILLERS: dict[str, Callable[[Any, Sequence[int]], str | None]] = {
    "bilinear": _bilinear,
    "constant": _any,
    "gaussian": _gaussian,
    "msra": _fans,
    "positive_unitball": _fans,
    "uniform": _uniform,
    "xavier": _fans,
}


def unknown(filler: Any) -> str | None:
    """Why Caffe cannot make this filler, or None."""
    if filler.type in FILLERS:
        return None
    return f'no filler is called "{filler.type}"{one_of(filler.type, FILLERS)}'


def problem(filler: Any, shape: Sequence[int]) -> str | None:
    """Why Caffe cannot fill a blob of this shape with this filler, or None."""
    if filler.type not in FILLERS:
        return unknown(filler)
    if not prod(shape):
        return f"an empty blob cannot be filled: {'x'.join(map(str, shape))}"
    if filler.type != "gaussian" and filler.sparse != -1:
        return f"sparse is for the gaussian filler only, not for {filler.type}"
    wrong = FILLERS[filler.type](filler, shape)
    return wrong and f"the {filler.type} filler: {wrong}"
