"""Random choices that the rows of the grid are made of."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from netbuilder.layer import Shape

Case = tuple[list[Shape], dict[str, Any]]  # bottom shapes, and the layer's fields


def maybe(random: Random, chance: float = 0.5, **choices: Callable[[], Any]) -> dict[str, Any]:
    """Each field with that chance."""
    return {name: draw() for name, draw in choices.items() if random.random() < chance}


def shape_of(random: Random, axes: int | None = None, low: int = 1, high: int = 8) -> Shape:
    axes = random.choice((0, 1, 2, 3, 4, 4, 5)) if axes is None else axes
    return tuple(random.randint(low, high) for _ in range(axes))


def axis_of(random: Random, shape: Shape, beyond: int = 1) -> int:
    """An axis, negative or not, sometimes one that does not exist."""
    return random.randint(-len(shape) - beyond, len(shape) - 1 + beyond)


def usual(random: Random, *values: Any) -> Any:
    """The first value in seven of ten draws, else any."""
    return values[0] if random.random() < 0.7 else random.choice(values)


def near(random: Random, shape: Shape, axis: int) -> Shape:
    """The shape with another size on one axis; sometimes on a wrong one, or of other length."""
    if not shape:
        return shape
    other = list(shape)
    place = random.randrange(len(shape)) if random.random() < 0.1 else axis % len(shape)
    other[place] = random.randint(1, 6)
    return tuple(other) if random.random() < 0.95 else (*other, 1)


def filler(random: Random) -> dict[str, Any]:
    """A filler; one in twenty does not exist, and one in five has a field that is wrong."""
    kinds = ("constant", "gaussian", "msra", "positive_unitball", "uniform", "xavier", "bilinear")
    drawn = {"type": "xaviar" if random.random() < 0.05 else random.choice(kinds)}
    return drawn | usual(random, {}, {"std": 0}, {"sparse": random.randint(-2, 9)},
                         {"min": 1, "max": random.randint(0, 1)})
