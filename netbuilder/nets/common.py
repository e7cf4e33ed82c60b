"""What networks share: common options, the input, checks of sizes."""

from __future__ import annotations

from netbuilder.errors import BuildError
from netbuilder.lego.base import LayerLego
from netbuilder.nets.registry import Option
from netbuilder.spec import NetSpec, Top

CLASSES = Option("number of classes")
CROP = Option("height and width of the input: what is cropped out of the stored images")


def input_layer(net: NetSpec, size: int, channels: int = 3) -> Top:
    """The Input ``data``: one image."""
    shape = {"dim": [1, channels, size, size]}
    return LayerLego("Input", name="data", shape=shape).attach(net, ())


def check_sizes(**sizes: int) -> None:
    """BuildError for a size below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise BuildError(f"{name} is {size}; it must be at least 1")
