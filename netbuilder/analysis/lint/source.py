"""A file as the linter reads it: a net or a solver, and where its parts stand."""

from __future__ import annotations

import os
from collections import Counter
from functools import cached_property
from typing import Any

from netbuilder import passes
from netbuilder.analysis.lint.findings import ERROR, FILE, Found, rule
from netbuilder.errors import NetbuilderError, ParseError
from netbuilder.proto import caffe_pb2, io
from netbuilder.proto.parser import places

Place = tuple[int | None, int | None]  # line and column
NOWHERE: Place = (None, None)


class Source:
    """A file: ``message`` is its NetParameter or SolverParameter, None if it is neither.

    ``error`` tells why it cannot be read. Which of the two a broken file was meant to be is
    told by how far it could be read as each.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.message: Any = None
        errors = []
        for read in (io.read_net, _read_solver):
            try:
                self.message = read(self.path)
                break
            except ParseError as error:
                errors.append(error)
        self.error = None if self.message is not None else max(errors, key=_reach)

    @property
    def is_solver(self) -> bool:
        """True for a SolverParameter."""
        return isinstance(self.message, caffe_pb2.SolverParameter)

    @cached_property
    def places(self) -> dict[str, list[tuple[int, int]]]:
        """Where the outermost fields stand; nothing for a binary file."""
        with open(self.path, encoding="utf-8", errors="surrogateescape") as file:
            try:
                return places(file.read(), type(self.message))
            except ParseError:  # a .caffemodel
                return {}

    def field(self, name: str) -> Place:
        """Where a field of a solver stands first."""
        return self.places.get(name, [NOWHERE])[0]

    @cached_property
    def layers(self) -> dict[tuple[str, int], Place]:
        """Where each layer stands: by its name and how many of that name are above it."""
        found = {}
        for kind in ("layer", "layers"):
            values = getattr(self.message, kind)
            named = numbered([getattr(one, "layer", one).name or one.name for one in values])
            found.update(zip(named, self.places.get(kind, ()), strict=False))
        return found


def numbered(names: list[str]) -> list[tuple[str, int]]:
    """Each name with the number of equal ones before it."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        result.append((name, seen[name]))
        seen[name] += 1
    return result


def _read_solver(path: str) -> Any:
    return io.read_text(path, caffe_pb2.SolverParameter)


def _reach(error: ParseError) -> tuple[int, int]:
    return error.line or 0, error.column or 0


@rule("NB001", ERROR, FILE, "Correct the file at that place; the field names are Caffe's.")
def cannot_be_read(source: Source) -> Found:
    if source.error is not None:
        yield (source.error.line, source.error.column), source.error.message


@rule("NB002", ERROR, FILE, "Correct the field that is named, so that the file can be upgraded.")
def cannot_be_upgraded(source: Source) -> Found:
    if source.message is not None and not source.is_solver:
        try:
            passes.upgrade(source.message)
        except NetbuilderError as error:
            yield NOWHERE, str(error)
