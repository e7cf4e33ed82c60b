"""InfogainLoss with its matrix in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import assert_near, by_caffe, by_us
from layer_cases import TRAIN, Case, net_text
from quirks import one

import netbuilder.torchcaffe as caffe
from netbuilder.errors import ParseError, ShapeError
from netbuilder.proto import caffe_pb2, io, text

pytestmark = pytest.mark.torch

SCORES = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
LABELS = np.array([[0, 1], [2, 2], [9, 0], [1, 9]], np.float32)


def written(path: Path, rows: int) -> Path:
    blob = caffe_pb2.BlobProto(data=[0.5 * index for index in range(rows * 3)])
    blob.shape.dim.extend((rows, 3))
    io.write_binary(path, blob)
    return path


def case(source: Path) -> Case:
    fields = f'infogain_loss_param {{ source: "{source}" }} loss_param {{ ignore_label: 9 }}'
    arrays = {"x": SCORES, "label": LABELS}
    return Case("file", net_text(arrays, one("InfogainLoss", fields, "x label"), True),
                {f"data/{name}": array for name, array in arrays.items()}, TRAIN)


def load(source: Path) -> caffe.Net:
    return caffe.Net(text.parse(case(source).net, caffe_pb2.NetParameter()), TRAIN)


@pytest.mark.caffe
def test_its_rows_weigh_the_logarithms(run_caffe, tmp_path):
    file = case(written(tmp_path / "gain.binaryproto", 3))
    theirs = by_caffe(run_caffe, {"theirs": file}, tmp_path)["theirs"]
    (tmp_path / "ours").mkdir()
    assert_near(by_us(file, tmp_path / "ours"), theirs, 1e-5, file)
    assert theirs["diff/x"].any()


def test_a_matrix_of_another_size_is_refused(tmp_path):
    with pytest.raises(ShapeError, match=r'"it" \(InfogainLoss\): .* has 6 values; .* need 3x3'):
        load(written(tmp_path / "gain.binaryproto", 2))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises((ParseError, FileNotFoundError), match="nowhere"):
        load(tmp_path / "nowhere")
