"""What an upgrade gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Upgraded:
    """A message in today's format and how it got there.

    ``done`` says what was upgraded, one phrase each; it is empty if nothing was to do, and then
    ``message`` is the given one itself. ``lost`` says what today's format has no place for, so
    that Caffe goes on without it: layer and field in each.
    """

    message: Any
    done: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
