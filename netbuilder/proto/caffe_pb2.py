"""Caffe's message classes and enums, as the module that protoc would write, in a private pool.

protobuf's default pool refuses a second ``caffe.proto``; in a pool of our own these classes live
beside a real ``caffe_pb2`` in one process.
"""

from __future__ import annotations

import os

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


def _load(path: str) -> FileDescriptor:
    with open(path, "rb") as file:
        _POOL.AddSerializedFile(file.read())
    return _POOL.FindFileByName("caffe.proto")


_POOL = descriptor_pool.DescriptorPool()
DESCRIPTOR = _load(os.path.join(os.path.dirname(__file__), "caffe.desc"))

for _name, _message in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = message_factory.GetMessageClass(_message)
    globals()[_name].__module__ = __name__  # where pickle looks it up
for _name, _enum in DESCRIPTOR.enum_types_by_name.items():
    globals()[_name] = EnumTypeWrapper(_enum)
    globals().update(EnumTypeWrapper(_enum).items())
