"""What the analyser says, as lines and sheets: for a terminal or a pipe, or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Sheet:
    """A table of texts; its last ``numbers`` columns are aligned right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 0

    def table(self) -> Table:
        """The sheet for rich."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, heading in enumerate(self.headings):
            right = index >= len(self.headings) - self.numbers
            table.add_column(heading, justify="right" if right else "left", no_wrap=right,
                             overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """The sheet as a table of GitHub's Markdown."""
        left = len(self.headings) - self.numbers
        rule = "|".join(["---"] * left + ["---:"] * self.numbers)
        rows = (" | ".join(map(_escaped, row)) for row in (self.headings, *self.rows))
        heading, *lines = (f"| {row} |" for row in rows)
        return "\n".join([heading, f"|{rule}|", *lines])


Part = str | Sheet


def print_report(parts: Iterable[Part]) -> None:
    """Prints to stdout, in colour on a terminal.

    In a pipe every column is as wide as it needs to be, so that no name is cut.
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000
    for part in parts:
        if isinstance(part, str):
            console.print(part)
        elif console.is_terminal:
            console.print(part.table())
        else:  # rich fills a row up to its last column; a file needs no blanks at line ends
            with console.capture() as capture:
                console.print(part.table())
            print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def to_markdown(parts: Iterable[Part]) -> str:
    """The same as a Markdown text."""
    blocks = (part.markdown() if isinstance(part, Sheet) else _escaped(part) for part in parts)
    return "\n\n".join(blocks) + "\n"


def _escaped(text: str) -> str:
    """Names are the user's own: none of them may become markup or end a cell."""
    for mark in ("\\", "|", "*", "_", "`", "<", "["):
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split("\n"))
