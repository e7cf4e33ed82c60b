"""What the analyser says, as lines and sheets: for a terminal or a pipe, or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netbuilder.errors import presentable

if TYPE_CHECKING:
    from rich.table import Table

_LONGEST = 200  # characters of a cell for people; CSV and JSON have all


@dataclass(frozen=True)
class Sheet:
    """A table of texts; its last ``numbers`` columns are aligned right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 0

    def table(self) -> Table:
        """The sheet for rich, which folds cells where the terminal is narrower than the sheet."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, heading in enumerate(self.headings):
            right = self._is_number(index)
            table.add_column(heading, justify="right" if right else "left", no_wrap=right,
                             overflow="fold")
        for row in self.rows:
            table.add_row(*map(_cell, row))
        return table

    def lines(self, rule: str) -> list[str]:
        """What rich prints where there is room; it needs 20 s for a million cells."""
        from rich.cells import cell_len

        columns = []
        for index, column in enumerate(zip(self.headings, *self.rows, strict=True)):
            cells = [_cell(cell) for cell in column]
            sizes = [len(cell) if cell.isascii() else cell_len(cell) for cell in cells]
            width = max(sizes)
            blanks = [" " * (width - size) for size in sizes]
            pairs = zip(blanks, cells, strict=True) if self._is_number(index) else (
                zip(cells, blanks, strict=True))
            columns.append([f" {left}{right} " for left, right in pairs])
        heading, *body = map(" ".join, zip(*columns, strict=True))
        return ["", heading, f" {rule * (cell_len(heading) - 2)} ", *body, ""]

    def _is_number(self, column: int) -> bool:
        return column >= len(self.headings) - self.numbers

    def markdown(self) -> str:
        """The sheet as a table of GitHub's Markdown."""
        left = len(self.headings) - self.numbers
        rule = "|".join(["---"] * left + ["---:"] * self.numbers)
        rows = (" | ".join(map(_escaped, map(_cell, row))) for row in (self.headings, *self.rows))
        heading, *lines = (f"| {row} |" for row in rows)
        return "\n".join([heading, f"|{rule}|", *lines])


Part = str | Sheet

_MARKS = frozenset("\\|*_`<>[&~#")  # what Markdown reads as more than itself


def _cell(text: str) -> str:
    """Names are the user's own: none may end a row, command a terminal or widen a million rows."""
    return presentable(text, _LONGEST)


def print_report(parts: Iterable[Part]) -> None:
    """Prints to stdout, in colour on a terminal.

    In a pipe every column is as wide as it needs to be, so that no name is cut.
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    rule = "-" if console.options.ascii_only else "─"
    for part in parts:
        if isinstance(part, str):
            print(presentable(part))
            continue
        # Columns of texts are filled up; a file needs no blanks at line ends.
        blank, heading, *lines = (line.rstrip() for line in part.lines(rule))
        if console.is_terminal and len(lines[0]) > console.width:
            console.print(part.table())
        else:
            print(blank)
            console.print(heading, style="bold", soft_wrap=True)
            print("\n".join(lines))


def to_markdown(parts: Iterable[Part]) -> str:
    """The same as a Markdown text."""
    blocks = (part.markdown() if isinstance(part, Sheet) else _escaped(presentable(part))
              for part in parts)
    return "\n\n".join(blocks) + "\n"


def _escaped(text: str) -> str:
    """Names are the user's own: none of them may become markup."""
    return "".join("\\" + char if char in _MARKS else char for char in text)
