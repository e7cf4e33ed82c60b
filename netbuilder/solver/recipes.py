"""Recipes: solver templates that hold the facts of a published training run.

A recipe is ``templates/solver/<name>.prototxt.j2``. Its leading comment tells how the run was
made; its numbers of iterations are the run's, and are brought to the batch size at hand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor

from netbuilder.errors import BuildError, ParseError, SolverError, did_you_mean, one_of
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse
from netbuilder.solver.policies import check_solver
from netbuilder.solver.render import render, templates

_SUFFIX = ".prototxt.j2"


class Run(NamedTuple):
    """What a recipe needs to know: the files' folder as it stands in their paths, the net's name
    and its batches."""

    folder: str
    name: str
    batch_size: int
    test_batch_size: int
    test_images: int

    def path(self, file: str) -> str:
        """A file in the folder, as a quoted string of a prototxt."""
        path = os.path.join(self.folder, file) if self.folder != "." else file
        return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def iter_size(self, images: int) -> int:
        """Batches per iteration that come nearest to so many images."""
        return max(1, round(images / self.batch_size))

    def iterations(self, count: int, images: int) -> int:
        """Iterations that see as many images as ``count`` iterations of ``images``."""
        return max(1, round(count * images / (self.batch_size * self.iter_size(images))))


def recipes() -> list[str]:
    """The names of all recipes."""
    files = sorted(os.listdir(os.path.join(templates(), "solver")))
    return [file.removesuffix(_SUFFIX) for file in files if file.endswith(_SUFFIX)]


def solver_text(recipe: str, run: Run, settings: Mapping[str, Sequence[str]]) -> str:
    """The solver prototxt of a recipe; ``settings`` are fields that replace the recipe's.

    Raises BuildError for an unknown recipe, SolverError for settings that make no solver.
    """
    if recipe not in recipes():
        raise BuildError(f'unknown recipe "{recipe}"{one_of(recipe, recipes())}')
    text = render(
        f"solver/{recipe}.prototxt", folder=run.path, iter_size=run.iter_size,
        iterations=run.iterations, name=run.name, batch_size=run.batch_size,
        test_batch_size=run.test_batch_size, test_iter=-(-run.test_images // run.test_batch_size),
    )
    for field, values in settings.items():
        text = _with(text, field, values)
    _check(text)
    return text


def _check(text: str) -> Any:
    try:
        solver = parse(text, caffe_pb2.SolverParameter(), "solver.prototxt")
    except ParseError as error:
        raise SolverError(f"these settings make no solver: {error}") from None
    check_solver(solver)
    return solver


def facts(text: str) -> str:
    """The leading comment of a recipe's text, without the signs."""
    lines = text.splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(line[2:] for line in lines[:end])


def _with(text: str, name: str, values: Sequence[str]) -> str:
    """The text with one field's lines replaced, at the place of the first of them."""
    fields = caffe_pb2.SolverParameter.DESCRIPTOR.fields_by_name
    if name not in fields:
        raise SolverError(f'a solver has no field "{name}"{did_you_mean(name, fields)}')
    quote = '"' if fields[name].cpp_type == FieldDescriptor.CPPTYPE_STRING else ""
    new = [f"{name}: {quote}{value}{quote}" for value in values]
    lines = text.splitlines()
    places = [i for i, line in enumerate(lines) if line.startswith(f"{name}:")]
    kept = [line for i, line in enumerate(lines) if i not in places]
    first = places[0] if places else len(kept)
    return "\n".join([*kept[:first], *new, *kept[first:], ""])
