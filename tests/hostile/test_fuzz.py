"""Valid nets, changed at random: by field (a message's own values) and by byte (text, binary)."""

from pathlib import Path

import pytest
from attack import INPUT, outcome
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netbuilder.layer import layer_types
from netbuilder.proto import caffe_pb2
from netbuilder.proto.assign import param_field
from netbuilder.proto.scalars import is_repeated
from netbuilder.proto.text import dumps, parse

NET = (INPUT + '''
layer { name: "c" type: "Convolution" bottom: "d" top: "c" param { name: "w" lr_mult: 1 }
        convolution_param { num_output: 4 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "b" type: "BatchNorm" bottom: "c" top: "c" }
layer { name: "s" type: "Scale" bottom: "c" top: "c" scale_param { bias_term: true } }
layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "f" type: "InnerProduct" bottom: "p" top: "f" include { phase: TEST stage: "a" }
        inner_product_param { num_output: 10 } blobs { data: [1, 2] shape { dim: [1, 2] } } }
layer { name: "l" type: "DummyData" top: "l" dummy_data_param { shape { dim: 1 } } }
layer { name: "z" type: "SoftmaxWithLoss" bottom: "p" bottom: "l" loss_weight: 1 }
''')
BINARY = parse(NET, caffe_pb2.NetParameter()).SerializeToString()
EDGES = {
    FieldDescriptor.CPPTYPE_INT32: (-2**31, -2, -1, 0, 1, 2, 31, 33, 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-2**63, -1, 0, 1, 3, 2**31, 2**32 + 1, 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 1, 2, 3, 2**16, 2**31 - 1, 2**31, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 1, 2**63, 2**64 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: (0.0, -1.0, 1e38, float("inf"), float("nan")),
    FieldDescriptor.CPPTYPE_DOUBLE: (0.0, 1e300, float("nan")),
    FieldDescriptor.CPPTYPE_BOOL: (False, True),
    FieldDescriptor.CPPTYPE_STRING: ("", "d", "c", "p", "x" * 3000, "\\\n\x1b[31m", "/dev/zero"),
}
TEXT_BITS = st.sampled_from([b"{",
                             b"}", b"[", b":", b'"', b"#", b"\0", b"\xff", b"-", b"0x", b"1e9",
                             b"layer", b" layer { ", b"nan", b"4294967295", b"\\", b"<", b"\n"])
few = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}
BUDGETS = [300, pytest.param(5000, marks=pytest.mark.slow)]
BUDGET = pytest.mark.parametrize("examples", BUDGETS)


def value(draw, field):
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return draw(st.sampled_from(sorted(field.enum_type.values_by_number)))
    edge = draw(st.sampled_from(EDGES[field.cpp_type]))
    return edge.encode() if field.type == FieldDescriptor.TYPE_BYTES else edge


def change(draw, message):
    """Sets, adds to or clears one field of a message, or of a message in it."""
    field = draw(st.sampled_from(list(message.DESCRIPTOR.fields)))
    if draw(st.integers(0, 9)) == 0:
        message.ClearField(field.name)
    elif field.message_type is not None:
        here = getattr(message, field.name)
        if is_repeated(field):
            here = draw(st.sampled_from(list(here))) if here and draw(st.booleans()) else here.add()
        change(draw, here)
    elif is_repeated(field):
        times = draw(st.sampled_from([1, 1, 2, 3, 40]))
        getattr(message, field.name).extend([value(draw, field) for _ in range(times)])
    else:
        setattr(message, field.name, value(draw, field))


def check(path, data):
    path.write_bytes(data)
    outcome(path)


def fuzz(examples, strategy, path, attempt):
    @settings(max_examples=examples, **few)
    @given(strategy)
    def run(data):
        attempt(path, data)

    run()


@BUDGET
def test_fields(examples, tmp_path):
    """Layers of every type, on bottoms that fit it or not, with fields of extreme values."""
    def attempt(path: Path, data) -> None:
        draw = data.draw
        net = parse(NET, caffe_pb2.NetParameter())
        kind = draw(st.sampled_from(sorted(layer_types())))
        blobs = st.lists(st.sampled_from(["d", "c", "p", "l"]), max_size=4)
        new = net.layer.add(name="n", type=kind, bottom=draw(blobs),
                            top=[f"n{i}" for i in range(draw(st.integers(0, 3)))])
        own = param_field(kind)
        for _ in range(draw(st.integers(0, 5))):
            change(draw, getattr(new, own) if own and draw(st.booleans())
                   else draw(st.sampled_from(list(net.layer))))
        check(path, dumps(net).encode() if draw(st.booleans()) else net.SerializePartialToString())

    fuzz(examples, st.data(), tmp_path / "net", attempt)


@BUDGET
@pytest.mark.parametrize("whole", [NET.encode(), BINARY], ids=["text", "binary"])
def test_bytes(whole, examples, tmp_path):
    """Pieces replaced, doubled, cut out and put in."""
    place = st.integers(0, len(whole))
    edit = st.tuples(place, st.integers(0, 20), TEXT_BITS | st.binary(max_size=4))

    def attempt(path: Path, edits) -> None:
        data = whole
        for at, length, new in edits:
            data = data[:at] + new + data[at + length:]
        check(path, data)

    fuzz(examples, st.lists(edit, min_size=1, max_size=6), tmp_path / "net", attempt)
