"""The schema is complete, compiled, and lives beside a real caffe_pb2."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import netbuilder.proto
from netbuilder.proto import caffe_pb2
from netbuilder.proto.scalars import is_repeated

FOLDER = Path(netbuilder.proto.__file__).parent

# message, field, number, kind, default: a few of each source, where forks disagree above all
FACTS = [
    ("LayerParameter", "convolution_param", 106, "ConvolutionParameter", None),
    ("LayerParameter", "recurrent_param", 146, "RecurrentParameter", None),
    ("LayerParameter", "clip_param", 148, "ClipParameter", None),
    ("LayerParameter", "prior_box_param", 203, "PriorBoxParameter", None),
    ("LayerParameter", "norm_param", 206, "NormalizeParameter", None),
    ("LayerParameter", "detectnet_groundtruth_param", 6801, "DetectNetGroundTruthParameter", None),
    ("LayerParameter", "bn_param", 152, "BNParameter", None),
    ("LayerParameter", "roi_pooling_param", 8266711, "ROIPoolingParameter", None),
    ("LayerParameter", "psroi_pooling_param", 10001, "PSROIPoolingParameter", None),
    ("LayerParameter", "shuffle_channel_param", 164, "ShuffleChannelParameter", None),
    ("MemoryDataParameter", "source", 6, None, ""),
    ("MemoryDataParameter", "share_in_parallel", 5, None, True),
    ("TransformationParameter", "resize_param", 8, "ResizeParameter", None),
    ("ResizeParameter", "center_object", 900001, None, False),
    ("ResizeParameter", "max_angle", 900002, None, 0.0),
    ("BatchNormParameter", "scale_bias", 7, None, False),
    ("BNParameter", "momentum", 3, None, pytest.approx(0.9)),
    ("SolverParameter", "weights", 42, None, []),
    ("SolverParameter", "rms_decay", 38, None, pytest.approx(0.99)),
    ("SolverParameter", "min_lr", 43, None, 0),
    ("MultiBoxLossParameter", "neg_pos_ratio", 12, None, 3),
    ("BlobProto", "raw_data", 12, None, b""),
]


@pytest.mark.parametrize(("message", "field", "number", "kind", "default"), FACTS)
def test_facts(message, field, number, kind, default):
    descriptor = getattr(caffe_pb2, message).DESCRIPTOR.fields_by_name[field]
    assert descriptor.number == number
    if kind:
        assert descriptor.message_type.name == kind
    else:
        assert getattr(getattr(caffe_pb2, message)(), field) == default


def test_compiled_schema_is_the_text():
    pytest.importorskip("grpc_tools", reason="needs grpcio-tools (the dev extra)")
    from netbuilder.proto.compile import compiled

    assert (FOLDER / "caffe.desc").read_bytes() == compiled(), (
        "caffe.proto was changed; run: python -m netbuilder.proto.compile"
    )


def test_names_as_protoc_gives_them():
    assert (caffe_pb2.TRAIN, caffe_pb2.TEST) == (0, 1)
    assert caffe_pb2.Phase.Name(caffe_pb2.TEST) == "TEST"
    assert caffe_pb2.Phase.Value("TRAIN") == 0
    assert caffe_pb2.PoolingParameter.AVE == 1
    assert caffe_pb2.PoolingParameter.PoolMethod.items()[0] == ("MAX", 0)
    assert caffe_pb2.DetectNetGroundTruthParameter.ClassMapping(src=1, dst=2).dst == 2
    assert not hasattr(caffe_pb2, "NoSuchParameter")


def test_messages_can_be_pickled():
    layer = caffe_pb2.LayerParameter(name="pool")
    layer.pooling_param.kernel_size = 3
    for message in (layer, layer.pooling_param):
        assert pickle.loads(pickle.dumps(message)) == message


def test_a_fork_s_binary_of_other_field_types_is_skipped_not_misread():
    nvidia = b"\x0a\x01x" + b"\x88\x09\x02"  # name, then its forward_type = 145: FLOAT16
    layer = caffe_pb2.LayerParameter.FromString(nvidia)
    assert layer.name == "x"
    assert not layer.HasField("parameter_param")  # 145 in BVLC


OTHER_CAFFE = """
import sys
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
first, second = sys.argv[1:]
def other():
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe")
    message = file.message_type.add(name="NetParameter")
    message.field.add(name="name", number=1, label=1, type=9)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    kind = pool.FindMessageTypeByName("caffe.NetParameter")
    return message_factory.GetMessageClass(kind)(name="theirs")
def ours():
    from netbuilder.proto import caffe_pb2
    return caffe_pb2.NetParameter(name="ours", layer=[dict(name="a")])
made = {name: globals()[name]() for name in (first, second)}
assert made["other"].name == "theirs" and len(made["ours"].layer) == 1
assert type(made["other"]) is not type(made["ours"])
"""


@pytest.mark.parametrize("order", [("other", "ours"), ("ours", "other")])
def test_lives_beside_another_caffe_pb2(order):
    run = subprocess.run([sys.executable, "-c", OTHER_CAFFE, *order], capture_output=True,
                         text=True, check=False)
    assert run.returncode == 0, run.stderr


REAL_FIELDS = """
import json
from caffe.proto import caffe_pb2
def fields(kind):
    for field in kind.fields:
        default = repr(field.default_value) if field.has_default_value else None
        yield [kind.name, field.name, field.number, field.type, field.label == 3, default]
    for enum in kind.enum_types:
        for value in enum.values:
            yield [kind.name, value.name, value.number, 0, False, enum.name]
kinds = caffe_pb2.DESCRIPTOR.message_types_by_name.values()
print(json.dumps([field for kind in kinds for field in fields(kind)]))
"""


@pytest.mark.caffe
def test_everything_of_real_caffe_is_here(run_caffe):
    theirs = run_caffe(REAL_FIELDS)
    assert len(theirs) > 500
    for message, name, number, kind, repeated, default in theirs:
        ours = getattr(caffe_pb2, message).DESCRIPTOR
        if kind:
            field = ours.fields_by_name[name]
            mine = repr(field.default_value) if field.has_default_value else None
            assert (field.number, field.type, is_repeated(field), mine) == (
                number, kind, repeated, default), (message, name)
        else:
            assert ours.enum_types_by_name[default].values_by_name[name].number == number
