"""docs/limits.md has the limits that the code has."""

from pathlib import Path

import pytest

from netbuilder import errors, layer
from netbuilder.analysis import report
from netbuilder.analysis.lint import states, walk
from netbuilder.proto import io, parser, wire
from netbuilder.solver import nets

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"
LIMITS = {
    "a text file": f"{io._MAX_TEXT >> 20} MiB",
    "a binary file": f"{io._MAX_BINARY + 1 >> 30} GiB",
    "messages in a file": f"{wire.MAX_MESSAGES:,}",
    "fields in a binary file": f"{wire._MAX_FIELDS:,}",
    "messages in one another": f"{parser._DEPTH}",
    "dimensions of a blob": f"{layer.MAX_AXES}",
    "values in a blob": f"2^{(layer.MAX_COUNT + 1).bit_length() - 1} - 1",
    "a cell of a table": f"{report._LONGEST} characters",
    "a sentence of an error or a finding": f"{errors._LONGEST:,} characters",
    "`check`: states of a net, or nets of a solver": f"{states.MOST}",
    "test nets of a solver": f"{nets.MOST_TESTS}",
    "`check`: mistakes in the layers of a net": f"{walk.MOST}",
}


def rows():
    lines = (line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("|"))
    return {cells[1].strip(): cells[2].strip() for cells in lines}


@pytest.mark.parametrize("what", LIMITS)
def test_the_page_has_it(what):
    assert rows()[what] == LIMITS[what]


def test_every_row_is_compared():
    assert set(rows()) == {*LIMITS, "what", "---"}
