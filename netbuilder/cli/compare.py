"""``netbuilder compare``: networks side by side, as a table and as a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from netbuilder.analysis import tradeoff
from netbuilder.analysis.compare import Entry, compare, report, to_csv, to_json
from netbuilder.analysis.report import print_report, to_markdown
from netbuilder.cli.main import FriendlyCommand
from netbuilder.cli.summary import net_options, read_graphs

FORMATS: dict[str, Callable[[Sequence[Entry]], None]] = {
    "table": lambda entries: print_report(report(entries)),
    "markdown": lambda entries: click.echo(to_markdown(report(entries)), nl=False),
    "csv": lambda entries: click.echo(to_csv(entries), nl=False),
    "json": lambda entries: click.echo(to_json(entries), nl=False),
}


@click.command("compare", cls=FriendlyCommand)
@click.argument("files", nargs=-1, required=True)
@net_options
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table",
              show_default=True, help="Tables are for people, CSV and JSON for programs.")
@click.option("-o", "--output", metavar="PNG", help="Draw the trade-off into this file too.")
def compare_command(*, files: tuple[str, ...], form: str, output: str | None,
                    **choice: Any) -> None:
    """Compare what networks cost, and the accuracy that the model cards beside them state."""
    if output is not None:
        tradeoff.check(output)
    files = tuple(dict.fromkeys(files))  # a file given twice says nothing new
    entries = compare(dict(zip(files, read_graphs(files, **choice), strict=True)))
    if output is not None:
        tradeoff.draw(entries, output)
    FORMATS[form](entries)
