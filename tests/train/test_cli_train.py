"""The command: what is said, where things are, and what signals do."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import write_run, write_solver

from netbuilder.cli import cli

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """A folder with a run in it, and a Python whose ``caffe`` is the fake."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "caffe.py").write_text("from fake_caffe import *\n__version__ = '0.1'\n")
    paths = [tmp_path / "lib", HERE, HERE.parents[1]]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path)
    return tmp_path


def train(*arguments: str, solver: str = "solver.prototxt"):
    line = ["train", "--solver", solver, "--caffe", sys.executable, *arguments]
    return CliRunner().invoke(cli, line)


@pytest.fixture
def start(monkeypatch) -> Iterator:
    """Starts the command in a process of its own, with a hundred iterations per second."""
    monkeypatch.setenv("FAKE_SECONDS", "0.01")
    started = []

    def start(*arguments: str) -> subprocess.Popen:
        line = [sys.executable, "-m", "netbuilder", "train", "--solver", "solver.prototxt",
                "--caffe", sys.executable, *arguments]
        started.append(subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen, word: str) -> str:
    text = ""
    for line in process.stdout:
        text += line
        if word in line:
            return text
    raise AssertionError(f"{word!r} was never said:\n{text}")


def test_a_run_from_start_to_end(here):
    pytest.importorskip("matplotlib")
    result = train("--plot", "curves.png")
    assert result.exit_code == 0, result.output
    assert "Training tiny with caffe 0.1 on CPU: iterations 0 to 12" in result.output
    assert re.search(r"Iteration 8  loss \S+  lr 0\.25", result.output)
    end = result.output[result.output.index("Done after iteration 12."):]
    assert re.findall(r"(?m)^  (\w+) +(\S+)", end) == [
        ("test", "accuracy"), ("weights", "run_iter_12.caffemodel"),
        ("state", "run_iter_12.solverstate"), ("log", "run.log"), ("curves", "curves.png")]
    assert "Optimization Done." in Path("run.log").read_text()
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_log_goes_where_it_is_told(here):
    assert train("--log", "my.log").exit_code == 0
    assert Path("my.log").is_file()
    assert not Path("run.log").exists()


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (["--gpu", "one"], 2, 'neither device numbers'),
    (["--gpu", "0,1"], 2, "one GPU so far, not 2; choose one of 0, 1"),
    (["--engine", "torchcaffe"], 2, "--caffe names real Caffe"),
    (["--engine", "cafe"], 2, "--engine"),
    (["--snapshot", "absent"], 2, "error: snapshot: there is no file absent"),
    (["--plot", "absent/curves.png"], 2, "error: cannot write the curves to absent/curves.png"),
    (["--log", "absent/my.log"], 2, "error: cannot write the log absent/my.log"),
    (["--caffe", "/absent/python"], 1, "error: .*absent/python"),
])
def test_mistakes_are_one_line(arguments, code, words):
    result = train(*arguments)
    assert result.exit_code == code
    assert re.search(words, result.output)
    assert "Traceback" not in result.output


def test_a_missing_solver_is_one_line():
    result = train(solver="absent.prototxt")
    assert result.exit_code == 2
    assert result.output == "error: absent.prototxt: cannot be read: No such file or directory\n"


def test_all_gpus_of_a_machine_with(here, monkeypatch):
    def machine(count: int) -> None:
        tool = here / "lib" / "nvidia-smi"
        tool.write_text("#!/bin/sh\n" + "".join(f"echo 'GPU {i}: x'\n" for i in range(count)))
        tool.chmod(0o755)

    monkeypatch.setenv("PATH", f"{here / 'lib'}{os.pathsep}{os.environ['PATH']}")
    for count, words in ((0, "lists no GPU"), (2, "choose one of 0, 1")):
        machine(count)
        assert words in train("--gpu", "all").output
    machine(1)  # the fake has no GPU: it must be asked for one
    assert "has no attribute 'set_device'" in train("--gpu", "all").output


def test_a_terminal_gets_a_bar(here):
    mine, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 150, 0, 0))
    line = [sys.executable, "-m", "netbuilder", "train", "--solver", "solver.prototxt",
            "--caffe", sys.executable]
    with subprocess.Popen(line, stdout=its, stderr=its) as process, os.fdopen(mine, "rb") as screen:
        os.close(its)
        shown = b""
        with contextlib.suppress(OSError):  # what reading a terminal says at its end
            while data := screen.read1(4096):
                shown += data
    assert process.returncode == 0
    assert re.search(rb"#+\]  100%  12/12  loss \S+  lr 0\.25  accuracy \d+, loss", shown)
    assert b"Iteration 2" not in shown


def test_a_crash_is_one_line_and_exit_code_1(monkeypatch):
    monkeypatch.setenv("FAKE_ABORT_AT", "7")
    result = train()
    assert result.exit_code == 1
    assert re.search(r"error: real Caffe died \(SIGABRT\): .*Check failed: 2 > 3 "
                     r"\(log: run.engine.log\)\n$", result.output)


def test_interrupt_takes_a_snapshot_and_says_how_to_go_on(here, start):
    write_solver(here, max_iter=100000, snapshot=0)
    process = start()
    read_until(process, "Iteration 20")
    os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches the whole group
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "stopping after this iteration" in rest
    number = int(re.search(r"Stopped after iteration (\d+)\.", rest)[1])
    assert 20 < number < 1000
    assert (f"netbuilder train --solver solver.prototxt --snapshot run_iter_{number}.solverstate"
            in rest)


def test_a_second_interrupt_ends_at_once(here, start, monkeypatch):
    monkeypatch.setenv("FAKE_SECONDS", "60")
    process = start()
    read_until(process, "Training tiny")
    process.send_signal(signal.SIGINT)
    read_until(process, "stopping after this iteration")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130  # as a shell reports SIGINT


def test_hangup_takes_a_snapshot_and_goes_on(here, start):
    write_solver(here, max_iter=300, snapshot=0, snapshot_after_train="false")
    process = start()
    read_until(process, "Iteration 20")
    process.send_signal(signal.SIGHUP)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert len(re.findall("snapshot run_iter_", rest)) == 1
    assert "Done after iteration 300." in rest
