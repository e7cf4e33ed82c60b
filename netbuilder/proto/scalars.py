"""Scalar values as prototxt writes them: text to value.

Each converter takes the text of one value and returns what protobuf stores, or raises ValueError
with a phrase that continues "<field> ...". What is accepted is what protobuf's C++ TextFormat
accepts (tokenizer.cc and text_format.cc), because that is what real Caffe reads with; the Python
package is laxer here (``1_0``, ``+1``, unknown escapes) and stricter there (``- 1``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from netbuilder.errors import did_you_mean

# A comment ends at a newline or at the end of the text, never earlier: the pattern stays linear.
SPACE = r"[ \t\r\n\v\f]*(?:#[^\n]*(?:\n[ \t\r\n\v\f]*|\Z))*"
_LITERAL = r"""(?:"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*')"""
_WORD = r"(?:[A-Za-z_][A-Za-z0-9_]*|\.?[0-9](?:[eE][+-]|[A-Za-z0-9_.])*)"
VALUE = rf"(?:-{SPACE})?{_WORD}|{_LITERAL}(?:{SPACE}{_LITERAL})*"

_space = re.compile(SPACE)
_literal = re.compile(_LITERAL)
_integer = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_float = re.compile(r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?")
_escape = re.compile(
    rb"""\\(?:(?P<char>[abfnrtv\\?'"])|(?P<octal>[0-7]{1,3})|[xX](?P<hex>[0-9a-fA-F]{1,2})"""
    rb"""|(?P<utf16>u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*)|U(?P<utf32>[0-9a-fA-F]{8})|(?P<bad>.))"""
)
_CHARS = dict(zip(b"abfnrtv\\?'\"", b"\a\b\f\n\r\t\v\\?'\"", strict=True))

Converter = Callable[[str], Any]
_CACHED = 4096  # a net repeats few values many times
_LISTED = 12  # words of an enum in a message


def _unsigned(word: str) -> tuple[bool, str]:
    """Whether a value is negative, and the rest; a minus may stand apart from its number."""
    if word[0] != "-":
        return False, word
    return True, word[_space.match(word, 1).end() :]


def _integer_converter(kind: str, low: int, high: int) -> Converter:
    @lru_cache(_CACHED)
    def convert(word: str) -> int:
        negative, digits = _unsigned(word)
        if not _integer.fullmatch(digits):
            raise ValueError(f"takes an integer ({kind}), not {word}")
        base = 16 if digits[1:2] in ("x", "X") else 8 if digits[0] == "0" else 10
        if base == 10 and len(digits) > 40:  # Python would refuse in words of its own
            raise ValueError(f"takes an integer from {low} to {high} ({kind}), not {word}")
        value = -int(digits, base) if negative else int(digits, base)
        if not low <= value <= high or (negative and not low):  # not even -0
            raise ValueError(f"takes an integer from {low} to {high} ({kind}), not {word}")
        return value

    return convert


@lru_cache(_CACHED)
def to_float(word: str) -> float:
    negative, digits = _unsigned(word)
    if _float.fullmatch(digits):
        value = float(digits.rstrip("fF"))
    elif digits.lower() in ("inf", "infinity", "nan"):
        value = float(digits)
    else:
        raise ValueError(f"takes a decimal number, not {word}")
    return -value if negative else value


_bit = _integer_converter("bool", 0, 1)


@lru_cache(_CACHED)
def to_bool(word: str) -> bool:
    if word in ("true", "True", "t"):
        return True
    if word in ("false", "False", "f"):
        return False
    try:
        return bool(_bit(word))
    except ValueError:
        raise ValueError(f"takes true or false, not {word}") from None


def _unescape(found: re.Match[bytes]) -> bytes:
    kind, code = found.lastgroup, found[found.lastgroup]
    if kind == "char":
        return bytes([_CHARS[code[0]]])
    if kind in ("octal", "hex"):
        return bytes([int(code, 8 if kind == "octal" else 16) & 255])
    if kind == "utf16":  # \ud83d\ude00 is one character
        units = bytes.fromhex(code.replace(b"\\", b"").replace(b"u", b"").decode())
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    if kind == "utf32" and int(code, 16) < 0x110000:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    raise ValueError(f"has an escape that does not exist: {found[0].decode('utf-8', 'replace')}")


def to_bytes(literals: str) -> bytes:
    """The bytes of one or more quoted strings; neighbours are one string, as in C."""
    if literals[0] not in "\"'":
        raise ValueError(f"takes a string in quotes, not {literals}")
    parts, at = [], 0
    while at < len(literals):
        literal = _literal.match(literals, at)
        parts.append(literal[0][1:-1].encode("utf-8", "surrogateescape"))
        at = _space.match(literals, literal.end()).end()
    # Escapes end with their literal: "\1" "2" is two characters.
    return b"".join(_escape.sub(_unescape, part) for part in parts)


def to_string(literals: str) -> str:
    body = literals[1:-1]
    if literals[0] in "\"'" and literals[0] not in body and "\\" not in body and body.isascii():
        return body
    try:
        return to_bytes(literals).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("is not valid UTF-8; save the file as UTF-8") from None


def _enum_converter(enum: EnumDescriptor) -> Converter:
    number = _integer_converter("enum", -(2**31), 2**31 - 1)

    @lru_cache(_CACHED)
    def convert(word: str) -> int:
        if word in enum.values_by_name:
            return enum.values_by_name[word].number
        if _integer.fullmatch(_unsigned(word)[1]) and number(word) in enum.values_by_number:
            return number(word)
        known = list(enum.values_by_name)
        few = known if len(known) <= _LISTED else [*known[:3], f"... ({len(known)} words)"]
        quoted = ", without quotes" if word[:1] in ("'", '"') else ""
        near = did_you_mean(word.strip("'\"").upper() if quoted else word, known)
        raise ValueError(f"takes {' or '.join(few)}{quoted}, not {word}{near}")

    return convert


_INT32 = _integer_converter("int32", -(2**31), 2**31 - 1)
_INT64 = _integer_converter("int64", -(2**63), 2**63 - 1)
_UINT32 = _integer_converter("uint32", 0, 2**32 - 1)
_UINT64 = _integer_converter("uint64", 0, 2**64 - 1)
_BY_CPPTYPE: dict[int, Converter] = {
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT32: _UINT32,
    FieldDescriptor.CPPTYPE_UINT64: _UINT64,
    FieldDescriptor.CPPTYPE_FLOAT: to_float,
    FieldDescriptor.CPPTYPE_DOUBLE: to_float,
    FieldDescriptor.CPPTYPE_BOOL: to_bool,
}


def converter(field: FieldDescriptor) -> Converter:
    """The converter of a scalar field."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return _enum_converter(field.enum_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return to_bytes if field.type == FieldDescriptor.TYPE_BYTES else to_string
    return _BY_CPPTYPE[field.cpp_type]


def is_repeated(field: FieldDescriptor) -> bool:
    """`field.is_repeated`, which protobuf 4 and 5 do not have; 7 is without `label`."""
    try:
        return field.is_repeated
    except AttributeError:
        return field.label == FieldDescriptor.LABEL_REPEATED
