"""Random messages, printed in every style that there is, come back as they were."""

import re

import pytest
from google.protobuf import text_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import messages

from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse

STYLES = [
    {},
    {"as_one_line": True},
    {"pointy_brackets": True},
    {"use_short_repeated_primitives": True},
    {"use_index_order": True},
    {"as_utf8": True},
]
KINDS = ["NetParameter", "LayerParameter", "SolverParameter", "DetectNetAugmentationParameter"]
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def escaped(text: str) -> str:
    """What protobuf printed; old ones (4.25) leave control characters of UTF-8 as they are."""
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", lambda raw: f"\\{ord(raw[0]):03o}", text)


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(st.data())
def test_what_protobuf_prints(kind, data):
    message = data.draw(messages(kind))
    for style in STYLES:
        text = escaped(text_format.MessageToString(message, **style))
        assert parse(text, type(message)()) == message, text


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(st.data())
def test_what_we_print(kind, data):
    message = data.draw(messages(kind))
    text = dumps(message)
    assert parse(text, type(message)()) == message, text
    assert text_format.Parse(text, type(message)()) == message, text
    assert dumps(parse(text, type(message)())) == text


@quick
@given(st.floats(width=32, allow_nan=False))
def test_floats_are_as_short_as_they_can_be(value):
    text = dumps(caffe_pb2.PowerParameter(power=value)).split()[1]
    assert caffe_pb2.PowerParameter(power=float(text)).power == value
    digits = len(text.split("e")[0].replace("-", "").replace(".", "").strip("0"))
    if digits > 6:
        fewer = float(f"{value:.{digits - 1}g}")
        assert caffe_pb2.PowerParameter(power=fewer).power != value
