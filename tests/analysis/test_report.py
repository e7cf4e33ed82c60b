"""Reports as text: the same in a pipe and from rich, whatever the names are."""

import io

import pytest
from rich.console import Console

from netbuilder.analysis.report import Sheet, print_report

SHEETS = {
    "names and numbers": Sheet(["layer", "MACs"], [["a", "1,000"], ["a/b", ""]], 1),
    "wide characters": Sheet(["é", "漢字", "n"], [["漢", "e\u0301", "1"], ["", "x", "22"]], 1),
    "no rows": Sheet(["layer", "n", "MACs"], [], 2),
    "control characters": Sheet(["a"], [["\x1b[31m\n"], ["\u202e"]]),
}


def by_rich(sheet: Sheet) -> str:
    console = Console(file=io.StringIO(), width=10_000, markup=False, highlight=False)
    console.print(sheet.table())
    return console.file.getvalue()


@pytest.mark.parametrize("name", SHEETS)
def test_lines_are_what_rich_prints(name, capsys):
    expected = [line.rstrip() for line in by_rich(SHEETS[name]).splitlines()]
    assert [line.rstrip() for line in SHEETS[name].lines("─")] == expected
    print_report([SHEETS[name]])
    assert "\n".join(expected).replace("─", "-") + "\n" == (
        capsys.readouterr().out.replace("─", "-"))


def test_no_name_ends_a_row_or_commands_a_terminal(capsys):
    print_report(["net \x1b]0;title\x07", SHEETS["control characters"]])
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert out.count("\n") == 1 + 6, out


def test_a_sheet_wider_than_the_terminal_is_folded_by_rich(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    print_report([Sheet(["a"], [["x" * 100]])])
    assert max(map(len, capsys.readouterr().out.splitlines()), default=0) < 60
