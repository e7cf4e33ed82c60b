"""``netbuilder list``: every network that can be built by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import click

from netbuilder.analysis.report import Sheet, print_report, to_markdown
from netbuilder.build.catalogue import Entry, catalogue
from netbuilder.cli.main import FriendlyCommand

HEADINGS = ["network", "source", "input", "learned", "MACs", "top-1", "top-5"]


def sheet(entries: Sequence[Entry]) -> Sheet:
    """The networks as a table; accuracies in per cent, as reported."""
    return Sheet(HEADINGS, [
        [entry.label, entry.source, entry.input, f"{entry.learned_params:,}",
         f"{entry.macs:,}", *_accuracies(entry)] for entry in entries], 4)


def _accuracies(entry: Entry) -> list[str]:
    reported = entry.reported
    values = (reported.top1, reported.top5) if reported else (None, None)
    return ["" if value is None else f"{100 * value:.4g}" for value in values]


FORMATS: dict[str, Callable[[Sequence[Entry]], None]] = {
    "table": lambda entries: print_report([sheet(entries)]),
    "markdown": lambda entries: click.echo(to_markdown([sheet(entries)]), nl=False),
    "json": lambda entries: click.echo(json.dumps([entry.figures for entry in entries], indent=1)),
}


@click.command("list", cls=FriendlyCommand)
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table",
              show_default=True, help="Tables are for people, JSON for programs.")
def list_command(*, form: str) -> None:
    """List every network: parameters, multiply-accumulates, source, reported accuracy.

    Learned parameters and MACs are those of one image in the deployed network; accuracies are
    per cent, on the validation set. The model card of `netbuilder build NAME` says more.
    """
    FORMATS[form](list(catalogue()))
