"""``set_mode_fast``: what ``netbuilder train`` asks of the engine; numbers stay, blobs go."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from netbuilder import torchcaffe as caffe
from netbuilder.torchcaffe import mode

pytestmark = pytest.mark.torch

NET = """
layer { name: "data" type: "DummyData" top: "x" top: "y" dummy_data_param {
  shape { dim: 6 dim: 4 } shape { dim: 6 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "hidden" type: "InnerProduct" bottom: "x" top: "hidden" loss_weight: 0.1
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "hidden" top: "h" }
layer { name: "ip" type: "InnerProduct" bottom: "h" top: "ip"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "y" top: "loss" }
"""
SOLVER = 'net: "net.prototxt" test_iter: 2 test_interval: 9 base_lr: 0.1 lr_policy: "fixed" ' \
         "random_seed: 4 iter_size: 2 test_initialization: false"


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mode, "current", mode.Mode())
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    return lambda: caffe.get_solver("solver.prototxt")


def figures(solver) -> list[float]:
    """The losses of five iterations, part by part, and what a test batch puts out."""
    numbers = []
    for _ in range(5):
        solver.step(1)
        weights = solver.net.blob_loss_weights
        numbers += [solver.net.blobs[name].data.sum() for name in weights if weights[name]]
    outputs = solver.test_nets[0].forward()
    return [*numbers, *(outputs[name].sum() for name in sorted(outputs))]


def test_same_outputs_and_weights_but_no_blobs_between(make):
    slow = make()
    expected = figures(slow)
    caffe.set_mode_fast()
    fast = make()
    np.testing.assert_allclose(figures(fast), expected, rtol=1e-5)
    np.testing.assert_allclose(fast.net.params["ip"][0].data, slow.net.params["ip"][0].data,
                               rtol=1e-4, atol=1e-6)
    with pytest.raises(Exception, match="was not kept"):
        fast.net.blobs["h"].data  # noqa: B018


def test_callbacks_come_once_per_layer_and_pass(make):
    for prepare in (lambda: None, caffe.set_mode_fast):
        prepare()
        solver, seen = make(), []
        solver.net.after_forward(seen.append)
        solver.step(2)
        assert seen == list(range(len(solver.net.layers))) * 4  # two iterations of two passes


def test_loss_weights_by_blob(make):
    net = make().net
    assert list(net.blob_loss_weights) == list(net.blobs)
    assert sorted(filter(None, net.blob_loss_weights.values())) == [pytest.approx(0.1), 1.0]
    assert net.blob_loss_weights["loss"] == 1.0


def test_bf16_goes_to_the_nets_made_after_it(make):
    caffe.set_mode_fast(bf16=True)
    solver = make()
    solver.step(1)
    assert solver.net.bf16 and solver.test_nets[0].bf16
    caffe.set_mode_fast()
    assert not make().net.bf16
