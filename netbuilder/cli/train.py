"""``netbuilder train``: Caffe's own train command, over either engine."""

from __future__ import annotations

import contextlib
import math
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from netbuilder.cli import flags
from netbuilder.cli.progress import Display
from netbuilder.train import job, log, plot
from netbuilder.train.events import Event, Finished, Snapshot, Test
from netbuilder.train.runner import Run

EFFECTS = click.Choice(["snapshot", "stop", "none"])


@click.command(cls=flags.CaffeCommand)
@click.option("--solver", required=True, metavar="FILE", help="The solver prototxt.")
@flags.gpu("the CPU, unless the solver file sets solver_mode: GPU")
@click.option("--snapshot", metavar="FILE", help="Resume from this .solverstate (.solverstate.h5).")
@click.option("--weights", metavar="A,B", callback=flags.names,
              help="Start from these .caffemodel (.caffemodel.h5) files.")
@flags.level
@flags.stage
@click.option("--sigint_effect", type=EFFECTS, default="stop", show_default=True,
              help="What Ctrl-C (SIGINT) does.")
@click.option("--sighup_effect", type=EFFECTS, default="snapshot", show_default=True,
              help="What SIGHUP does.")
@flags.engine
@flags.caffe
@flags.bf16
@click.option("--log", "log_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="The log, in Caffe's format. [default: snapshot_prefix + .log]")
@click.option("--plot", "plot_file", metavar="FILE",
              type=click.Path(dir_okay=False, path_type=Path),
              help="Draw the loss and accuracy curves to this PNG.")
def train(
    *, solver: str, gpu: int | None, snapshot: str | None, weights: list[str], level: int,
    stages: list[str], sigint_effect: str, sighup_effect: str, engine: str | None,
    caffe: str | None, bf16: bool, log_file: Path | None, plot_file: Path | None,
) -> None:
    """Train a net as its solver says, with the embedded engine or with real Caffe.

    By default Ctrl-C takes a snapshot and stops, SIGHUP takes one and goes on, as with `caffe
    train`. The flags are that tool's, and a single dash will do.
    """
    found = flags.chosen_engine(engine, caffe, bf16)
    work = job.load(solver, gpu, weights, snapshot or None, level=level, stages=stages, bf16=bf16,
                    foreign=found.foreign)
    flags.warn(work.warnings)
    if plot_file:
        plot.check(plot_file)
    log_file = log_file or Path(f"{work.param.snapshot_prefix}.log")
    effects = {signal.SIGINT: sigint_effect, signal.SIGHUP: sighup_effect}
    last = _run(Run(found, work, log_file), Display(work), effects)
    if plot_file:
        plot.draw(log.read(log_file), plot_file, work.net.name)
    _report(last, solver, log_file, plot_file)


def _run(run: Run, display: Display, effects: dict[int, str]) -> dict[type, Event]:
    """Trains; the last event of each kind."""
    last: dict[type, Event] = {}
    spoiled = False
    with run, _signals(run, effects), display:
        for event in run:
            last[type(event)] = event
            display.show(event)
            if not spoiled and not math.isfinite(getattr(event, "loss", None) or 0.0):
                spoiled = True
                _say_why(run, event)
    return last


def _say_why(run: Run, event: Event) -> None:
    """Warns of a loss that is no number; the embedded engine has found where that begins."""
    found = [warning for warning in run.engine_warnings() if "the loss is" in warning]
    plain = f"Iteration {event.iteration}: the loss is {event.loss:g}"
    click.echo(f"warning: {(found or [plain])[0]}", err=True)


@contextlib.contextmanager
def _signals(run: Run, effects: dict[int, str]) -> Iterator[None]:
    """Gives signals their effects: ``stop``, ``snapshot`` or ``none``, as Caffe's SignalHandler.

    A second signal to stop does not wait for the iteration to end.
    """
    asked = []

    def stop(*_: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(True)
        click.echo("\nstopping after this iteration; once more ends at once, unsaved", err=True)
        run.ask("stop")

    acts = {"stop": stop, "snapshot": lambda *_: run.ask("snapshot"), "none": signal.SIG_IGN}
    before = {number: signal.signal(number, acts[effect]) for number, effect in effects.items()}
    try:
        yield
    finally:
        for number, effect in before.items():
            signal.signal(number, effect)


def _report(
    last: dict[type, Event], solver: str, log_file: Path, plot_file: Path | None
) -> None:
    """Says how it ended, and where everything is."""
    finished, snapshot, test = last[Finished], last.get(Snapshot), last.get(Test)
    stopped = finished.reason == "stopped"
    click.echo(f"{'Stopped' if stopped else 'Done'} after iteration {finished.iteration}.")
    rows = [("test", ", ".join(f"{o.name} {o.value:.4g}" for o in test.outputs) if test else None)]
    if snapshot:
        rows += [("weights", snapshot.model), ("state", snapshot.state)]
    rows += [("log", log_file), ("curves", plot_file)]
    if stopped and snapshot:
        resume = f"netbuilder train --solver {solver} --snapshot {snapshot.state}"
        rows.append(("to go on", resume))
    for name, value in rows:
        if value:
            click.echo(f"  {name:9} {value}")
