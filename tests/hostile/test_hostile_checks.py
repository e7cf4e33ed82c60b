"""`check` on files that would keep it busy: it looks at a bounded number of things."""

import os
import subprocess
import sys

import pytest
from attack import COMMANDS, INPUT, ROOT, outcome, process

from netbuilder.analysis.lint import lint


def test_a_solver_that_tests_a_net_twenty_thousand_times(tmp_path):
    """The net is read once, and judged in a bounded number of states."""
    (tmp_path / "net").write_text(INPUT + INPUT.replace('"i"', '"j"').replace('"d"', '"e"') * 200)
    (tmp_path / "solver").write_text(
        f'net: "{tmp_path / "net"}" test_interval: 1 base_lr: 1 lr_policy: "fixed" max_iter: 1 '
        + "".join(f'test_iter: 1 test_state {{ stage: "{i}" }} ' for i in range(20_000)))
    assert process(tmp_path / "solver", mib=2048, command="check", seconds=30) == ""


def test_a_solver_that_names_twenty_thousand_nets(tmp_path):
    (tmp_path / "net").write_text(INPUT)
    (tmp_path / "solver").write_text(
        'base_lr: 1 lr_policy: "fixed" max_iter: 1 test_interval: 1 '
        + "".join(f'test_iter: 1 test_net: "{tmp_path}/{"./" * (i % 1000)}net" '
                  for i in range(20_000)))
    assert process(tmp_path / "solver", mib=2048, command="check", seconds=20) == ""


def test_the_last_of_many_mistakes_says_that_no_more_are_looked_for(tmp_path):
    (tmp_path / "net").write_text(INPUT + "".join(
        f'layer {{ name: "r{i}" type: "ReLU" bottom: "q{i}" top: "t{i}" }}\n' for i in range(400)))
    found = [one for one in lint(tmp_path / "net") if "no layer above it makes" in one.sentence]
    assert len(found) == 300
    assert "layers below it are not looked at" in found[-1].sentence


def test_names_of_megabytes_make_no_wide_tables(tmp_path):
    """A row is as wide as the longest name, if nobody bounds it: these would need 100 GB."""
    (tmp_path / "net").write_text(INPUT + f'layer {{ name: "{"n" * 5_000_000}" type: "ReLU" '
                                  'bottom: "d" top: "d" }\n'
                                  + 'layer { type: "ReLU" bottom: "d" top: "d" }\n' * 20_000)
    assert process(tmp_path / "net", mib=1024, command="table") == ""
    assert not outcome(tmp_path / "net", "--no-fold", command="table")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_without_the_letters_of_a_name(command, tmp_path):
    """In the C locale, or in that of old Windows."""
    path = tmp_path / "net"
    path.write_text(INPUT + 'layer { name: "é漢" type: "ReLU" bottom: "d" top: "\U0001f600" }')
    arguments = [word.format(path) for word in COMMANDS[command]]
    done = subprocess.run(
        [sys.executable, "-m", "netbuilder", *arguments], cwd=ROOT, capture_output=True,
        check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode in (0, 1) and b"Traceback" not in done.stderr
    assert done.stderr.isascii()
    assert done.stdout.isascii() or command == "upgrade"  # that is a file: UTF-8


@pytest.mark.parametrize("values", [
    "test_iter: 1 " * 1_000_000, "test_iter: [1" + ",1" * 3_000_000 + "]",
], ids=["one by one", "a list"])
def test_places_in_a_line_of_megabytes(values, tmp_path):
    """Where a value stands is told without going through its line again for each."""
    (tmp_path / "solver").write_text(f'net: "n" {values}')
    assert process(tmp_path / "solver", mib=1024, command="check", seconds=40) == ""
