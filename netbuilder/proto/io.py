"""Messages in files: prototxt (text) and caffemodel, solverstate, binaryproto (binary)."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from netbuilder.errors import BuildError, FileUnreadable, ParseError
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse
from netbuilder.proto.wire import check

Path = str | os.PathLike[str]
M = TypeVar("M", bound=Message)

_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r"))  # what no text has, and every binary
_SNIFFED = 4096
_NO_FILES = {stat.S_IFDIR: "Is a directory", stat.S_IFIFO: "Is a pipe"}
_MAX_TEXT = 32 << 20
_MAX_BINARY = (2 << 30) - 1  # protobuf's own limit
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BINARY_KINDS = {  # how they start -> what they are, and what to do
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", "weights are read from it if its name ends in .h5; "
                           "a net is not in it: give its prototxt"),
    b"PK\x03\x04": ("a zip archive", "unpack it first"),
    b"\x1f\x8b": ("a gzip archive", "unpack it first"),
}


def _read(path: Path) -> bytes:
    """The bytes of a regular file: a pipe may never end, and a device such as /dev/zero never does.

    Text of more than 32 MiB (about 100,000 layers) is refused after its first bytes.
    """
    source = os.fspath(path)
    try:
        status = os.stat(path)
        what = stat.S_IFMT(status.st_mode)
        if what != stat.S_IFREG:
            raise ParseError(f"cannot be read: {_NO_FILES.get(what, 'Is a device')}", source)
        with open(path, "rb") as file:
            start = file.read(_SNIFFED)
            limit = _MAX_TEXT if _is_text(start) else _MAX_BINARY
            if status.st_size > limit:
                raise ParseError(f"is larger than {limit >> 20} MiB, too much for a "
                                 f"{'text' if limit == _MAX_TEXT else 'binary file'}", source)
            # Not to its end: a file of the kernel's may have none.
            return start + file.read(max(status.st_size - len(start), 0))
    except OSError as reason:
        raise FileUnreadable(f"cannot be read: {reason.strerror}", source) from None
    except MemoryError:
        raise ParseError("is too large for the memory that there is", source) from None
    except ValueError as reason:  # a NUL in the path, or no encoding for it
        raise ParseError(f"cannot be read: {reason}", source) from None


def _is_text(data: bytes) -> bool:
    return data[:_SNIFFED].translate(None, _CONTROL) == data[:_SNIFFED]


def _parse_text(data: bytes, kind: type[M], source: str) -> M:
    if data.startswith(_UTF16):
        raise ParseError("is UTF-16 text; save it as UTF-8", source)
    if not _is_text(data):
        raise ParseError(f"is a binary file; a {kind.__name__} as text was expected", source)
    # Bytes that are not UTF-8 do no harm in comments; in a string, the parser names the place.
    text = data.decode("utf-8", "surrogateescape")
    try:
        return parse(text, kind(), source)
    except ParseError as reason:
        other = _other_kind(text, kind, reason)
        if not other:
            raise
        hint = f"{reason.message} (the file is a {other}, not a {kind.__name__})"
        raise ParseError(hint, source, reason.line, reason.column) from None


def _other_kind(text: str, kind: type[Message], reason: ParseError) -> str | None:
    """The message type that a text which is no `kind` can be read as, or at least further."""
    for other in (caffe_pb2.NetParameter, caffe_pb2.SolverParameter):
        if other is not kind:
            try:
                parse(text, other())
            except ParseError as error:
                if _place(error) <= _place(reason):
                    continue
            return other.__name__
    return None


def _place(error: ParseError) -> tuple[int, int]:
    return error.line or 0, error.column or 0


def _parse_binary(data: bytes, kind: type[M], source: str) -> M:
    for magic, (what, remedy) in _BINARY_KINDS.items():
        if data.startswith(magic):
            raise ParseError(f"is {what}, not a binary {kind.__name__}; {remedy}", source)
    check(data, kind.DESCRIPTOR, source)
    try:
        message = kind.FromString(data)
    except DecodeError:
        if place := _stray(data):
            raise ParseError("this control character stands in no text", source, *place) from None
        problem = ("is text; a binary {} was expected" if _is_text(data)
                   else "is not a binary {}, or is cut short: an unfinished download?")
        raise ParseError(problem.format(kind.__name__), source) from None
    # Fields of other numbers or types are skipped, so another message may read as an empty one.
    if data and not message.ListFields():
        raise ParseError(f"is a binary file of another kind than {kind.__name__}", source)
    return message


def _stray(data: bytes) -> tuple[int, int] | None:
    """Line and column of the first control character of what is text but for a few of them."""
    start = data[:_SNIFFED]
    count = len(start) - len(start.translate(None, _CONTROL))
    if not 0 < 20 * count < len(start):  # binary files have more, between their strings
        return None
    above = next(start[:at] for at, byte in enumerate(start) if byte in _CONTROL)
    return above.count(b"\n") + 1, len(above) - above.rfind(b"\n")


def read_text(path: Path, kind: type[M]) -> M:
    """The message in a prototxt. Raises ParseError."""
    return _parse_text(_read(path), kind, os.fspath(path))


def read_binary(path: Path, kind: type[M]) -> M:
    """The message in a .caffemodel, .solverstate or .binaryproto. Raises ParseError."""
    data, source = _read(path), os.fspath(path)
    if not data:
        raise ParseError(f"is empty; a binary {kind.__name__} was expected", source)
    return _parse_binary(data, kind, source)


def read_net(path: Path) -> Message:
    """The NetParameter in a prototxt or a .caffemodel, whichever it is. Raises ParseError."""
    data, source = _read(path), os.fspath(path)
    read = _parse_text if _is_text(data) or data.startswith(_UTF16) else _parse_binary
    return read(data, caffe_pb2.NetParameter, source)


def is_binary(path: Path) -> bool:
    """True for what `read_net` reads as a .caffemodel. Raises ParseError."""
    data = _read(path)
    return not (_is_text(data) or data.startswith(_UTF16))


def write_atomically(path: Path, data: bytes | str) -> None:
    """Writes a file whole or not at all; text as UTF-8. Raises BuildError."""
    target = os.path.realpath(path)  # a link stays a link
    if os.path.lexists(target) and not os.path.isfile(target):
        raise BuildError(f"cannot write {os.fspath(path)}: it is not a regular file")
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise BuildError(f"cannot write {os.fspath(path)}: there is no folder {folder}")
    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(4).hex()}.tmp")
    try:
        # Not tempfile: its files are the owner's only, whatever the umask says.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with contextlib.suppress(OSError):  # what is replaced keeps its rights, where it can
                os.fchmod(handle, stat.S_IMODE(os.stat(target).st_mode))
            with open(handle, "wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as reason:
        raise BuildError(f"cannot write {os.fspath(path)}: {reason.strerror}") from None


def write_text(
    path: Path, message: Message, comments: Mapping[str, str] | None = None, header: str = ""
) -> None:
    """Writes a prototxt; `header` is text above it, `comments` as for `dumps`."""
    above = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    write_atomically(path, f"{above}\n{dumps(message, comments)}" if above
                     else dumps(message, comments))


def write_binary(path: Path, message: Message) -> None:
    """Writes a .caffemodel, .solverstate or .binaryproto."""
    write_atomically(path, message.SerializeToString())
