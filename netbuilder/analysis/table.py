"""Costs for people: the layers, folded where there are many, and the totals by convention."""

from __future__ import annotations

from collections.abc import Mapping

from netbuilder.analysis.costs import COUNTS, Costs
from netbuilder.analysis.fold import LONG, Group, fold
from netbuilder.analysis.report import Part, Sheet
from netbuilder.layer import show

# The columns of a table for people; the totals below it, CSV and JSON have every count.
COLUMNS = {"learned_params": "learned", "stored_values": "stored", "macs": "MACs"}
TRUE, DOCUMENTED = "true counts", "pynetbuilder's convention"


def report(costs: Costs, folded: bool | None = None) -> list[Part]:
    """The layers and the totals. ``folded`` None folds a net of more than LONG layers."""
    if folded is None:
        folded = len(costs.layers) > LONG
    groups = fold(costs.layers) if folded else [Group(row.name, (row,)) for row in costs.layers]
    title = (f"{costs.name or 'a net without a name'}, phase {costs.phase}: "
             f"{len(costs.layers)} layers, batch {costs.batch}")
    if folded:
        title += f"; folded into {len(groups)} rows by their names"
    free = sorted({row.type for row in costs.layers} - {r.type for r in costs.layers if r.macs})
    return [title, _layers(groups), totals(costs.totals),
            f"Layers without multiply-accumulates: {', '.join(free) or 'none'}"]


def _layers(groups: list[Group]) -> Sheet:
    headings = ["layer", "type", "top shapes", *COLUMNS.values()]
    return Sheet(headings, [_cells(group) for group in groups], len(COLUMNS))


def _cells(group: Group) -> list[str]:
    counts = group.counts
    numbers = (f"{counts[name]:,}" if counts[name] else "" for name in COLUMNS)
    return [group.name, group.type, " ".join(map(show, group.top_shapes)), *numbers]


def totals(counts: Mapping[str, int]) -> Sheet:
    """Every total under its convention."""
    rows: list[list[str]] = []
    for convention, names in conventions().items():
        for name in names:
            heading = convention if name == names[0] else ""
            rows.append([heading, COUNTS[name], f"{counts[name]:,}"])
    return Sheet(["total, for one image", "", ""], rows, 1)


def conventions() -> dict[str, list[str]]:
    """The names in COUNTS by the convention that they follow."""
    documented = [name for name in COUNTS if name.startswith("documented_")]
    return {TRUE: [name for name in COUNTS if name not in documented], DOCUMENTED: documented}
