"""caffe.draw without pydot and Graphviz, and with them; the graphs themselves are compared with
real pycaffe's in test_helpers_against_caffe.py."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import tinynet

from netbuilder.errors import BuildError, FileMissing, LibraryMissing
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe import draw

pytestmark = pytest.mark.torch

V1 = """
name: "old" input: "data" input_dim: 1 input_dim: 1 input_dim: 4 input_dim: 4
layers { name: "relu" type: RELU bottom: "data" top: "out" }
"""


@pytest.fixture
def net():
    return text.parse(tinynet.resnet(), caffe_pb2.NetParameter())


def test_text_needs_nothing_and_is_the_graph_that_pydot_makes(net, tmp_path):
    pydot = pytest.importorskip("pydot")
    draw.draw_net_to_file(net, str(tmp_path / "net.dot"), "TB", display_lrm=True)
    written, = pydot.graph_from_dot_file(tmp_path / "net.dot")
    made = draw.get_pydot_graph(net, "TB", display_lrm=True)
    assert described(written) == described(made)
    assert len(made.get_edges()) > 20


def described(graph) -> tuple[list, list]:
    """Nodes and edges with their attributes, quoted or not."""
    def plain(values: dict) -> dict:
        return {key: str(value).strip('"') for key, value in values.items()}

    nodes = [(node.get_name().strip('"'), plain(node.get_attributes()))
             for node in graph.get_nodes()]
    edges = [(edge.get_source().strip('"'), edge.get_destination().strip('"'),
              plain(edge.get_attributes())) for edge in graph.get_edges()]
    return nodes, edges


def test_a_net_of_caffes_first_years_is_drawn_too():
    net = text.parse(V1, caffe_pb2.NetParameter())
    assert b"relu" in draw.draw_net(net, "LR", "raw")
    assert net.layers[0].name == "relu"


def test_what_is_missing_is_named(net, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileMissing, match=r"Graphviz.*\.dot"):
        draw.draw_net_to_file(net, str(tmp_path / "net.png"))
    assert not list(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "pydot", None)
    monkeypatch.setitem(sys.modules, "pydotplus", None)
    with pytest.raises(LibraryMissing, match="pip install pydot"):
        draw.get_pydot_graph(net, "LR")


def test_a_picture_is_what_dot_makes_of_the_text(net, tmp_path, monkeypatch):
    """A stand-in for Graphviz writes down what it is given."""
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\n[ "$1" = -Tbad ] && echo unknown >&2 && exit 1\n'
                       'printf "%s " "$1"; cat\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    drawn = draw.draw_net(net, "LR", "svg")
    assert drawn == b"-Tsvg " + draw.draw_net(net, "LR", "gv")
    with pytest.raises(BuildError, match="cannot draw bad: unknown"):
        draw.draw_net(net, "LR", "bad")


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
def test_graphviz_draws(net, tmp_path):
    draw.draw_net_to_file(net, str(tmp_path / "net.png"))
    assert Path(tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
