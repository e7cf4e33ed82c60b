"""``netbuilder test`` against Caffe's own tool, over both engines."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from said import said
from tiny import NET, write_images

from netbuilder import weights
from netbuilder.cli import cli
from netbuilder.proto import caffe_pb2, text

# Several losses, one of them without a top; outputs of many values; layers of a stage and a level.
MANY = NET.replace('top: "loss" }', 'top: "loss" loss_weight: 0.25 }') + """
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
layer { name: "nameless" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" loss_weight: 2 }
layer { name: "staged" type: "Reduction" bottom: "ip" top: "sum" include { stage: "more" } }
layer { name: "levelled" type: "Power" bottom: "label" top: "twice" power_param { scale: 2 }
        include { min_level: 1 } }
"""

@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """A folder with a net, its images and two files of weights."""
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "images")
    (tmp_path / "net.prototxt").write_text(MANY)
    random = np.random.default_rng(5)
    for name in ("a", "b"):
        layer = text.parse('name: "ip" type: "InnerProduct"', caffe_pb2.LayerParameter())
        arrays = [random.normal(size=shape).astype("float32") for shape in ((3, 16), (3,))]
        weights.write_weights(f"{name}.caffemodel", "tiny", [(layer, arrays)])
    return tmp_path


def score(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["test", *arguments])


@pytest.mark.caffe
@pytest.mark.parametrize("flags", [
    [], ["-stage", "more,unheard"], ["-level=1"], ["-iterations", "13"],
])
def test_the_lines_of_caffes_tool(engine, caffe_tool, flags):
    flags = ["-model", "net.prototxt", "-weights", "a.caffemodel", *flags]
    flags += [] if "-iterations" in flags else ["-iterations", "7"]
    wanted = said(caffe_tool("test", *flags))
    result = score(*flags, *engine)
    assert result.exit_code == 0, result.output
    ours = said(result.stderr)
    if not engine:  # float32 sums in another order
        assert numbers(ours) == pytest.approx(numbers(wanted), rel=1e-4, abs=1e-6)
        ours, wanted = words(ours), words(wanted)
    assert ours == wanted
    assert len(ours) > 30


NUMBER = r"(?<== )-?[\d.e-]+|(?<=Loss: )\S+"


def numbers(lines: list[str]) -> list[float]:
    return [float(number) for number in re.findall(NUMBER, "\n".join(lines))]


def words(lines: list[str]) -> list[str]:
    return [re.sub(NUMBER, "", line) for line in lines]


def test_a_summary_that_says_which_gait(engine):
    result = score("--model", "net.prototxt", "--weights", "a.caffemodel", "--iterations", "2",
                   *engine)
    name, gait = ("caffe", "") if engine else ("torchcaffe", ", fast gait")
    assert re.match(rf"Testing tiny with {name} \S+ on CPU{gait}: 2 batches\n", result.stdout)
    assert re.search(r"\n  loss +\d\S*  \(weighs 0.25 in the loss\)\n", result.stdout)
    assert re.search(r"\n  prob +24 values from \S+ to \S+, mean 0.33333\d\n", result.stdout)
    (named,) = re.findall(r"\n  Loss +(\S+)\n", result.stdout)
    assert f"] Loss: {named}\n" in result.stderr


def test_later_weights_win(engine):
    def outputs(files: str) -> str:
        return score("--model", "net.prototxt", "--weights", files, "--iterations", "1",
                     *engine).stdout

    assert outputs("a.caffemodel,b.caffemodel") == outputs("b.caffemodel")
    assert outputs("a.caffemodel") != outputs("b.caffemodel")


def test_fifty_batches_by_default(engine):
    result = score("--model", "net.prototxt", "--weights", "a.caffemodel", *engine)
    assert "Running for 50 iterations." in result.stderr
    assert len(re.findall(r"Batch \d+, accuracy", result.stderr)) == 50


@pytest.mark.parametrize(("arguments", "code", "message"), [
    ([], 2, "Missing option '--model'"),
    (["--model", "net.prototxt"], 2, "Missing option '--weights'"),
    (["--model", "absent", "--weights", "a.caffemodel"], 2, "error: absent: "),
    (["--model", "net.prototxt", "--weights", "absent"], 2, "weights: there is no file absent"),
    (["--iterations", "0"], 2, "0 is not in the range"),
    (["--iterations", "x"], 2, "'x' is not a valid integer"),
    (["--level", "x"], 2, "'x' is not a valid integer"),
    (["--gpu", "0,1"], 2, "one GPU so far, not 2"),
    (["--gpu", "x"], 2, '"x" is neither device numbers'),
    (["--engine", "torchcaffe", "--caffe", sys.executable, "--model", "net.prototxt",
      "--weights", "a.caffemodel"], 2, "--caffe names real Caffe"),
    (["--engine", "caffe", "--bf16", "--model", "net.prototxt", "--weights", "a.caffemodel"], 2,
     "--bf16 is the embedded engine's"),
])
def test_mistakes_are_one_line(arguments, code, message):
    result = score(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not result.stdout


@pytest.mark.parametrize(("change", "message"), [
    (("num_output: 3", "num_output: 4"),
     "Cannot copy param 0 weights from layer 'ip'; shape mismatch"),
])
def test_what_only_the_engine_finds_is_one_line_too(engine, here, change, message):
    (here / "net.prototxt").write_text(MANY.replace(*change))
    result = score("--model", "net.prototxt", "--weights", "a.caffemodel", "--log", "my.log",
                   *engine)
    assert result.exit_code == 1
    assert message in result.stderr.splitlines()[-1]
    assert result.stderr.splitlines()[-1].endswith("(log: my.log)")
    assert "ip" in Path("my.log").read_text()


def test_a_net_that_does_not_hang_together_ends_before_an_engine_starts(here):
    (here / "net.prototxt").write_text(NET.replace('bottom: "ip" bottom', 'bottom: "no" bottom'))
    result = score("--model", "net.prototxt", "--weights", "a.caffemodel")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: net.prototxt: ")
