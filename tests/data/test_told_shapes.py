"""Shapes that a source, its file or the caller tells: each top's own, and what is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netbuilder.errors import ShapeError, ShapeUnknown
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

WINDOWS = "# 0\nimg/a.png\n4\n20\n30\n2\n1 0.9 0 0 10 10\n0 0.1 0 0 10 10\n"
WINDOW_NET = """layer { name: "d" type: "WindowData" top: "data" top: "label"
  transform_param { crop_size: 5 } window_data_param { source: "%s" batch_size: 2 } }"""


def blobs(text: str, **inputs: tuple[int, ...]) -> dict[str, Any]:
    return resolve(parse(text, caffe_pb2.NetParameter()), inputs=inputs).blobs


@pytest.mark.parametrize("net", [
    'input: "data" input: "info"',
    """layer { name: "h" type: "HDF5Data" top: "data" top: "info"
               hdf5_data_param { source: "absent.txt" batch_size: 2 } }""",
])
def test_one_shape_after_the_other_is_asked_for(net: str) -> None:
    with pytest.raises(ShapeUnknown, match=r"Give it: --input data=N,C,H,W$"):
        blobs(net)
    with pytest.raises(ShapeUnknown, match=r"Give it: --input info=N,C,H,W$"):
        blobs(net, data=(1, 3, 8, 8))
    with pytest.raises(ShapeUnknown, match=r"Give it: --input data=N,C,H,W$"):
        blobs(net, info=(1, 3))
    assert blobs(net, data=(1, 3, 8, 8), info=(1, 3)) == {"data": (1, 3, 8, 8), "info": (1, 3)}


def test_one_of_several_declared_shapes_is_given_anew() -> None:
    net = """input: "data" input_shape { dim: [1, 3, 8, 8] }
             input: "info" input_shape { dim: [1, 3] }"""
    assert blobs(net, data=(2, 3, 9, 9)) == {"data": (2, 3, 9, 9), "info": (1, 3)}


def test_a_window_file_states_the_channels(tmp_path: Path) -> None:
    (tmp_path / "windows").write_text(WINDOWS)
    assert blobs(WINDOW_NET % (tmp_path / "windows")) == {"data": (2, 4, 5, 5), "label": (2,)}


@pytest.mark.parametrize("content, words", [
    (None, "No such file"), (b"", "does not start with"), (b"# 0 a.png x 1 1", "does not start"),
    (b"# 0 a.png " + b"9" * 5000, "does not start"), (b"\xff\xfe", "is no text"),
])
def test_what_is_no_window_file(content: bytes | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "windows").write_bytes(content)
    with pytest.raises(ShapeUnknown, match=f"{words}.* Give it: --input data="):
        blobs(WINDOW_NET % (tmp_path / "windows"))


def test_windows_need_a_size() -> None:
    net = WINDOW_NET.replace("crop_size: 5", "") % "windows"
    with pytest.raises(ShapeError, match=r"needs a crop_size.* --input data=N,C,H,W$"):
        blobs(net)
    assert blobs(net, data=(2, 3, 5, 5))["label"] == (2,)
    assert blobs(net, data=(2, 3, 5, 5), label=())["label"] == ()  # a scalar is a shape


@pytest.mark.caffe
def test_windows_in_real_caffe(run_caffe: Any, tmp_path: Path) -> None:
    """Its thread starts at once; an image that is not there stops it with no more than a log."""
    (tmp_path / "windows").write_text(WINDOWS)
    (tmp_path / "net.prototxt").write_text(WINDOW_NET % (tmp_path / "windows"))
    said = run_caffe("""import caffe, json, os, sys
net = caffe.Net(sys.argv[1], caffe.TRAIN)
print(json.dumps({name: list(blob.shape) for name, blob in net.blobs.items()}), flush=True)
os._exit(0)""", tmp_path / "net.prototxt")
    ours = blobs((tmp_path / "net.prototxt").read_text())
    assert {name: list(shape) for name, shape in ours.items()} == said


def test_a_data_layer_without_a_batch_size_can_be_given_its_shape() -> None:
    net = 'layer { name: "d" type: "Data" top: "images" top: "label" }'
    with pytest.raises(ShapeError, match=r"batch_size must .* --input images=N,C,H,W$"):
        blobs(net)
    assert blobs(net, images=(2, 3, 8, 8)) == {"images": (2, 3, 8, 8), "label": (2,)}
