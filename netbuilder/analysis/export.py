"""Costs for programs: CSV and JSON (docs/counting.md)."""

from __future__ import annotations

import csv
import json
from typing import Any

from netbuilder.analysis.costs import COUNTS, Costs, LayerRow, ParamRow
from netbuilder.analysis.receptive import Field, Number
from netbuilder.layer import show


def to_csv(costs: Costs) -> str:
    """One line per layer under a header; each count's column sums up to its total.

    Several blobs in one cell are separated by spaces.
    """
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(["name", "type", "bottoms", "tops", "top_shapes", *COUNTS])
    for row in costs.layers:
        lists = (row.bottoms, row.tops, map(show, row.top_shapes))
        writer.writerow([row.name, row.type, *map(" ".join, lists), *row.counts.values()])
    return "".join(lines)


class _Lines(list[str]):
    """Takes lines from a csv.writer, which quotes only what its own line end consists of."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def to_json(costs: Costs) -> str:
    """The rows, the blobs' shapes and the totals as one JSON object, a line for each layer."""
    whole = as_dict(costs)
    layers = ",\n  ".join(map(json.dumps, whole.pop("layers")))
    rest = [f'"{key}": {json.dumps(value)}' for key, value in whole.items()]
    return "{" + ",\n ".join([*rest, f'"layers": [\n  {layers}\n ]']) + "}\n"


def as_dict(costs: Costs) -> dict[str, Any]:
    """What ``to_json`` writes."""
    return {
        "name": costs.name,
        "phase": costs.phase,
        "batch": costs.batch,
        "layers": [_layer(row) for row in costs.layers],
        "blobs": costs.blobs,
        "totals": {"layers": len(costs.layers), **costs.totals,
                   "bytes_moved": costs.bytes_moved, "intensity": costs.intensity},
        "memory": {**costs.memory.figures, "peak": costs.memory.peak},
        "free": costs.free,
        "uncounted": costs.uncounted,
        "receptive_fields": {name: field and _field(field)
                             for name, field in costs.fields.items()},
    }


def _field(field: Field) -> dict[str, Any]:
    axes = [{name: _number(getattr(axis, name)) for name in ("size", "stride", "offset")}
            for axis in field.axes]
    return {"source": field.source, "aligned": field.aligned, "axes": axes}


def _number(value: Number) -> float:
    return int(value) if value == int(value) else float(value)


def _layer(row: LayerRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "type": row.type,
        "bottoms": row.bottoms,
        "tops": row.tops,
        "top_shapes": row.top_shapes,
        "params": [_param(param) for param in row.params],
        **row.counts,
        "counted": row.counted,
        "bytes_moved": row.bytes_moved,
        "intensity": row.intensity,
    }


def _param(param: ParamRow) -> dict[str, Any]:
    shared = {"shared_with": param.shared_with} if param.shared_with else {}
    return {"name": param.name, "shape": param.shape, "count": param.count,
            "learned": param.learned, **shared}
