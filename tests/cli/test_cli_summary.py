"""``netbuilder summary`` at its edges: which file, which ``--input``, and where it writes."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netbuilder.cli import cli

NET = """input: "data"
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
  convolution_param { num_output: 2 kernel_size: 3 } }
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return path


def run(command: str, *arguments: object) -> Result:
    result = CliRunner().invoke(cli, [command, *map(str, arguments)])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and not result.stdout
    return result


def test_an_error_names_the_file_and_what_to_give(net: Path) -> None:
    assert run("summary", net).stderr == (
        f'error: {net}: layer "input" (Input): nothing tells the shape of "data": input_param has '
        "no shape. Give it: --input data=N,C,H,W\n")
    too_small = run("summary", net, "--input", "data=1,3,2,2").stderr
    assert too_small.startswith(f'error: {net}: layer "c" (Convolution): ') and "2x2" in too_small


@pytest.mark.parametrize("command", ["summary", "compare"])
def test_an_input_that_no_file_has_is_said_before_what_is_missing(command: str, net: Path) -> None:
    result = run(command, net, "--input", "dat=1,3,8,8")
    assert f'error: {net}: no blob is named "dat"; did you mean "data"?' in result.stderr


def test_an_input_is_given_once(net: Path) -> None:
    result = run("summary", net, "--input", "data=1,3,8,8", "--input", "data=2,3,8,8")
    assert '"data" is given more than once' in result.stderr


def test_an_input_is_for_the_phase_that_has_it(tmp_path: Path) -> None:
    """Both may be given, whichever phase is asked for; diff reads both by itself."""
    one = """layer { name: "d" type: "Data" top: "%s" include { phase: %s }
                     data_param { batch_size: 2 } }
             layer { name: "c" type: "InnerProduct" bottom: "%s" top: "c" include { phase: %s }
                     inner_product_param { num_output: %d } }"""
    train, test = one % ("a", "TRAIN", "a", "TRAIN", 5), one % ("b", "TEST", "b", "TEST", 6)
    for name, text in (("old", train + test), ("new", train.replace("5", "7") + test)):
        (tmp_path / name).write_text(text)
    given = ["--input", "a=1,3,8,8", "--input", "b=1,4,8,8"]
    for phase in ("TRAIN", "TEST"):
        arguments = ["summary", str(tmp_path / "old"), *given, "--phase", phase]
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
    both = ["diff", str(tmp_path / "old"), str(tmp_path / "new")]
    result = CliRunner().invoke(cli, [*both, *given])
    assert result.exit_code == 1 and "num_output: 5 -> 7" in result.stdout, result.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("form", ["table", "json"])
def test_a_full_disk_is_one_line(form: str, net: Path) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "netbuilder", "summary", net, "--input", "data=1,3,8,8",
             "--format", form], check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.stderr == "error: standard output: No space left on device\n"
    assert result.returncode == 2


def test_version_with_and_without_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "1.2.3")
    assert CliRunner().invoke(cli, ["--version"]).stdout == "netbuilder, version 1.2.3\n"

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    result = CliRunner().invoke(cli, ["--version"])
    assert result.exit_code == 0 and "not installed" in result.stdout
