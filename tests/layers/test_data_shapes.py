"""Data and ImageData over sources that exist: shapes and refusals as in real Caffe."""

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from netbuilder.data.datum import array_to_datum, encoded_datum
from netbuilder.data.db import write_lmdb
from netbuilder.errors import NetbuilderError
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

JUDGE = Path(__file__).parent.with_name("caffe_judge.py")
TRANSFORMS = ["", "crop_size: 9", "crop_size: 10", "crop_size: 11", "crop_size: 13",
              "crop_size: 9 mean_value: 1", "crop_size: 9 mirror: true scale: 0.5"]
COLORS = ["", "force_color: true", "force_gray: true"]
DATA = """layer {{ name: "d" type: "Data" top: "data" top: "label" transform_param {{ {transform} }}
  data_param {{ source: "{source}" batch_size: 2 backend: LMDB }} }}"""
IMAGES = """layer {{ name: "d" type: "ImageData" top: "data" top: "label"
  transform_param {{ {transform} }}
  image_data_param {{ source: "{source}" batch_size: 2 {size} }} }}"""
SIZES = ["", "new_height: 12 new_width: 11", "new_height: 8 new_width: 20", "is_color: false",
         "is_color: false new_height: 30 new_width: 9", "new_height: 8"]


def png(channels: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    shape = (12, 10, 3) if channels == 3 else (12, 10)
    Image.fromarray(np.zeros(shape, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def nets(folder: Path) -> list[str]:
    for channels in (1, 3):
        raw = array_to_datum(np.zeros((channels, 12, 10), np.uint8), 0)
        write_lmdb(folder / f"raw{channels}", [("a", raw)])
        write_lmdb(folder / f"encoded{channels}", [("a", encoded_datum(png(channels), 0))])
        (folder / f"{channels}.png").write_bytes(png(channels))
        (folder / f"list{channels}").write_text(f"{folder}/{channels}.png 0\n")
    databases = itertools.product((f"{kind}{channels}" for kind in ("raw", "encoded")
                                   for channels in (1, 3)), TRANSFORMS, COLORS)
    lists = itertools.product(("list1", "list3"), TRANSFORMS, SIZES)
    return [DATA.format(source=folder / name, transform=f"{transform} {color}")
            for name, transform, color in databases] + [
            IMAGES.format(source=folder / name, transform=transform, size=size)
            for name, transform, size in lists]


def ours(text: str) -> dict | None:
    try:
        graph = resolve(parse(text, caffe_pb2.NetParameter()))
    except NetbuilderError:
        return None
    return {name: list(shape) for name, shape in graph.blobs.items()}


@pytest.mark.caffe
def test_shapes_and_refusals_are_real_caffes(run_caffe, tmp_path):
    texts = nets(tmp_path)
    (tmp_path / "nets.json").write_text(json.dumps([[text, 0] for text in texts]))
    theirs = [answer.get("blobs") for answer in run_caffe(JUDGE, tmp_path / "nets.json")]
    wrong = [(text, blobs, ours(text)) for text, blobs in zip(texts, theirs, strict=True)
             if ours(text) != blobs]
    assert not wrong, "\n".join(map(str, wrong))
    assert 50 < sum(blobs is None for blobs in theirs) < len(texts) - 50
