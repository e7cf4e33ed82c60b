"""The seeded grid: random layers of every type, alone and between learned blobs and a loss."""

from __future__ import annotations

from random import Random

from layer_cases import DRAWS as LAYER_DRAWS
from layer_cases import Case, make
from loss_cases import LOSS_DRAWS
from shape_cases import SHAPE_DRAWS

DRAWS = {**LAYER_DRAWS, **LOSS_DRAWS, **SHAPE_DRAWS}
# Where real Caffe dies of a gradient that force_backward asks for.
UNFORCED = {"Accuracy", "ArgMax", "BatchReindex", "Embed", "Filter", "InfogainLoss", "Threshold"}


def all_cases(seed: str = "", times: int = 1) -> dict[str, Case]:
    """Every case by name; the same ones each time for a seed."""
    found = {}
    for type_name, (count, draw) in DRAWS.items():
        random = Random(type_name + seed)
        for number in range(count * times):
            name = f"{type_name}-{number}"
            found[name] = make(name, draw, random, type_name not in UNFORCED)
    return found
