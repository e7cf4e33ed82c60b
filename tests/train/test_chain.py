"""Several solvers, one after another: where each starts, and what the command says."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny import SOLVER, write_run, write_solver

from netbuilder.cli import cli
from netbuilder.errors import SolverError
from netbuilder.train.chain import Start, solvers, starts


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """A folder with the nets of a run, and three solvers for it in the folder ``run``."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path)
    Path("run").mkdir()
    for number in (1, 2, 3):
        solver = write_solver(tmp_path, snapshot_prefix=f'"run/tiny_{number}"',
                              weight_decay=0.1 / number, base_lr=0.3 / number, test_iter=None,
                              test_interval=None)
        solver.rename(f"run/solver_{number}.prototxt")
    return tmp_path


def done(number: int, iteration: int = SOLVER["max_iter"], kind: str = "caffemodel") -> str:
    return f"run/tiny_{number}_iter_{iteration}.{kind}"


def left(*files: str) -> list[Start]:
    """The regimes that are left once these files are there; each is done when it is looked at."""
    for file in files:
        Path(file).touch()
    found = []
    for start in starts(solvers("run"), ["first.caffemodel"]):
        found.append(start)
        Path(done(int(start.solver.stem[-1]))).touch()
    return found


FIRST, SECOND, THIRD = (Path(f"run/solver_{number}.prototxt") for number in (1, 2, 3))


def test_each_starts_from_the_weights_of_the_one_before():
    assert left() == [Start(FIRST, None, ("first.caffemodel",)), Start(SECOND, None, (done(1),)),
                      Start(THIRD, None, (done(2),))]


def test_what_is_done_is_not_done_again():
    assert left(done(1), done(2)) == [Start(THIRD, None, (done(2),))]
    assert left() == []


def test_a_regime_goes_on_from_its_newest_state():
    there = [done(2, at, kind) for at, kind in
             itertools.product((5, 10), ("caffemodel", "solverstate"))]
    assert left(done(1), *there, done(2, 11, "solverstate"), done(2, 15, "solverstate")) == [
        Start(SECOND, done(2, 10, "solverstate")), Start(THIRD, None, (done(2),))]


def test_files_of_hdf5_are_found():
    for path in solvers("run"):
        path.write_text(path.read_text() + "snapshot_format: HDF5\n")
    for name in (done(1), done(2, 5), done(2, 5, "solverstate")):
        Path(f"{name}.h5").touch()
    Path(done(2, 10)).touch()
    assert next(starts(solvers("run"))) == Start(SECOND, f"{done(2, 5, 'solverstate')}.h5")


def test_one_solver_is_a_run_too():
    for path in solvers("run"):
        path.unlink()
    write_solver(Path("run"))
    assert list(starts(solvers("run"))) == [Start(Path("run/solver.prototxt"))]


def test_twelve_solvers_are_in_the_order_of_their_numbers():
    for number in range(4, 13):
        Path(f"run/solver_{number}.prototxt").touch()
    assert [path.stem for path in solvers("run")] == [f"solver_{n}" for n in range(1, 13)]


@pytest.mark.parametrize(("change", "problem"), [
    (lambda: Path("run/solver.prototxt").touch(), "run has solver.prototxt and numbered solvers"),
    (SECOND.unlink, "run has no solver_2.prototxt, but later ones"),
    (lambda: [path.unlink() for path in (FIRST, SECOND, THIRD)], "run has no solver.prototxt"),
    (lambda: Path("run").rename("away"), "run is no folder; --run takes the folder"),
    (lambda: FIRST.write_text(FIRST.read_text() + "snapshot_after_train: false"),
     "solver_1.prototxt: snapshot_after_train is false, so it leaves no weights"),
])
def test_what_is_no_run(change, problem):
    change()
    with pytest.raises(SolverError, match=problem):
        list(starts(solvers("run")))
    result = CliRunner().invoke(cli, ["train", "--run", "run"])
    assert result.exit_code == 2
    assert problem in result.output
    assert result.output.startswith("error: ")


@pytest.mark.parametrize("flags", [
    [], ["--run", "run", "--solver", "a"], ["--run", "run", "--snapshot", "a"],
    ["--run", "run", "--log", "a"], ["--run", "run", "--plot", "a"]])
def test_flags_that_do_not_go_together(flags):
    result = CliRunner().invoke(cli, ["train", *flags])
    assert result.exit_code == 2
    assert "--run" in result.output
    assert "Traceback" not in result.output


def run(*flags: str) -> str:
    result = CliRunner().invoke(cli, ["train", "--run", "run", *flags])
    assert result.exit_code == 0, result.output
    return result.output


def origins(said: str) -> list[str]:
    return [line.partition("from ")[2] for line in said.splitlines()
            if line.startswith("run/solver_")]


@pytest.mark.torch
def test_a_run_is_what_its_solvers_are_by_hand():
    caffe = pytest.importorskip("netbuilder.torchcaffe")
    said = run()
    assert origins(said) == ["first values", done(1), done(2)]
    values: list[np.ndarray] = []
    for path in solvers("run"):
        solver = caffe.get_solver(str(path))
        for blob, value in zip(solver.net.params["ip"], values, strict=bool(values)):
            blob.data[...] = value
        solver.step(SOLVER["max_iter"])
        values = [blob.data.copy() for blob in solver.net.params["ip"]]
    trained = caffe.Net("net.prototxt", done(3), caffe.TEST).params["ip"]
    for blob, value in zip(trained, values, strict=True):
        np.testing.assert_allclose(blob.data, value, rtol=1e-6)
    assert run() == (
        "to start anew, move away: run/tiny_1_iter_*, run/tiny_2_iter_*, run/tiny_3_iter_*\n"
        "run is trained to its end: the weights of run/solver_3.prototxt are there\n")


@pytest.mark.torch
def test_a_stopped_run_goes_on():
    pytest.importorskip("torch")
    run()
    for file in (done(2), done(2, kind="solverstate"), *Path("run").glob("tiny_3_*")):
        Path(file).unlink()
    said = run()
    assert origins(said) == [done(2, 10, "solverstate"), done(2)]
    assert "to start anew, move away: run/tiny_1_iter_*, run/tiny_2_iter_*\n" in said
    assert "older" not in said


@pytest.mark.torch
def test_a_run_says_that_snapshots_are_older_than_their_solver():
    pytest.importorskip("torch")
    states = [done(1), done(2, 10), done(2, 10, "solverstate")]
    run()
    for file in {*map(str, Path("run").glob("tiny_*_iter_*"))} - set(states):
        Path(file).unlink()
    for file in (FIRST, SECOND, THIRD):
        os.utime(file, (later := time.time() + 9, later))
    said = run()
    assert [line for line in said.splitlines() if "older" in line] == [
        f"warning: {done(1)} is older than {FIRST}, but is taken for its own",
        f"warning: {done(2, 10, 'solverstate')} is older than {SECOND}, but is taken for its own"]
    named = said.partition("move away: ")[2].splitlines()[0].split(", ")
    for file in {file for pattern in [*named, "run/tiny_3_*"] for file in Path().glob(pattern)}:
        file.unlink()
    again = run()
    assert origins(again)[0] == "first values"
    assert "anew" not in again
