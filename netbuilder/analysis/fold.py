"""Rows folded by the names of their layers: a stage, a block or a lego becomes one row.

Only names are looked at, since a file tells no more. Layers that follow one another and whose
names carry the same number belong together: ``stage0_block1`` of conv_stage0_block1_branch2a,
``2a`` of res2a_branch1 and bn2a_branch1, ``3a`` of inception_3a/1x1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

from netbuilder.analysis.costs import COUNTS, LayerRow
from netbuilder.layer import Shape

LONG = 60  # layers; a table of more is folded unless it is asked not to be

_BLOCK = re.compile(r"stage\d+(?:_block\d+)?")
_NUMBER = re.compile(r"\d+(?:[a-z]\d*)?(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class Group:
    """Layers that follow one another, in one row."""

    name: str
    rows: tuple[LayerRow, ...]

    @property
    def top_shapes(self) -> tuple[Shape, ...]:
        """The shapes that its last layer makes."""
        return self.rows[-1].top_shapes

    @property
    def type(self) -> str:
        """Its layer's type, or how many layers there are."""
        return self.rows[0].type if len(self.rows) == 1 else f"{len(self.rows)} layers"

    @property
    def counts(self) -> dict[str, int]:
        """Every count of COUNTS over its layers, by its name."""
        return {name: sum(getattr(row, name) for row in self.rows) for name in COUNTS}


def fold(rows: Sequence[LayerRow]) -> list[Group]:
    """The rows in their order, in groups; a layer without a number stands alone."""
    keys = [_key(row.name) or str(index) + "!" for index, row in enumerate(rows)]
    groups = groupby(range(len(rows)), key=keys.__getitem__)
    return [_group(key, [rows[index] for index in members]) for key, members in groups]


def _key(name: str) -> str | None:
    """What the names of a group have in common: ``stage0_block1``, ``2a``."""
    lego = name.partition("/")[0]
    found = _BLOCK.search(lego) or _NUMBER.search(lego)
    return found[0] if found else None


def _group(key: str, rows: Sequence[LayerRow]) -> Group:
    names = [row.name for row in rows]
    pairs = zip(min(names), max(names), strict=False)
    common = "".join(a for a, b in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if len(set(names)) == 1:
        name = names[0]
    elif _BLOCK.fullmatch(key):
        name = key
    elif _key(common) == key:  # inception_3a/ is a name of its own; conv1 and relu1 share none
        name = common[: common.index(key) + len(key)]
    else:
        name = f"{names[0]} ... {names[-1]}"
    return Group(name, tuple(rows))
