"""``netbuilder diff``: what an edit did to a network's layers, shapes and costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from netbuilder import passes
from netbuilder.analysis.diff import Diff, diff
from netbuilder.analysis.diff_report import report, to_json
from netbuilder.analysis.report import print_report, to_markdown
from netbuilder.cli.main import FriendlyCommand
from netbuilder.cli.summary import net_options, read_graphs
from netbuilder.proto import caffe_pb2
from netbuilder.proto.io import is_binary

FORMATS: dict[str, Callable[[Diff, str, str], None]] = {
    "table": lambda result, *files: print_report(report(result, *files)),
    "markdown": lambda result, *files: click.echo(to_markdown(report(result, *files)), nl=False),
    "json": lambda result, *files: click.echo(to_json(result), nl=False),
}


@click.command("diff", cls=FriendlyCommand)
@click.argument("before")
@click.argument("after")
@net_options
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table",
              show_default=True, help="Tables are for people, JSON for programs.")
def diff_command(*, before: str, after: str, form: str, phase: str | None, **choice: Any) -> int:
    """Show what changed from one network file, BEFORE, to another, AFTER.

    Layers are matched by name, renamed ones by content. Without --phase it is the phase that the
    files are for and, if nothing differs there, the other one, which a .caffemodel does not have.
    Exit code 0: nothing differs; 1: something does; 2: a file cannot be read.
    """
    files = before, after
    result = diff(*read_graphs(files, phase, **choice))
    if result.equal and phase is None and not any(map(is_binary, files)):
        other = "TRAIN" if result.after.phase == "TEST" else "TEST"
        if _differ(files, caffe_pb2.Phase.Value(other), choice["level"], choice["stages"]):
            result = diff(*read_graphs(files, other, **choice))
    FORMATS[form](result, *files)
    return 0 if result.equal else 1


def _differ(files: tuple[str, str], phase: int, level: int, stages: tuple[str, ...]) -> bool:
    """True if the files keep other layers in a phase; their shapes need not be known."""
    from netbuilder.proto.io import read_net

    nets = (passes.for_phase(passes.upgrade(read_net(file)), phase, level, stages)
            for file in files)
    old, new = (list(net.layer) for net in nets)
    return old != new
