"""Errors that help: where it is, what is wrong, what was probably meant."""

import pytest
from google.protobuf import struct_pb2

from netbuilder.errors import ParseError
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse


def error(text: str, kind: type = caffe_pb2.NetParameter) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse(text, kind(), "f")
    return caught.value


@pytest.mark.parametrize(("text", "message"), [
    ('layer {\n  nam: "a"\n}', 'f:2:3: LayerParameter has no field "nam"; did you mean "name"?'),
    ("layer { convolution_param { kernal_size: 3 } }",
     'f:1:29: ConvolutionParameter has no field "kernal_size"; did you mean "kernel_size"?'),
    ("layer { kernel_size: 3 }",
     'f:1:9: LayerParameter has no field "kernel_size"; '
     "kernel_size belongs in convolution_param or pooling_param or unpooling_param "
     "or correlation_param"),
    ('type: "ReLU"',
     'f:1:1: NetParameter has no field "type"; type belongs in layers or layer'),
    ("layer { convolution_param { pad: 1\n bottom: 'x' }",
     'f:2:2: ConvolutionParameter has no field "bottom"; '
     'LayerParameter has: is a "}" missing above?'),
    ("qqq: 1", 'f:1:1: NetParameter has no field "qqq"'),
    ("layer {\n pooling_param { pool: AVG } }",
     'f:2:24: pool takes MAX or AVE or STOCHASTIC, not AVG; did you mean "AVE"?'),
    ('layer { pooling_param { pool: "ave" } }',
     'f:1:31: pool takes MAX or AVE or STOCHASTIC, without quotes, not "ave"; did you mean "AVE"?'),
    ("layers { type: SOFTMX }", "f:1:16: type takes NONE or ABSVAL or ACCURACY or ... "
     f'({len(caffe_pb2.V1LayerParameter.LayerType.keys())} words), not SOFTMX; did you mean '
     '"SOFTMAX"?'),
    ('layer { convolution_param {\n num_output: "64" } }',
     'f:2:14: num_output takes an integer (uint32), not "64"'),
    ("layer { convolution_param { pad: -1 } }",
     "f:1:34: pad takes an integer from 0 to 4294967295 (uint32), not -1"),
    ("layer { loss_weight: 0x10 }", "f:1:22: loss_weight takes a decimal number, not 0x10"),
    ("force_backward: yes", "f:1:17: force_backward takes true or false, not yes"),
    ("name: a", "f:1:7: name takes a string in quotes, not a"),
    ('name: "a"\nname: "b"', "f:2:7: name is set twice; NetParameter takes one value"),
    ("state {} state {}", "f:1:16: state is set twice; NetParameter takes one"),
    (r'name: "a\q"', r"f:1:7: name has an escape that does not exist: \q"),
    (r'name: "\U00110000"', r"f:1:7: name has an escape that does not exist: \U00110000"),
    ('name: "\udcff"', "f:1:7: name is not valid UTF-8; save the file as UTF-8"),
    (r'name: "\ud83d"', "f:1:7: name is not valid UTF-8; save the file as UTF-8"),
    ('name: "open\n', 'f:1:7: this string has no closing " on its line: "open'),
    ('name "a"', 'f:1:5: name needs a ":" before its value'),
    ("name = 'a'", 'f:1:6: expected ":" or "{", not "="'),
    ("name:\n  {}", "f:1:5: name takes one value, not {"),
    ("state: 1", "f:1:6: state takes { ... }"),
    ("input_dim: ,", 'f:1:12: expected a value, not ","'),
    ("input_dim: [1\n2]", 'f:2:1: expected "," or "]", not "2"'),
    ("layer [ 1 ]", 'f:1:9: this list takes { ... }, not "1"'),
    ("  ü", "f:1:3: expected the name of a field, not U+00FC"),
    ("layer {\n  name: 'a'\n",
     'f:3:1: LayerParameter, opened in line 1, needs a "}", not the end'),
    ("state <\n}", 'f:2:1: NetState, opened in line 1, needs a ">", not "}"'),
    ("layer { } }", 'f:1:11: "}" closes nothing; is there one too many above?'),
    ("name: 'a\0'", "f:1:9: has a NUL character; is it a binary file?"),
    ("\ufeffname: 'a'", "f:1:1: starts with a byte order mark; save it as UTF-8 without one"),
    ("layer { psroi_pooling_param { output_dim: 1 group_size: 2 } }",
     "f: required fields are not set: layer[0].psroi_pooling_param.spatial_scale"),
])
def test_message_and_place(text, message):
    assert str(error(text)) == message


def test_nesting_is_bounded():
    def nested(depth: int) -> str:
        return "list_value { values { " * depth + " } }" * depth

    assert parse(nested(49), struct_pb2.Value()) == parse(nested(49), struct_pb2.Value())
    assert "100 deep" in str(error(nested(5000), struct_pb2.Value))
    assert "no field" in str(error("layer { " * 5000))


@pytest.mark.parametrize("text", [
    "# # # # " * 20_000 + "\n!", "#\n" * 20_000 + "!", " " * 100_000 + "!",
    "name: " + "'a' " * 20_000, 'name: "' + r"\"" * 50_000, "name: -" + "#\n" * 20_000,
    "a" * 100_000,
], ids=["comment", "comments", "space", "strings", "escapes", "minus", "word"])
def test_hostile_texts_take_no_longer_than_others(text):
    """A backtracking pattern would run for years here."""
    try:
        parse(text, caffe_pb2.NetParameter())
    except ParseError as refusal:
        assert len(str(refusal)) < 200
