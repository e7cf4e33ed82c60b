"""Databases, lists and HDF5 files that a prototxt names: devices, odd paths, absurd contents."""

import pytest
from attack import outcome

from netbuilder.data.db import write_lmdb
from netbuilder.proto import caffe_pb2

FIELDS = {"Data": "data_param", "ImageData": "image_data_param", "HDF5Data": "hdf5_data_param"}
KINDS = pytest.mark.parametrize("kind", FIELDS)


def said(tmp_path, kind, source):
    path = tmp_path / "net.prototxt"
    path.write_text(f'layer {{ name: "x" type: "{kind}" top: "a" top: "b" '
                    f'{FIELDS[kind]} {{ source: "{source}" batch_size: 2 }} }}')
    return outcome(path)


@KINDS
@pytest.mark.parametrize("source", ["/dev/zero", "/", "/nowhere", "a" * 5000, r"a\000b", r"\n", ""])
def test_what_is_no_source(kind, source, tmp_path):
    assert "nothing tells the shape" in said(tmp_path, kind, source)


@KINDS
@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\xff\xfe 1\n", b"/dev/zero 0\n",
                                     b"x" * (2 << 20), b"a\0b 1\n"])
def test_lists_of_anything(kind, content, tmp_path):
    (tmp_path / "list").write_bytes(content)
    assert "nothing tells the shape" in said(tmp_path, kind, tmp_path / "list")


@pytest.mark.parametrize("content", [b"", b"\0" * 8192, b"\xff" * 100_000])
def test_databases_of_anything(content, tmp_path):
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "data.mdb").write_bytes(content)
    assert "nothing tells the shape" in said(tmp_path, "Data", tmp_path / "db")


@pytest.mark.parametrize("datum", [
    {"channels": 2**31 - 1, "height": 2**31 - 1, "width": 2**31 - 1},
    {"channels": -1, "height": 1, "width": 1},
    {"encoded": True, "data": b"no image"},
    {"encoded": True},
], ids=str)
def test_images_of_absurd_size(datum, tmp_path):
    pytest.importorskip("lmdb")
    write_lmdb(tmp_path / "db", [("a", caffe_pb2.Datum(**datum))])
    assert "x" in said(tmp_path, "Data", tmp_path / "db")


def test_hdf5_files_of_anything_else(tmp_path):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "list").write_text(str(tmp_path / "file.h5"))
    with h5py.File(tmp_path / "file.h5", "w") as file:
        file.create_group("a")
        file["b"] = h5py.Empty("f")
    assert "is no readable HDF5 file" in said(tmp_path, "HDF5Data", tmp_path / "list")
