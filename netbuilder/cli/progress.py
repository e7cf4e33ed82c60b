"""What a training run shows: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from typing import Any

import click

from netbuilder.train.events import Event, Iteration, Progress, Snapshot, Started, Test, Testing
from netbuilder.train.job import Job


class Display:
    """Shows events while it is entered."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.bar: Any = None
        self.start = 0
        self.facts = dict.fromkeys(("iteration", "loss", "lr", "score", "test"), "")

    def __enter__(self) -> Display:
        click.echo("Starting ...", err=True)
        return self

    def __exit__(self, *exc: Any) -> None:
        if self.bar is not None:
            self.bar.__exit__(*exc)

    def show(self, event: Event) -> None:
        """Shows one event."""
        if isinstance(event, Started):
            self._begin(event)
        elif self.bar is not None:
            self._move(event)
        elif line := describe(event):
            click.echo(line)

    def _begin(self, event: Started) -> None:
        click.echo(f"Training {event.net or 'the net'} with {event.who()}: "
                   f"iterations {event.iteration} to {event.max_iter}")
        if sys.stdout.isatty():
            self.start = event.iteration
            self.bar = click.progressbar(
                length=max(event.max_iter - event.iteration, 1), width=24,
                item_show_func=lambda _: "  ".join(filter(None, self.facts.values())),
            )
            self.bar.__enter__()

    def _move(self, event: Event) -> None:
        if isinstance(event, (Iteration, Progress)):
            self.facts["iteration"] = f"{event.iteration}/{self.job.param.max_iter}"
            self.facts["loss"] = f"loss {event.loss:.4g}"
            self.facts["lr"] = f"lr {self.job.learning_rate(event.iteration):.3g}"
        elif isinstance(event, Testing):
            self.facts["test"] = f"testing {event.done}/{event.total}"
        elif isinstance(event, Test):
            self.facts["test"], self.facts["score"] = "", outputs(event)
        self.bar.update(event.iteration - self.start - self.bar.pos)
        self.bar.render_progress()


def describe(event: Event) -> str | None:
    """A line for a log file or a pipe; None for signs of life."""
    if isinstance(event, Iteration):
        rate = "" if event.lr is None else f"  lr {event.lr:.4g}"
        return f"Iteration {event.iteration}  loss {event.loss:.6g}{rate}"
    if isinstance(event, Test):
        which = f" net #{event.net}" if event.net else ""
        return f"Iteration {event.iteration}  test{which}: {outputs(event)}"
    if isinstance(event, Snapshot):
        return f"Iteration {event.iteration}  snapshot {event.model}"
    return None


def outputs(event: Test) -> str:
    """The first few test outputs in words."""
    shown = ", ".join(f"{name} {value:.4g}" for name, value, _ in event.outputs[:3])
    return shown + (" ..." if len(event.outputs) > 3 else "")
