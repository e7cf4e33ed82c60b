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
from netbuilder.errors import did_you_mean, naming
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


def _once(_: click.Context, option: click.Parameter, inputs: tuple[tuple[str, Shape], ...],
          ) -> tuple[tuple[str, Shape], ...]:
    names = [name for name, _ in inputs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise click.BadParameter(f'"{twice}" is given more than once', param=option)
    return inputs


def _print(text: str) -> None:
    click.echo(text, nl=False)


FORMATS: dict[str, Callable[[Costs, bool | None], None]] = {
    "table": lambda result, fold: print_report(report(result, fold)),
    "markdown": lambda result, fold: _print(to_markdown(report(result, fold))),
    "csv": lambda result, fold: _print(to_csv(result)),
    "json": lambda result, fold: _print(to_json(result)),
}
FOLDING = ("table", "markdown")


shapes_of_inputs = click.option(
    "--input", "inputs", multiple=True, type=InputShape(), callback=_once,
    metavar=InputShape.name, help="Shape of a blob that the file does not tell.")


def net_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options that choose a net's layers and tell what its file does not."""
    options = (
        click.option("--phase", type=click.Choice(["TRAIN", "TEST"], case_sensitive=False),
                     help="Default: the phase the file is for; the output says which."),
        click.option("--level", type=int, default=0, show_default=True,
                     help="Level of the net's state."),
        click.option("--stage", "stages", multiple=True, metavar="S",
                     help="Stage of the net's state."),
        shapes_of_inputs,
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_graphs(files: Sequence[str], phase: str | None, level: int, stages: tuple[str, ...],
                inputs: tuple[tuple[str, Shape], ...]) -> list[Graph]:
    """Several files, each in its own phase unless one is given; errors name the file.

    A .caffemodel's blobs get the names that they had before Caffe put Split layers in.
    An ``--input`` is for the files that have that blob, in the phase that is read; one that none
    has in any phase is an error.
    """
    from netbuilder.proto.io import is_binary, read_net

    nets = []
    for file in files:
        net = read_net(file)
        with naming(file):
            net = passes.upgrade(net)
        nets.append(passes.without_splits(net) if is_binary(file) else net)
    known = set().union(*map(_tops, nets)) if inputs else set()
    for name, _ in inputs:
        if name not in known:
            raise click.UsageError(f'{", ".join(files)}: no blob is named "{name}"'
                                   f"{did_you_mean(name, known)}")
    graphs = []
    for file, net in zip(files, nets, strict=True):
        with naming(file):
            state = _phase(net, phase, level, stages), level, stages
            own = _tops(passes.for_phase(net, *state)) if inputs else set()
            graphs.append(resolve(net, *state, {name: shape for name, shape in inputs
                                                if name in own}))
    return graphs


def _tops(net: Any) -> set[str]:
    return {top for layer in net.layer for top in layer.top}


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
    """Count what a network costs, layer by layer and in total.

    FILE is the prototxt or .caffemodel of any Caffe network, of any age. Shapes are those that
    Caffe would compute; nothing is run.
    """
    if fold is not None and form not in FOLDING:
        raise click.UsageError(f"--fold and --no-fold are for tables; --format {form} always has "
                               "every layer")
    [graph] = read_graphs([file], phase, level, stages, inputs)
    result = costs(graph)
    FORMATS[form](result, fold)
