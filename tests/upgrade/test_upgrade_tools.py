"""Upgraded messages are those of real Caffe's own tools, field by field, present or not."""

from __future__ import annotations

import random
import re

import pytest
from caffe_tools import fill
from google.protobuf import text_format

from netbuilder.errors import NetbuilderError
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse
from netbuilder.upgrade import names
from netbuilder.upgrade.net import upgrade_net
from netbuilder.upgrade.solver import upgrade_solver

pytestmark = pytest.mark.caffe

TEXT, BINARY = "upgrade_net_proto_text", "upgrade_net_proto_binary"
V0_TYPES = [*names.V0_TYPES, *["padding"] * 8]  # as often as a third


def upgraded(net):
    """Our Upgraded; None where we refuse."""
    before = net.SerializeToString()
    try:
        return upgrade_net(net)
    except NetbuilderError:
        return None
    finally:
        assert net.SerializeToString() == before


def same(tools, net):
    """Compares what both make of a net of real Caffe's schema, as text and as binary."""
    data = net.SerializeToString()
    ours = upgraded(caffe_pb2.NetParameter.FromString(data))
    for name, content in ((TEXT, text_format.MessageToString(net)), (BINARY, data)):
        theirs = tools(name, content)
        if theirs.message is None:
            assert ours is None, theirs.log
            continue
        assert ours is not None, theirs.log
        assert ours.message == theirs.message
        renamed = [("shuffle_images" if name == "shuffle" else name, kind)
                   for name, kind in theirs.lost]
        said = [re.findall(r': (\w+), which type "(\w*)" does not have', text)
                for text in ours.lost]
        pairs = [pair for found in said for pair in found if not pair[0].startswith("new_")]
        assert sorted(pairs) == sorted(pair for pair in renamed if not pair[0].startswith("new_"))
        assert theirs.code == 0 or ours.lost
    return ours


def v0_net(schema, rng, chance):
    """Every V0 type once, each with fields drawn from all that V0 has."""
    net = schema.new("NetParameter")
    net.input.append("data")
    for kind in names.V0_TYPES:
        old = net.layers.add(bottom=["data"], top=[kind])
        fill(old.layer, rng, chance)
        old.layer.name, old.layer.type = f"a {kind}", kind
    return net


def test_every_v0_type_with_every_field(tools, schema):
    ours = same(tools, v0_net(schema, random.Random(1), 1.0))
    assert [layer.type for layer in ours.message.layer] == list(names.V0_TYPES.values())
    assert len(ours.lost) > 200


@pytest.mark.parametrize("seed", range(8))
def test_random_v0_fields(tools, schema, seed):
    rng = random.Random(seed)
    same(tools, v0_net(schema, rng, rng.choice((0.1, 0.3, 0.6))))


def padded(schema, rng):
    """A random V0 net with padding layers, not always where they may be."""
    net = schema.new("NetParameter")
    fill(net, rng, 0.4, ("layers", "layer", "input", "input_dim", "input_shape"))
    net.input.append("data")
    net.input_dim.extend((1, 3, 9, 9))
    blobs, padding = ["data"], False
    for index in range(rng.randint(2, 8)):
        old = net.layers.add(top=[f"b{index}" if rng.random() < 0.8 else blobs[-1]])
        usual = rng.choice(("conv", "pool")) if padding else rng.choice(V0_TYPES)
        old.layer.type = usual if rng.random() < 0.95 else "padding"
        old.layer.name = f"l{index}"
        old.bottom.append(blobs[-1])
        if rng.random() < 0.1:
            old.bottom.append(rng.choice([*blobs, "nowhere"]))
        if rng.random() < 0.5:
            old.layer.pad = rng.randint(0, 3)
        if rng.random() < 0.05:
            old.name = "beside"
        padding = old.layer.type == "padding"
        blobs.append(old.top[0])
    return net


def test_random_padding(tools, schema):
    rng, results = random.Random(7), []
    for _ in range(30):
        results.append(same(tools, padded(schema, rng)))
    merged = [one for one in results if one and "padding" in " ".join(one.done)]
    assert len(merged) > 5 and results.count(None) > 5


def v1_net(schema, rng, chance):
    """Every V1 type once, each with fields drawn from all that V1 has."""
    net = fill(schema.new("NetParameter"), rng, 0.5,
               ("layers", "layer", "input", "input_dim", "input_shape"))
    for number in schema.messages["V1LayerParameter"].enum_types_by_name["LayerType"] \
            .values_by_number:
        fill(net.layers.add(), rng, chance, ("layer",)).type = number
    return net


def test_every_v1_type_with_every_field(tools, schema):
    ours = same(tools, v1_net(schema, random.Random(1), 1.0))
    real = schema.messages["V1LayerParameter"].enum_types_by_name["LayerType"].values_by_name
    assert {layer.type for layer in ours.message.layer} == {names.V1_TYPES[name] for name in real}


@pytest.mark.parametrize("seed", range(8))
def test_random_v1_fields(tools, schema, seed):
    rng = random.Random(seed)
    same(tools, v1_net(schema, rng, rng.choice((0.02, 0.1, 0.3, 0.6))))


V1 = 'layers { name: "r" type: RELU bottom: "data" top: "r" } '
CASES = {
    "today": 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" }',
    "nothing": "",
    "both formats": V1 + 'layer { name: "r" type: "ReLU" }',
    "both formats, V0": 'layers { layer { name: "d" type: "data" } } layer { name: "lost" }',
    "no type": 'layers { name: "r" } layers { type: NONE }',
    "data fields only of V1": 'layer { type: "Data" data_param { scale: 2 mirror: true } }',
    "data fields": "layers { type: DATA data_param { scale: 2 } } layers { type: IMAGE_DATA } "
                   "layers { type: WINDOW_DATA window_data_param { mirror: false "
                   'mean_file: "m" crop_size: 3 source: "s" } transform_param { mirror: true } }',
    "no data fields": "layers { type: DATA data_param { batch_size: 2 } }",
    "data fields elsewhere": "layers { type: RELU data_param { scale: 2 } }",
    "shares": 'layers { type: CONVOLUTION param: "w" param: "b" blob_share_mode: PERMISSIVE '
              "blobs_lr: 0 weight_decay: 1 weight_decay: 0 weight_decay: 3 loss_weight: 2 }",
    "rules": "layers { type: DATA include { phase: TEST stage: 'x' } exclude { min_level: 2 } }",
    "input_dim": 'input: "a" input: "b" ' + "input_dim: 2 " * 8 + V1,
    "input_shape": 'input: "a" input: "b" input_shape { dim: 7 } input_shape { }' + V1,
    "both shapes": 'input: "a" input_shape { dim: 7 } ' + "input_dim: 2 " * 4,
    "more shapes": 'input: "a" input_shape { dim: 7 } input_shape { dim: 8 }',
    "more dims": 'input: "a" ' + "input_dim: 2 " * 6,
    "dims alone": "input_dim: 2 input_shape { dim: 2 }",
    "no shape": 'input: "a"' + V1,
    "three statistics": 'layer { type: "BatchNorm" param { name: "x" } param { lr_mult: 0 } '
                        'param { decay_mult: 3 } } layer { type: "BatchNorm" param { } }',
    "three rates of V1": 'layers { type: POWER blobs_lr: [1, 1, 1] }',
    "V0 drops": 'name: "n" force_backward: true debug_info: true state { stage: "x" } '
                'input: "a" input_shape { dim: 1 } layers { layer { name: "r" type: "relu" } }',
    "V0 among V1": 'layers { layer { type: "data" } top: "d" } '
                   'layers { name: "lost" type: RELU bottom: "d" top: "r" }',
    "V0 unknown": 'layers { layer { name: "r" type: "ReLU" } }',
    "V0 without type": 'layers { layer { name: "r" num_output: 3 } }',
    "V0 negative": 'layers { layer { type: "images" new_height: -1 } }',
}


@pytest.mark.parametrize("name", CASES)
def test_hand_written_nets(tools, name):
    theirs, net = tools(TEXT, CASES[name]), parse(CASES[name], caffe_pb2.NetParameter())
    ours = upgraded(net)
    assert (ours and ours.message) == theirs.message, theirs.log
    if ours and "latest proto format" in theirs.log:
        assert ours.message is net and not ours.done and not ours.lost
    if ours:
        assert upgrade_net(ours.message).message is ours.message


SOLVERS = [f"solver_type: {name} base_lr: 0.1" for name in
           ("SGD", "NESTEROV", "ADAGRAD", "RMSPROP", "ADADELTA", "ADAM", "1")] + [
    'type: "Nesterov" snapshot_prefix: "/tmp"', "", 'type: "SGD" solver_type: SGD',
    "solver_type: SGD net_param { " + V1 + "} solver_mode: GPU",
]


@pytest.mark.parametrize("text", SOLVERS)
def test_solvers(tools, text):
    theirs, param = tools("upgrade_solver_proto_text", text), caffe_pb2.SolverParameter()
    try:
        ours = upgrade_solver(parse(text, param)).message
    except NetbuilderError:
        ours = None
    assert ours == theirs.message, theirs.log
    assert param == parse(text, caffe_pb2.SolverParameter())
