"""What networks share: their input, options that all have, and checks of sizes."""

from __future__ import annotations

from netbuilder.errors import BuildError
from netbuilder.lego.base import LayerLego
from netbuilder.nets.registry import Option
from netbuilder.spec import NetSpec, Top

CLASSES = Option("number of classes")
CROP = Option("height and width of the input: what is cropped out of the stored images")


def input_layer(net: NetSpec, size: int, channels: int = 3) -> Top:
    """The Input layer ``data`` of one square image."""
    shape = {"dim": [1, channels, size, size]}
    return LayerLego("Input", name="data", shape=shape).attach(net, ())


def check_sizes(**sizes: int) -> None:
    """BuildError that names the first of the sizes that is below 1."""
    at_least(1, **sizes)


def at_least(least: int, **sizes: int) -> None:
    """BuildError that names the first of the sizes that is below ``least``."""
    for name, size in sizes.items():
        if size < least:
            raise BuildError(f"{name} is {size}; it must be at least {least}")


def multiple_of(factor: int, **sizes: int) -> None:
    """BuildError for a size that is no multiple of ``factor``, with the nearest that are."""
    for name, size in sizes.items():
        if size < 1 or size % factor:
            below, above = size // factor * factor, max(size // factor + 1, 1) * factor
            nearest = f"{below} or {above}" if below > 0 else above
            raise BuildError(f"{name} is {size}; it must be a multiple of {factor}: {nearest}")


def check_share(**shares: float) -> None:
    """BuildError that names the first of the shares that is below 0, or not below 1."""
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise BuildError(f"{name} is {share}; it must be at least 0 and below 1")
