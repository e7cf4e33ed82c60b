"""``netbuilder upgrade``: what it writes, what it says, and what it leaves alone."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from netbuilder.cli import cli
from netbuilder.proto import caffe_pb2, io

V1 = 'layers { name: "r" type: RELU bottom: "d" top: "r" blobs_lr: 2 }\n'
TODAY = '# a comment\nlayer { name: "r" type: "ReLU" bottom: "d" top: "r" }\n'
LOSING = 'layers { layer { name: "r" type: "relu" pad: 2 } }\n'


def run(*arguments):
    return CliRunner().invoke(cli, ["upgrade", *map(str, arguments)])


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.prototxt"
    path.write_text(V1)
    return path


def test_text_to_a_file(old, tmp_path):
    result = run(old, "-o", tmp_path / "new.prototxt")
    assert result.exit_code == 0 and not result.stdout
    assert result.stderr == f"{old}: 1 layers of V1, layers {{ }}, are now layer {{ }}\n"
    new = io.read_text(tmp_path / "new.prototxt", caffe_pb2.NetParameter)
    assert not new.layers and new.layer[0].type == "ReLU" and new.layer[0].param[0].lr_mult == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.prototxt", "old.prototxt"]


def test_text_to_standard_output(old):
    result = run(old)
    assert result.exit_code == 0
    assert result.stdout.startswith('layer {\n  name: "r"\n  type: "ReLU"\n')


def test_over_the_file_itself(old):
    assert run(old, "-o", old).exit_code == 0
    assert 'type: "ReLU"' in old.read_text()
    before = old.read_bytes()
    again = run(old, "-o", old)
    assert again.exit_code == 0 and "nothing to do" in again.stderr
    assert old.read_bytes() == before


def test_nothing_to_do_keeps_the_comments(old):
    old.write_text(TODAY)
    result = run(old)
    assert result.exit_code == 0 and result.stdout == TODAY
    assert result.stderr == f"{old}: nothing to do, the file is in today's format\n"


def test_binary_stays_binary(tmp_path):
    net = caffe_pb2.NetParameter(name="n")
    net.layers.add(name="c", type=4).blobs.add(num=1, channels=1, height=1, width=2, data=[1, 2])
    io.write_binary(tmp_path / "old.caffemodel", net)
    result = run(tmp_path / "old.caffemodel", "-o", tmp_path / "new.caffemodel")
    assert result.exit_code == 0, result.output
    new = io.read_binary(tmp_path / "new.caffemodel", caffe_pb2.NetParameter)
    assert not new.layers and new.layer[0].type == "Convolution"
    assert new.layer[0].blobs == net.layers[0].blobs
    shown = run(tmp_path / "old.caffemodel")
    assert shown.stdout_bytes == (tmp_path / "new.caffemodel").read_bytes()


def test_solvers(old):
    old.write_text("net: 'x' solver_type: NESTEROV")
    result = run(old)
    assert result.exit_code == 0 and result.stdout == 'net: "x"\ntype: "Nesterov"\n'
    assert 'solver_type: NESTEROV is now type: "Nesterov"' in result.stderr


def test_what_has_no_place_is_said_and_the_exit_code_is_1(old, tmp_path):
    old.write_text(LOSING)
    result = run(old, "-o", tmp_path / "new")
    assert result.exit_code == 1
    assert f'{old}: left out: layer "r": pad, which type "relu" does not have' in result.stderr
    assert "pad" not in (tmp_path / "new").read_text()


@pytest.mark.parametrize("text, words", [
    ('layers { layer { name: "r" type: "Relu" } }', 'no type "Relu"'),
    ("net: 'x'\nbase_lr: 1\nbase_lt: 2", ":3:1: "),  # nearer to a solver than to a net
    ("layers {\n name: 'x'\n typ: RELU }", ":3:2: "),
    ("solver_type: SGD type: 'SGD'", "not both"),
])
def test_a_mistake_writes_nothing(old, tmp_path, text, words):
    old.write_text(text)
    (tmp_path / "new").write_text("kept")
    result = run(old, "-o", tmp_path / "new")
    assert result.exit_code == 2 and words in result.stderr, result.stderr
    assert (tmp_path / "new").read_text() == "kept"


def test_files_that_are_not_there(tmp_path):
    assert "No such file" in run(tmp_path / "none").stderr


def test_binary_summary(tmp_path):
    net = caffe_pb2.NetParameter(input=["data"], input_dim=[1, 3, 4, 4])
    fc = net.layers.add(name="fc", type=14, bottom=["data"], top=["fc"])
    fc.inner_product_param.num_output = 2
    fc.blobs.add(data=[0] * 96).shape.dim.extend((2, 48))
    io.write_binary(tmp_path / "old.caffemodel", net)
    result = CliRunner().invoke(cli, ["summary", str(tmp_path / "old.caffemodel")])
    assert result.exit_code == 0, result.output
    assert "InnerProduct" in result.output and "98" in result.output


@pytest.mark.parametrize("text, words", [
    ('layers { layer { name: "r" type: "relux" } }', 'layer "r": V0 files have no type "relux"'),
    ("type: 'SGD' solver_type: ADAM", "give type or"),
])
def test_what_cannot_be_upgraded_names_the_file(text, words, tmp_path):
    path = tmp_path / "bad.prototxt"
    path.write_text(text)
    result = run(path, "-o", tmp_path / "new.prototxt")
    assert result.exit_code == 2 and result.stderr.startswith(f"error: {path}: {words}")
    assert not (tmp_path / "new.prototxt").exists()
