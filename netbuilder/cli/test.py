"""``netbuilder test``: Caffe's own test command, over either engine."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from netbuilder.cli import flags
from netbuilder.proto import caffe_pb2
from netbuilder.train import model as models
from netbuilder.train.events import Event, Output, Scored, Started
from netbuilder.train.runner import Child
from netbuilder.train.tool import lines_of_test


@click.command(cls=flags.CaffeCommand)
@flags.model
@click.option("--weights", required=True, metavar="A,B", callback=flags.names,
              help="The .caffemodel (or .caffemodel.h5) files with the net's weights.")
@flags.iterations
@flags.gpu()
@flags.level
@flags.stage
@flags.engine
@flags.caffe
@flags.bf16
@flags.engine_log
def test(
    *, model: str, weights: list[str], iterations: int, gpu: int | None, level: int,
    stages: list[str], engine: str | None, caffe: str | None, bf16: bool, log_file: Path | None,
) -> None:
    """Score a model: the outputs of its TEST phase, each batch's and their averages.

    Caffe's own lines go to stderr, as from `caffe test`; a summary goes to stdout.
    """
    found = flags.chosen_engine(engine, caffe, bf16)
    work = models.load(model, caffe_pb2.TEST, level=level, stages=stages, weights=weights,
                       iterations=iterations, gpu=gpu, bf16=bf16, foreign=found.foreign)
    flags.warn(work.warnings)
    with Child(found, "test", work, log_file) as child:
        for event in child:
            click.echo(lines_of_test(event, work), err=True, nl=False)
            _show(event, work)


def _show(event: Event, work: models.Model) -> None:
    if isinstance(event, Started):
        click.echo(f"Testing {work.name or work.file} with {event.who()}: "
                   f"{work.iterations} batches")
    elif isinstance(event, Scored):
        for name, values in groupby(event.outputs, lambda output: output.name):
            click.echo(f"  {name:16} {_in_words(list(values))}")
        click.echo(f"  {'Loss':16} {event.loss:g}")


def _in_words(outputs: list[Output]) -> str:
    """One blob's averages: the number, or how many there are and where they lie."""
    values = [output.value for output in outputs]
    if len(values) > 1:
        return (f"{len(values)} values from {min(values):g} to {max(values):g}, "
                f"mean {sum(values) / len(values):g}")
    weight = outputs[0].loss_weight
    return f"{values[0]:g}" + (f"  (weighs {weight:g} in the loss)" if weight else "")
