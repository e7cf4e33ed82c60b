"""Rules about what only forks of Caffe have: real Caffe refuses it, or does not know it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netbuilder.analysis.lint.findings import FILE, NET, WARNING, Found, rule
from netbuilder.analysis.lint.source import Place, Source, numbered
from netbuilder.analysis.lint.stock import STOCK
from netbuilder.analysis.lint.walk import Walk
from netbuilder.layer import layer_types
from netbuilder.proto.scalars import is_repeated

_WEIGHTS = {"blobs"}  # large, and not written by hand


@rule("NB113", WARNING, NET, "Run it in that fork, or use layers that real Caffe has.")
def type_of_a_fork(net: Walk) -> Found:
    told: set[str] = set()
    for step in net.steps:
        kind = layer_types().get(step.message.type)
        if kind is not None and kind.fork and kind.__name__ not in told:
            told.add(kind.__name__)
            yield step, (f"real Caffe has no layer type {kind.__name__}; it belongs to a fork "
                         f"({kind.fork})")


@rule("NB114", WARNING, FILE, "Run it in that fork, or leave it out.")
def field_of_a_fork(source: Source) -> Found:
    told: set[str] = set()
    for place, words in _in_file(source) if source.message is not None else ():
        if words not in told:
            told.add(words)
            yield place, f"real Caffe cannot read the file: only forks have {words}"


def _in_file(source: Source) -> Iterator[tuple[Place, str]]:
    """What a file has from forks, each with the place of its layer, or else its own."""
    for field, value in source.message.ListFields():
        if field.name in ("layer", "layers"):
            keys = numbered([getattr(one, "layer", one).name or one.name for one in value])
            for key, one in zip(keys, value, strict=True):
                yield from ((source.layer(key), words) for words in _inside(one))
        else:
            yield from ((source.field(field.name), words)
                        for words in _of_field(source.message, field, value))


def _inside(message: Any) -> Iterator[str]:
    for field, value in message.ListFields():
        yield from _of_field(message, field, value)


def _of_field(message: Any, field: Any, value: Any) -> Iterator[str]:
    owner = _name(message.DESCRIPTOR)
    if field.name not in STOCK[owner]:
        yield f"the field {field.name} ({owner})"
        return
    for one in value if is_repeated(field) else [value]:
        if field.enum_type is not None:
            named = field.enum_type.values_by_number[one].name
            if named not in STOCK[_name(field.enum_type)]:
                yield f"{field.name}: {named} ({owner})"
        elif field.message_type is not None and field.name not in _WEIGHTS:
            yield from _inside(one)


def _name(descriptor: Any) -> str:
    return descriptor.full_name.removeprefix("caffe.")
