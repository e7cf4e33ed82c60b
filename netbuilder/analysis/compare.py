"""Networks side by side: what they cost, and how well they are said to do (docs/comparing.md)."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from netbuilder.analysis.costs import COUNTS, Costs, costs
from netbuilder.analysis.memory import MEMORY, Memory, memory
from netbuilder.analysis.report import Part, Sheet
from netbuilder.analysis.table import COLUMNS
from netbuilder.graph import Graph

CARD = "readme.md"  # a model card, in letters of any case
CARD_SIZE = 2**20  # characters of it that are read
_KEY = re.compile(r"^top1:\s*(\d+(?:\.\d+)?)\s*(%?)\s*$", re.MULTILINE)
_SENTENCE = re.compile(r"\btop-1 accuracy(?: of| is|:)?\s+(\d+(?:\.\d+)?)\s*(%?)", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """A network of a comparison. ``label`` is the part of its path that tells it from the others;
    ``top1`` the accuracy that the card beside it states, from 0 to 1, or None."""

    label: str
    file: str
    costs: Costs
    memory: Memory
    top1: float | None

    @property
    def figures(self) -> dict[str, Any]:
        """Every figure by its name: accuracy, batch, COUNTS for one image, MEMORY of the batch."""
        return {"top1": self.top1, "batch": self.costs.batch, **self.costs.totals,
                **self.memory.figures}


def compare(graphs: Mapping[str, Graph]) -> list[Entry]:
    """An entry per file, in the order given; ``graphs`` maps files to what is in them."""
    labels = short_names(list(graphs))
    return [Entry(label, file, costs(graph), memory(graph), stated_accuracy(file))
            for label, (file, graph) in zip(labels, graphs.items(), strict=True)]


def short_names(files: Sequence[str]) -> list[str]:
    """The files' paths without the folders and the file name that all of them share."""
    paths = [Path(os.path.abspath(file)).parts for file in files]
    if len(paths) < 2:
        return [path[-1] for path in paths]
    start = _shared(paths)
    end = _shared([path[:start - 1:-1] for path in paths])
    return [os.sep.join(path[start: len(path) - end]) or path[-1] for path in paths]


def _shared(paths: Sequence[Sequence[str]]) -> int:
    """How many of their first parts are the same."""
    return sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False)))


def stated_accuracy(file: str) -> float | None:
    """The top-1 accuracy that the model card in the file's folder states, from 0 to 1.

    A line ``top1: 0.7175`` states it, or else a sentence with "top-1 accuracy 0.7175". None if
    there is no card, or none that states one figure.
    """
    found = _KEY.findall(card := _card(Path(file).parent)) or _SENTENCE.findall(card)
    stated = {round(float(number) / (100 if percent or float(number) > 1 else 1), 6)
              for number, percent in found}
    return min(stated) if len(stated) == 1 and max(stated) <= 1 else None


def _card(folder: Path) -> str:
    try:
        cards = [path for path in sorted(folder.iterdir())
                 if path.name.lower() == CARD and path.is_file()]
        if not cards:
            return ""
        with cards[0].open(encoding="utf-8", errors="replace") as file:
            return file.read(CARD_SIZE)
    except OSError:  # what cannot be read states nothing
        return ""


# For people.


def report(entries: Sequence[Entry]) -> list[Part]:
    """One table, a row per network, and where its accuracies are from."""
    headings = ["network", "top-1", *COLUMNS.values(), "batch",
                *(name.replace("_", " ") for name in MEMORY)]
    memory_note = "Parameters and MACs are of one image, bytes of the whole batch."
    stated = any(entry.top1 is not None for entry in entries)
    accuracy_note = "Top-1: as stated by the model card (README.md) beside the file."
    return [Sheet(headings, list(map(_cells, entries)), len(headings) - 1),
            " ".join([memory_note, accuracy_note] if stated else [memory_note])]


def _cells(entry: Entry) -> list[str]:
    figures = entry.figures
    top1 = "" if entry.top1 is None else f"{entry.top1:.2%}"
    return [entry.label, top1, *(f"{figures[name]:,}" for name in COLUMNS),
            str(entry.costs.batch), *(f"{figures[name]:,}" for name in MEMORY)]


# For programs.


def to_csv(entries: Sequence[Entry]) -> str:
    """One line per network; an accuracy that nobody states is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["network", "file", "phase", "top1", "batch", *COUNTS, *MEMORY])
    for entry in entries:
        writer.writerow([entry.label, entry.file, entry.costs.phase, *entry.figures.values()])
    return text.getvalue()


def to_json(entries: Sequence[Entry]) -> str:
    """A list of objects, one per line."""
    rows = ({"network": entry.label, "file": entry.file, "name": entry.costs.name,
             "phase": entry.costs.phase, **entry.figures} for entry in entries)
    return "[" + ",\n ".join(map(json.dumps, rows)) + "]\n"
