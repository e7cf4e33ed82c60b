"""Prototxt for people."""

import math

import pytest

from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse

NET = """\
name: "tiny"
state { phase: TEST }
input_shape { dim: 1 dim: 3 dim: 224 dim: 224 }
layer {
  name: "conv1"
  type: "Convolution"
  bottom: "data"
  top: "conv1"
  param { lr_mult: 1 decay_mult: 1 }
  param { lr_mult: 0.1 decay_mult: 1e-05 }
  include { phase: TRAIN }
  convolution_param {
    num_output: 64
    bias_term: false
    kernel_size: 7
    weight_filler { type: "msra" }
  }
}
layer {
  name: "relu1"
  type: "ReLU"
  relu_param { }
}
"""


def test_layout():
    assert dumps(parse(NET, caffe_pb2.NetParameter())) == NET


def test_a_long_message_gets_a_line_per_field():
    data = caffe_pb2.LayerParameter(data_param={"source": "x" * 80, "batch_size": 2})
    assert dumps(data).splitlines() == [
        "data_param {", f'  source: "{"x" * 80}"', "  batch_size: 2", "}"]


def test_comments_stand_above_their_layers():
    net = parse('layer { name: "a" } layer { name: "b" } layer { name: "b" }',
                caffe_pb2.NetParameter())
    text = dumps(net, {"a": "first", "b": "second\n\nstage", "absent": "nowhere"})
    assert text == ('# first\nlayer {\n  name: "a"\n}\n\n# second\n#\n# stage\nlayer {\n'
                    '  name: "b"\n}\nlayer {\n  name: "b"\n}\n')
    assert parse(text, caffe_pb2.NetParameter()) == net


@pytest.mark.parametrize(("value", "text"), [
    (0.1, "0.1"), (1e-5, "1e-05"), (1.0, "1"), (0.0, "0"), (-0.0, "-0"), (1 / 3, "0.33333334"),
    (123456.7, "123456.7"), (16777216.0, "16777216"), (3.4028234663852886e38, "3.4028235e+38"),
    (1e-45, "1.4013e-45"), (math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan"),
])
def test_floats(value, text):
    message = caffe_pb2.PowerParameter(power=value)
    assert dumps(message) == f"power: {text}\n"
    again = parse(dumps(message), caffe_pb2.PowerParameter())
    assert again.SerializeToString() == message.SerializeToString()


@pytest.mark.parametrize(("value", "text"), [
    ("plain", '"plain"'), ('a"b', r'"a\"b"'), ("back\\slash", r'"back\\slash"'),
    ("tab\tnewline\n", r'"tab\tnewline\n"'), ("it's", '"it\'s"'), ("Größe 网", '"Größe 网"'),
    ("\x01" + "2", r'"\0012"'), ("\x7f\x00", r'"\177\000"'), ("", '""'),
])
def test_strings(value, text):
    message = caffe_pb2.PythonParameter(param_str=value)
    assert dumps(message) == f"param_str: {text}\n"
    assert parse(dumps(message), caffe_pb2.PythonParameter()) == message


def test_bytes():
    message = caffe_pb2.Datum(data=bytes(range(256)))
    assert dumps(message).isascii()
    assert parse(dumps(message), caffe_pb2.Datum()) == message
