"""The rows of golden_*.py: what a network must come out as, to the last parameter."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Golden(NamedTuple):
    """A network with its options, and the true figures of its deploy net at one image.

    ``layers`` counts those of deploy.prototxt; ``learned`` parameters, ``stored`` values of a
    caffemodel, multiply-accumulates; ``blobs`` are shapes at named places, without the batch.
    ``small`` are options that make it small enough to be trained for a few steps in a test, at
    the learning ``rate``.
    """

    network: str
    options: Mapping[str, Any]
    layers: int
    learned: int
    stored: int
    macs: int
    blobs: Mapping[str, tuple[int, ...]] = {}
    small: Mapping[str, Any] = {}
    rate: float = 0.01


def _rows() -> dict[str, Golden]:
    found: dict[str, Golden] = {}
    for file in sorted(Path(__file__).parent.glob("golden_*.py")):
        found.update(importlib.import_module(file.stem).ROWS)
    return found


ROWS = _rows()
