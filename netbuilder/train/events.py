"""What a training run says: one dataclass per kind of event.

The worker sends them as JSON lines (``decode``), a log holds them as text (log.py), and the
progress bar, the plot and every program read these. Iterations count weight updates done so far.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple


class Output(NamedTuple):
    """One number of a net's output blobs; with a loss weight it is part of the loss."""

    name: str
    value: float
    loss_weight: float = 0.0


class LayerTime(NamedTuple):
    """What a layer's two passes take on average, in milliseconds."""

    name: str
    type: str
    forward: float
    backward: float


@dataclass(frozen=True)
class Event:
    """Base of all events: when it happened."""

    iteration: int


@dataclass(frozen=True)
class Started(Event):
    """The nets stand, the weights are loaded. ``iteration`` is more than 0 when resuming.

    version, python, device and gait are what the engine says of itself, ``gait`` if it has several;
    the rest is what was asked for, ``resumed`` a solverstate.
    """

    net: str = ""
    lr_policy: str = ""
    max_iter: int = 0
    resumed: str = ""
    engine: str = ""
    version: str = ""
    python: str = ""
    device: str = ""
    gait: str = ""

    def who(self) -> str:
        """The engine and how it computes, in words."""
        gait = f", {self.gait} gait" if self.gait else ""
        return f"{self.engine} {self.version} on {self.device}{gait}"


@dataclass(frozen=True)
class Progress(Event):
    """A sign of life between displays; ``loss`` is that of this very iteration."""

    loss: float


@dataclass(frozen=True)
class Iteration(Event):
    """A display: the loss averaged over average_loss iterations, the train net's outputs.

    ``speed`` is iterations per second in the ``seconds`` since the last display. The display
    after the last iteration is a forward pass only: no speed, no rate, no outputs.
    """

    loss: float
    lr: float | None = None
    speed: float | None = None
    seconds: float | None = None
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True)
class Testing(Event):
    """Test net number ``net`` has seen ``done`` of its ``total`` batches."""

    net: int
    done: int = 0
    total: int = 0

    __test__ = False  # not one of pytest's


@dataclass(frozen=True)
class Test(Event):
    """A test net's outputs, averaged over test_iter batches; ``loss`` with test_compute_loss."""

    net: int
    outputs: tuple[Output, ...] = ()
    loss: float | None = None

    __test__ = False


@dataclass(frozen=True)
class Snapshot(Event):
    """Weights and solver state were written to these files."""

    model: str
    state: str


@dataclass(frozen=True)
class Finished(Event):
    """The end; ``reason`` is ``max_iter`` or ``stopped``."""

    reason: str


@dataclass(frozen=True)
class Batch(Event):
    """``netbuilder test``: the outputs of batch number ``iteration``."""

    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True)
class Scored(Event):
    """``netbuilder test``, its end: loss and outputs averaged over ``iteration`` batches."""

    loss: float
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True)
class FirstPass(Event):
    """``netbuilder time``: the passes that are not counted are done."""

    loss: float


@dataclass(frozen=True)
class Lap(Event):
    """``netbuilder time``: both passes of iteration number ``iteration``, which counts from 1."""

    milliseconds: float


@dataclass(frozen=True)
class Timing(Event):
    """``netbuilder time``, its end: milliseconds, averaged over ``iteration`` laps.

    ``total`` is that of all laps. ``fast_forward`` and ``fast_total`` (forward and backward) are
    the averages of an engine's fast gait.
    """

    total: float
    layers: tuple[LayerTime, ...]
    fast_forward: float | None = None
    fast_total: float | None = None

    @property
    def forward(self) -> float:
        """The forward pass of all layers."""
        return sum(layer.forward for layer in self.layers)

    @property
    def backward(self) -> float:
        """The backward pass of all layers."""
        return sum(layer.backward for layer in self.layers)


@dataclass(frozen=True)
class Failed:
    """A Python exception ended the engine: its class and text."""

    type: str
    text: str


KINDS: dict[str, type] = {
    "started": Started, "progress": Progress, "iteration": Iteration, "testing": Testing,
    "test": Test, "snapshot": Snapshot, "finished": Finished, "failed": Failed,
    "batch": Batch, "scored": Scored, "first_pass": FirstPass, "lap": Lap, "timing": Timing,
}
ROWS: dict[str, type] = {"outputs": Output, "layers": LayerTime}


def decode(line: str) -> Event | Failed:
    """The event of a JSON line; raises ValueError for any other line."""
    try:
        fields: dict[str, Any] = json.loads(line)
        kind = KINDS[fields.pop("event")]
        for name in fields.keys() & ROWS.keys():
            fields[name] = tuple(ROWS[name](*row) for row in fields[name])
        return kind(**fields)
    except (TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"not an event: {line!r}") from error
