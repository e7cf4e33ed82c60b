"""Caffe's message classes and enums, as the module that protoc would write, in a private pool.

protobuf's default pool refuses a second ``caffe.proto``; in a pool of our own these classes live
beside a real ``caffe_pb2`` in one process. Names resolve on first use: a class costs nothing
until somebody asks for it.
"""

from __future__ import annotations

import os
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


def _load() -> Any:
    path = os.path.join(os.path.dirname(__file__), "caffe.desc")
    with open(path, "rb") as file:
        _POOL.AddSerializedFile(file.read())
    return _POOL.FindFileByName("caffe.proto")


_POOL = descriptor_pool.DescriptorPool()
DESCRIPTOR = _load()


def _find(name: str) -> Any:
    if name in DESCRIPTOR.message_types_by_name:
        cls = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name[name])
        cls.__module__ = __name__  # what pickle looks up
        return cls
    if name in DESCRIPTOR.enum_types_by_name:
        return EnumTypeWrapper(DESCRIPTOR.enum_types_by_name[name])
    for enum in DESCRIPTOR.enum_types_by_name.values():
        if name in enum.values_by_name:
            return enum.values_by_name[name].number
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __getattr__(name: str) -> Any:
    value = globals()[name] = _find(name)
    return value


def __dir__() -> list[str]:
    enums = DESCRIPTOR.enum_types_by_name
    values = [value for enum in enums.values() for value in enum.values_by_name]
    return [*globals(), *DESCRIPTOR.message_types_by_name, *enums, *values]
