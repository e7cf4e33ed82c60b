"""``netbuilder train``: Caffe's own train command, over either engine."""

from __future__ import annotations

import contextlib
import math
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from netbuilder.cli import flags
from netbuilder.cli.progress import Display
from netbuilder.train import chain, job, log, plot
from netbuilder.train.events import Event, Finished, Snapshot, Test
from netbuilder.train.runner import Run

EFFECTS = click.Choice(["snapshot", "stop", "none"])


class Ended(NamedTuple):
    """How a training ended: the last event of each kind, and where log and curves are."""

    events: Mapping[type, Any]
    log_file: Path
    plot_file: Path | None

    @property
    def stopped(self) -> bool:
        """True if it was asked to stop before its end."""
        return self.events[Finished].reason == "stopped"


@click.command(cls=flags.CaffeCommand)
@click.option("--solver", metavar="FILE", help="The solver prototxt.")
@click.option("--run", "folder", metavar="FOLDER",
              help="In place of --solver: all solvers of a folder that `netbuilder build` made, "
                   "one after another. Given again, it goes on where it was stopped.")
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
    *, solver: str | None, folder: str | None, snapshot: str | None, weights: list[str],
    sigint_effect: str, sighup_effect: str, log_file: Path | None, plot_file: Path | None,
    **choice: Any,
) -> None:
    """Train a net as its solver says, with the embedded engine or with real Caffe.

    By default Ctrl-C takes a snapshot and stops, SIGHUP takes one and goes on, as with `caffe
    train`. The flags are that tool's, and a single dash will do.
    """
    effects = {signal.SIGINT: sigint_effect, signal.SIGHUP: sighup_effect}
    if (solver is None) == (folder is None):
        raise click.UsageError("give a solver file with --solver, or a folder with --run")
    if folder is None:
        start = chain.Start(Path(str(solver)), snapshot or None, weights)
        ended = _train(start, effects, log_file, plot_file, **choice)
        _report(ended, f"--solver {solver} --snapshot {{}}")
    elif snapshot or log_file or plot_file:
        raise click.UsageError("--run finds the snapshots itself, and each of its solvers has a "
                               "log of its own: --snapshot, --log and --plot go with --solver")
    else:
        _train_all(folder, weights, effects, **choice)


def _train_all(folder: str, weights: list[str], effects: dict[int, str], **choice: Any) -> None:
    """All solvers of a folder that are not done, until one is stopped."""
    files, trained = chain.solvers(folder), 0
    _say_reached(chain.reached(files))
    for start in chain.starts(files, weights):
        origin = start.snapshot or ", ".join(start.weights) or "first values"
        click.echo(f"{start.solver} ({files.index(start.solver) + 1} of {len(files)}), "
                   f"from {origin}")
        ended = _train(start, effects, None, None, **choice)
        _report(ended, f"--run {folder}")
        trained += 1
        if ended.stopped:
            return
    if not trained:
        click.echo(f"{folder} is trained to its end: the weights of {files[-1]} are there")


def _say_reached(reached: Sequence[chain.Reached]) -> None:
    """Says which snapshots have to go for a run to begin at its beginning, and which of them a
    run may have left that was another."""
    flags.warn(tuple(f"{each.file} is older than {each.solver}, but is taken for its own"
                     for each in reached if each.older))
    if reached:
        click.echo(f"to start anew, move away: {', '.join(each.snapshots for each in reached)}")


def _train(
    start: chain.Start, effects: dict[int, str], log_file: Path | None, plot_file: Path | None, *,
    gpu: int | None, level: int, stages: list[str], engine: str | None, caffe: str | None,
    bf16: bool,
) -> Ended:
    """Trains one solver."""
    found = flags.chosen_engine(engine, caffe, bf16)
    work = job.load(start.solver, gpu, start.weights, start.snapshot, level=level, stages=stages,
                    bf16=bf16, foreign=found.foreign)
    flags.warn(work.warnings)
    if plot_file:
        plot.check(plot_file)
    log_file = log_file or Path(f"{work.param.snapshot_prefix}.log")
    last = _run(Run(found, work, log_file), Display(work), effects)
    if plot_file:
        plot.draw(log.read(log_file), plot_file, work.net.name)
    return Ended(last, log_file, plot_file)


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


def _report(ended: Ended, resume: str) -> None:
    """Says how it ended, and where everything is. ``resume`` are the flags to go on with, {} in
    place of the state's file."""
    finished, snapshot = ended.events[Finished], ended.events.get(Snapshot)
    test = ended.events.get(Test)
    click.echo(f"{'Stopped' if ended.stopped else 'Done'} after iteration {finished.iteration}.")
    rows = [("test", ", ".join(f"{o.name} {o.value:.4g}" for o in test.outputs) if test else None)]
    if snapshot:
        rows += [("weights", snapshot.model), ("state", snapshot.state)]
    rows += [("log", ended.log_file), ("curves", ended.plot_file)]
    if ended.stopped and snapshot:
        rows.append(("to go on", f"netbuilder train {resume.format(snapshot.state)}"))
    for name, value in rows:
        if value:
            click.echo(f"  {name:9} {value}")
