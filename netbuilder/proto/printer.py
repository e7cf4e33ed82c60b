"""Message to prototxt, for people to read and edit: `dumps`."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from netbuilder.proto.scalars import is_repeated

_WIDTH = 80  # of a message on one line
_SHORT = 16  # values of a repeated field on one line
_LAYERS = ("caffe.LayerParameter", "caffe.V1LayerParameter")
_UNPRINTABLE = re.compile(r'[\x00-\x1f\x7f"\\]')
_NOT_ASCII = re.compile(r'[^\x20-\x7e]|["\\]')
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "\\": r"\\"}


def _escape(found: re.Match[str]) -> str:
    return _NAMED.get(found[0]) or f"\\{ord(found[0]):03o}"


def _string(value: str) -> str:
    return f'"{_UNPRINTABLE.sub(_escape, value)}"'


def _bytes(value: bytes) -> str:
    return f'"{_NOT_ASCII.sub(_escape, value.decode("latin-1"))}"'


def _float(value: float) -> str:
    return _shortest(value) if value else f"{value:g}"  # the cache cannot tell 0 from -0


@lru_cache(4096)
def _shortest(value: float) -> str:
    """The fewest digits that are read back as the same 32-bit float; nine are always enough."""
    for digits in range(6, 9):
        text = f"{value:.{digits}g}"
        if struct.pack("f", float(text)) == struct.pack("f", value):
            return text
    return f"{value:.9g}"


def _bool(value: bool) -> str:
    return "true" if value else "false"


_FORMATS: dict[int, Callable[[Any], str]] = {
    FieldDescriptor.CPPTYPE_INT32: str,
    FieldDescriptor.CPPTYPE_INT64: str,
    FieldDescriptor.CPPTYPE_UINT32: str,
    FieldDescriptor.CPPTYPE_UINT64: str,
    FieldDescriptor.CPPTYPE_FLOAT: _float,
    FieldDescriptor.CPPTYPE_DOUBLE: repr,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
}


class _Style(NamedTuple):
    """How a field is printed; `format` is None for messages."""

    name: str
    repeated: bool
    format: Callable[[Any], str] | None
    is_layer: bool


@lru_cache(None)
def _style(field: FieldDescriptor) -> _Style:
    nested = field.message_type
    return _Style(field.name, is_repeated(field), None if nested else _format(field),
                  bool(nested) and nested.full_name in _LAYERS)


def _format(field: FieldDescriptor) -> Callable[[Any], str]:
    if enum := field.enum_type:
        return lambda number: enum.values_by_number[number].name
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _bytes if field.type == FieldDescriptor.TYPE_BYTES else _string
    return _FORMATS[field.cpp_type]


def _inline(message: Message) -> str | None:
    """The fields on one line; None if there is a message among them, or too much."""
    parts = []
    for field, value in message.ListFields():
        name, repeated, text, _ = _style(field)
        if text is None or (repeated and len(value) > _SHORT):
            return None
        parts += [f"{name}: {text(one)}" for one in (value if repeated else (value,))]
    line = " ".join(parts)
    return line if len(line) <= _WIDTH else None


class _Printer:
    def __init__(self, comments: Mapping[str, str]) -> None:
        self.lines: list[str] = []
        self.comments = dict(comments)

    def fields(self, message: Message, indent: str) -> None:
        for field, value in message.ListFields():
            style = _style(field)
            for one in value if style.repeated else (value,):
                if style.format:
                    self.lines.append(f"{indent}{style.name}: {style.format(one)}")
                else:
                    self.message(style, one, indent)

    def message(self, style: _Style, message: Message, indent: str) -> None:
        if style.is_layer:
            self.comment(message.name)
        elif (line := _inline(message)) is not None:
            self.lines.append(f"{indent}{style.name} {{ {line} }}" if line
                              else f"{indent}{style.name} {{ }}")
            return
        self.lines.append(f"{indent}{style.name} {{")
        self.fields(message, indent + "  ")
        self.lines.append(f"{indent}}}")

    def comment(self, layer: str) -> None:
        if text := self.comments.pop(layer, None):  # only the first of two layers of that name
            blank = [""] if self.lines else []
            self.lines += blank + [f"# {line}".rstrip() for line in text.splitlines()]


def dumps(message: Message, comments: Mapping[str, str] | None = None) -> str:
    """A message as prototxt that reads back as an equal message.

    Fields stand in the order of their numbers; a short message of plain values takes one line.
    `comments` maps the names of layers to what stands above them, after a blank line. Fields that
    the schema does not know (a binary file may bring some) are left out, as protobuf does.
    """
    printer = _Printer(comments or {})
    printer.fields(message, "")
    return "".join(f"{line}\n" for line in printer.lines)
