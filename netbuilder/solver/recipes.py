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
    and its batches, how many devices train at once, each with a batch of its own, and the epoch
    at which the run is to end (None: the recipe's)."""

    folder: str
    name: str
    batch_size: int
    test_batch_size: int
    test_images: int
    devices: int = 1
    epochs: float | None = None

    @property
    def together(self) -> int:
        """The images of all devices' batches."""
        return self.batch_size * self.devices

    def path(self, file: str) -> str:
        """A file in the folder, as a quoted string of a prototxt."""
        path = os.path.join(self.folder, file) if self.folder != "." else file
        return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def iter_size(self, images: int) -> int:
        """Batches of each device per iteration that come nearest to so many images."""
        return max(1, round(images / self.together))

    def iterations(self, count: int, images: int) -> int:
        """Iterations that see as many images as ``count`` iterations of ``images``."""
        return max(1, round(count * images / (self.together * self.iter_size(images))))


def recipes() -> list[str]:
    """The names of all recipes."""
    files = sorted(os.listdir(os.path.join(templates(), "solver")))
    return [file.removesuffix(_SUFFIX) for file in files if file.endswith(_SUFFIX)]


class _Chain:
    """What a template calls with its regimes: it gets the one that is at turn."""

    def __init__(self) -> None:
        self.number, self.count = 0, 1

    def __call__(self, regimes: Sequence[Any]) -> Any:
        if not regimes:
            raise BuildError("no epoch is left to train in; give --epochs more")
        self.count = len(regimes)
        return regimes[self.number - 1]


def solver_texts(recipe: str, run: Run, settings: Mapping[str, Sequence[str]]) -> list[str]:
    """The solver prototxts of a recipe, one for each regime of the run; ``settings`` are fields
    that replace the recipe's, in all of them.

    A template of several regimes says ``{% set regime = chain([...]) %}``, and is rendered once
    for each. Raises BuildError for an unknown recipe or a run without a batch, SolverError for
    settings that make no solver.
    """
    if recipe not in recipes():
        raise BuildError(f'unknown recipe "{recipe}"{one_of(recipe, recipes())}')
    for what, value in (("devices", run.devices), ("epochs", run.epochs)):
        if value is not None and value <= 0:
            raise BuildError(f"{what} is {value}; it must be more than 0")
    texts, chain = [], _Chain()
    while chain.number < chain.count:
        chain.number += 1
        text = _rendered(recipe, run, chain)
        for field, values in settings.items():
            text = _with(text, field, values)
        _check(text)
        texts.append(text)
    return texts


def _rendered(recipe: str, run: Run, chain: _Chain) -> str:
    """The text of one regime; a chain's snapshots have its number in their names."""
    values = {"chain": chain, "number": chain.number, "prefix": run.name}
    text = _render(recipe, run, values)
    if chain.count == 1:
        return text
    return _render(recipe, run, {**values, "prefix": f"{run.name}_{chain.number}"})


def _render(recipe: str, run: Run, values: Mapping[str, Any]) -> str:
    return render(
        f"solver/{recipe}.prototxt", folder=run.path, iter_size=run.iter_size,
        iterations=run.iterations, name=run.name, batch_size=run.batch_size,
        devices=run.devices, epochs=run.epochs, test_batch_size=run.test_batch_size,
        test_iter=-(-run.test_images // run.test_batch_size), **values)


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
