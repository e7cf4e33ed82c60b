"""Net and Blob as pycaffe's users know them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_grid import DRAWS as DRAWN
from engine_grid import UNFORCED, all_cases
from layer_cases import TEST, TRAIN
from test_program import filled
from whole_nets import cases, conv, full, head, loss

import netbuilder.torchcaffe as caffe
from netbuilder.errors import DataError, EngineError, GraphError, ShapeError, UnknownLayerError
from netbuilder.proto import caffe_pb2, io, text
from netbuilder.torchcaffe.ops import base
from netbuilder.torchcaffe.ops.data import FromSource
from netbuilder.torchcaffe.rng import Rng

CASES = cases()
OPS = all_cases()

pytestmark = pytest.mark.torch


def make(body: str, phase: int = TRAIN, seed: int = 0) -> caffe.Net:
    return caffe.Net(text.parse(head() + body, caffe_pb2.NetParameter()), phase, rng=Rng(seed))


@pytest.fixture
def residual() -> caffe.Net:
    return filled(CASES["residual-TRAIN"])


# What there is.


def test_names():
    net = make(full("fc", "data", 5) + loss("fc", "loss1") + loss("fc", "a_loss"))
    assert list(net.layer_dict) == ["data", "label", "label_label_0_split", "fc", "fc_fc_0_split",
                                    "loss1", "a_loss"]
    assert [layer.type for layer in net.layers][2:5] == ["Split", "InnerProduct", "Split"]
    assert net.inputs == ["data", "label"]
    assert net.outputs == ["a_loss", "loss1"]
    assert net.top_names["fc_fc_0_split"] == ["fc_fc_0_split_0", "fc_fc_0_split_1"]
    assert net.bottom_names["loss1"] == ["fc_fc_0_split_0", "label_label_0_split_0"]
    assert list(net.params) == ["fc"]
    assert [blob.shape for blob in net.params["fc"]] == [(5, 867), (5,)]


def test_a_loss_without_a_top_gets_one():
    net = make(full("fc", "data", 5) + loss("fc").replace('top: "loss"', ""))
    net.forward()
    assert net.outputs == []
    assert list(net.blobs)[-1] == "(automatic)"
    assert net.blobs["(automatic)"].data == pytest.approx(np.log(5), rel=1)
    net.backward()
    assert net.params["fc"][1].diff.any()


def test_a_blob_knows_its_old_four_dimensions():
    blob = caffe.Blob((2, 3))
    assert (blob.num, blob.channels, blob.height, blob.width, blob.count) == (2, 3, 1, 1, 6)
    with pytest.raises(ShapeError, match="use shape"):
        caffe.Blob((1, 1, 1, 1, 1)).num  # noqa: B018
    with pytest.raises(ShapeError, match="-1"):
        blob.reshape(2, -1)


def test_every_op_has_a_row_in_the_grid():
    sources = {name for name, op in base.op_types().items() if issubclass(op, FromSource)}
    elsewhere = {"Split", "Silence", "Dropout", "Parameter", "HDF5Output",  # in tests of their own
                 "LSTM", "LSTMUnit", "RNN", "Python"}
    assert set(base.op_types()) - sources - elsewhere == set(DRAWN)
    assert set(DRAWN) >= UNFORCED


@pytest.mark.parametrize("name", OPS)
def test_tops_have_the_shapes_that_the_layer_says(name):
    net = caffe.Net(text.parse(OPS[name].net, caffe_pb2.NetParameter()), OPS[name].phase)
    for place, array in OPS[name].arrays.items():
        if place.startswith("data/"):
            net.blobs[place.removeprefix("data/")].data[...] = array
    net.forward()
    for node in net.layers:
        shapes = node.op.shapes([blob.tensor for blob in node.bottoms])
        assert [blob.shape for blob in node.tops] == list(shapes)


# Arrays and memory.


def test_an_array_goes_on_showing_the_blob(residual):
    data, diff = residual.blobs["fc"].data, residual.blobs["sum2"].diff
    residual.forward()
    residual.backward()
    assert data.any() and (data == residual.blobs["fc"].data).all()
    assert diff.any() and (diff == residual.blobs["sum2"].diff).all()


def test_writing_between_layers_counts(residual):
    residual.forward(end="fc")
    residual.blobs["fc"].data[...] = 0
    assert residual.forward(start="fc_fc_0_split")["loss"] == pytest.approx(np.log(5))


def test_writing_weights_counts(residual):
    for blob in residual.params["fc"]:
        blob.data[...] = 0
    assert residual.forward()["loss"] == pytest.approx(np.log(5))


def test_a_smaller_blob_keeps_its_memory_and_a_larger_one_may_not():
    blob = caffe.Blob((2, 3))
    blob.data[...] = np.arange(6).reshape(2, 3)
    view = blob.data
    blob.reshape(4)
    blob.data[...] = 7
    assert view.tolist() == [[7, 7, 7], [7, 4, 5]]
    blob.reshape(2, 3)
    assert blob.data.tolist() == view.tolist()


# Running.


def test_forward_returns_what_is_asked_for(residual):
    assert set(residual.forward()) == {"loss", "accuracy"}
    assert set(residual.forward(blobs=["a1"], end="conv1")) == {"conv1", "a1"}


def test_inputs_can_be_given_as_keywords(residual):
    data, labels = residual.blobs["data"].data.copy(), residual.blobs["label"].data.copy()
    first = residual.forward(end="pool1")["pool1"].copy()
    residual.forward(data=data * 2, label=labels, end="conv1")
    assert (residual.blobs["data"].data == data * 2).all()
    residual.forward(data=data, label=labels)
    np.testing.assert_allclose(residual.blobs["pool1"].data, first, rtol=1e-5)


@pytest.mark.parametrize("call, error, words", [
    (lambda net: net.forward(data=np.zeros((4, 3, 17, 17))), GraphError, "do not match net inputs"),
    (lambda net: net.forward(data=np.zeros((3, 3, 17, 17)), label=np.zeros(4)), ShapeError,
     "not batch sized: 3 rows"),
    (lambda net: net.forward(start="conv"), GraphError, 'no layer is named "conv"; did you mean'),
    (lambda net: net.backward(end="con1"), GraphError, 'did you mean "conv1"'),
])
def test_mistakes_are_named(residual, call, error, words):
    with pytest.raises(error, match=words):
        call(residual)


def test_backward_adds_to_the_weights_and_sets_the_blobs(residual):
    residual.forward()
    residual.backward()
    weights, blob = (residual.params["fc"][0].diff.copy(), residual.blobs["sum2"].diff.copy())
    residual.backward()
    np.testing.assert_allclose(residual.params["fc"][0].diff, 2 * weights, rtol=1e-6)
    np.testing.assert_array_equal(residual.blobs["sum2"].diff, blob)
    residual.clear_param_diffs()
    assert not residual.params["fc"][0].diff.any()


def test_the_diff_of_a_loss_is_its_weight_and_may_be_changed(residual):
    residual.forward()
    residual.backward()
    once = residual.params["fc"][0].diff.copy()
    residual.clear_param_diffs()
    assert residual.blobs["loss"].diff == 1
    residual.blobs["loss"].diff[...] = 3
    residual.backward()
    np.testing.assert_allclose(residual.params["fc"][0].diff, 3 * once, rtol=1e-5)


def test_a_partial_backward_starts_from_the_diff_in_the_blob(residual):
    residual.forward()
    residual.blobs["a1"].diff[...] = 1
    given = residual.backward(start="conv1", end="conv1")
    assert not given["data"].any() and not residual.params["conv1"][0].diff.any()
    residual.blobs["conv1"].diff[...] = 1
    residual.backward(start="conv1", end="conv1")
    assert residual.params["conv1"][0].diff.any()


def test_reshape_reaches_every_blob(residual):
    residual.blobs["data"].reshape(2, 3, 23, 19)
    residual.blobs["label"].reshape(2)
    residual.reshape()
    assert residual.blobs["fc"].shape == (2, 5)
    residual.blobs["data"].reshape(1, 3, 17, 17)
    residual.blobs["label"].reshape(1)
    residual.forward()  # and without being asked
    assert residual.blobs["fc"].shape == (1, 5)


def test_a_shape_that_the_weights_do_not_fit_is_refused():
    net = make(full("fc", "data", 5))
    net.blobs["data"].reshape(4, 3, 9, 9)
    with pytest.raises(ShapeError, match=r'"fc" \(InnerProduct\).*5x243.*it is 5x867'):
        net.forward()


def test_only_the_train_phase_changes_statistics():
    train, test = filled(CASES["residual-TRAIN"]), filled(CASES["residual-TEST"])
    for net, moves in ((train, True), (test, False)):
        before = net.params["conv1_bn"][2].data.copy()
        net.forward()
        assert (net.params["conv1_bn"][2].data != before) == moves
    assert train.params["conv1_bn"][2].data == pytest.approx(before * 0.999 + 1)


def test_dropout_keeps_the_mean_and_is_off_in_test():
    drop = ('layer { name: "drop" type: "Dropout" bottom: "data" top: "drop" '
            "dropout_param { dropout_ratio: 0.25 } }")
    net = make(drop)
    net.blobs["data"].data[...] = 3
    values = net.forward()["drop"].copy()
    assert set(np.unique(values)) == {0, 4}
    assert values.mean() == pytest.approx(3, rel=0.05)
    assert (net.forward()["drop"] != values).any()
    test = make(drop, TEST)
    test.blobs["data"].data[...] = 3
    assert (test.forward()["drop"] == 3).all()


@pytest.mark.parametrize("ratio", [1, 1.5, -0.5])
def test_a_dropout_that_leaves_nothing_is_refused_in_training(ratio):
    drop = ('layer { name: "drop" type: "Dropout" bottom: "data" top: "drop" '
            f"dropout_param {{ dropout_ratio: {ratio} }} }}")
    with pytest.raises(ShapeError, match=rf'"drop" \(Dropout\): dropout_ratio is {ratio};'):
        make(drop)
    make(drop, TEST).forward()


# Parameters.


def test_weights_travel_by_file(residual, tmp_path):
    residual.save(tmp_path / "w.caffemodel")
    other = make(CASES["residual-TRAIN"].net.split("}\n", 2)[2])
    other.copy_from(tmp_path / "w.caffemodel")
    for name, blobs in residual.params.items():
        for ours, theirs in zip(other.params[name], blobs, strict=True):
            np.testing.assert_array_equal(ours.data, theirs.data)
    (tmp_path / "net.prototxt").write_text(CASES["residual-TRAIN"].net)
    for net in (caffe.Net(str(tmp_path / "net.prototxt"), str(tmp_path / "w.caffemodel"), TEST),
                caffe.Net(str(tmp_path / "net.prototxt"), TEST,
                          weights=str(tmp_path / "w.caffemodel"))):
        assert net.phase == TEST
        np.testing.assert_array_equal(net.params["fc"][0].data, residual.params["fc"][0].data)


def test_a_net_may_bring_its_weights_along(residual, tmp_path):
    residual.save(tmp_path / "w.caffemodel")
    whole = io.read_binary(tmp_path / "w.caffemodel", caffe_pb2.NetParameter)
    message = text.parse(CASES["residual-TRAIN"].net, caffe_pb2.NetParameter())
    stored = {layer.name: layer.blobs for layer in whole.layer}
    for layer in message.layer:
        layer.blobs.extend(stored[layer.name])
    np.testing.assert_array_equal(caffe.Net(message, TRAIN).params["b1"][0].data,
                                  residual.params["b1"][0].data)
    next(layer for layer in message.layer if layer.name == "fc").blobs.pop()
    with pytest.raises(ShapeError, match="Incompatible number of blobs for layer fc"):
        caffe.Net(message, TRAIN)


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    make(full("fc", "data", 5)).save(tmp_path / "w.caffemodel")
    with pytest.raises(ShapeError, match="Cannot copy param 0 weights from layer 'fc'"):
        make(full("fc", "data", 6)).copy_from(tmp_path / "w.caffemodel")


def test_nets_can_share_weights():
    one, two = make(full("fc", "data", 5), seed=1), make(full("fc", "data", 5), seed=2)
    two.share_with(one)
    one.params["fc"][0].data[...] = 4
    assert (two.params["fc"][0].data == 4).all()


def test_weights_that_differ_cannot_be_shared_and_their_shapes_are_told():
    one, two = make(full("fc", "data", 5)), make(full("fc", "data", 6))
    with pytest.raises(ShapeError, match=r"Cannot share param 0 weights from layer \"fc\" "
                                         r"\(InnerProduct\).* is 5 .*; target .* is 6 "):
        two.share_with(one)


def test_shared_parameters_are_one_memory_and_listed_once():
    net = filled(CASES["rules-TRAIN"])
    first, second = net.params["s1"][0], net.params["s2"][0]
    first.data[...] = 5
    assert (second.data == 5).all() and np.shares_memory(first.diff, second.diff)
    listed = [(param.layer, param.index, param.lr_mult) for param in net.learnable]
    assert ("s1", 0, 2.0) in listed and not any(layer == "s2" for layer, *_ in listed)
    assert ("frozen", 0, 0.0) in listed


def test_a_sharer_may_bring_the_learning_rate():
    rates = ['param { name: "w" }', 'param { name: "w" lr_mult: 3 decay_mult: 0 }']
    net = make(conv("a", "data", 3, rest=rates[0]) + conv("b", "a", 3, rest=rates[1]))
    assert [(param.lr_mult, param.decay_mult) for param in net.learnable] == [
        (3, 0), (1, 1), (1, 1)]


def test_backward_does_not_reach_below_where_it_may_not():
    net = make(conv("a", "data", 3) + conv("b", "a", 3)
               + full("fc", "b", 5, "propagate_down: false") + loss("fc"))
    assert [node.name for node in net.layers if node.reach.layer] == ["fc", "loss"]


def test_labels_get_no_gradient_even_if_forced():
    net = make("force_backward: true " + full("fc", "data", 5) + loss("fc"))
    assert net.layer_dict["loss"].reach.bottoms == [True, False]
    assert net.layer_dict["fc"].reach.bottoms == [True]


def test_statistics_are_never_learned(residual):
    rates = {param.lr_mult for param in residual.learnable if param.layer.endswith("_bn")}
    assert rates == {0.0}


# Random numbers.


def test_one_seed_one_net():
    body = conv("c", "data", 4, 'kernel_size: 3 weight_filler { type: "xavier" }')
    def first(seed):
        return make(body, seed=seed).params["c"][0].data
    assert (first(3) == first(3)).all() and (first(3) != first(4)).any()


def test_set_random_seed_goes_on_from_net_to_net():
    body = head() + conv("c", "data", 4, 'kernel_size: 3 weight_filler { type: "xavier" }')
    message = text.parse(body, caffe_pb2.NetParameter())
    def two():
        caffe.set_random_seed(7)
        return [caffe.Net(message, TRAIN).params["c"][0].data.copy() for _ in range(2)]
    one, again = two(), two()
    assert (one[0] == again[0]).all() and (one[1] == again[1]).all()
    assert (one[0] != one[1]).any()


def test_torchs_own_random_numbers_are_left_alone():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    net = make('layer { name: "drop" type: "Dropout" bottom: "data" top: "drop" }'
               + conv("c", "drop", 4, 'kernel_size: 3 weight_filler { type: "gaussian" }'))
    net.forward()
    assert torch.equal(torch.random.get_rng_state(), before)


# What real Caffe would die of.


@pytest.mark.parametrize("fields, words", [
    ("kernel_size: 3 dilation: 0", "no stride and no dilation of 0"),
    ("kernel_size: 3 } } layer { type: \"BatchNorm\" bottom: \"c\" top: \"c\" "
     "batch_norm_param { eps: -1", "no negative eps: it is -1"),
    ("kernel_size: 3 } } layer { type: \"Convolution\" bottom: \"c\" top: \"c\" "
     "convolution_param { num_output: 1 kernel_size: 1", "cannot work in place"),
])
def test_what_caffe_loads_and_cannot_run_is_refused(fields, words):
    conv = (f'layer {{ name: "c" type: "Convolution" bottom: "data" top: "c" '
            f"convolution_param {{ num_output: 2 {fields} }} }}")
    with pytest.raises(ShapeError, match=words):
        make(conv)


def test_a_type_without_an_op_says_what_there_is(monkeypatch):
    base.op_types()
    monkeypatch.delitem(base._OPS, "TanH")
    with pytest.raises(UnknownLayerError, match=r'"act".*"TanH" yet.*Convolution.*Softmax'):
        make('layer { name: "act" type: "TanH" bottom: "data" top: "out" }')


def test_a_label_that_is_no_class_is_named():
    net = make(full("fc", "data", 5) + loss("fc"))
    net.blobs["label"].data[...] = [0, 1, 5, 2]
    with pytest.raises(DataError, match=r'"loss" \(SoftmaxWithLoss\): label 5 .* 5 classes'):
        net.forward()


def test_a_layer_without_backward_says_so():
    body = ('force_backward: true layer { name: "t" type: "Threshold" bottom: "data" top: "t" } '
            + conv("c", "data", 2))
    net = make(body)
    net.forward()
    with pytest.raises(EngineError, match=r'"t" \(Threshold\) has no backward'):
        net.backward()


def test_devices_that_are_not_there_are_refused():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineError, match="no CUDA device"):
        caffe.set_mode_gpu()
    with pytest.raises(EngineError, match="no GPU 0"):
        caffe.set_device(0)
