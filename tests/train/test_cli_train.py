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
    (["--sigint_effect", "halt"], 2, "'halt' is not one of 'snapshot', 'stop', 'none'"),
    (["--sighup_effect", ""], 2, "sighup_effect"),
    (["--level", "one"], 2, "'one' is not a valid integer"),
    (["--bf16"], 2, "--bf16 is the embedded engine's"),
    (["--weights", "a", "--snapshot", "b"], 2, "a snapshot to resume from or weights .* not both"),
    (["--weights", "run_iter_1.caffemodel.h5"], 2, "weights: there is no file run_iter_1.caff"),
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


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("effect", ["snapshot", "stop", "none"])
def test_effects_of_signals(here, start, sent, effect):
    write_solver(here, max_iter=300, snapshot=0, snapshot_after_train="false")
    process = start(f"-{sent.name.lower()}_effect", effect)
    read_until(process, "Iteration 20")
    os.killpg(process.pid, sent)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(re.findall("snapshot run_iter_", rest)) == (effect == "snapshot")
    assert ("Stopped after iteration" in rest) == (effect == "stop")
    assert ("Done after iteration 300." in rest) == (effect != "stop")


def test_stop_takes_the_last_snapshot_that_the_solver_asks_for(here, start):
    write_solver(here, max_iter=100000, snapshot=0)
    process = start("--sighup_effect", "stop")
    read_until(process, "Iteration 20")
    process.send_signal(signal.SIGHUP)
    rest, _ = process.communicate(timeout=20)
    number = int(re.search(r"Stopped after iteration (\d+)\.", rest)[1])
    assert f"snapshot run_iter_{number}.caffemodel" in rest


def test_hangup_takes_a_snapshot_and_goes_on(here, start):
    write_solver(here, max_iter=300, snapshot=0, snapshot_after_train="false")
    process = start()
    read_until(process, "Iteration 20")
    process.send_signal(signal.SIGHUP)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert len(re.findall("snapshot run_iter_", rest)) == 1
    assert "Done after iteration 300." in rest


def test_flags_as_the_caffe_tool_takes_them(here):
    write_solver(here, max_iter=1)
    line = ["train", "-solver=solver.prototxt", "-gpu", "", "-caffe", sys.executable]
    result = CliRunner().invoke(cli, line)
    assert result.exit_code == 0, result.output
    assert "Done after iteration 1." in result.output


def test_what_only_another_caffe_accepts_is_a_warning(here):
    net = (here / "net.prototxt").read_text().replace("num_output: 3", "num_output: 0")
    (here / "net.prototxt").write_text(net)
    result = train()  # the fake may be a fork that accepts it
    assert result.exit_code == 0
    warned = [line for line in result.output.splitlines() if line.startswith("warning")]
    assert len(warned) == 1
    assert re.search(r'as released would refuse this: net.prototxt: .*"ip"', warned[0])
    result = CliRunner().invoke(cli, ["train", "--solver", "solver.prototxt"])
    assert result.exit_code == 2
    assert result.stderr.startswith('error: net.prototxt: layer "ip"')


def test_what_no_caffe_can_do_without_is_an_end_for_each(here):
    net = (here / "net.prototxt").read_text().replace('"images"', '"absent"')
    (here / "net.prototxt").write_text(net)
    result = train()
    assert result.exit_code == 2
    assert 'data_param.source "absent" is not there' in result.output


@pytest.mark.parametrize("engine", [
    pytest.param([], marks=pytest.mark.torch),
    pytest.param(["--engine", "caffe"], marks=pytest.mark.caffe)])
@pytest.mark.parametrize("place", ["here", "on the path", "beside the solver"])
def test_modules_of_python_layers_are_found(here, request, monkeypatch, engine, place):
    if engine:
        request.getfixturevalue("real_caffe")
    else:
        pytest.importorskip("torch")
    folders = {"here": ".", "on the path": "modules", "beside the solver": "solvers"}
    for folder in ("modules", "solvers"):
        (here / folder).mkdir()
    Path(folders[place], "my_layers.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(here / "modules"),
                                                      os.environ["PYTHONPATH"])))
    write_solver(here, max_iter=2).rename("solvers/solver.prototxt")
    with open("net.prototxt", "a") as net:
        net.write("""layer { name: "mine" type: "Python" bottom: "ip" top: "mine"
                     python_param { module: "my_layers" layer: "Mine" } }""")
    (here / "lib" / "caffe.py").unlink()  # no fake here
    line = ["train", "--solver", "solvers/solver.prototxt", "--log", "my.log", *engine]
    result = CliRunner().invoke(cli, line)
    assert result.exit_code == 0, result.output
    assert "mine = 7" in Path("my.log").read_text()


MODULE = """
import caffe

class Mine(caffe.Layer):
    def setup(self, bottom, top): pass
    def reshape(self, bottom, top): top[0].reshape(1)
    def forward(self, bottom, top): top[0].data[...] = 7
    def backward(self, top, propagate_down, bottom): pass
"""


def test_stages_and_level_are_the_train_nets(here, caffe_tool):
    pytest.importorskip("torch")
    (here / "lib" / "caffe.py").unlink()
    with open("net.prototxt", "a") as net:
        net.write("""
layer { name: "s" type: "Power" bottom: "label" top: "staged" include { stage: "more" } }
layer { name: "l" type: "Power" bottom: "label" top: "levelled" include { min_level: 2 } }
""")
    solver = write_solver(here, max_iter=1, train_state="{ level: 3 }",
                          snapshot_after_train="false")

    def shown(log: str) -> set[str]:
        return set(re.findall(r"(\w+) net output #\d+: (staged|levelled)", log))

    for flags in ([], ["-stage", "more,other"], ["-level", "2", "-stage=more"]):
        line = ["train", "-solver", str(solver), "-log", "our.log", *flags]
        result = CliRunner().invoke(cli, line)
        assert result.exit_code == 0, result.output
        assert "train_state's level 3 gives way to --level" in result.stderr
        assert shown(Path("our.log").read_text()) == shown(caffe_tool("train", "-solver", solver,
                                                                      *flags)), flags
    assert shown(Path("our.log").read_text()) == {("Train", "staged"), ("Train", "levelled")}


@pytest.mark.torch
def test_the_gait_is_said(here):
    pytest.importorskip("torch")
    write_solver(here, max_iter=1)
    result = CliRunner().invoke(cli, ["train", "--solver", "solver.prototxt", "--bf16"])
    assert re.search(r"Training tiny with torchcaffe \S+ on CPU, fast gait: iterations 0 to 1",
                     result.output)
    assert "CPU, fast gait" in Path("run.log").read_text()


@pytest.mark.parametrize("engine", [
    pytest.param([], marks=pytest.mark.torch),
    pytest.param(["--engine", "caffe"], marks=pytest.mark.caffe)])
def test_a_loss_that_is_no_number_is_said(here, request, engine):
    if engine:
        request.getfixturevalue("real_caffe")
    else:
        pytest.importorskip("torch")
    (here / "lib" / "caffe.py").unlink()
    net = (here / "net.prototxt").read_text()
    spoiler = """layer { name: "spoiler" type: "Power" bottom: "ip" top: "spoilt"
                   power_param { power: 0.5 shift: -1000 } }"""
    (here / "net.prototxt").write_text(
        net[:net.index('layer { name: "loss"')] + spoiler
        + net[net.index('layer { name: "loss"'):].replace('"ip"', '"spoilt"'))
    write_solver(here, max_iter=2)
    result = CliRunner().invoke(cli, ["train", "--solver", "solver.prototxt", *engine])
    assert result.exit_code == 0, result.output
    (warning,) = re.findall(r"(?m)^warning: (.*)$", result.stderr)
    assert "the loss is nan" in warning
    assert engine or 'layer "spoiler" (Power) gives NaN in its top "spoilt"' in warning
