"""Snapshots of a solver: the files, what is in them, and files that do not fit."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tinynet import write_solver

import netbuilder.torchcaffe as caffe
from netbuilder.errors import BuildError, ParseError, ShapeError, SolverError
from netbuilder.proto import caffe_pb2, io
from netbuilder.weights import SolverState, read_state, read_weights, write_state

pytestmark = pytest.mark.torch

BASE = {"base_lr": 0.1, "lr_policy": "multistep", "gamma": 0.5, "stepvalue": [1, 3, 9],
        "momentum": 0.9, "random_seed": 5, "max_iter": 9, "snapshot_prefix": "run"}


def solver(net: str = "plain.prototxt", **fields):
    return caffe.get_solver(write_solver("solver.prototxt", net, **{**BASE, **fields}))


def test_a_snapshot_is_two_files_with_weights_and_history(tiny):
    made = solver()
    made.step(3)
    made.snapshot()
    names = {path.name for path in tiny.iterdir() if path.name.startswith("run")}
    assert names == {"run_iter_3.caffemodel", "run_iter_3.solverstate"}
    state = read_state("run_iter_3.solverstate")
    assert (state.iter, state.learned_net, state.current_step) == (3, "run_iter_3.caffemodel", 1)
    for tensor, array in zip(made.history, state.history, strict=True):
        np.testing.assert_array_equal(array, tensor.numpy())
    stored = read_weights("run_iter_3.caffemodel")
    for name, blobs in made.net.params.items():
        for blob, array in zip(blobs, stored[name], strict=True):
            np.testing.assert_array_equal(array, blob.data)


def test_gradients_are_stored_when_asked_for(tiny):
    made = solver(snapshot_diff=True)
    made.step(1)
    made.snapshot()
    net = io.read_binary("run_iter_1.caffemodel", caffe_pb2.NetParameter)
    (blob,) = [layer.blobs[0] for layer in net.layer if layer.name == "fc"]
    np.testing.assert_array_equal(blob.diff, made.net.params["fc"][0].diff.ravel())


def test_restoring_takes_everything_back(tiny):
    made = solver()
    made.step(2)
    made.snapshot()
    history = [tensor.clone() for tensor in made.history]
    weights = made.net.params["fc"][0].data.copy()
    made.step(2)
    made.restore("run_iter_2.solverstate")
    assert made.iter == 2
    assert all(a.equal(b) for a, b in zip(made.history, history, strict=True))
    np.testing.assert_array_equal(made.net.params["fc"][0].data, weights)


def test_a_state_without_weights_leaves_them(tiny):
    made = solver()
    weights = made.net.params["fc"][0].data.copy()
    history = [np.ones(tuple(tensor.shape), np.float32) for tensor in made.history]
    write_state("bare.solverstate", SolverState(7, "", history))
    made.restore("bare.solverstate")
    assert made.iter == 7 and made.history[0].eq(1).all()
    np.testing.assert_array_equal(made.net.params["fc"][0].data, weights)


def test_a_history_of_another_net_changes_nothing(tiny):
    other = solver("resnet.prototxt", snapshot_prefix="other")
    other.snapshot()
    made = solver()
    before = made.net.params["fc"][0].data.copy()
    with pytest.raises(SolverError, match=r"history blobs: 39 .* 4 for the solver type SGD"):
        made.restore("other_iter_0.solverstate")
    history = [np.ones(3, np.float32)] * len(made.history)
    write_state("odd.solverstate", SolverState(7, "other_iter_0.caffemodel", history))
    with pytest.raises(ShapeError, match=r"solverstate: shape mismatch: history 0 .* of another"):
        made.restore("odd.solverstate")
    assert made.iter == 0
    np.testing.assert_array_equal(made.net.params["fc"][0].data, before)


def test_a_lost_caffemodel_is_named(tiny):
    made = solver()
    made.snapshot()
    (tiny / "run_iter_0.caffemodel").unlink()
    with pytest.raises(ParseError, match=r"run_iter_0.caffemodel: cannot be read"):
        made.restore("run_iter_0.solverstate")


def hdf5(**fields):
    file = write_solver("solver.prototxt", "plain.prototxt", **{**BASE, **fields})
    (file_path := Path(file)).write_text(file_path.read_text() + "\nsnapshot_format: HDF5")
    return caffe.get_solver(file)


def test_hdf5_holds_the_same(tiny):
    made = hdf5(type="Adam", snapshot_diff=True)
    made.step(3)
    made.snapshot()
    model, state = "run_iter_3.caffemodel.h5", "run_iter_3.solverstate.h5"
    assert {path.name for path in tiny.iterdir() if path.name.startswith("run")} == {model, state}
    stored = read_state(state)
    assert (stored.iter, stored.learned_net, stored.current_step) == (3, model, 1)
    history = [tensor.clone() for tensor in made.history]
    weights = made.net.params["fc"][0].data.copy()
    with h5py.File(model) as file:
        np.testing.assert_array_equal(file["diff/fc/0"], made.net.params["fc"][0].diff)
    made.step(2)
    made.restore(state)
    assert made.iter == 3
    assert all(a.equal(b) for a, b in zip(made.history, history, strict=True))
    np.testing.assert_array_equal(made.net.params["fc"][0].data, weights)


def test_a_place_that_is_gone_leaves_no_half_snapshot(tiny):
    (tiny / "sub").mkdir()
    made = solver(snapshot_prefix="sub/run", snapshot=5)
    assert not list((tiny / "sub").iterdir())  # trying the place left nothing
    (tiny / "sub").rmdir()
    with pytest.raises(BuildError, match="no folder"):
        made.snapshot()
