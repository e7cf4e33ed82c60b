"""What upgrades say and refuse, and the shapes of upgraded nets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netbuilder.errors import GraphError, SolverError, UnknownLayerError
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse
from netbuilder.solver.nets import net_to_train
from netbuilder.upgrade import names
from netbuilder.upgrade.net import upgrade_net
from netbuilder.upgrade.solver import upgrade_solver

JUDGE = Path(__file__).parent.with_name("caffe_judge.py")


def net(text):
    return parse(text, caffe_pb2.NetParameter())


def test_v0_names_are_those_of_the_schema():
    fields = set(caffe_pb2.V0LayerParameter.DESCRIPTOR.fields_by_name)
    known = {*names.V0_FIELDS, *names.V0_TRANSFORM, "hdf5_output_param", "name", "type", "blobs",
             "blobs_lr", "weight_decay", "new_num", "new_channels"}  # the last two: nothing today
    assert fields == known


def test_v1_names_are_those_of_the_schema():
    assert set(names.V1_TYPES) == set(caffe_pb2.V1LayerParameter.LayerType.keys())


@pytest.mark.parametrize("text, error, words", [
    ('layers { name: "a" } layer { name: "b" }', GraphError, 'both formats: .*"a" and .*"b"'),
    ('layers { layer { name: "c" type: "convs" } }', UnknownLayerError,
     '"c": V0 files have no type "convs"; did you mean "conv"'),
    ('layers { layer { name: "c" type: "conv" } bottom: "x" }', GraphError,
     'layer "c" .conv.: no layer above it makes its bottom "x"'),
    ('input: "d" layers { layer { name: "p" type: "padding" } bottom: "d" top: "p" } '
     'layers { layer { name: "r" type: "relu" } bottom: "p" top: "r" }', GraphError,
     'padding layer "p": only conv and pool .* not layer "r" .relu.'),
    ('input: "d" layers { layer { name: "p" type: "padding" } bottom: "d" top: "p" top: "q" } '
     'layers { layer { name: "c" type: "conv" } bottom: "p" top: "r" }', GraphError,
     'padding layer "p": has 1 bottoms and 2 tops'),
    ('input: "d" layers { layer { name: "p" type: "padding" } bottom: "d" top: "p" } '
     'layers { layer { name: "c" type: "conv" } bottom: "p" bottom: "d" }', GraphError,
     'padding layer "p": layer "c" takes 2 bottoms'),
    ('input: "a" input: "b" input_shape { dim: 2 }', GraphError, "2 input.* not 1"),
    ('input: "a" input_dim: 2', GraphError, "1 input.*need 4 input_dim values, not 1"),
])
def test_what_is_refused_names_the_layer(text, error, words):
    with pytest.raises(error, match=words):
        upgrade_net(net(text))


def test_a_solver_has_one_type():
    with pytest.raises(SolverError, match="not both"):
        upgrade_solver(caffe_pb2.SolverParameter(type="SGD", solver_type=0))


def test_what_was_done_and_what_is_lost():
    result = upgrade_net(net(
        'input: "d" input_dim: [1, 1, 4, 4] debug_info: true '
        'layers { layer { name: "p" type: "padding" pad: 2 } bottom: "d" top: "p" } '
        'layers { layer { name: "c" type: "conv" num_output: 1 kernelsize: 3 local_size: 3 } '
        'bottom: "p" top: "c" name: "beside" }'))
    assert result.done == [
        "2 layers of V0, layers { layer { } }, are now layer { }; 1 padding layers became the "
        "pad of what follows them", 'input "d" is now an Input layer']
    assert result.lost == [
        "the net's debug_info: V0 files have no such field",
        'layer "c": name, which is not inside its layer { }',
        'layer "c": local_size, which type "conv" does not have']


def test_a_solvers_net_keeps_its_state(tmp_path):
    """The file is upgraded before the states are set, as Solver::InitTrainNet does."""
    (tmp_path / "net.prototxt").write_text(
        'layers { layer { name: "d" type: "data" } top: "d" }')
    param = caffe_pb2.SolverParameter(net=str(tmp_path / "net.prototxt"))
    param.train_state.stage.append("x")
    train = net_to_train(param)
    assert train.layer[0].type == "Data" and train.state.stage == ["x"]


V0_NET = """
name: "2013"
input: "data" input_dim: 2 input_dim: 3 input_dim: 32 input_dim: 32
layers { layer { name: "pad1" type: "padding" pad: 2 } bottom: "data" top: "pad1" }
layers { layer { name: "conv1" type: "conv" num_output: 8 kernelsize: 5 blobs_lr: 1 blobs_lr: 2 }
  bottom: "pad1" top: "conv1" }
layers { layer { name: "relu1" type: "relu" } bottom: "conv1" top: "conv1" }
layers { layer { name: "norm1" type: "lrn" local_size: 3 } bottom: "conv1" top: "norm1" }
layers { layer { name: "pad2" type: "padding" pad: 1 } bottom: "norm1" top: "pad2" }
layers { layer { name: "pool1" type: "pool" kernelsize: 3 stride: 2 } bottom: "pad2" top: "pool1" }
layers { layer { name: "conv2" type: "conv" num_output: 6 group: 2 kernelsize: 3 pad: 1 stride: 2
  biasterm: false } bottom: "pool1" top: "conv2" }
layers { layer { name: "both" type: "concat" } bottom: "conv2" bottom: "conv2" top: "both" }
layers { layer { name: "fc" type: "innerproduct" num_output: 10 } bottom: "both" top: "fc" }
layers { layer { name: "prob" type: "softmax" } bottom: "fc" top: "prob" }
"""
V1_NET = """
name: "2014"
layers { name: "data" type: DUMMY_DATA top: "data" top: "label"
  dummy_data_param { num: 4 num: 4 channels: 3 channels: 1 height: 20 height: 1
  width: 20 width: 1 } }
layers { name: "a" type: CONVOLUTION bottom: "data" top: "a" param: "w" param: "b"
  blobs_lr: 1 blobs_lr: 2 convolution_param { num_output: 6 kernel_size: 3 pad: 1 } }
layers { name: "b" type: CONVOLUTION bottom: "data" top: "b" param: "w" param: "b"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1 } }
layers { name: "sum" type: ELTWISE bottom: "a" bottom: "b" top: "sum" }
layers { name: "power" type: POWER bottom: "sum" top: "sum" power_param { scale: 2 } }
layers { name: "slice" type: SLICE bottom: "sum" top: "s1" top: "s2" }
layers { name: "quiet" type: SILENCE bottom: "s2" }
layers { name: "pool" type: POOLING bottom: "s1" top: "pool"
  pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layers { name: "drop" type: DROPOUT bottom: "pool" top: "pool" }
layers { name: "fc" type: INNER_PRODUCT bottom: "pool" top: "fc"
  inner_product_param { num_output: 5 } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "fc" bottom: "label" top: "loss"
  include { phase: TRAIN } }
layers { name: "accuracy" type: ACCURACY bottom: "fc" bottom: "label" top: "accuracy"
  include { phase: TEST } }
"""


@pytest.mark.caffe
def test_shapes_of_old_nets(run_caffe, tmp_path):
    nets = [(text, phase) for text in (V0_NET, V1_NET) for phase in (0, 1)]
    path = tmp_path / "nets.json"
    path.write_text(json.dumps(nets))
    for (text, phase), theirs in zip(nets, run_caffe(JUDGE, path), strict=True):
        graph = resolve(net(text), phase)
        assert len(graph.layers) > 7
        splits = {name for name in theirs["blobs"] if "_split_" in name}
        assert {name: list(shape) for name, shape in graph.blobs.items()} == {
            name: shape for name, shape in theirs["blobs"].items() if name not in splits}
        assert theirs["params"] == {
            layer.name: [list(blob.shape) for blob in layer.blobs]
            for layer in graph.layers if layer.blobs}
