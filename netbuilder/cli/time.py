"""``netbuilder time``: Caffe's own time command, over either engine."""

from __future__ import annotations

from pathlib import Path

import click

from netbuilder.cli import flags
from netbuilder.proto import caffe_pb2
from netbuilder.train import model as models
from netbuilder.train.events import Started, Timing
from netbuilder.train.runner import Child
from netbuilder.train.tool import lines_of_time


@click.command(cls=flags.CaffeCommand)
@flags.model
@flags.iterations
@click.option("--phase", type=click.Choice(["TRAIN", "TEST"]), default="TRAIN", show_default=True)
@flags.gpu()
@flags.level
@flags.stage
@flags.engine
@flags.caffe
@flags.bf16
@flags.engine_log
def time(
    *, model: str, iterations: int, phase: str, gpu: int | None, level: int, stages: list[str],
    engine: str | None, caffe: str | None, bf16: bool, log_file: Path | None,
) -> None:
    """Time a model: milliseconds of each layer forward and backward, and of the whole.

    The embedded engine has two gaits. Layers are timed one by one in the inspectable one; the
    whole net is also timed in the fast one, which `train` and `test` use. Caffe's own lines go to
    stderr, as from `caffe time`; a table goes to stdout.
    """
    found = flags.chosen_engine(engine, caffe, bf16)
    if gpu is not None and found.name == "caffe":
        raise click.UsageError("real Caffe's work on a GPU cannot be waited for from Python; its "
                               "own tool can: caffe time")
    work = models.load(model, caffe_pb2.Phase.Value(phase), level=level, stages=stages,
                       iterations=iterations, gpu=gpu, bf16=bf16, foreign=found.foreign)
    flags.warn(work.warnings)
    with Child(found, "time", work, log_file) as child:
        for event in child:
            click.echo(lines_of_time(event, work), err=True, nl=False)
            if isinstance(event, Started):
                click.echo(f"Timing {work.name or work.file} ({phase}) with {event.who()}: "
                           f"{work.iterations} iterations")
            elif isinstance(event, Timing):
                _table(event)


def _table(timing: Timing) -> None:
    """Layers with their shares of the whole, then the whole in each gait."""
    whole = timing.total / timing.iteration
    width = max([24, *(len(layer.name) for layer in timing.layers)])
    click.echo(f"{'layer':{width}} {'type':18} {'forward ms':>11} {'backward ms':>12} {'share':>6}")
    for name, kind, forward, backward in timing.layers:
        share = (forward + backward) / whole if whole else 0.0
        click.echo(f"{name:{width}} {kind:18} {forward:11.4g} {backward:12.4g} {share:6.1%}")
    rows = [("all layers, one by one", timing.forward, timing.backward, whole)]
    if timing.fast_total is not None:
        rows.append(("the fast gait", timing.fast_forward, None, timing.fast_total))
    for name, forward, backward, both in rows:
        back = "" if backward is None else f"{backward:.4g}"
        click.echo(f"{name:{width + 19}} {forward:11.4g} {back:>12}   together {both:.4g} ms")
