"""How much a binary message would unfold to, told before protobuf unfolds it.

Two bytes can stand for an empty message, which in memory takes a thousand: a file of some
megabytes would need all there is.
"""

from __future__ import annotations

from functools import cache

from google.protobuf.descriptor import Descriptor

from netbuilder.errors import ParseError

MAX_MESSAGES = 400_000  # in one file; a layer is about three. They need 0.5 GB
_MAX_FIELDS = 4_000_000  # numbers that are packed, as Caffe's blobs are, are one field together
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def check_size(data: bytes, kind: Descriptor, source: str) -> None:
    """Raises ParseError for a binary message of more parts than a network has.

    Bytes that are no message pass: to say what is wrong with them is the reader's task.
    """
    fields = messages = 0
    waiting = [(kind, 0, len(data))]
    while waiting:
        kind, at, end = waiting.pop()
        inner = _inner(kind)
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
                at += length
            else:  # the marks of a group have no body
                at += {_FIXED64: 8, _FIXED32: 4}.get(tag & 7, 0)
            if fields > _MAX_FIELDS or messages > MAX_MESSAGES:
                raise ParseError(f"holds more than {MAX_MESSAGES} messages, or {_MAX_FIELDS} "
                                 "fields: more than any network has", source)


@cache
def _inner(kind: Descriptor) -> dict[int, Descriptor]:
    return {field.number: field.message_type for field in kind.fields if field.message_type}


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
