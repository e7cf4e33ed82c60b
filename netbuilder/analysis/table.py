"""Costs for people: the layers, folded where there are many, totals by convention, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netbuilder.analysis.costs import COUNTS, Costs
from netbuilder.analysis.fold import LONG, Group, fold
from netbuilder.analysis.memory import MEMORY, Memory
from netbuilder.analysis.receptive import Field
from netbuilder.analysis.report import Part, Sheet
from netbuilder.layer import show

# The columns of a table for people; the totals below it, CSV and JSON have every count.
COLUMNS = {"learned_params": "learned", "stored_values": "stored", "macs": "MACs"}
TRUE, DOCUMENTED = "true counts", "pynetbuilder's convention"


def report(costs: Costs, folded: bool | None = None) -> list[Part]:
    """The layers, the totals and the memory.

    ``folded`` None folds a net of more than LONG layers.
    """
    if folded is None:
        folded = len(costs.layers) > LONG
    groups = fold(costs.layers) if folded else [Group(row.name, (row,)) for row in costs.layers]
    title = (f"{costs.name or 'a net without a name'}, phase {costs.phase}: "
             f"{len(costs.layers)} layers, batch {costs.batch}")
    if folded:
        title += f"; folded into {len(groups)} rows by their names"
    return [title, _layers(groups, costs.fields), totals(costs.totals), _memory(costs.memory),
            *_remarks(costs)]


def _remarks(costs: Costs) -> Iterator[str]:
    free = {row.type for row in costs.layers} - {row.type for row in costs.layers if row.macs}
    yield f"Arithmetic intensity: {costs.intensity:.1f} FLOPs per byte moved"
    yield f"Layers without multiply-accumulates: {', '.join(sorted(free)) or 'none'}"
    if costs.uncounted:
        yield f"No rule tells the operations of: {', '.join(costs.uncounted)}"


def _layers(groups: list[Group], fields: Mapping[str, Field | None]) -> Sheet:
    headings = ["layer", "type", "top shapes", "field", *COLUMNS.values()]
    return Sheet(headings, [_cells(group, fields) for group in groups], len(COLUMNS) + 1)


def _cells(group: Group, fields: Mapping[str, Field | None]) -> list[str]:
    counts, seen = group.counts, [fields.get(top) for top in group.rows[-1].tops]
    numbers = (f"{counts[name]:,}" if counts[name] else "" for name in COLUMNS)
    sizes = (show([axis.size for axis in field.axes]) for field in seen if field)
    return [group.name, group.type, " ".join(map(show, group.top_shapes)),
            " ".join(dict.fromkeys(sizes)), *numbers]


def _memory(figures: Memory) -> Sheet:
    rows = [[MEMORY[name], f"{value:,}"] for name, value in figures.figures.items()]
    return Sheet(["bytes, for the whole batch", ""], rows, 1)


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
