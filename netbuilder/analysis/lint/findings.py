"""What a linter says, and the table of its rules (docs/check.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from netbuilder.errors import presentable

ERROR, WARNING, NOTE = "error", "warning", "note"
Found = Iterator[tuple[Any, str]]  # where, and one sentence
SEVERITIES = (ERROR, WARNING, NOTE)  # worst first


@dataclass(frozen=True)
class Finding:
    """One mistake or risk in a file: what is wrong, where, and what to do.

    ``line`` and ``column`` count from 1; None where the file is binary or the finding is about
    the file as a whole. ``layer`` is a layer's name, ``phase`` the one of several checked phases
    that has it; None for both where they do not matter.
    """

    code: str
    severity: str
    file: str
    line: int | None
    column: int | None
    layer: str | None
    phase: str | None
    sentence: str
    remedy: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentence", presentable(self.sentence))  # it quotes the file

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        phase = f" (phase {self.phase})" if self.phase else ""
        return f"{place}: {self.severity} {self.code}: {self.sentence}{phase}\n    {self.remedy}"


@dataclass(frozen=True)
class Rule:
    """A rule: its code, how bad what it finds is, the remedy, and the function that finds it.

    What the function takes and yields depends on ``about``: see the decorators below.
    """

    code: str
    severity: str
    about: str
    remedy: str
    find: Callable[[Any], Found]


FILE, NET, SOLVER = "file", "net", "solver"
RULES: dict[str, Rule] = {}


def rule(code: str, severity: str, about: str, remedy: str) -> Callable[[Callable], Callable]:
    """Decorator: enters a rule's function into the table under its code.

    A rule about a FILE takes a `source.Source` and yields ((line, column), sentence); one about a
    NET takes a `walk.Walk`, the net in one phase, and yields (step, sentence); one about a
    SOLVER takes a `source.Source` and yields (name of the field, sentence).
    """
    def enter(find: Callable) -> Callable:
        if code in RULES:
            raise ValueError(f"rule {code} is registered twice")
        RULES[code] = Rule(code, severity, about, remedy, find)
        return find

    return enter


def rules_about(about: str) -> list[Rule]:
    """The rules about a FILE, a NET or a SOLVER, in the order of their codes."""
    return [RULES[code] for code in sorted(RULES) if RULES[code].about == about]
