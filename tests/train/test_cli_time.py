"""``netbuilder time`` beside Caffe's own tool: the same lines, and times that hang together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from said import said
from tiny import NET, write_images

from netbuilder.cli import cli


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "images")
    (tmp_path / "net.prototxt").write_text(NET)
    return tmp_path


def measure(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["time", "--model", "net.prototxt", *arguments])


def without_figures(lines: list[str]) -> list[str]:
    return [re.sub(r"(: )[\d.e+-]+( ms\.)?$", r"\1#\2", line) for line in lines]


@pytest.mark.caffe
@pytest.mark.parametrize("flags", [["-iterations", "3"], ["-iterations=2", "-phase", "TEST"]])
def test_the_lines_of_caffes_tool(engine, caffe_tool, flags):
    wanted = without_figures(said(caffe_tool("time", "-model", "net.prototxt", *flags)))
    result = measure(*flags, *engine)
    assert result.exit_code == 0, result.output
    assert without_figures(said(result.stderr)) == wanted


def test_times_hang_together(engine):
    result = measure("--iterations", "5", *engine)
    assert result.exit_code == 0, result.output

    def times(what: str) -> list[float]:
        return [float(number) for number in re.findall(rf"{what}: (\S+) ms\.", result.stderr)]

    laps, (total,) = times("forward-backward time"), times("Total Time")
    assert len(laps) == 5
    assert sum(laps) == pytest.approx(total, rel=1e-4)
    (forward,), (backward,) = times("Average Forward pass"), times("Average Backward pass")
    assert sum(times("\tforward")) == pytest.approx(forward, rel=1e-4)
    assert sum(times("\tbackward")) == pytest.approx(backward, rel=1e-4)
    (both,) = times("Average Forward-Backward")
    assert 5 * both == pytest.approx(total, rel=1e-4)
    assert 0 < forward + backward <= both * 1.0001  # a layer's clock runs within the lap's


def test_the_table_says_which_gaits(engine):
    out = measure("--iterations", "2", *engine).stdout
    if engine:
        assert re.match(r"Timing tiny \(TRAIN\) with caffe \S+ on CPU: 2 iterations\n", out)
        assert "gait" not in out
    else:
        assert re.match(r"Timing tiny \(TRAIN\) with torchcaffe \S+ on CPU, inspectable gait", out)
        assert re.search(r"\nthe fast gait +\S+ +together \S+ ms\n", out)
    assert re.search(r"\nip +InnerProduct +\S+ +\S+ +\S+%\n", out)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--phase", "train"], "'train' is not one of 'TRAIN', 'TEST'"),
    (["--iterations", "-1"], "-1 is not in the range"),
    (["--engine", "caffe", "--gpu", "0"], "its own tool can: caffe time"),
])
def test_mistakes_are_one_line(arguments, message):
    result = measure(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


SLOW = """
import time
import caffe

class Mine(caffe.Layer):
    def setup(self, bottom, top): pass
    def reshape(self, bottom, top): top[0].reshape(1)
    def forward(self, bottom, top): time.sleep(0.2)
    def backward(self, top, propagate_down, bottom): time.sleep(0.5)
"""


def test_each_layer_has_its_own_time(here, engine):
    """A net with such a layer needs its blobs: it is not timed in the fast gait."""
    (here / "slow_layers.py").write_text(SLOW)
    (here / "net.prototxt").write_text(NET + """layer { name: "mine" type: "Python" bottom: "ip"
        top: "mine" loss_weight: 1 python_param { module: "slow_layers" layer: "Mine" } }""")
    result = measure("--iterations", "2", *engine)
    assert result.exit_code == 0, result.output
    assert "the fast gait" not in result.stdout
    row = re.search(r"\nmine +Python +(\S+) +(\S+) +(\S+)%", result.stdout)
    forward, backward, share = map(float, row.groups())
    assert forward >= 200
    assert backward >= 500
    assert share > 50
