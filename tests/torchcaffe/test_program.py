"""The fast gait gives the numbers of the inspectable one, and says what it did not keep."""

from __future__ import annotations

import numpy as np
import pytest
from against import far
from layer_cases import TRAIN, Case
from whole_nets import accuracy, cases, conv, full, head, loss, pool, relu, weights

import netbuilder.torchcaffe as caffe
from netbuilder.errors import EngineError
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.rng import Rng

CASES = cases()
FAST, INSPECTABLE = caffe.Gait.FAST, caffe.Gait.INSPECTABLE

pytestmark = pytest.mark.torch


def filled(case: Case, seed: int = 0) -> caffe.Net:
    """The case's net with the case's weights and data in it."""
    message = text.parse(case.net, caffe_pb2.NetParameter())
    net = caffe.Net(message, case.phase, rng=Rng(seed))
    for place, array in case.arrays.items():
        kind, _, name = place.partition("/")
        if kind == "data":
            net.blobs[name].data[...] = array
        else:
            layer, index = name.rsplit("/", 1)
            net.params[layer][int(index)].data[...] = array
    return net


def kept(net: caffe.Net) -> dict[str, np.ndarray]:
    """What every gait leaves: outputs, parameters, and their diffs."""
    return {**weights(net), **{name: net.blobs[name].data.copy() for name in net.outputs}}


@pytest.mark.parametrize("name", CASES)
def test_both_gaits_agree(name):
    results = []
    for gait in (FAST, INSPECTABLE):
        net = filled(CASES[name])
        net.clear_param_diffs()
        losses = [float(net.train_pass(gait)) for _ in range(2)]  # diffs and statistics add up
        results.append({**kept(net), "losses": np.array(losses)})
    fast, slow = results
    assert {name: far(fast[name], slow[name]) for name in slow} == {
        name: pytest.approx(0, abs=1e-5) for name in slow}


@pytest.mark.parametrize("name", CASES)
def test_in_bfloat16_losses_are_near_and_parameters_float32(name):
    losses = {}
    for bf16 in (False, True):
        net = filled(CASES[name])
        net.bf16 = bf16
        losses[bf16] = float(net.train_pass(FAST))
    assert losses[True] != losses[False]  # 8 bits of mantissa leave their mark
    assert losses[True] == pytest.approx(losses[False], rel=0.03)
    assert all(np.isfinite(blob.diff).all() for blobs in net.params.values() for blob in blobs)


def test_in_bfloat16_places_and_shares_are_whole():
    """bfloat16 has no 257; ArgMax, a pooling's positions and Accuracy count in float32."""
    net = caffe.Net(text.parse(
        head(257) + full("fc", "data", 300) + loss("fc")
        + 'layer { name: "first" type: "ArgMax" bottom: "fc" top: "first" }\n'
        + conv("sum", "data", 1, "kernel_size: 1 weight_filler { value: 1 }")
        + pool("pool", "sum", "kernel_size: 17").replace('top: "pool"', 'top: "pool" top: "at"')
        + accuracy("fc"), caffe_pb2.NetParameter()), caffe.TEST, bf16=True)
    net.params["fc"][1].data[257] = 1  # the class of all
    net.blobs["data"].data[..., 16, 1] = 1
    net.blobs["label"].data[:200] = 257
    net.test_pass(FAST)
    assert (net.blobs["first"].data == 257).all() and (net.blobs["at"].data == 273).all()
    assert net.blobs["accuracy"].data == pytest.approx(200 / 257)


def test_a_test_pass_leaves_the_diffs_alone():
    net = filled(CASES["residual-TRAIN"])
    net.params["fc"][0].diff[...] = 7
    loss = net.test_pass(FAST)
    assert float(loss) == pytest.approx(float(net.blobs["loss"].data))
    assert (net.params["fc"][0].diff == 7).all()


def test_batch_norm_and_scale_run_as_one():
    net = filled(CASES["residual-TRAIN"])
    net.train_pass(FAST)
    steps = net._program._steps
    pairs = [[node.type for node in step.nodes] for step in steps if len(step.nodes) > 1]
    assert pairs == [["BatchNorm", "Scale"]] * 6
    assert sum(len(step.nodes) for step in steps) == len(net.layers)


def test_what_was_not_kept_is_an_error_and_not_an_old_number():
    net = filled(CASES["residual-TRAIN"])
    net.forward()
    net.train_pass(FAST)
    for read in (lambda: net.blobs["conv1"].data, lambda: net.blobs["conv1"].diff):
        with pytest.raises(EngineError, match='blob "conv1" was not kept'):
            read()
    with pytest.raises(EngineError, match='blob "a2" was not kept'):
        net.forward(start="a2_bn")
    net.train_pass(INSPECTABLE)
    assert net.blobs["conv1"].diff.any() and net.blobs["conv1"].data.any()


@pytest.mark.parametrize("name", CASES)
def test_every_blob_is_right_or_refused(name):
    fast, slow = filled(CASES[name]), filled(CASES[name])
    fast.train_pass(FAST)
    slow.train_pass(INSPECTABLE)
    read = set()
    for blob, kind in ((blob, kind) for blob in slow.blobs for kind in ("data", "diff")):
        try:
            found = getattr(fast.blobs[blob], kind)
        except EngineError:
            continue
        read.add(blob)
        assert far(found, getattr(slow.blobs[blob], kind)) < 1e-5, (blob, kind)
    assert {*slow.outputs, "data", "label"} <= read


def test_inputs_stay_readable():
    net = filled(CASES["residual-TRAIN"])
    before = net.blobs["data"].data.copy()
    net.train_pass(FAST)
    assert (net.blobs["data"].data == before).all()


def test_an_array_taken_before_shows_the_new_gradient():
    net = filled(CASES["residual-TRAIN"])
    seen = net.params["fc"][0].diff
    net.clear_param_diffs()
    net.train_pass(FAST)
    assert seen.any()
    assert (seen == net.params["fc"][0].diff).all()
    net.clear_param_diffs()
    assert not seen.any()


def test_a_gradient_taken_in_as_it_is_still_adds_up():
    net = filled(CASES["inception-TRAIN"])
    net.clear_param_diffs()
    net.train_pass(FAST)
    net.train_pass(FAST)
    twice = net.params["fc"][0].diff.copy()
    net.clear_param_diffs()
    assert not net.params["fc"][0].diff.any()
    net.train_pass(FAST)
    np.testing.assert_allclose(net.params["fc"][0].diff * 2, twice, rtol=1e-5)


def test_the_bottom_may_change_its_shape():
    net = filled(CASES["residual-TRAIN"])
    net.train_pass(FAST)
    net.blobs["data"].reshape(2, 3, 23, 19)
    net.blobs["label"].reshape(2)
    net.blobs["data"].data[...] = 1
    fast = float(net.test_pass(FAST))
    assert fast == pytest.approx(float(net.test_pass(INSPECTABLE)), rel=1e-5)


def test_dropout_draws_the_same_in_both_gaits():
    drop = ('layer { name: "drop" type: "Dropout" bottom: "data" top: "drop" } '
            'layer { name: "fc" type: "InnerProduct" bottom: "drop" top: "fc" '
            'inner_product_param { num_output: 5 weight_filler { type: "xavier" } } } '
            'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" }')
    losses = []
    for gait in (FAST, INSPECTABLE):
        net = filled(Case("drop", head() + drop, {"data/data": np.ones((4, 3, 17, 17))}), seed=5)
        losses.append([float(net.train_pass(gait)) for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert len(set(losses[0])) == 3


def test_channels_last_keeps_the_meaning_of_flat_layers():
    body = ('layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { '
            'num_output: 4 kernel_size: 3 weight_filler { type: "msra" } } } '
            'layer { name: "flat" type: "Flatten" bottom: "c" top: "flat" } '
            'layer { name: "r" type: "Reshape" bottom: "flat" top: "r" '
            "reshape_param { shape { dim: 0 dim: 4 dim: -1 dim: 3 } } }")
    arrays = {"data/data": np.random.default_rng(0).normal(size=(4, 3, 17, 17))}
    net = filled(Case("flat", head() + body, arrays, TRAIN))
    slow = net.forward()["r"].copy()
    net.test_pass(FAST)
    np.testing.assert_allclose(net.blobs["r"].data, slow, atol=1e-5)


def agree(body: str) -> None:
    """Asserts that both gaits give the same weight gradients."""
    arrays = {"data/data": np.random.default_rng(0).normal(size=(4, 3, 17, 17))}
    grads = []
    for gait in (FAST, INSPECTABLE):
        net = filled(Case("", head() + body + loss("fc"), arrays, TRAIN))
        net.params["fc"][0].data[...] = np.random.default_rng(1).normal(
            size=net.params["fc"][0].shape) / 30
        for clear in (True, True, False):  # the first gradient finds no memory to take over
            if clear:
                net.clear_param_diffs()
            net.train_pass(gait)
        grads.append(weights(net))
    assert all(far(grads[0][name], grads[1][name]) < 1e-5 for name in grads[1])


def test_a_gradient_of_two_owners_is_added_up_for_each():
    bias = ('layer {{ name: "{0}" type: "Bias" bottom: "data" top: "{0}" bias_param {{ axis: 0 '
            "num_axes: -1 }} }} ")
    agree(bias.format("a") + bias.format("b") + 'layer { name: "sum" type: "Eltwise" '
          'bottom: "a" bottom: "b" top: "sum" } ' + full("fc", "sum", 5))


def test_a_relu_overwrites_no_value_that_a_gradient_needs():
    agree(conv("c", "data", 3, 'kernel_size: 3 weight_filler { type: "msra" }')
          + 'layer { name: "t" type: "TanH" bottom: "c" top: "t" } ' + relu("r", "t")
          + full("fc", "t", 5))


@pytest.mark.parametrize("slope", [0, 0.1, -0.1])
def test_a_relu_with_a_slope_works_in_place(slope):
    agree(conv("c", "data", 3, 'kernel_size: 3 weight_filler { type: "msra" }')
          + relu("r", "c").replace("}\n", f"relu_param {{ negative_slope: {slope} }} }}\n")
          + full("fc", "c", 5))


def test_a_scale_along_another_axis_is_not_taken_into_batch_norm():
    agree(conv("c", "data", 17, 'kernel_size: 1 bias_term: false weight_filler { type: "msra" }')
          + 'layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" } '
            'layer { name: "s" type: "Scale" bottom: "c" top: "c" scale_param { axis: 3 '
            'filler { type: "uniform" } } } ' + full("fc", "c", 5))
