"""HDF5Output writes the file that real Caffe writes, and dies where it does."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from sources_places import by_caffe, by_us, layer

from netbuilder.errors import CaffeCrashed, DataError, ShapeError
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse
from netbuilder.torchcaffe import Net

pytestmark = pytest.mark.torch

NET = layer("HDF5Data", 'hdf5_data_param { source: "files" batch_size: 3 }') + """
layer { name: "keep" type: "HDF5Output" bottom: "data" bottom: "label"
        hdf5_output_param { file_name: "out.h5" } }"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(4)
    with h5py.File(tmp_path / "0.h5", "w") as file:
        file["data"], file["label"] = rng.normal(size=(5, 2, 3)), np.arange(5)
    (tmp_path / "files").write_text("0.h5")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kept() -> dict[str, np.ndarray]:
    with h5py.File("out.h5") as file:
        return {name: dataset[...] for name, dataset in file.items()}


def net(text: str = NET) -> Net:
    return Net(parse(text, caffe_pb2.NetParameter()), caffe_pb2.TEST)


@pytest.mark.caffe
def test_the_file_is_real_caffes(run_caffe, place):
    by_caffe(run_caffe, place, {"net": NET}, lambda name: {"passes": 1})
    theirs = kept()
    by_us(place, NET, passes=1)
    ours = kept()
    assert list(ours) == list(theirs) == ["data", "label"]
    for name, values in theirs.items():
        assert (ours[name].shape, ours[name].dtype) == (values.shape, values.dtype)
        np.testing.assert_array_equal(ours[name], values)


@pytest.mark.caffe
def test_real_caffe_dies_of_a_second_pass(run_caffe, place):
    with pytest.raises(CaffeCrashed, match="Failed to make float dataset"):
        by_caffe(run_caffe, place, {"net": NET}, lambda name: {"passes": 2})


def test_a_second_pass_is_refused(place):
    keeping = net()
    keeping.forward()
    with pytest.raises(DataError, match=r'"keep" \(HDF5Output\): out.h5 holds a batch already'):
        keeping.forward()
    assert kept()["label"].ravel().tolist() == [0, 1, 2]


def test_a_net_empties_the_file_when_it_is_made(place):
    net().forward()
    net()
    assert kept() == {}


def test_what_cannot_be_written(place):
    with pytest.raises(DataError, match=r'"keep" \(HDF5Output\): cannot create .* no/out.h5'):
        net(NET.replace("out.h5", "no/out.h5"))
    with pytest.raises(ShapeError, match=r'"more" \(HDF5Output\): 3 rows of data but 2'):
        net(NET + layer("DummyData", "dummy_data_param { shape { dim: 2 } }", tops="few").replace(
            '"d"', '"e"') + NET[NET.index("\nlayer"):].replace("keep", "more").replace(
                'bottom: "label"', 'bottom: "few"')).forward()
