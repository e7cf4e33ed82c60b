"""A file as the linter reads it: a net or a solver, and where its parts stand."""

from __future__ import annotations

import os
import re
from collections import Counter
from functools import cached_property
from typing import Any

from netbuilder.analysis.lint.findings import ERROR, FILE, WARNING, Found, rule
from netbuilder.errors import NetbuilderError, ParseError
from netbuilder.proto import caffe_pb2, io
from netbuilder.proto.parser import places
from netbuilder.upgrade.net import upgrade_net
from netbuilder.upgrade.solver import upgrade_solver

Place = tuple[int | None, int | None]  # line and column
NOWHERE: Place = (None, None)
_QUOTED = re.compile(r'layers? (?:\{ \} )?"([^"]*)"')
_WORD = re.compile(r"\w+")


class Source:
    """A file: ``message`` is its NetParameter or SolverParameter, None if it is neither.

    ``error`` tells why it cannot be read. Which of the two a broken file was meant to be is
    told by how far it could be read as each. ``net_of`` is the solver that names it as its net.
    """

    net_of: str | None = None

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
        """Where a field of a solver, or a net's own, stands first."""
        return self.places.get(name, [NOWHERE])[0]

    def layer(self, key: tuple[str, int]) -> Place:
        """Where a layer stands: told by its name and how many of that name are above it."""
        return self._layers.get(key, NOWHERE)

    def about(self, words: str) -> Place:
        """Where that stands which a sentence is about: the layer, or else the field, it names."""
        for name in _QUOTED.findall(words):
            if (name, 0) in self._layers:
                return self._layers[name, 0]
        return next((self.places[word][0] for word in _WORD.findall(words)
                     if word in self.places), NOWHERE)

    @cached_property
    def _layers(self) -> dict[tuple[str, int], Place]:
        found = {}
        for kind in ("layer", "layers"):
            values = getattr(self.message, kind)
            named = numbered([getattr(one, "layer", one).name or one.name for one in values])
            found.update(zip(named, self.places.get(kind, ()), strict=False))
        return found


class Inside(Source):
    """A net inside a solver file; everything of it stands where its field does."""

    def __init__(self, solver: Source, field: str, net: Any) -> None:
        self.path, self.message, self.error = solver.path, net, None
        self.place, self.name = solver.field(field), field

    def field(self, name: str) -> Place:
        return self.place

    def layer(self, key: tuple[str, int]) -> Place:
        return self.place

    def about(self, words: str) -> Place:
        return self.place


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
    if source.message is not None:
        try:
            (upgrade_solver if source.is_solver else upgrade_net)(source.message)
        except NetbuilderError as error:
            yield source.about(str(error)), str(error)


@rule("NB003", WARNING, FILE, "Move it to where today's format has it, or leave it out.")
def lost_by_upgrade(source: Source) -> Found:
    if source.message is None or source.is_solver:
        return
    try:
        lost = upgrade_net(source.message).lost
    except NetbuilderError:
        return
    for words in lost:
        yield source.about(words), f"Caffe's upgrade of this old file drops {words}"
