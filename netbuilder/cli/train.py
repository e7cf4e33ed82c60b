"""``netbuilder train``: Caffe's own train command, over either engine."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from netbuilder.cli.progress import Display
from netbuilder.train import job, log, plot
from netbuilder.train.engines import ENGINES, find_engine
from netbuilder.train.events import Event, Finished, Snapshot, Test
from netbuilder.train.runner import Run


def one_gpu(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """The device number of ``--gpu 0`` or of ``--gpu all`` on a machine that has one."""
    if value is None:
        return None
    ids = _all_gpus() if value == "all" else value.split(",")
    if not ids:
        raise click.BadParameter("nvidia-smi lists no GPU on this machine")
    if not all(part.strip().isdigit() for part in ids):
        raise click.BadParameter(f'"{value}" is neither device numbers ("0") nor "all"')
    if len(ids) > 1:
        raise click.BadParameter(
            f"a run uses one GPU so far, not {len(ids)}; choose one of {', '.join(ids)}"
        )
    return int(ids[0])


def _all_gpus() -> list[str]:
    try:
        listed = subprocess.run(("nvidia-smi", "-L"), capture_output=True, text=True, check=False)
    except OSError:
        return []
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return [str(number) for number in range(count)]


@click.command()
@click.option("--solver", required=True, metavar="FILE", help="The solver prototxt.")
@click.option("--gpu", metavar="ID", callback=one_gpu,
              help='A device number, or "all". [default: the CPU, unless the solver file '
                   "sets solver_mode: GPU]")
@click.option("--snapshot", metavar="FILE", help="Resume from this .solverstate.")
@click.option("--weights", metavar="A,B", help="Start from these .caffemodel files.")
@click.option("--engine", type=click.Choice(ENGINES), help="[default: torchcaffe]")
@click.option("--caffe", metavar="INTERPRETER",
              help="Use real Caffe, from this Python or root folder.")
@click.option("--log", "log_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="The log, in Caffe's format. [default: snapshot_prefix + .log]")
@click.option("--plot", "plot_file", metavar="FILE",
              type=click.Path(dir_okay=False, path_type=Path),
              help="Draw the loss and accuracy curves to this PNG.")
def train(
    *, solver: str, gpu: int | None, snapshot: str | None, weights: str | None,
    engine: str | None, caffe: str | None, log_file: Path | None, plot_file: Path | None,
) -> None:
    """Trains a net as its solver says, with the embedded engine or with real Caffe.

    Ctrl-C takes a snapshot and stops, SIGHUP takes one and goes on, as with `caffe train`.
    """
    if caffe and engine == "torchcaffe":
        raise click.UsageError("--caffe names real Caffe, --engine torchcaffe the other engine")
    work = job.load(solver, gpu, [weights] if weights else [], snapshot)
    found = find_engine(engine or ("caffe" if caffe else "torchcaffe"), caffe)
    if plot_file:
        plot.check(plot_file)
    log_file = log_file or Path(f"{work.param.snapshot_prefix}.log")
    last = _run(Run(found, work, log_file), Display(work))
    if plot_file:
        plot.draw(log.read(log_file), plot_file, work.net.name)
    _report(last, solver, log_file, plot_file)


def _run(run: Run, display: Display) -> dict[type, Event]:
    """Trains; the last event of each kind."""
    last: dict[type, Event] = {}
    with run, _signals(run), display:
        for event in run:
            last[type(event)] = event
            display.show(event)
    return last


@contextlib.contextmanager
def _signals(run: Run) -> Iterator[None]:
    """Caffe's signal effects: SIGINT stops with a snapshot, SIGHUP takes one."""
    asked = []

    def interrupt(*_: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(True)
        click.echo("\nstopping after this iteration; once more ends at once, unsaved", err=True)
        run.ask("stop")

    effects = {signal.SIGINT: interrupt, signal.SIGHUP: lambda *_: run.ask("snapshot")}
    before = {number: signal.signal(number, effect) for number, effect in effects.items()}
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
