"""What is to be built, and what the files are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from netbuilder.nets.registry import Dataset, Network, Reported

MADE = "Made with netbuilder"  # marks our files: one without it is never overwritten

USES = {
    "train.prototxt": "training: data, network, loss",
    "test.prototxt": "testing while training: data, network, loss, accuracy",
    "train_val.prototxt": "training and testing in one file, by include rules",
    "deploy.prototxt": "using the trained network: Input, network, Softmax",
    "solver.prototxt": "how to train",
    "train.sh": "the command that trains",
    "README.md": "this card",
}


class Order(NamedTuple):
    """What is to be built.

    ``options`` are the network's. ``data`` is a key of SOURCES, ``data_options`` are what its
    lego takes, with test_batch_size, train_source, test_source and std_value. ``setting`` is one
    of the network's training settings, ``recipe`` any recipe's name in its place; ``devices`` is
    how many train at once, each with a batch of its own, and ``epochs`` when the run ends, if not
    at the recipe's end. ``settings`` are solver fields in place of the recipe's. ``command`` is
    what the user typed.
    """

    network: Network
    options: Mapping[str, Any] = {}
    data: str = "lmdb"
    data_options: Mapping[str, Any] = {}
    setting: str | None = None
    recipe: str | None = None
    devices: int = 1
    epochs: float | None = None
    settings: Mapping[str, Sequence[str]] = {}
    train_val: bool = False
    command: str = ""

    @property
    def dataset(self) -> Dataset:
        """The data that the network was made for."""
        return self.network.dataset(self.options)

    @property
    def source(self) -> str:
        """Where the network comes from."""
        return self.network.source(self.options)

    @property
    def result(self) -> Reported | None:
        """What was reported for this network, trained in this way."""
        return self.network.result(self.options, self.setting)

    @property
    def chosen_recipe(self) -> str:
        """The name of the recipe."""
        return self.recipe or self.network.recipe(self.options, self.setting)

    @property
    def made(self) -> str:
        """The line that marks our files."""
        return f"{MADE}: {self.command}" if self.command else MADE

    @property
    def summary(self) -> str:
        """The network's options, all of them, in words."""
        values = self.network.complete(self.options)
        return ", ".join(f"{name} {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
