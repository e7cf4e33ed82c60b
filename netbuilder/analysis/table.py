"""Costs for people: a table of the layers, and the totals in both conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netbuilder.analysis.costs import COUNTS, Costs, LayerRow
from netbuilder.layer import show

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("learned_params", "stored_values", "macs")  # those of COUNTS that each layer shows
CONVENTIONS = {
    "True counts, for one image": COLUMNS,
    "pynetbuilder's convention": ("documented_params", "documented_flops"),
}


def print_table(costs: Costs) -> None:
    """Prints the layers and the totals to stdout, in colour on a terminal.

    In a pipe every column is as wide as it needs to be, so that no name is cut.
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000
    console.print(f"{costs.name or 'a net without a name'}, phase {costs.phase}: "
                  f"{len(costs.layers)} layers, batch {costs.batch}")
    console.print(_layers(costs))
    for convention, names in CONVENTIONS.items():
        console.print(_totals(convention, names, costs.totals))


def _layers(costs: Costs) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("layer", "type", "top shapes"):
        table.add_column(heading, overflow="fold")
    for name in COLUMNS:
        table.add_column(COUNTS[name], justify="right", no_wrap=True)
    for row in costs.layers:
        table.add_row(*_cells(row))
    return table


def _cells(row: LayerRow) -> list[str]:
    shapes = " ".join(map(show, row.top_shapes))
    numbers = (f"{getattr(row, name):,}" if getattr(row, name) else "" for name in COLUMNS)
    return [row.name, row.type, shapes, *numbers]


def _totals(convention: str, names: tuple[str, ...], totals: dict[str, int]) -> Table:
    from rich.table import Table

    table = Table(title=convention, title_justify="left", box=None, show_header=False,
                  pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    for name in names:
        table.add_row(COUNTS[name], f"{totals[name]:,}", f"{totals[name] / 1e6:.6f} million")
    return table
