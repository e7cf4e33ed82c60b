"""What protobuf does not look at when it reads a binary message: its size, and its texts.

Two bytes can stand for an empty message, which in memory takes a thousand: a file of some
megabytes would need all there is.
"""

from __future__ import annotations

from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from netbuilder.errors import ParseError

MAX_MESSAGES = 400_000  # in one file; a layer is about three. They need 0.5 GB
_MAX_FIELDS = 4_000_000  # numbers that are packed, as Caffe's blobs are, are one field together
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def check(data: bytes, kind: Descriptor, source: str) -> None:
    """Raises ParseError for a binary message of more parts than a network has, or odd texts.

    Bytes that are no message pass: to say what is wrong with them is the reader's task.
    """
    fields = messages = 0
    waiting = [(kind, 0, len(data))]
    while waiting:
        kind, at, end = waiting.pop()
        inner, texts = _inner(kind), _texts(kind)
        while at < end:
            fields += 1
            tag, at = _varint(data, at)
            if tag & 7 == _VARINT:
                _, at = _varint(data, at)
            elif tag & 7 == _LENGTH:
                length, at = _varint(data, at)
                if tag >> 3 in inner:
                    messages += 1
                    if length:
                        waiting.append((inner[tag >> 3], at, min(at + length, end)))
                elif tag >> 3 in texts:
                    _check_text(data[at: at + length], texts[tag >> 3], source)
                at += length
            else:  # the marks of a group have no body
                at += {_FIXED64: 8, _FIXED32: 4}.get(tag & 7, 0)
            if fields > _MAX_FIELDS or messages > MAX_MESSAGES:
                raise ParseError(f"holds more than {MAX_MESSAGES} messages, or {_MAX_FIELDS} "
                                 "fields: more than any network has", source)


@cache
def _inner(kind: Descriptor) -> dict[int, Descriptor]:
    return {field.number: field.message_type for field in kind.fields if field.message_type}


@cache
def _texts(kind: Descriptor) -> dict[int, str]:
    return {field.number: field.name for field in kind.fields
            if field.type == FieldDescriptor.TYPE_STRING}


def _check_text(data: bytes, name: str, source: str) -> None:
    """protobuf for Python hands out bytes, not a string, for what is not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        raise ParseError(f"a {name} in it is not valid UTF-8; is the file damaged?",
                         source) from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place and where it ends; at most ten bytes, and nothing past the end."""
    if at < len(data) and data[at] < 128:
        return data[at], at + 1
    value = 0
    for shift, byte in enumerate(data[at: at + 10]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, at + shift + 1
    return value, at + 10
