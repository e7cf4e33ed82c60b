"""Random messages of Caffe's schema, for hypothesis."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from netbuilder.proto import caffe_pb2
from netbuilder.proto.scalars import is_repeated

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SCALARS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}


def _value(field: FieldDescriptor) -> st.SearchStrategy:
    if field.message_type:
        return st.deferred(lambda: _fields(field.message_type))
    if field.enum_type:
        return st.sampled_from(sorted(field.enum_type.values_by_number))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=12)
    return _SCALARS.get(field.cpp_type, _TEXT)


def _fields(kind: Descriptor) -> st.SearchStrategy[dict]:
    """Keyword arguments of a message: a few of its fields."""
    strategies = {
        field.name: st.lists(_value(field), max_size=3) if is_repeated(field) else _value(field)
        for field in kind.fields
    }
    chosen = st.lists(st.sampled_from(sorted(strategies)), max_size=4, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({n: strategies[n] for n in names}))


def messages(name: str) -> st.SearchStrategy:
    """Messages of one type of caffe.proto."""
    kind = getattr(caffe_pb2, name)
    made = _fields(kind.DESCRIPTOR).map(lambda values: kind(**values))
    return made.filter(lambda message: message.IsInitialized())
