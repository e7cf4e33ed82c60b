"""``netbuilder upgrade``: a net or solver of an older Caffe, written in today's format."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from netbuilder.cli.main import FriendlyCommand
from netbuilder.errors import ParseError, naming
from netbuilder.proto import caffe_pb2, io, text
from netbuilder.upgrade.net import upgrade_net
from netbuilder.upgrade.result import Upgraded
from netbuilder.upgrade.solver import upgrade_solver


@click.command(cls=FriendlyCommand)
@click.argument("file")
@click.option("-o", "--output", metavar="FILE",
              help="Where to write, over what is there.  [default: standard output]")
def upgrade(*, file: str, output: str | None) -> int:
    """Write an old net or solver FILE in today's format, as Caffe reads it.

    Reads prototxt (nets and solvers) and .caffemodel; text stays text, binary stays binary.
    Comments of an upgraded text are lost. What was done is said on standard error. The exit
    code is 1 if something had no place in today's format; the file is written without it.
    """
    binary = io.is_binary(file)
    message, upgraded = (io.read_net(file), upgrade_net) if binary else _read_text(file)
    with naming(file):
        result = upgraded(message)
    data = _data(file, result, binary)
    if output is None:
        _show(data, binary)
    else:
        io.write_atomically(output, data)
    _report(file, result)
    return 1 if result.lost else 0


def _read_text(file: str) -> tuple[Any, Callable[[Any], Upgraded]]:
    """The net or solver and what upgrades it; if it is neither, the error that is further on."""
    errors = []
    for kind, upgraded in ((caffe_pb2.NetParameter, upgrade_net),
                           (caffe_pb2.SolverParameter, upgrade_solver)):
        try:
            return io.read_text(file, kind), upgraded
        except ParseError as error:
            errors.append(error)
    raise max(errors, key=lambda error: (error.line or 0, error.column or 0))


def _data(file: str, result: Upgraded, binary: bool) -> bytes:
    """What to write: the very bytes of the file if there is nothing to do."""
    if not result.done:
        return Path(file).read_bytes()
    return (result.message.SerializeToString() if binary
            else text.dumps(result.message).encode())


def _show(data: bytes, binary: bool) -> None:
    if binary and sys.stdout.isatty():
        raise click.UsageError("a binary file is no text for a terminal; name one with -o")
    click.echo(data, nl=False)


def _report(file: str, result: Upgraded) -> None:
    for phrase in result.done or ["nothing to do, the file is in today's format"]:
        click.echo(f"{file}: {phrase}", err=True)
    for phrase in result.lost:
        click.echo(f"{file}: left out: {phrase}", err=True)
