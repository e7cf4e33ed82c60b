"""NetSpec, L and P: what pycaffe makes of a script, and what pycaffe does not notice."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from netbuilder import spec
from netbuilder.errors import FieldError, NetbuilderError, ShapeError, UnknownLayerError
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse
from netbuilder.spec import L, NetSpec, P, to_proto

# Each program leaves a NetParameter in `net`. Both pycaffe's net_spec and ours run them.
PROGRAMS = {
    "lenet": """
n = NetSpec()
n.data, n.label = L.DummyData(shape=[dict(dim=[5, 1, 28, 28]), dict(dim=[5, 1, 1, 1])],
                              transform_param=dict(scale=1./255), ntop=2)
n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, weight_filler=dict(type='xavier'))
n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
n.ip1 = L.InnerProduct(n.pool1, num_output=50, weight_filler=dict(type='xavier'))
n.relu1 = L.ReLU(n.ip1, in_place=True)
n.ip2 = L.InnerProduct(n.relu1, num_output=10, weight_filler=dict(type='xavier'))
n.loss = L.SoftmaxWithLoss(n.ip2, n.label)
net = n.to_proto()""",
    "names by themselves": """
data, label = L.DummyData(shape=[dict(dim=[5, 1, 8, 8]), dict(dim=[5])], ntop=2)
a = L.Convolution(data, kernel_size=3, num_output=4)
b = L.Convolution(data, kernel_size=3, num_output=4)
c = L.ReLU(L.Eltwise(a, b, operation=P.Eltwise.SUM), in_place=True)
net = to_proto(L.SoftmaxWithLoss(L.InnerProduct(c, num_output=3), label), L.AbsVal(b))""",
    "one top": """
net = L.ReLU(L.Input(shape=dict(dim=[1, 2]))).to_proto()""",
    "named layers count too": """
n = NetSpec()
n.data = L.Input(shape=dict(dim=[1, 2, 3, 3]))
one = L.ReLU(n.data, name='first', in_place=True)
two = L.ReLU(one)
n.end = L.ReLU(L.ReLU(two, name='third'))
L.Silence(n.end, ntop=0)
n.s1 = L.Silence(n.end, ntop=0, name='quiet')
n.s2 = L.Silence(two, ntop=0)
net = n.to_proto()""",
    "silent layers": """
n = NetSpec()
n.data, n.data2 = L.DummyData(shape=dict(dim=3), ntop=2)
n.silence_data = L.Silence(n.data, ntop=0)
n.silence_data2 = L.Silence(n.data2, ntop=0)
net = n.to_proto()""",
    "order of need, not of writing": """
n = NetSpec()
data = L.Input(shape=dict(dim=[1, 4]))
late = L.TanH(data)
n.sum = L.Eltwise(L.Sigmoid(data), late)
n.late = late
n.data = data
net = n.to_proto()""",
    "one value for a list": """
n = NetSpec()
n.data = L.Input(shape=dict(dim=[1, 4, 9, 9]))
n.conv = L.Convolution(n.data, kernel_size=3, stride=2, pad=1, dilation=1, num_output=4,
                       param=dict(lr_mult=0), bias_term=False, loss_weight=1)
n.a, n.b = L.Slice(n.conv, ntop=2, slice_point=1, axis=1)
net = n.to_proto()""",
    "lists of dicts, nested messages": """
n = NetSpec()
n.data = L.Input(shape=dict(dim=[1, 4, 9, 9]))
n.conv = L.Convolution(
    n.data, convolution_param=dict(kernel_size=[3, 1], num_output=4,
                                   weight_filler=dict(type='gaussian', std=0.01)),
    param=[dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)],
    include=[dict(phase=0, stage=['a', 'b']), dict(phase=1)])
net = n.to_proto()""",
    "enum values": """
n = NetSpec()
n.data = L.Input(shape=dict(dim=[2, 4, 9, 9]))
n.pool = L.Pooling(n.data, pool=P.Pooling.AVE, global_pooling=True)
n.lrn = L.LRN(n.pool, local_size=3, norm_region=P.LRN.WITHIN_CHANNEL)
n.data2, n.label = L.Data(source='db', backend=P.Data.LMDB, batch_size=2, ntop=2,
                          transform_param=dict(crop_size=5, mean_value=[1, 2, 3], mirror=True))
n.fc = L.InnerProduct(n.data2, num_output=3)
n.loss = L.SoftmaxWithLoss(n.fc, n.label, loss_param=dict(normalization=P.Loss.VALID))
net = n.to_proto()""",
    "items as attributes": """
n = NetSpec()
n['data'] = L.Input(shape=dict(dim=[2, 4]))
for i in range(3):
    n['fc%d' % i] = L.InnerProduct(n['data' if i == 0 else 'fc%d' % (i - 1)], num_output=3)
n['data'] = n['fc0']
net = n.to_proto()""",
    "two names for one top": """
n = NetSpec()
n.data = L.Input(shape=dict(dim=[2, 4]))
n.again = n.data
n.end = L.ReLU(n.again)
net = n.to_proto()""",
    "shared parameters": """
n = NetSpec()
n.a, n.b = L.Input(shape=dict(dim=[2, 4]), ntop=2)
n.left = L.InnerProduct(n.a, num_output=3, param=[dict(name='w'), dict(name='b')])
n.right = L.InnerProduct(n.b, num_output=3, param=[dict(name='w'), dict(name='b')])
n.loss = L.ContrastiveLoss(n.left, n.right, L.DummyData(shape=dict(dim=2)), margin=1)
net = n.to_proto()""",
    "fields that another layer lends": """
n = NetSpec()
n.data = L.Input(shape=dict(dim=[2, 4]))
n.label = L.DummyData(shape=dict(dim=[2]))
n.loss = L.SoftmaxWithLoss(n.data, n.label, softmax_param=dict(axis=1), ntop=1)
n.deconv = L.Deconvolution(L.Input(shape=dict(dim=[1, 2, 4, 4])),
                           convolution_param=dict(num_output=2, kernel_size=4, stride=2, group=2))
net = n.to_proto()""",
    "a message of Caffe's as a value": """
n = NetSpec()
n.data = L.Input(input_param=dict(shape=dict(dim=[2, 4])), phase=1)
n.scale = L.Scale(n.data, bias_term=True, filler=dict(value=2), name='scaling')
net = n.to_proto()""",
}

IN_PYCAFFE = """
import base64, json, sys
from caffe import layers as L, params as P, to_proto, NetSpec
answers = {}
for name, program in json.load(open(sys.argv[1])).items():
    space = dict(L=L, P=P, to_proto=to_proto, NetSpec=NetSpec)
    exec(program, space)
    answers[name] = str(space["net"])
print(json.dumps(answers))
"""


def run(program: str) -> Any:
    space = {"L": L, "P": P, "to_proto": to_proto, "NetSpec": NetSpec}
    exec(program, space)
    return space["net"]


@pytest.mark.caffe
def test_programs_make_what_pycaffe_makes(run_caffe: Callable[..., Any], tmp_path: Any) -> None:
    path = tmp_path / "programs.json"
    path.write_text(json.dumps(PROGRAMS))
    theirs = run_caffe(IN_PYCAFFE, path)
    for name, program in PROGRAMS.items():
        assert dumps(run(program)) == dumps(parse(theirs[name], caffe_pb2.NetParameter())), name


# What pycaffe does not notice: the wrong line raises, and the spec stays as it was.


@pytest.fixture
def n() -> NetSpec:
    made = NetSpec()
    made.data = L.Input(shape={"dim": [2, 3, 8, 8]})
    made.label = L.Input(shape={"dim": [2]})
    made.conv = L.Convolution(made.data, num_output=4, kernel_size=3)
    return made


WRONG = {
    "field": (lambda n: L.Convolution(n.data, num_outputs=4, kernel_size=3), FieldError,
              'L.Convolution(num_outputs=...): Convolution has no such field; '
              'did you mean "num_output"?'),
    "field of a nested message": (
        lambda n: L.Convolution(n.data, num_output=4, kernel_size=3, weight_filler={"tipe": "x"}),
        FieldError, 'FillerParameter has no field "tipe"; did you mean "type"?'),
    "value": (lambda n: L.Convolution(n.data, num_output="four", kernel_size=3), FieldError,
              "num_output cannot be 'four'"),
    "enum value": (lambda n: P.Pooling.MEAN, FieldError, 'has no value "MEAN"'),
    "enum value as text": (lambda n: L.Pooling(n.data, pool="MEAN", kernel_size=2), FieldError,
                           'pool has no value "MEAN"; known: MAX, AVE, STOCHASTIC'),
    "enum": (lambda n: P.Poolin.MAX, FieldError, 'did you mean "PoolingParameter"?'),
    "several values for one": (lambda n: L.ReLU(n.data, negative_slope=[1, 2]), FieldError,
                               "negative_slope takes one value"),
    "type": (lambda n: L.Convolutoin(n.data), UnknownLayerError, 'did you mean "Convolution"?'),
    "bottoms missing": (lambda n: L.Eltwise(n.data), ShapeError, "at least 2 bottom(s), but has 1"),
    "bottoms of other shape": (lambda n: L.Eltwise(n.data, n.conv), ShapeError,
                               "2x3x8x8, Convolution 2x4x6x6"),
    "a kernel too large": (lambda n: L.Pooling(n.conv, kernel_size=9), ShapeError,
                           "kernel 9x9 is larger than its input 6x6"),
    "an empty top": (lambda n: L.Pooling(n.conv, kernel_size=7), ShapeError,
                     "nothing is left of its input 2x4x6x6"),
    "labels": (lambda n: L.SoftmaxWithLoss(n.conv, n.label), ShapeError, "need 72 labels"),
    "in place, other shape": (
        lambda n: L.Convolution(n.data, num_output=4, kernel_size=3, in_place=True), ShapeError,
        "cannot work in place"),
    "in place, two bottoms": (lambda n: L.Eltwise(n.data, n.data, in_place=True), ShapeError,
                              "takes 1 top(s), but has 2"),
    "param entries": (lambda n: L.ReLU(n.data, param={"lr_mult": 0}), ShapeError,
                      "has 0 parameter blob(s), but 1 param"),
    "a top that does not exist": (lambda n: n.convo, FieldError, 'did you mean "conv"?'),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_wrong_line_raises_and_leaves_the_spec_untouched(name: str, n: NetSpec) -> None:
    wrong, error, words = WRONG[name]
    before = n.to_proto()
    with pytest.raises(error) as caught:
        n.wrong = wrong(n)
    assert words in str(caught.value)
    assert isinstance(caught.value, NetbuilderError)
    assert n.to_proto() == before
    assert "wrong" not in n


def test_only_tops_are_bottoms_and_only_tops_are_kept(n: NetSpec) -> None:
    with pytest.raises(TypeError, match="Silence input 0 is not a Top"):
        L.Silence((n.data, n.label), ntop=0)
    with pytest.raises(TypeError, match="holds Tops"):
        n.number = 3


def test_a_top_knows_its_shape(n: NetSpec) -> None:
    assert (n.data.shape, n.conv.shape) == ((2, 3, 8, 8), (2, 4, 6, 6))
    assert L.SoftmaxWithLoss(L.InnerProduct(n.conv, num_output=9), n.label).shape == ()
    left, right = L.Slice(n.conv, slice_point=1, ntop=2)
    assert (left.shape, right.shape) == ((2, 1, 6, 6), (2, 3, 6, 6))


def test_what_nothing_tells_is_none_and_so_is_what_follows() -> None:
    data, label = L.Data(source="not/there", batch_size=4, ntop=2)
    fc = L.InnerProduct(data, num_output=3)
    assert data.shape is fc.shape is L.SoftmaxWithLoss(fc, label).shape is None


def test_messages_are_values_too(n: NetSpec) -> None:
    filler = caffe_pb2.FillerParameter(type="msra")
    top = L.Convolution(n.data, num_output=4, kernel_size=3, weight_filler=filler,
                        param=[caffe_pb2.ParamSpec(lr_mult=2)])
    layer = top.to_proto().layer[1]
    assert (layer.convolution_param.weight_filler, layer.param[0].lr_mult) == (filler, 2)
    filler.type = "xavier"  # and they were copied
    assert top.to_proto().layer[1].convolution_param.weight_filler.type == "msra"


def test_a_comment_belongs_to_the_next_layer(n: NetSpec) -> None:
    n.comment("The head.")
    n.comment("It is small.")
    n.pool = L.Pooling(n.conv, global_pooling=True)
    n.flat = L.Flatten(n.pool)
    assert n.comments == {"pool": "The head.\nIt is small."}
    text = dumps(n.to_proto(), n.comments)
    assert text.index("conv") < text.index("# The head.") < text.index('"pool"')
    assert parse(text, caffe_pb2.NetParameter()) == n.to_proto()


def test_a_comment_goes_by_the_layers_own_name(n: NetSpec) -> None:
    n.comment("Nobody wants it.")
    n.quiet = L.Silence(n.label, ntop=0, name="silence")
    n.comment("Positive only.")
    n.relu = L.ReLU(n.conv, in_place=True, name="positive")
    assert n.comments == {"silence": "Nobody wants it.", "positive": "Positive only."}


def test_the_module_stands_in_for_caffe() -> None:
    assert (spec.layers, spec.params) == (L, P)


def test_a_chain_of_unnamed_layers_may_be_long():
    top = L.Input(shape={"dim": [1, 2]})
    for _ in range(3000):
        top = L.ReLU(top)
    net = top.to_proto()
    assert [layer.name for layer in net.layer[:3]] == ["Input1", "ReLU1", "ReLU2"]
    assert len(net.layer) == 3001


def test_a_spec_can_be_copied_and_the_copy_goes_its_own_way():
    n = NetSpec()
    n.data = L.Input(shape={"dim": [1, 2]})
    twin = copy.deepcopy(n)
    twin.fc = L.InnerProduct(twin.data, num_output=3)
    assert [layer.name for layer in n.to_proto().layer] == ["data"]
    assert [layer.name for layer in twin.to_proto().layer] == ["data", "fc"]
