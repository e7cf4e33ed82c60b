"""Python layers: pycaffe's contract, side by side with real Caffe where it has an answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import python_layer_driver as nets
from against import far

import netbuilder.torchcaffe as caffe
from netbuilder import graph, weights
from netbuilder.errors import NoPythonLayer, ShapeUnknown
from netbuilder.proto import caffe_pb2, text

pytestmark = pytest.mark.torch

FAST, INSPECTABLE = caffe.Gait.FAST, caffe.Gait.INSPECTABLE


@pytest.fixture(autouse=True)
def layers(monkeypatch):
    """The users' layers, imported anew, with ``caffe`` meaning this engine."""
    monkeypatch.setitem(sys.modules, "caffe", caffe)
    monkeypatch.delitem(sys.modules, "user_layers", raising=False)
    import user_layers

    return user_layers


def net_of(layers_text: str, phase: int = caffe.TRAIN, head: str = "") -> caffe.Net:
    return caffe.Net(text.parse(head + layers_text, caffe_pb2.NetParameter()), phase)


@pytest.mark.caffe
def test_what_a_layer_is_asked_and_what_it_learns_is_as_in_real_caffe(
        run_caffe, tmp_path, monkeypatch):
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "ours")
    nets.run(caffe, tmp_path / "ours")
    run_caffe(Path(nets.__file__), "caffe", tmp_path / "theirs")
    ours, theirs = (dict(np.load(tmp_path / each / "found.npz")) for each in ("ours", "theirs"))
    assert list(ours) == list(theirs)
    assert {name: far(ours[name], theirs[name]) for name in theirs} == {
        name: pytest.approx(0, abs=1e-5) for name in theirs}
    assert theirs["loss 11"] < 0.5 * theirs["loss 0"]
    events = [json.loads((tmp_path / each / "events.json").read_text())
              for each in ("ours", "theirs")]
    assert events[0] == events[1]
    assert {event[0] for event in events[1]} == {
        "setup", "reshape", "forward", "backward [True, False]"}


def test_parameters_are_saved_copied_and_shared(layers, tmp_path):
    net = net_of(nets.TRAINED)
    net.params["gain"][0].data[...] = [1, 2, 3]
    net.save(str(tmp_path / "gain.caffemodel"))
    assert weights.read_weights(tmp_path / "gain.caffemodel")["gain"][0].tolist() == [1, 2, 3]
    other, test = net_of(nets.TRAINED), net_of(nets.TRAINED, caffe.TEST)
    other.copy_from(str(tmp_path / "gain.caffemodel"))
    test.share_with(net)
    assert other.params["gain"][0].data.tolist() == [1, 2, 3]
    net.layers[2].blobs[0].data[0] = 7
    assert test.layers[2].blobs[0].data[0] == 7 != other.layers[2].blobs[0].data[0]


def test_a_net_shows_the_users_own_layer(layers):
    net = net_of(nets.TRAINED)
    data = net.layers[0]
    assert type(data) is layers.Batches and (data.sizes, data.type) == ([4, 7, 2], "Python")
    data.sizes = [5]
    data.extra = "a user's"
    net.forward()
    assert net.blobs["data"].shape == (5, 3)
    assert data.extra == "a user's" and data.done == 1
    with pytest.raises(AttributeError, match="sices"):
        data.sices  # noqa: B018
    assert isinstance(data, caffe.Layer) and isinstance(data, layers.Batches)


@pytest.mark.parametrize("method", ["setup", "reshape", "forward", "backward"])
def test_what_a_layer_raises_comes_through(layers, method):
    def run():
        broken = nets.python("broken", "Broken", "x", "y", param_str=method)
        net = net_of(nets.blob("x", 2) + broken, head="force_backward: true ")
        net.forward()
        net.backward()

    with pytest.raises(KeyError, match=method):
        run()


def test_a_backward_is_missed_only_when_asked_for(layers):
    lazy = nets.blob("x", 2) + nets.python("lazy", "Lazy", "x", "y")
    net = net_of(lazy)
    net.forward()
    net.backward()
    net = net_of(lazy, head="force_backward: true ")
    net.forward()
    with pytest.raises(AttributeError, match="backward"):
        net.backward()


@pytest.mark.parametrize(("module", "layer", "error", "says"), [
    ("no_such_layers", "Gain", NoPythonLayer, '"a".*no_such_layers.*PYTHONPATH'),
    ("user_layers", "Gane", NoPythonLayer, '"a".*user_layers.*"Gane"'),
    ("user_layers", "Stranger", NoPythonLayer, r'"a".*user_layers\.Stranger.*caffe\.Layer'),
])
def test_what_cannot_be_loaded_is_named(layers, module, layer, error, says):
    wrong = nets.python("a", layer, tops="y").replace("user_layers", module)
    with pytest.raises(error, match=says):
        net_of(wrong)


def test_a_backward_pass_through_python_is_run_layer_by_layer(layers):
    """And gives its numbers, whoever asks for the fast gait."""
    losses = {}
    for gait in (FAST, INSPECTABLE):
        net = net_of(nets.TRAINED)
        assert net.gait(seen=False) is INSPECTABLE
        losses[gait] = [float(net.train_pass(gait)) for _ in range(3)]
        losses[gait].append(np.abs(net.params["gain"][0].diff).sum())
        assert net.blobs["in"].data.any()
    assert losses[FAST] == losses[INSPECTABLE]


def test_a_data_layer_in_python_leaves_the_net_fast(layers):
    loss = 'layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "{}" bottom: "label" }}'
    text = (nets.python("data", "Batches", tops="data label", param_str="4,7,2")
            + nets.python("lazy", "Lazy", "data", "copy") + nets.full("out", "copy", 2)
            + loss.format("out"))
    losses = {}
    for gait in (FAST, INSPECTABLE):
        net = net_of(text)
        net.params["out"][0].data[...] = [[1, -1, 0.5], [0, 2, -1]]
        assert net.gait(seen=False) is FAST
        losses[gait] = [float(net.train_pass(gait)) for _ in range(5)]
        losses[gait].append(np.abs(net.params["out"][0].diff).sum())
    assert losses[FAST] == pytest.approx(losses[INSPECTABLE], rel=1e-6)
    assert len(set(losses[FAST])) == 6


def test_in_place(layers):
    net = net_of(nets.blob("x", 1, 2) + nets.full("in", "x", 3)
                 + nets.python("gain", "Gain", "in", "in", param_str="2"))
    net.blobs["x"].data[...] = 1
    assert net.forward()["in"].tolist() == pytest.approx(np.full((1, 3), 1.2))


def test_losses_without_a_top_stay_apart(layers):
    loss = 'layer { name: "%s" type: "EuclideanLoss" bottom: "in" bottom: "x" }\n'
    net = net_of(nets.blob("x", 1, 3) + nets.full("in", "x", 3) + loss % "a" + loss % "b")
    net.blobs["x"].data[...] = 1
    assert float(net.train_pass()) == pytest.approx(2 * 0.5 * 3 * 0.01)


def test_debug_info_tells_of_it(layers, capsys):
    net = net_of(nets.TRAINED, head="debug_info: true ")
    net.train_pass()
    log = capsys.readouterr().err
    assert "[Forward] Layer gain, top blob gain data:" in log
    assert "[Forward] Layer gain, param blob 1 data: 0" in log
    assert "[Backward] Layer gain, bottom blob in diff:" in log


def test_without_an_engine_the_shape_is_asked_for():
    with pytest.raises(ShapeUnknown, match="--input data="):
        graph.resolve(text.parse(nets.TRAINED, caffe_pb2.NetParameter()))


def test_python_is_one_of_the_layer_types():
    assert "Python" in caffe.layer_type_list()
