import numpy as np
import pytest

from netbuilder.data.datum import array_to_datum
from netbuilder.data.db import write_lmdb
from netbuilder.data.mean import compute_mean, read_mean, write_mean
from netbuilder.errors import DataError, ParseError
from netbuilder.proto import caffe_pb2


def test_mean_of_a_database(database, images):
    mean = compute_mean(database)
    assert mean.dtype == np.float32
    np.testing.assert_array_equal(mean, images.sum(0, dtype=np.float32) / np.float32(7))


def test_mean_needs_equal_sizes(tmp_path):
    sizes = [(1, 2, 2), (1, 2, 3)]
    write_lmdb(tmp_path / "a", (("", array_to_datum(np.zeros(size, np.uint8))) for size in sizes))
    with pytest.raises(DataError, match=r"image 1 has the shape \(1, 2, 3\)"):
        compute_mean(tmp_path / "a")


def test_round_trip(tmp_path):
    mean = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    write_mean(tmp_path / "mean.binaryproto", mean)
    np.testing.assert_array_equal(read_mean(tmp_path / "mean.binaryproto"), mean)


@pytest.mark.parametrize("dims", [[3, 4, 5], [1, 3, 4, 5]])
def test_reads_a_mean_with_a_new_style_shape(tmp_path, dims):
    blob = caffe_pb2.BlobProto(data=range(60))
    blob.shape.dim.extend(dims)
    (tmp_path / "mean").write_bytes(blob.SerializeToString())
    np.testing.assert_array_equal(read_mean(tmp_path / "mean").ravel(), range(60))
    assert read_mean(tmp_path / "mean").shape == (3, 4, 5)


def test_what_is_no_mean_says_so(tmp_path):
    blob = caffe_pb2.BlobProto(num=1, channels=3, height=4, width=5, data=[1, 2])
    (tmp_path / "short").write_bytes(blob.SerializeToString())
    with pytest.raises(DataError, match=r"short: a blob of shape 1 3 4 5 \(60\) with 2 values"):
        read_mean(tmp_path / "short")
    blob = caffe_pb2.BlobProto(num=2, channels=3, height=2, width=5, data=[0] * 60)
    (tmp_path / "two").write_bytes(blob.SerializeToString())
    with pytest.raises(DataError, match="two is no mean image: its shape is 2x3x2x5"):
        read_mean(tmp_path / "two")
    (tmp_path / "noise").write_bytes(b"\xff" * 40)
    with pytest.raises(ParseError, match="noise"):
        read_mean(tmp_path / "noise")
