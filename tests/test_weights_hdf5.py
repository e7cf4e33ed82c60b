"""Weights and solver states in HDF5: the layout, files that do not fit, and what h5py is for."""

from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pytest

from netbuilder.errors import BuildError, DataError, ParseError
from netbuilder.proto import caffe_pb2, io
from netbuilder.weights import (
    SolverState,
    is_hdf5,
    read_state,
    read_weights,
    write_state,
    write_weights,
)

ONE, TWO = np.arange(6, dtype=np.float32).reshape(2, 3), np.float32([7, 8])


def layers(**arrays) -> list:
    return [(caffe_pb2.LayerParameter(name=name), blobs) for name, blobs in arrays.items()]


def written(path, content) -> str:
    """An HDF5 file made by hand: datasets by their paths."""
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            file[name] = values
    return str(path)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "net"  # the name says nothing
    write_weights(path, "net", layers(fc=[ONE, TWO], relu=[], a=[TWO]), hdf5=True)
    assert is_hdf5(path)
    read = read_weights(path)
    assert list(read) == ["a", "fc", "relu"] and read["relu"] == []
    for array, back in zip([ONE, TWO, TWO], [*read["fc"], *read["a"]], strict=True):
        np.testing.assert_array_equal(back, array)
        assert back.dtype == np.float32 and back.flags.writeable


def test_the_layout_is_caffes(tmp_path):
    write_weights(tmp_path / "a.h5", "net", layers(fc=[ONE, None, TWO]),
                  [[2 * ONE, TWO, 3 * TWO]], hdf5=True)
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(file) == {"data", "diff"}
        assert set(file["data/fc"]) == {"0", "2"} and set(file["diff/fc"]) == {"0", "1", "2"}
        assert file["data/fc/0"].dtype == "<f4"
        np.testing.assert_array_equal(file["diff/fc/2"], 3 * TWO)
    first, gap, last = read_weights(tmp_path / "a.h5")["fc"]
    assert gap is None
    np.testing.assert_array_equal(first, ONE)
    np.testing.assert_array_equal(last, TWO)


def test_states_are_read_as_written(tmp_path):
    history = [ONE] + [np.float32([index]) for index in range(1, 12)]  # "10" sorts before "2"
    write_state(tmp_path / "s", SolverState(12, "ö/x.caffemodel.h5", history, 2), hdf5=True)
    state = read_state(tmp_path / "s")
    assert (state.iter, state.learned_net, state.current_step) == (12, "ö/x.caffemodel.h5", 2)
    for array, back in zip(history, state.history, strict=True):
        np.testing.assert_array_equal(back, array)


def test_numbers_of_any_type_become_float32(tmp_path):
    path = written(tmp_path / "a.h5", {"data/fc/0": np.float64([[1, 2]]), "data/fc/1": [3, 4]})
    first, second = read_weights(path)["fc"]
    assert first.dtype == second.dtype == np.float32 and first.tolist() == [[1, 2]]


def test_a_state_may_have_no_weights(tmp_path):
    path = written(tmp_path / "a", {"iter": [3], "current_step": [1], "history/0": ONE})
    assert read_state(path).learned_net == ""


def test_a_name_that_would_be_a_folder_is_refused(tmp_path):
    with pytest.raises(BuildError, match=r'"inception/1x1" cannot .*Caffe aborts.*BINARYPROTO'):
        write_weights(tmp_path / "a.h5", "net", layers(**{"inception/1x1": [ONE]}), hdf5=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content, error, words", [
    ({"other": [1]}, ParseError, "of another kind"),
    ({"data": [1]}, DataError, "/data is no group"),
    ({"data/fc/weight": [1]}, DataError, "/data/fc has datasets that are no numbers: weight"),
    ({"data/fc/0": "text"}, DataError, "/data/fc/0 is no dataset of numbers"),
    ({"data/fc/0/deeper": [1]}, DataError, "/data/fc/0 is no dataset of numbers"),
    ({"data/fc": [1]}, DataError, "/data/fc is no group"),
    ({"data/fc/99999999": [1]}, DataError, "/data/fc has datasets"),
])
def test_files_of_another_kind_are_refused(tmp_path, content, error, words):
    with pytest.raises(error, match=words):
        read_weights(written(tmp_path / "a.h5", content))


@pytest.mark.parametrize("content, words", [
    ({"iter": [1], "current_step": [0]}, "of another kind"),
    ({"iter": [1, 2], "current_step": [0], "history/0": [1]}, "of another kind"),
    ({"iter": [1], "current_step": [0], "history/1": [1]}, "/history has gaps"),
])
def test_states_of_another_kind_are_refused(tmp_path, content, words):
    with pytest.raises((ParseError, DataError), match=words):
        read_state(written(tmp_path / "a.h5", content))


def test_a_damaged_file_is_named(tmp_path):
    write_weights(tmp_path / "a.h5", "net", layers(fc=[ONE]), hdf5=True)
    data = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(data[: len(data) // 2])
    with pytest.raises(ParseError, match=r"a.h5: is damaged"):
        read_weights(tmp_path / "a.h5")


def test_a_file_cannot_claim_more_than_it_holds(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data/fc/0", (1 << 20, 1 << 10), "f4", chunks=(64, 64))
    with pytest.raises(DataError, match="cannot be in a file of"):
        read_weights(tmp_path / "a.h5")


def test_a_format_is_known_by_its_first_bytes(tmp_path):
    io.write_binary(tmp_path / "a.h5", caffe_pb2.NetParameter(name="net"))
    assert not is_hdf5(tmp_path / "a.h5") and read_weights(tmp_path / "a.h5") == {}
    assert not is_hdf5(tmp_path) and not is_hdf5(tmp_path / "none")


def test_nothing_is_left_where_a_file_cannot_be_written(tmp_path):
    with pytest.raises(BuildError, match="no folder"):
        write_state(tmp_path / "none" / "a", SolverState(1, "", [ONE]), hdf5=True)
    assert not list(tmp_path.iterdir())


def test_without_h5py_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r'a.h5 needs h5py: pip install "netbuilder\[train\]"'):
        write_weights(tmp_path / "a.h5", "net", [], hdf5=True)


def test_importing_loads_no_h5py():
    code = "import sys, netbuilder.weights; sys.exit('h5py' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
