"""Image lists and lists of HDF5 files."""

import h5py
import numpy as np
import pytest
from PIL import Image

from netbuilder.data.hdf5 import first_shapes
from netbuilder.data.image_list import first_image_shape, read_list
from netbuilder.errors import DataError


def test_a_path_may_contain_spaces_and_labels_end_like_atoi(tmp_path):
    (tmp_path / "list").write_bytes(b"a b.jpg 3\r\nc.jpg -1\n/d e/f.png 12.9\n")
    assert read_list(tmp_path / "list") == [("a b.jpg", 3), ("c.jpg", -1), ("/d e/f.png", 12)]


@pytest.mark.parametrize("text, words", [
    ("a.jpg 1\nb.jpg\n", "list:2: no `path label` but 'b.jpg'"),
    ("a.jpg 1\n\n", "list:2"), ("a.jpg x\n", "list:1"), ("", "list is empty")])
def test_a_line_without_a_label_is_named(tmp_path, text, words):
    (tmp_path / "list").write_text(text)
    with pytest.raises(DataError, match=words):
        read_list(tmp_path / "list")


def test_first_image_shape(tmp_path):
    Image.new("L", (7, 5)).save(tmp_path / "a.png")
    (tmp_path / "list").write_text("a.png 0\nthe rest is not read\n")
    assert first_image_shape(tmp_path / "list", f"{tmp_path}/") == (3, 5, 7)
    assert first_image_shape(tmp_path / "list", f"{tmp_path}/", is_color=False) == (1, 5, 7)
    with pytest.raises(DataError, match=r"cannot read the image elsewhere/a\.png of .*list"):
        first_image_shape(tmp_path / "list", "elsewhere/")
    with pytest.raises(DataError, match="cannot read the image list missing: No such file"):
        first_image_shape("missing")


def test_shapes_of_hdf5_datasets(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"], file["label"] = np.zeros((10, 3, 4)), np.zeros(10)
    (tmp_path / "list").write_text(f"{tmp_path}/a.h5\n{tmp_path}/b.h5\n")
    assert first_shapes(tmp_path / "list", ["label", "data"]) == [(10,), (10, 3, 4)]
    with pytest.raises(DataError, match=r"a\.h5 has no dataset for a top .*weights"):
        first_shapes(tmp_path / "list", ["data", "weights"])


@pytest.mark.parametrize("text, words", [
    ("", "lists no HDF5 files"), ("list", r"list \(listed in .*\) is no readable HDF5 file")])
def test_what_is_no_list_of_hdf5_files_says_so(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list").write_text(text)
    with pytest.raises(DataError, match=words):
        first_shapes("list", ["data"])
    with pytest.raises(DataError, match="cannot read missing"):
        first_shapes("missing", ["data"])
