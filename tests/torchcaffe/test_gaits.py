"""Which gait runs: what a script can look at is there, and the rest is fast."""

from __future__ import annotations

import pytest
from whole_nets import full, loss, relu

import netbuilder.torchcaffe as caffe
from netbuilder.torchcaffe import mode

pytestmark = pytest.mark.torch

DATA = ('layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { '
        "shape { dim: 4 dim: 7 } shape { dim: 4 } "
        'data_filler { type: "gaussian" } data_filler { type: "constant" value: 2 } } }\n')
SOLVER = ('net: "net.prototxt" base_lr: 0.01 lr_policy: "fixed" random_seed: 3 '
          "test_iter: 3 test_interval: 1 test_initialization: false")


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mode, "current", mode.Mode())
    layers = full("hidden", "data", 5) + full("fc", "hidden", 3) + loss("fc")
    drawn = layers.replace("num_output", 'weight_filler { type: "xavier" } num_output')
    (tmp_path / "net.prototxt").write_text(DATA + drawn)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    return lambda: caffe.get_solver("solver.prototxt")


@pytest.fixture
def gaits(monkeypatch):
    """The gaits of all passes from now on: (train or test, gait)."""
    ran = []
    for name in ("train_pass", "test_pass"):
        def spy(net, gait, name=name, run=getattr(caffe.Net, name)):
            ran.append((name.removesuffix("_pass"), gait.value))
            return run(net, gait)
        monkeypatch.setattr(caffe.Net, name, spy)
    return ran


def test_only_the_last_iteration_and_the_last_test_pass_are_looked_at(make, gaits):
    make().step(3)
    test = [("test", "fast"), ("test", "fast"), ("test", "inspectable")]
    assert gaits == [("train", "fast"), *test, ("train", "fast"), *test, ("train", "inspectable")]


def test_a_callback_may_look_at_every_iteration(make, gaits):
    solver, seen = make(), []
    solver.add_callback(lambda: None, lambda: seen.append(solver.net.blobs["hidden"].diff.sum()))
    solver.step(2)
    assert [gait for what, gait in gaits if what == "train"] == ["inspectable"] * 2
    assert all(seen)


def test_a_script_sees_blobs_diffs_and_the_last_test_batch(make):
    solver = make()
    solver.step(3)
    assert solver.net.blobs["hidden"].data.any() and solver.net.blobs["hidden"].diff.any()
    test = solver.test_nets[0]
    batch = test.blobs["data"].data.copy()
    test.forward(start="hidden")
    assert (test.blobs["data"].data == batch).all() and batch.any()


def test_the_fast_mode_looks_at_nothing(make, gaits):
    caffe.set_mode_fast()
    make().step(2)
    assert {gait for _, gait in gaits} == {"fast"}


def test_an_output_made_in_place_keeps_its_diff_where_a_pass_goes_back_through_it(make, tmp_path):
    file = tmp_path / "net.prototxt"
    file.write_text("force_backward: true\n" + file.read_text().replace(
        'top: "loss"', 'top: "loss" propagate_down: true propagate_down: false')
        + full("out", "hidden", 2) + relu("rectified", "out"))
    solver = make()
    solver.net.blobs["out"].diff[...] = 2
    solver.step(3)
    out = solver.net.blobs["out"]
    assert (out.diff == 2 * (out.data > 0)).all()
    assert (solver.net.params["out"][1].diff == 2 * (out.data > 0).sum(0)).all()
