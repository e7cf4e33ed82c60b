"""Costs for people: a table of the layers, and the totals in both conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netbuilder.analysis.costs import COUNTS, Costs, LayerRow
from netbuilder.layer import show

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = {"learned_params": "learned", "stored_values": "stored", "macs": "MACs"}
CONVENTIONS = {
    "true counts": tuple(COLUMNS),
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
    console.print(_layers(costs), _totals(costs.totals))
    free = sorted({row.type for row in costs.layers} - {r.type for r in costs.layers if r.macs})
    console.print(f"Layers without multiply-accumulates: {', '.join(free) or 'none'}")


def _layers(costs: Costs) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("layer", "type", "top shapes"):
        table.add_column(heading, overflow="fold")
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for row in costs.layers:
        table.add_row(*_cells(row))
    return table


def _cells(row: LayerRow) -> list[str]:
    shapes = " ".join(map(show, row.top_shapes))
    numbers = (f"{getattr(row, name):,}" if getattr(row, name) else "" for name in COLUMNS)
    return [row.name, row.type, shapes, *numbers]


def _totals(totals: dict[str, int]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("total, for one image")
    table.add_column()
    table.add_column(justify="right")
    for convention, names in CONVENTIONS.items():
        for name in names:
            heading = convention if name == names[0] else ""
            table.add_row(heading, COUNTS[name], f"{totals[name]:,}")
    return table
