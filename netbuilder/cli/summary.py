"""``netbuilder summary``: what a network file costs, layer by layer and in total."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from netbuilder import passes
from netbuilder.analysis.costs import Costs, costs
from netbuilder.analysis.export import to_csv, to_json
from netbuilder.analysis.fold import LONG
from netbuilder.analysis.report import print_report, to_markdown
from netbuilder.analysis.table import report
from netbuilder.cli.main import FriendlyCommand
from netbuilder.errors import NetbuilderError
from netbuilder.graph import Graph, resolve
from netbuilder.layer import Shape
from netbuilder.proto import caffe_pb2


class InputShape(click.ParamType):
    """``NAME=N,C,H,W``: a blob's name and its dimensions."""

    name = "NAME=N,C,H,W"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, Shape]:
        blob, equals, dims = value.rpartition("=")
        sizes = dims.split(",") if dims else []  # NAME= is a scalar
        if not (equals and blob) or not all(
                size.strip().isdecimal() and len(size) < 20 for size in sizes):
            self.fail(f'"{value}" is not a blob and its shape, such as data=1,3,224,224')
        return blob, tuple(map(int, sizes))


def _print(text: str) -> None:
    click.echo(text, nl=False)


FORMATS: dict[str, Callable[[Costs, bool | None], None]] = {
    "table": lambda result, fold: print_report(report(result, fold)),
    "markdown": lambda result, fold: _print(to_markdown(report(result, fold))),
    "csv": lambda result, fold: _print(to_csv(result)),
    "json": lambda result, fold: _print(to_json(result)),
}
FOLDING = ("table", "markdown")


def net_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options that choose a net's layers and tell what its file does not."""
    options = (
        click.option("--phase", type=click.Choice(["TRAIN", "TEST"], case_sensitive=False),
                     help="Default: the phase the file is for; the output says which."),
        click.option("--level", type=int, default=0, show_default=True,
                     help="Level of the net's state."),
        click.option("--stage", "stages", multiple=True, metavar="S",
                     help="Stage of the net's state."),
        click.option("--input", "inputs", multiple=True, type=InputShape(),
                     metavar=InputShape.name, help="Shape of a blob that the file does not tell."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_graphs(files: Sequence[str], phase: str | None, level: int, stages: tuple[str, ...],
                inputs: tuple[tuple[str, Shape], ...]) -> list[Graph]:
    """Several files, each in its own phase unless one is given; errors name the file.

    An ``--input`` is for the files that have that blob; one that none has is an error.
    """
    from netbuilder.proto.io import read_net

    graphs, told = [], set()
    for file in files:
        net = read_net(file)
        try:
            net = passes.upgrade(net)
            tops = {top for layer in net.layer for top in layer.top}
            own = {name: shape for name, shape in inputs if name in tops}
            graphs.append(resolve(net, _phase(net, phase, level, stages), level, stages, own))
        except NetbuilderError as error:
            raise type(error)(f"{file}: {error}") from error
        told.update(own)
    for name, _ in inputs:
        if name not in told:
            raise click.UsageError(f'--input: no blob is named "{name}" in any of the files')
    return graphs


def _phase(net: Any, phase: str | None, level: int, stages: tuple[str, ...]) -> int:
    return (caffe_pb2.Phase.Value(phase.upper()) if phase
            else passes.default_phase(net, level, stages))


@click.command(cls=FriendlyCommand)
@click.argument("file")
@net_options
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table",
              show_default=True, help="Tables are for people, CSV and JSON for programs.")
@click.option("--fold/--no-fold", default=None,
              help="One row for the layers of a stage, block or lego, or a row for each layer. "
                   f"Default: a table of more than {LONG} layers is folded.")
def summary(*, file: str, phase: str | None, level: int, stages: tuple[str, ...],
            inputs: tuple[tuple[str, Shape], ...], form: str, fold: bool | None) -> None:
    """Count a network's parameters and multiply-accumulates from its prototxt FILE.

    Works on any Caffe network, with the shapes that Caffe would compute; nothing is run.
    """
    from netbuilder.proto.io import read_net

    if fold is not None and form not in FOLDING:
        raise click.UsageError(f"--fold and --no-fold are for tables; --format {form} always has "
                               "every layer")
    net = read_net(file)
    result = costs(resolve(net, _phase(net, phase, level, stages), level, stages, dict(inputs)))
    FORMATS[form](result, fold)
