"""Prototxt to message: `parse`.

One regular expression recognizes a whole statement (``name: value``, ``name {`` or ``}``), so
Python runs once per field rather than once per character; tables of fields, made when first met,
say what to do with it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from netbuilder.errors import ParseError, did_you_mean
from netbuilder.proto.scalars import SPACE, VALUE, converter, is_repeated
from netbuilder.proto.wire import MAX_MESSAGES

_STATEMENT = re.compile(
    rf"{SPACE}(?:([A-Za-z_][A-Za-z0-9_]*)(?![A-Za-z0-9_]){SPACE}(:)?{SPACE}"
    rf"(?:([{{<])|(\[)|({VALUE})(?:{SPACE}[;,])?)|([}}>])|\Z)"
)
_NAME, _COLON, _OPEN, _LIST, _VALUE, _CLOSE = range(1, 7)
_SEPARATOR = re.compile(rf"(?:{SPACE}[;,])?")
_ITEM = re.compile(rf"{SPACE}(?:([{{<])|({VALUE}))")
_NEXT_ITEM = re.compile(rf"{SPACE}([,\]])")
_EMPTY_LIST = re.compile(rf"{SPACE}\]")
_START = re.compile(rf"{SPACE}(?:[A-Za-z_][A-Za-z0-9_]*{SPACE}(:)?{SPACE})?")
_CLOSER = {"{": "}", "<": ">"}
_DEPTH = 100  # protobuf's own limit for binary messages

M = TypeVar("M", bound=Message)


class _Field:
    """What the parser has to know of a field; `convert` for scalars, `fields` for messages."""

    __slots__ = ("convert", "fields", "is_message", "name", "repeated")

    def __init__(self, field: FieldDescriptor) -> None:
        self.name, self.repeated = field.name, is_repeated(field)
        self.is_message = field.message_type is not None
        self.fields = _Fields(field.message_type) if self.is_message else None
        self.convert = None if self.is_message else converter(field)


class _Fields(dict[str, _Field]):
    """The fields of a message type, each made when it is first asked for."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.descriptor = descriptor

    def __missing__(self, name: str) -> _Field:
        field = self[name] = _Field(self.descriptor.fields_by_name[name])
        return field


@lru_cache
def _fields(descriptor: Descriptor) -> _Fields:
    return _Fields(descriptor)


class _Parser:
    def __init__(self, text: str, source: str) -> None:
        self.text, self.source = text, source
        self.open: list[tuple[Descriptor, int]] = []  # messages around this place: type, start
        self.messages = 0

    def fill(self, message: Message, fields: _Fields, closer: str, at: int) -> int:
        """Reads statements from `at` on until `closer`; returns where it ends."""
        self.enter(fields, at)
        text, match = self.text, _STATEMENT.match
        while found := match(text, at):
            name, colon, opener, items, value, close = found.groups()
            at = found.end()
            if name is None:
                return self.leave(closer, close, found)
            try:
                field = fields[name]
            except KeyError:
                raise self.unknown(fields.descriptor, name, found.start(_NAME)) from None
            if value and colon and field.convert:
                self.scalar(message, field, value, found.start(_VALUE))
            elif opener and field.is_message:
                at = self.nested(message, field, opener, at)
                at = _SEPARATOR.match(text, at).end()
            elif items and field.repeated and (colon or field.is_message):
                at = self.items(message, field, at)
            else:
                raise self.misfit(field, found)
        raise self.malformed(at)

    def enter(self, fields: _Fields, at: int) -> None:
        if len(self.open) == _DEPTH:
            raise self.error(f"messages are nested more than {_DEPTH} deep", at)
        self.messages += 1
        if self.messages > MAX_MESSAGES:
            raise self.error(f"more than {MAX_MESSAGES} messages, more than any network has", at)
        self.open.append((fields.descriptor, at))

    def leave(self, closer: str, close: str | None, found: re.Match[str]) -> int:
        kind, start = self.open.pop()
        if (close or "") == closer:
            return found.end()
        if not closer:
            raise self.error(f'"{close}" closes nothing; is there one too many above?',
                             found.start(_CLOSE))
        line = self.text.count("\n", 0, start) + 1
        what = f'"{close}"' if close else "the end"
        raise self.error(
            f'{kind.name}, opened in line {line}, needs a "{closer}", not {what}',
            found.start(_CLOSE) if close else found.end(),
        )

    def scalar(self, message: Message, field: _Field, value: str, at: int) -> None:
        try:
            if field.repeated:
                getattr(message, field.name).append(field.convert(value))
            elif message.HasField(field.name):
                raise ValueError(f"is set twice; {message.DESCRIPTOR.name} takes one value")
            else:
                setattr(message, field.name, field.convert(value))
        except ValueError as reason:
            raise self.error(f"{field.name} {reason}", at) from None

    def nested(self, message: Message, field: _Field, opener: str, at: int) -> int:
        """One value of a message field, from behind its opening brace to behind its closing one."""
        if field.repeated:
            value = getattr(message, field.name).add()
        elif message.HasField(field.name):
            kind = message.DESCRIPTOR.name
            raise self.error(f"{field.name} is set twice; {kind} takes one", at - 1)
        else:
            value = getattr(message, field.name)
            value.SetInParent()  # present even if it stays empty
        return self.fill(value, field.fields, _CLOSER[opener], at)

    def items(self, message: Message, field: _Field, at: int) -> int:
        """The rest of ``[a, b]``, a shorter way to write a repeated field."""
        if empty := _EMPTY_LIST.match(self.text, at):
            return _SEPARATOR.match(self.text, empty.end()).end()
        while True:
            item = _ITEM.match(self.text, at)
            if not item or bool(item[1]) != field.is_message:
                what = "{ ... }" if field.is_message else "a value"
                raise self.error(f"this list takes {what}, not {self.word(at)}", self.skip(at))
            if item[1]:
                at = self.nested(message, field, item[1], item.end())
            else:
                self.scalar(message, field, item[2], item.start(2))
                at = item.end()
            separator = _NEXT_ITEM.match(self.text, at)
            if not separator:
                raise self.error(f'expected "," or "]", not {self.word(at)}', self.skip(at))
            at = separator.end()
            if separator[1] == "]":
                return _SEPARATOR.match(self.text, at).end()

    # What follows runs once, when something is wrong.

    def error(self, message: str, at: int) -> ParseError:
        line = self.text.count("\n", 0, at) + 1
        return ParseError(message, self.source, line, at - self.text.rfind("\n", 0, at))

    def skip(self, at: int) -> int:
        return re.compile(SPACE).match(self.text, at).end()

    def word(self, at: int) -> str:
        """What stands at a place, for people."""
        rest = self.text[self.skip(at) :][:40]
        if not rest:
            return "the end"
        word = re.match(r"[\w.+-]+|.", rest, re.ASCII | re.DOTALL)[0]
        return f'"{word}"' if word.isascii() and word.isprintable() else f"U+{ord(word):04X}"

    def malformed(self, at: int) -> ParseError:
        """Why no statement could be recognized at a place."""
        start = _START.match(self.text, at)
        place, char = start.end(), self.text[start.end() : start.end() + 1]
        named = place > self.skip(at)
        if named and char and char in "\"'":
            line = self.text[place:].split("\n", 1)[0]
            return self.error(f"this string has no closing {char} on its line: {line:.40}", place)
        wanted = "a value" if start[1] else '":" or "{"' if named else "the name of a field"
        return self.error(f"expected {wanted}, not {self.word(place)}", place)

    def misfit(self, field: _Field, found: re.Match[str]) -> ParseError:
        """A value of the wrong shape: a message for a scalar, a list for a single value ..."""
        name, at = field.name, found.end(_NAME)
        if field.is_message:
            return self.error(f"{name} takes {{ ... }}", at)
        if not found[_COLON]:
            return self.error(f'{name} needs a ":" before its value', at)
        one = "values" if field.repeated else "one value"
        return self.error(f"{name} takes {one}, not {found[_OPEN] or found[_LIST]}", at)

    def unknown(self, kind: Descriptor, name: str, at: int) -> ParseError:
        text = f'{kind.name} has no field "{name}"'
        homes = [f.name for f in kind.fields
                 if f.message_type and name in f.message_type.fields_by_name]
        around = [outer.name for outer, _ in self.open[:-1] if name in outer.fields_by_name]
        if homes:
            text += f"; {name} belongs in {' or '.join(homes[:4])}"
        elif around:
            text += f'; {around[-1]} has: is a "}}" missing above?'
        else:
            text += did_you_mean(name, kind.fields_by_name)
        return self.error(text, at)


class _Marker(_Parser):
    """Notes where each message of the outermost one stands, and each other field's first value."""

    def __init__(self, text: str, source: str) -> None:
        super().__init__(text, source)
        self.marks: list[tuple[str, int]] = []
        self.scalars: set[str] = set()
        self.marked = 0  # up to where the text was searched: never twice, a line may be 32 MiB

    def scalar(self, message: Message, field: _Field, value: str, at: int) -> None:
        if len(self.open) == 1 and field.name not in self.scalars:
            self.scalars.add(field.name)
            self.mark(field, at)
        super().scalar(message, field, value, at)

    def nested(self, message: Message, field: _Field, opener: str, at: int) -> int:
        if len(self.open) == 1:
            self.mark(field, at)
        return super().nested(message, field, opener, at)

    def mark(self, field: _Field, at: int) -> None:
        found = self.text.rfind(field.name, self.marked, at)
        if found < 0:  # a list has its name once
            found = self.marks[-1][1]
        self.marks.append((field.name, found))
        self.marked = at


def places(text: str, kind: type[Message]) -> dict[str, list[tuple[int, int]]]:
    """Where the fields of a text's outermost message stand: name to (line, column).

    Of each value that is a message, of the first one of every other field.
    Parses the text once more, so it is for those who explain a file. Raises ParseError.
    """
    marker = _Marker(text, "<string>")
    marker.fill(kind(), _fields(kind.DESCRIPTOR), "", 0)
    found: dict[str, list[tuple[int, int]]] = {}
    line, start, seen = 1, 0, 0  # the line of the last mark, where that line starts, the mark
    for name, at in marker.marks:
        line += text.count("\n", seen, at)
        start, seen = max(start, text.rfind("\n", seen, at) + 1), at
        found.setdefault(name, []).append((line, at - start + 1))
    return found


def parse(text: str, message: M, source: str = "<string>") -> M:
    """Fills an empty `message` from protobuf's text format and returns it.

    Accepts what protobuf's C++ parser accepts, which real Caffe reads with: a field that takes one
    value may be set once, and nothing unknown is skipped.

    Raises ParseError with the line and column; `source` is the file it names.
    """
    parser = _Parser(text, source)
    if text.startswith("\ufeff"):
        raise parser.error("starts with a byte order mark; save it as UTF-8 without one", 0)
    if "\0" in text:
        raise parser.error("has a NUL character; is it a binary file?", text.index("\0"))
    parser.fill(message, _fields(message.DESCRIPTOR), "", 0)
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())
        raise ParseError(f"required fields are not set: {missing}", source)
    return message
