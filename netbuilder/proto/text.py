"""Protobuf's text format, which Caffe calls prototxt: `parse` and `dumps`."""

from netbuilder.proto.parser import parse
from netbuilder.proto.printer import dumps

__all__ = ["dumps", "parse"]
