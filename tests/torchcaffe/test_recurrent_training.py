"""A net of LSTM and RNN trained in both engines: states, frozen weights, sizes that change."""

from __future__ import annotations

import json
import os
from pathlib import Path

import driver
import numpy as np
import pytest
import recurrent_driver
from against import far
from driver import drive
from tinynet import write_solver

import netbuilder.torchcaffe as caffe
from netbuilder.errors import EngineError, ShapeError
from netbuilder.proto import caffe_pb2, text

pytestmark = pytest.mark.torch

STEPS, STREAMS, INPUTS, CLASSES = 6, 4, 5, 3
TOLERANCE = 1e-5  # measured after 20 iterations: weights within 1e-6
SOLVER = {"base_lr": 0.5, "momentum": 0.9, "lr_policy": "fixed", "weight_decay": 0.001,
          "clip_gradients": 1.0, "display": 0, "max_iter": 20, "random_seed": 3}
NET = f"""
layer {{ name: "memory" type: "MemoryData" top: "both" top: "classes"
  memory_data_param {{ batch_size: {STEPS * STREAMS} channels: {INPUTS + 1} height: 1 width: 1 }} }}
layer {{ name: "parts" type: "Slice" bottom: "both" top: "inputs" top: "marks"
  slice_param {{ slice_point: {INPUTS} }} }}
layer {{ name: "x" type: "Reshape" bottom: "inputs" top: "x"
  reshape_param {{ shape {{ dim: {STEPS} dim: {STREAMS} dim: {INPUTS} }} }} }}
layer {{ name: "cont" type: "Reshape" bottom: "marks" top: "cont"
  reshape_param {{ shape {{ dim: {STEPS} dim: {STREAMS} }} }} }}
layer {{ name: "label" type: "Reshape" bottom: "classes" top: "label"
  reshape_param {{ shape {{ dim: {STEPS} dim: {STREAMS} }} }} }}
layer {{ name: "in" type: "InnerProduct" bottom: "x" top: "in"
  inner_product_param {{ axis: 2 num_output: 7 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "lstm" type: "LSTM" bottom: "in" bottom: "cont" top: "lstm"
  param {{ lr_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }} param {{ lr_mult: 0.5 }}
  recurrent_param {{ num_output: 8 weight_filler {{ type: "uniform" min: -0.5 max: 0.5 }}
    bias_filler {{ type: "constant" value: 0.1 }} }} }}
layer {{ name: "rnn" type: "RNN" bottom: "lstm" bottom: "cont" top: "rnn"
  param {{ lr_mult: 0 }}
  recurrent_param {{ num_output: 6 weight_filler {{ type: "uniform" min: -0.5 max: 0.5 }} }} }}
layer {{ name: "out" type: "InnerProduct" bottom: "rnn" top: "out"
  inner_product_param {{ axis: 2 num_output: {CLASSES} weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "out" bottom: "label" top: "loss"
  softmax_param {{ axis: 2 }} }}
"""


def write_batches(folder: Path, batches: int = 5) -> None:
    """Sequences that begin anywhere, so that states pass from batch to batch; and which of the
    first inputs is largest."""
    rng = np.random.default_rng(5)
    rows = batches * STEPS * STREAMS
    images = rng.normal(size=(rows, INPUTS + 1, 1, 1)).astype(np.float32)
    images[:, INPUTS, 0, 0] = rng.random(rows) > 0.15
    labels = images[:, :CLASSES, 0, 0].argmax(1).astype(np.float32)
    np.savez(folder / "arrays.npz", images=images, labels=labels)


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_batches(tmp_path)
    (tmp_path / "net.prototxt").write_text(NET)
    write_solver("solver.prototxt", "net.prototxt", **SOLVER)
    caffe.Net("net.prototxt", caffe.TRAIN, rng=caffe.Rng(4)).save("start.caffemodel")
    return tmp_path


def job(out: str) -> dict:
    return {"solver": "solver.prototxt", "weights": "start.caffemodel", "arrays": "arrays.npz",
            "steps": 20, "out": out}


@pytest.mark.caffe
def test_twenty_iterations_are_the_same_in_both_engines(files, run_caffe):
    """The RNN's first weights are frozen, and still count when gradients are clipped."""
    run_caffe(Path(driver.__file__), json.dumps({"jobs": [job("theirs.npz")]}))
    drive(caffe, [job("ours.npz")])
    ours, theirs = dict(np.load("ours.npz")), dict(np.load("theirs.npz"))
    distances = {name: far(ours[name], theirs[name]) for name in theirs}
    assert distances == {name: pytest.approx(0, abs=TOLERANCE) for name in theirs}
    assert theirs["loss"][-5:].mean() < 0.9 * theirs["loss"][:5].mean()


def four_passes(gait: caffe.Gait, bf16: bool = False) -> tuple[list[float], list[np.ndarray]]:
    """The losses, and the parameters' diffs summed over the passes."""
    net = caffe.Net("net.prototxt", caffe.TRAIN, weights="start.caffemodel", bf16=bf16)
    arrays = dict(np.load("arrays.npz"))
    net.set_input_arrays(arrays["images"], arrays["labels"])
    losses = [float(net.train_pass(gait)) for _ in range(4)]
    return losses, [blob.diff.copy() for blobs in net.params.values() for blob in blobs]


def test_both_gaits_pass_the_states_on(files):
    (fast, fast_diffs), (slow, slow_diffs) = map(four_passes, (caffe.Gait.FAST,
                                                               caffe.Gait.INSPECTABLE))
    assert fast == pytest.approx(slow, rel=1e-6)
    assert all(far(one, other) < 1e-5
               for one, other in zip(fast_diffs, slow_diffs, strict=True))


def test_in_bfloat16_states_stay_float32(files):
    fast, rough = (four_passes(caffe.Gait.FAST, bf16)[0] for bf16 in (False, True))
    assert rough == pytest.approx(fast, rel=0.02)
    assert rough != fast


@pytest.mark.caffe
def test_states_stay_when_the_number_of_streams_changes(tmp_path, run_caffe):
    run_caffe(Path(recurrent_driver.__file__), "caffe", tmp_path / "theirs.npz")
    recurrent_driver.run(caffe, os.fspath(tmp_path / "ours.npz"))
    ours, theirs = np.load(tmp_path / "ours.npz"), np.load(tmp_path / "theirs.npz")
    assert list(ours) == list(theirs)
    assert {name: far(ours[name], theirs[name]) for name in theirs} == {
        name: pytest.approx(0, abs=1e-5) for name in theirs}
    assert np.abs(theirs["8"][:, 0] - theirs["0"][:, 0]).max() > 1e-3  # a state came along


def net_of(marks: str = "", fields: str = "", rest: str = "") -> caffe.Net:
    net = recurrent_driver.inputs(marks) + recurrent_driver.layer(fields, rest)
    return caffe.Net(text.parse(net, caffe_pb2.NetParameter()), caffe.TRAIN)


def test_the_number_of_steps_may_not_change():
    net = net_of()
    net.blobs["x"].reshape(4, 2, 4)
    net.blobs["cont"].reshape(4, 2)
    with pytest.raises(ShapeError, match=r'"layer" \(LSTM\): the number of time steps.* 3.* 4'):
        net.forward()


def test_marks_have_no_gradient():
    net = net_of(marks='layer { name: "learned" type: "Bias" bottom: "given" top: "cont" '
                       "bias_param { axis: 0 num_axes: 2 } }", rest="loss_weight: 1")
    net.forward()
    with pytest.raises(EngineError, match=r'"layer" \(LSTM\).*"cont"'):
        net.backward()


def test_fillers():
    net = net_of(fields='weight_filler { type: "constant" value: 2 } '
                      'bias_filler { type: "constant" value: 3 }')
    assert [set(blob.data.flat) for blob in net.params["layer"]] == [{2.0}, {3.0}, {2.0}]


def test_there_is_no_inner_net_to_debug(capsys):
    net_of(fields="debug_info: true")
    assert '"layer" (LSTM): debug_info prints nothing' in capsys.readouterr().err
