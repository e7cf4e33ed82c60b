"""What is said before an engine starts: each mistake in one line, with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny import NET, write_images, write_run, write_solver

from netbuilder.errors import (
    DataError,
    GraphError,
    NetbuilderError,
    ParseError,
    ShapeError,
    SolverError,
)
from netbuilder.proto import caffe_pb2, text
from netbuilder.train import job


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


MISTAKES = [
    ({"net": '"absent.prototxt"'}, SolverError, 'net "absent.prototxt" is not there; looked for /'),
    ({"net": None}, SolverError, "solver.prototxt: .* names its net by one of net, .*none of them"),
    ({"train_net": '"net.prototxt"'}, SolverError, "here it gives net and train_net"),
    ({"test_net": '"absent.prototxt"'}, SolverError, 'test_net "absent.prototxt" is not there'),
    ({"test_iter": None, "test_net": '"net.prototxt"'}, SolverError, "0 test_iter for 1 test nets"),
    ({"test_interval": None}, SolverError, "test_interval must be above 0"),
    ({"test_state": "{} test_state {}"}, SolverError, "2 test_state for 1 test nets"),
    ({"lr_policy": '"multi_step"'}, SolverError, 'solver.prototxt: .*did you mean "multistep"'),
    ({"stepvalue": None}, SolverError, 'solver.prototxt: .*"multistep" needs stepvalue'),
    ({"max_iter": None}, SolverError, "solver.prototxt: max_iter is not set"),
    ({"average_loss": 0}, SolverError, "average_loss"),
    ({"snapshot_prefix": '"absent/run"'}, SolverError,
     "cannot write to snapshot_prefix 'absent/run': No such"),
    ({"bass_lr": 1}, ParseError, r'solver.prototxt:16:1: .*"base_lr"'),
]


@pytest.mark.parametrize(("changes", "error", "words"), MISTAKES)
def test_mistakes_in_the_solver(here, changes, error, words):
    solver = write_run(here, **changes)
    with pytest.raises(error, match=words) as caught:
        job.load(solver.name)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write(here):
    (here / "locked").mkdir(mode=0o500)
    with pytest.raises(SolverError, match="Permission denied"):
        job.load(write_run(here, snapshot_prefix='"locked/run"'))


@pytest.mark.parametrize(("flags", "words"), [
    ({"weights": ["absent.caffemodel"]}, "weights: there is no file absent.caffemodel"),
    ({"weights": ["net.prototxt,absent"]}, "weights: there is no file absent"),
    ({"snapshot": "absent.solverstate"}, "snapshot: there is no file absent.solverstate"),
    ({"snapshot": "a", "weights": ["b"]}, "not both"),
])
def test_mistakes_in_the_flags(here, flags, words):
    with pytest.raises(NetbuilderError, match=words):
        job.load(write_run(here), **flags)


def test_a_missing_data_source_names_its_layer(here):
    (here / "net.prototxt").write_text(NET)
    with pytest.raises(DataError, match=r'layer "data" \(Data\): data_param.source "images"'):
        job.load(write_solver(here))


def test_only_the_layers_of_a_run_need_their_data(here):
    validation = """layer { name: "val" type: "HDF5Data" top: "x" include { phase: TEST }
                    hdf5_data_param { source: "absent.txt" } }"""
    write_run(here, network=NET + validation)
    with pytest.raises(DataError, match=r'"val" \(HDF5Data\): hdf5_data_param.source "absent.txt"'):
        job.load(write_solver(here))
    job.load(write_solver(here, test_iter=None))


CLASH = ('bottom: "label" top: "loss"', 'bottom: "data" top: "loss"')


def test_a_clash_of_shapes_names_file_and_layer(here):
    with pytest.raises(ShapeError, match=r'^net.prototxt: layer "loss" \(SoftmaxWithLoss\): .*8x3'):
        job.load(write_run(here, network=NET.replace(*CLASH)))
    (here / "val.prototxt").write_text(NET.replace('bottom: "ip"', 'bottom: "absent"'))
    (here / "net.prototxt").write_text(NET)
    with pytest.raises(GraphError, match=r'^val.prototxt: layer "loss" .* its bottom "absent"'):
        job.load(write_solver(here, net=None, train_net='"net.prototxt"',
                              test_net='"val.prototxt"'))
    inside = f"{{ {' '.join(NET.replace(*CLASH).split())} }}"
    with pytest.raises(ShapeError, match=r'^solver.prototxt: layer "loss"'):
        job.load(write_solver(here, net=None, net_param=inside).name)


@pytest.mark.parametrize("layer", [
    'type: "MyOwn" bottom: "ip" top: "x"',
    'type: "Python" bottom: "ip" top: "x" python_param { module: "my" layer: "Own" }',
])
def test_what_only_the_engine_knows_is_left_to_it(layer, here):
    job.load(write_run(here, network=NET + f'layer {{ name: "own" {layer} }}'))


def test_stages_of_the_solver_choose_the_layers(here):
    staged = """layer { name: "more" type: "ImageData" top: "x" include { stage: "more" }
                image_data_param { source: "absent.txt" } }"""
    job.load(write_run(here, network=NET + staged))
    for state in ("train_state", "test_state"):
        with pytest.raises(DataError, match=r'"more" .*image_data_param.source "absent.txt"'):
            job.load(write_solver(here, **{state: '{ stage: "more" }'}))


def test_a_missing_mean_file(here):
    net = NET.replace("scale:", 'mean_file: "mean.binaryproto" scale:')
    with pytest.raises(DataError, match=r'transform_param.mean_file "mean.binaryproto"'):
        job.load(write_run(here, network=net))


def test_a_net_beside_its_solver_is_found_from_elsewhere(here):
    (here / "out").mkdir()
    write_images(here / "images")
    (here / "out" / "net.prototxt").write_text(NET)
    solver = write_solver(here / "out")
    assert job.load(solver).param.net == str(here / "out" / "net.prototxt")
    (here / "net.prototxt").write_text(NET.replace("tiny", "nearer"))  # Caffe's own place is first
    found = job.load(solver)
    assert (found.param.net, found.net.name) == ("net.prototxt", "nearer")


@pytest.mark.parametrize(("prefix", "used"), [
    (None, "solver"), ('"folder"', "folder/solver"), ('"folder/x"', "folder/x"),
])
def test_snapshot_prefix_as_caffe_completes_it(here, prefix, used):
    (here / "folder").mkdir()
    write_run(here, snapshot_prefix=prefix)
    assert job.load("solver.prototxt").param.snapshot_prefix == used


def test_mode_of_the_file_and_of_the_flag(here):
    write_run(here, solver_mode="GPU", device_id=2)
    assert job.load("solver.prototxt").gpu == 2
    assert job.load("solver.prototxt", gpu=1).gpu == 1
    for mode in ("CPU", None):
        write_solver(here, solver_mode=mode)
        assert job.load("solver.prototxt").gpu is None


def test_weights_of_the_file_give_way_to_flags(here):
    for name in ("a", "b", "c", "s"):
        (here / name).touch()
    write_run(here, weights='"a, b"')
    assert job.load("solver.prototxt").weights == ("a", "b")
    assert job.load("solver.prototxt", weights=["c"]).weights == ("c",)
    assert job.load("solver.prototxt", snapshot="s").weights == ()


def test_the_engines_solver_only_steps(here):
    (here / "a").touch()
    loaded = job.load(write_run(here, weights='"a"', type='"Adam"', momentum2=0.9))
    sent = text.parse(loaded.message("caffe")["solver"], caffe_pb2.SolverParameter())
    assert (sent.display, sent.test_initialization) == (0, False)
    assert min(sent.snapshot, sent.test_interval) > 10**9
    assert not sent.weights
    for field in ("display", "snapshot", "test_initialization", "test_interval", "weights"):
        sent.ClearField(field)
        loaded.param.ClearField(field)
    assert sent == loaded.param


# An engine that is somebody's own, and flags beside the solver.


def test_a_foreign_caffe_may_know_better(here):
    for network, words in ((NET.replace("num_output: 3", "num_output: 0"), '"ip"'),
                           (NET.replace("scale:", "own_field:"), "own_field")):
        solver = write_run(here, network=network)
        with pytest.raises(NetbuilderError, match=words):
            job.load(solver)
        (warning,) = job.load(solver, foreign=True).warnings
        assert warning.startswith("Caffe as released would refuse this: ") and words in warning
    with pytest.raises(SolverError, match="test_interval"):
        job.load(write_run(here, test_interval=None), foreign=True)


def test_level_and_stages_go_to_the_train_net(here):
    solver = write_run(here, train_state='{ level: 3 stage: "a" }')
    loaded = job.load(solver, level=1, stages=["b", "c"])
    state = text.parse(loaded.message("caffe")["solver"], caffe_pb2.SolverParameter()).train_state
    assert (state.level, list(state.stage)) == (1, ["a", "b", "c"])
    assert (loaded.net.state.level, list(loaded.net.state.stage)) == (1, ["a", "b", "c"])
    assert ["level 3 gives way to --level 1" in warning for warning in loaded.warnings] == [True]
    assert job.load(solver).param.train_state.level == 3
    assert not job.load(solver, level=3).warnings
