"""The training log in Caffe's own format: written from events, read back into events.

The log is for people and for the parsers they have (Caffe's tools/extra/parse_log.py and its many
relatives), whichever engine trained. The lines and the files they name are those of Caffe's
solver.cpp, sgd_solver.cpp and tools/caffe.cpp.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from netbuilder.errors import BuildError, DataError
from netbuilder.glog import glog_line, output_line
from netbuilder.train.events import (
    Event,
    Finished,
    Iteration,
    Output,
    Snapshot,
    Started,
    Test,
    Testing,
)

Line = tuple[str, str]  # Caffe's source file and line, the text


def glog(source: str, text: str) -> str:
    """A line of information that is written now; ``source`` is Caffe's file and line."""
    return glog_line("I", datetime.now(), source, text)


def open_log(path: Path, resume: bool) -> BinaryIO:
    """A log file, unbuffered: gone on with where a run is resumed, else begun anew."""
    try:
        return path.open("a+b" if resume else "w+b", buffering=0)
    except OSError as error:
        raise BuildError(f"cannot write the log {path}: {error.strerror}") from error


def lines(event: Event, display: int) -> str:
    """What Caffe logs at this event, nothing for some; ``display`` is the solver's."""
    write = LINES.get(type(event), lambda *_: ())
    return "".join(glog(*line) for line in write(event, display))


def _started(event: Started, _: int) -> Iterator[Line]:
    who = f"{event.engine} {event.version} on Python {event.python}, {event.device}"
    yield "netbuilder", f"Engine {who}{f', {event.gait} gait' if event.gait else ''}"
    if event.resumed:
        yield "caffe.cpp:233", f"Resuming from {event.resumed}"
    yield "caffe.cpp:239", "Starting Optimization"
    yield "solver.cpp:289", f"Solving {event.net}"
    yield "solver.cpp:290", f"Learning Rate Policy: {event.lr_policy}"


def _iteration(event: Iteration, display: int) -> Iterator[Line]:
    number, loss = event.iteration, f"{event.loss:g}"
    if event.speed is None:
        yield "solver.cpp:327", f"Iteration {number}, loss = {loss}"
    else:
        pace = f"{event.speed:g} iter/s, {event.seconds:g}s/{display} iters"
        yield "solver.cpp:239", f"Iteration {number} ({pace}), loss = {loss}"
    yield from _outputs("solver.cpp:258", "Train", event.outputs)
    if event.lr is not None:
        yield "sgd_solver.cpp:112", f"Iteration {number}, lr = {event.lr:g}"


def _testing(event: Testing, _: int) -> Iterator[Line]:
    if event.done == 0:
        yield "solver.cpp:347", f"Iteration {event.iteration}, Testing net (#{event.net})"


def _test(event: Test, _: int) -> Iterator[Line]:
    if event.loss is not None:
        yield "solver.cpp:401", f"Test loss: {event.loss:g}"
    yield from _outputs("solver.cpp:414", "Test", event.outputs)


def _outputs(source: str, phase: str, outputs: Iterable[Output]) -> Iterator[Line]:
    for index, (name, value, weight) in enumerate(outputs):
        yield source, output_line(phase, index, name, value, weight)


def _snapshot(event: Snapshot, _: int) -> Iterator[Line]:
    form = "HDF5 file" if event.model.endswith(".h5") else "binary proto file"
    yield "solver.cpp:464", f"Snapshotting to {form} {event.model}"
    yield "sgd_solver.cpp:284", f"Snapshotting solver state to {form} {event.state}"


def _finished(event: Finished, _: int) -> Iterator[Line]:
    if event.reason == "stopped":
        yield "solver.cpp:313", "Optimization stopped early."
    else:
        yield "solver.cpp:332", "Optimization Done."


LINES: dict[type, Callable[..., Iterator[Line]]] = {
    Started: _started, Iteration: _iteration, Testing: _testing, Test: _test,
    Snapshot: _snapshot, Finished: _finished,
}


def read(path: str | os.PathLike[str]) -> list[Event]:
    """The events that a log tells of, ours or real Caffe's; raises DataError if unreadable.

    What a log does not say (the engine, max_iter, a display's speed in old Caffes) stays unset.
    """
    reader = _Reader()
    try:
        with open(path, errors="replace") as file:
            for line in file:
                reader.feed(line)
    except OSError as error:
        raise DataError(f"cannot read the log {path}: {error.strerror}") from error
    reader.flush()
    return reader.events


class _Reader:
    """Collects events; an event whose lines may go on is pending."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.pending: Event | None = None
        self.resumed, self.net = "", ""

    def feed(self, line: str) -> None:
        for pattern, take in _PATTERNS:
            if match := pattern.search(line):
                take(self, *match.groups())
                return

    def flush(self, following: Event | None = None) -> None:
        pending, self.pending = self.pending, following
        if pending and not (isinstance(pending, Test) and not pending.outputs):
            self.events.append(pending)

    def solving(self, net: str) -> None:
        self.net = net

    def resuming(self, state: str) -> None:
        self.resumed = state

    def policy(self, policy: str) -> None:
        number = re.search(r"_iter_(\d+)\.", self.resumed)
        start = int(number[1]) if number else 0
        self.flush(Started(start, self.net, policy, resumed=self.resumed))
        self.resumed = ""

    def loss(self, number: str, speed: str | None, seconds: str | None, loss: str) -> None:
        pace = (float(speed), float(seconds)) if speed and seconds else (None, None)
        self.flush(Iteration(int(number), float(loss), None, *pace))

    def rate(self, number: str, rate: str) -> None:
        if isinstance(self.pending, Iteration) and self.pending.iteration == int(number):
            self.pending = replace(self.pending, lr=float(rate))

    def testing(self, number: str, net: str) -> None:
        self.flush(Test(int(number), int(net)))

    def test_loss(self, loss: str) -> None:
        if isinstance(self.pending, Test):
            self.pending = replace(self.pending, loss=float(loss))

    def output(self, phase: str, name: str, value: str, weight: str | None) -> None:
        if isinstance(self.pending, {"Train": Iteration, "Test": Test}[phase]):
            output = Output(name, float(value), float(weight or 0))
            self.pending = replace(self.pending, outputs=(*self.pending.outputs, output))

    def snapshot(self, model: str) -> None:
        number = re.search(r"_iter_(\d+)\.", model)
        if number:
            self.flush(Snapshot(int(number[1]), model, ""))

    def state(self, state: str) -> None:
        if isinstance(self.pending, Snapshot):
            self.pending = replace(self.pending, state=state)

    def end(self, how: str) -> None:
        self.flush()
        if self.events and not isinstance(self.events[-1], Finished):  # the tool says it once more
            reason = "max_iter" if how == "Done" else "stopped"
            self.events.append(Finished(self.events[-1].iteration, reason))


_PATTERNS: list[tuple[re.Pattern[str], Callable[..., None]]] = [
    (re.compile(pattern), take)
    for pattern, take in (
        (r"\] Solving (.*)", _Reader.solving),
        (r"\] Resuming from (.*)", _Reader.resuming),
        (r"\] Learning Rate Policy: (\S+)", _Reader.policy),
        (r"\] Iteration (\d+)(?: \((\S+) iter/s, (\S+)s/\d+ iters\))?, loss = (\S+)", _Reader.loss),
        (r"\] Iteration (\d+), lr = (\S+)", _Reader.rate),
        (r"\] Iteration (\d+), Testing net \(#(\d+)\)", _Reader.testing),
        (r"\] Test loss: (\S+)", _Reader.test_loss),
        (r"\] +(Train|Test) net output #\d+: (\S+) = (\S+)(?: \(\* (\S+) = \S+ loss\))?",
         _Reader.output),
        (r"\] Snapshotting to .* file (.*)", _Reader.snapshot),
        (r"\] Snapshotting solver state to .* file (.*)", _Reader.state),
        (r"\] Optimization (Done|stopped early)\.", _Reader.end),
    )
]
