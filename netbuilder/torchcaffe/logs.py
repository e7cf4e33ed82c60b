"""init_log and log: pycaffe's doors to the engine's log."""

from __future__ import annotations

import operator

from netbuilder.torchcaffe import glog


def init_log(level: int | None = None, stderr: bool = True) -> None:
    """Says how much the log tells: 0 all, 1 warnings, 2 errors, 3 nothing.

    Without a level it stays as it is. The log always goes to stderr.
    """
    if level is not None:
        glog.set_level(operator.index(level))


def log(text: str) -> None:
    """A line of one's own in the log."""
    if not isinstance(text, str):
        raise TypeError(f"log: a string is expected, not {type(text).__name__}")
    glog.log.info("%s", text, stacklevel=2)
