"""Every error a user can cause, as one tree.

NetbuilderError
├── ParseError            a prototxt or binary file that cannot be read: file, line, column
│   └── FileUnreadable    a file that is not there, or may not be opened
├── FieldError            a field, enum value or keyword that Caffe's messages do not have
│   ├── WrongValue        a value that its field cannot hold
│   │   └── EmptyList     a list without values for a field of a NetSpec's layer
│   └── UnknownTop        a name that a NetSpec has no top for
├── UnknownLayerError     a layer type without a rule
├── ShapeError            a layer that its bottoms do not fit: layer, type, values
│   └── ShapeUnknown      a data layer whose file does not tell its shape; asks for it by name
├── GraphError            a net that does not hang together: missing bottoms, cycles, doubled names
│   └── NoSuchLayer       a name that no layer of a net has
├── BuildError            options that describe no network, or a place that cannot be written
├── SolverError           a solver file that describes no training run
├── DataError             a data source that is missing, broken or of the wrong shape
│   ├── ArrayError        an array that does not fit where it is to go
│   └── FileMissing       a file or program that is not there
├── LibraryMissing        a library that an optional part needs is not installed
└── EngineError           an engine that did not do its work
    ├── NoPythonLayer     the module or class of a Python layer is not there
    ├── UnfinishedLayer   a Python layer that lacks a method that each must have
    ├── EngineNotFound    no interpreter with that engine; says how to get one
    └── CaffeCrashed      real Caffe died; carries its last words
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

_LONGEST = 2000  # characters of a text, and
_LONGEST_WORD = 400  # of one word in it: room for a path, not for what a hostile file calls a name
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")
_LISTED = 24  # known names in a message


class NetbuilderError(Exception):
    """Base of all errors of this package; its text is meant for the user.

    The text often quotes an untrusted file, so it is one line (an engine's last words may be
    several), without control characters, and of bounded length: what is too long loses its middle.
    """

    keeps_lines: ClassVar[bool] = False

    def __init__(self, text: str = "") -> None:
        super().__init__(presentable(str(text), kept="\n\t" if self.keeps_lines else ""))


def presentable(text: str, longest: int = _LONGEST, kept: str = "") -> str:
    """A text that may quote an untrusted file, as one printable line of bounded length.

    What is too long loses its middle; ``kept`` are control characters that stay, and lines then
    have no limit.
    """
    if len(text) > min(longest, _LONGEST_WORD):
        text = _LONG_WORD.sub(lambda word: _cut(word[0], _LONGEST_WORD), text)
        text = text if kept else _cut(text, longest)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in kept else
                   char.encode("unicode_escape").decode() for char in text)


def _cut(text: str, longest: int) -> str:
    half = (longest - 5) // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


class ParseError(NetbuilderError):
    """A file that is not what it should be. Lines and columns count from 1."""

    def __init__(
        self, message: str, file: str = "<string>", line: int | None = None,
        column: int | None = None,
    ) -> None:
        self.message, self.file, self.line, self.column = message, file, line, column
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{place}: {message}")

    def __reduce__(self) -> tuple:
        return type(self), (self.message, self.file, self.line, self.column)


class FileUnreadable(ParseError, RuntimeError):
    """A file that cannot be opened; a RuntimeError too, as pycaffe raises."""


class FieldError(NetbuilderError, AttributeError):
    """A field or enum value that does not exist; an AttributeError too, as pycaffe raises."""


class WrongValue(FieldError, TypeError, ValueError):
    """A value that its field cannot hold; pycaffe's TypeError too, and its ValueError for a
    number out of range."""


class EmptyList(WrongValue, IndexError):
    """A list without values; an IndexError too, as pycaffe raises."""


class UnknownTop(FieldError, KeyError):
    """A top that a NetSpec does not have; a KeyError too, as pycaffe raises."""

    __str__ = Exception.__str__  # KeyError's shows quotes


class UnknownLayerError(NetbuilderError):
    """A layer type that no rule is registered for."""


class ShapeError(NetbuilderError):
    """A layer whose fields and bottom shapes contradict each other."""


class ShapeUnknown(ShapeError):
    """A source of data whose shape nothing tells; the caller can give it."""


class GraphError(NetbuilderError):
    """Layers that cannot be connected."""


class NoSuchLayer(GraphError, ValueError):
    """A layer that is not there; a ValueError too, as pycaffe raises."""


class BuildError(NetbuilderError):
    """Options that describe no network, or a place that cannot be written to."""


class SolverError(NetbuilderError):
    """A solver that describes no training run."""


class DataError(NetbuilderError, RuntimeError):
    """A data source that is missing, broken or of the wrong shape; pycaffe's RuntimeError too."""


class ArrayError(DataError, ValueError):
    """An array that does not fit where it is to go; a ValueError too, as pycaffe raises."""


class FileMissing(DataError, FileNotFoundError):
    """A file or program that is not there; a FileNotFoundError too, as Python raises."""


class LibraryMissing(NetbuilderError, ImportError):
    """A library that an optional part needs and that is not installed; an ImportError too."""


class EngineError(NetbuilderError, RuntimeError):
    """An engine that could not do its work; pycaffe's RuntimeError too."""

    keeps_lines = True


class NoPythonLayer(EngineError, ImportError, SystemError):
    """A Python layer whose module or class is not there; pycaffe's SystemError too."""


class UnfinishedLayer(EngineError, RecursionError):
    """A Python layer that lacks a method; pycaffe's RecursionError too."""


class EngineNotFound(EngineError):
    """No interpreter with the wanted engine was found; the text says how to get one."""


class CaffeCrashed(EngineError):
    """Real Caffe's process died; the text carries its last words."""


@contextlib.contextmanager
def naming(file: object) -> Iterator[None]:
    """Says in which file a mistake is; a ParseError does so itself."""
    try:
        yield
    except ParseError:
        raise
    except NetbuilderError as error:
        raise type(error)(f"{file}: {error}") from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A closing phrase such as ``; did you mean "kernel_size"?``, empty if nothing is near.

    Comparing costs time: of many names only the last 500 are looked at, and none that is long.
    """
    import difflib  # only an error needs it

    if len(word) > 80:
        return ""
    names = sorted(name for name in [*known][-500:] if len(name) <= 80)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def one_of(word: str, known: Iterable[str]) -> str:
    """A closing phrase that lists what is known: ``; known: a, b``, with the nearest first."""
    names = list(known)
    near = did_you_mean(word, names)
    rest = f" ... ({len(names)} in all)" if len(names) > _LISTED else ""
    return f"{near or ';'} {'K' if near else 'k'}nown: {', '.join(names[:_LISTED])}{rest}"
