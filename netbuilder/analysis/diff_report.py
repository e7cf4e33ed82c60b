"""A diff for people, and as JSON (docs/comparing.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from netbuilder.analysis.costs import COUNTS, Costs
from netbuilder.analysis.diff import Change, Diff
from netbuilder.analysis.report import Part, Sheet
from netbuilder.analysis.table import COLUMNS
from netbuilder.layer import Shape, show


def report(diff: Diff, before: str, after: str) -> list[Part]:
    """The changes and the totals; ``before`` and ``after`` say what the nets are called."""
    title = f"{_title(before, diff.before)} -> {_title(after, diff.after)}"
    if diff.equal:
        return [title, "No layer differs."]
    headings = ["change", "layer", "what", *COLUMNS.values()]
    rows = [row for change in diff.changes for row in _rows(change)]
    parts: list[Part] = [title, _summary(diff)]
    if rows:
        parts.append(Sheet(headings, rows, len(COLUMNS)))
    return [*parts, _totals(diff)]


def _title(file: str, costs: Costs) -> str:
    return f"{file} ({costs.phase}, {len(costs.layers)} layers, batch {costs.batch})"


def _summary(diff: Diff) -> str:
    kinds = [change.kind for change in diff.changes]
    told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    if diff.before.name != diff.after.name:
        told = f'name: "{diff.before.name}" -> "{diff.after.name}"' + (told and f"; {told}")
    return told


def _rows(change: Change) -> Iterator[list[str]]:
    """A row per detail; the first one names the layer and has its numbers."""
    numbers = [_signed(*change.counts[name]) for name in COLUMNS]
    details = list(_details(change)) or [""]
    yield [change.kind, _layer(change), details[0], *numbers]
    for detail in details[1:]:
        yield ["", "", detail, *[""] * len(COLUMNS)]


def _layer(change: Change) -> str:
    names = [row.name for row in (change.before, change.after) if row]
    return " -> ".join(dict.fromkeys(names))


def _details(change: Change) -> Iterator[str]:
    if change.before is None or change.after is None:
        row = change.before or change.after
        yield f"{row.type} {' '.join(map(show, row.top_shapes))}".rstrip()
    for field, (old, new) in change.fields.items():
        yield f"{field}: {_value(old)} -> {_value(new)}"
    for what, shapes in (("top", change.tops), ("blob", change.params)):
        for name, (old, new) in shapes.items():
            yield f'{what} "{name}": {_shape(old)} -> {_shape(new)}'


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return " ".join(map(_value, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shape(shape: Shape | None) -> str:
    return "none" if shape is None else show(shape)


def _signed(old: int, new: int) -> str:
    return f"{new - old:+,}" if new != old else ""


def _totals(diff: Diff) -> Sheet:
    rows = []
    for name, old in diff.before.totals.items():
        new = diff.after.totals[name]
        share = f"{(new - old) / old:+.1%}" if old and new != old else ""
        rows.append([COUNTS[name], f"{old:,}", f"{new:,}", _signed(old, new), share])
    return Sheet(["total, for one image", "before", "after", "change", ""], rows, 4)


def to_json(diff: Diff) -> str:
    """The diff as one JSON object, a line for each change."""
    changes = ",\n  ".join(json.dumps(_change(change)) for change in diff.changes)
    head = {"equal": diff.equal, "before": _net(diff.before), "after": _net(diff.after)}
    parts = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
    return "{" + ",\n ".join([*parts, f'"changes": [\n  {changes}\n ]' if changes
                              else '"changes": []']) + "}\n"


def _net(costs: Costs) -> dict[str, Any]:
    return {"name": costs.name, "phase": costs.phase, "batch": costs.batch,
            "totals": {"layers": len(costs.layers), **costs.totals}}


def _change(change: Change) -> dict[str, Any]:
    rows: Iterable[Any] = (change.before, change.after)
    names, types = zip(*((row.name, row.type) if row else (None, None) for row in rows),
                       strict=True)
    return {"change": change.kind, "layer": names, "type": types, "fields": change.fields,
            "tops": change.tops, "params": change.params, "counts": change.counts}
