"""What of pycaffe's surface real Caffe cannot be asked about, and where two gaits meet it."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pycaffe_files import FILES

import netbuilder.torchcaffe as caffe
from netbuilder.errors import EngineError, FileUnreadable, NetbuilderError, NoSuchLayer
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe import mode
from netbuilder.torchcaffe.net import Gait

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.torch


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> caffe.Net:
    """The net of net.prototxt, in a folder of its own with the other files."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mode, "current", mode.Mode())
    return caffe.Net("net.prototxt", caffe.TRAIN)


def test_what_a_star_imports_is_there():
    assert not [name for name in caffe.__all__ if not hasattr(caffe, name)]
    assert set(caffe._caffe.__all__) - set(caffe.__all__) <= {
        "BlobVec", "BoolVec", "DtypeVec", "IntVec", "LayerParameter", "LayerVec", "NetVec",
        "RawBlobVec", "Solver", "SolverParameter", "StringVec"}


def test_arguments_have_pycaffes_names():
    names = {method: list(inspect.signature(getattr(caffe.Net, method)).parameters)[1:]
             for method in ("__init__", "forward", "backward", "forward_all",
                            "forward_backward_all", "set_input_arrays")}
    assert names == {
        "__init__": ["network_file", "phase", "level", "stages", "weights", "rng", "device",
                     "bf16"],
        "forward": ["blobs", "start", "end", "kwargs"],
        "backward": ["diffs", "start", "end", "kwargs"],
        "forward_all": ["blobs", "kwargs"], "forward_backward_all": ["blobs", "diffs", "kwargs"],
        "set_input_arrays": ["data", "labels"],
    }


@pytest.mark.parametrize("places", [(-1, 0), (0, 99)])
def test_a_place_that_no_layer_has_is_refused(net, places):
    for run in (net._forward, net._backward):
        with pytest.raises(EngineError, match=r"has no layer (-1|99): its \d+ layers begin at 0"):
            run(*places)


@pytest.mark.parametrize("call, error, also, words", [
    (lambda net: caffe.Net("nowhere", 0), FileUnreadable, RuntimeError, "nowhere: cannot be read"),
    (lambda net: net.forward(start="i"), NoSuchLayer, ValueError, 'no layer is named "i"'),
    (lambda net: net.blobs["ip"].reshape(a=1), EngineError, RuntimeError, "takes no kwargs"),
    (lambda net: net.forward_all(), NetbuilderError, RuntimeError, "none are given"),
])
def test_errors_are_pycaffes_and_ours(call, error, also, words, net):
    with pytest.raises(error, match=words) as caught:
        call(net)
    assert isinstance(caught.value, also)


def test_backward_needs_no_forward(net):
    net.blobs["ip"].diff[...] = [[1, 2, 3]] * 4
    found = net.backward(start="ip", end="ip")
    assert found["data"].tolist() == [[1.5, 1.5]] * 4
    assert net.params["ip"][1].diff.tolist() == [4, 8, 12]
    assert not net.blobs["ip"].data.any()  # as it was


# Views, over both gaits.


def test_views_stay_views_when_the_gait_changes(net):
    net.forward()
    copy, source = net.blobs["ip_relu_0_split_1"], net.blobs["ip"]
    held = copy.data
    net.params["ip"][1].data[...] = 2
    net.test_pass(Gait.FAST)
    for blob in copy, source:
        with pytest.raises(EngineError, match="fast gait"):
            blob.data  # noqa: B018
    net.params["ip"][1].data[...] = 5
    net.forward()
    assert np.shares_memory(copy.data, source.data) and np.shares_memory(held, source.data)
    assert held[0, 0] == source.data[0, 0] == pytest.approx(5.25)


@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_a_view_overwritten_in_place_is_overwritten_in_every_pass(phase, net):
    """So Caffe has it: ``power`` reads what the ReLU wrote."""
    message = text.parse("""
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }
        layer { name: "flat" type: "Flatten" bottom: "x" top: "flat" }
        layer { name: "relu" type: "ReLU" bottom: "flat" top: "flat" }
        layer { name: "power" type: "Power" bottom: "x" top: "power" power_param { scale: 2 } }
    """, caffe_pb2.NetParameter())
    net = caffe.Net(message, phase)
    for gait in Gait:
        net.blobs["x"].data[...] = [1, -2, 3, -4]
        net.test_pass(gait)
        assert net.blobs["power"].data.tolist() == [[2, 0, 6, 0]]


def test_a_net_with_callbacks_runs_layer_by_layer(net):
    assert net.gait(seen=False) is Gait.FAST
    net.before_backward(lambda layer: None)
    assert net.gait(seen=False) is Gait.INSPECTABLE


def test_callbacks_of_a_solvers_net_come_at_every_pass(net):
    solver, seen = caffe.SGDSolver("solver.prototxt"), []
    solver.net.before_forward(seen.append)
    solver.net.after_backward(seen.append)
    solver.step(3)
    assert seen == [0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0] * 3


# Several GPUs, of which there is one.


def test_nccl_of_one_solver_has_nothing_to_do(net):
    solver = caffe.SGDSolver("solver.prototxt")
    nccl = caffe.NCCL(solver, caffe.NCCL.new_uid())
    nccl.bcast()
    solver.add_callback(nccl)
    solver.net.after_backward(nccl)
    solver.step(1)
    assert solver.iter == 1 and not caffe.has_nccl()
    assert isinstance(caffe.NCCL.new_uid(), bytes)


def test_nccl_of_several_solvers_is_refused(net):
    caffe.set_solver_count(2)
    with pytest.raises(EngineError, match="trains on one GPU, not on 2"):
        caffe.NCCL(caffe.SGDSolver("solver.prototxt"), b"uid")


def test_a_timer_measures_between_its_calls():
    timer = caffe.Timer()
    assert timer.ms == 0
    timer.start()
    sum(range(200_000))
    first = timer.ms
    assert first > 0 and timer.ms == first
    timer.start()
    timer.stop()
    assert timer.ms < first


# BVLC's own tests, which are not in this repository: NETBUILDER_BVLC names a checkout.


@pytest.mark.parametrize("name", [
    "coord_map", "draw", "io", "layer_type_list", "nccl", "net", "net_spec", "python_layer",
    "python_layer_with_param_str", "solver"])
def test_bvlcs_tests_pass(name, tmp_path):
    pytest.importorskip("six", reason="BVLC's tests need six")
    if "NETBUILDER_BVLC" not in os.environ:
        pytest.skip("NETBUILDER_BVLC names no checkout of BVLC/caffe")
    if name == "draw" and not shutil.which("dot"):
        pytest.skip("Graphviz's program dot is not there")
    tests = Path(os.environ["NETBUILDER_BVLC"]) / "python" / "caffe" / "test"
    paths = os.pathsep.join([str(ROOT), str(tests), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "netbuilder.torchcaffe", "-m", "unittest", f"test_{name}"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
