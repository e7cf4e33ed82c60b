"""What the benchmarks share: one process measured, and their command line."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Run(NamedTuple):
    """One process: wall seconds, processor seconds, peak MiB."""

    wall: float
    processor: float
    peak: float


def measure(arguments: Sequence[str]) -> Run:
    """One run of this Python with so many arguments; it may keep the bytecode that it compiles."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, *map(str, arguments)]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    begin = time.perf_counter()
    pid = os.posix_spawn(sys.executable, command, environment, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main(about: str, runs: int, table: Callable[[int], None],
         linearity: Callable[[int], None]) -> None:
    """The command line of a benchmark; ``about`` is its docstring."""
    parser = argparse.ArgumentParser(description=about.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=runs,
                        help="runs of each row (default: %(default)s)")
    parser.add_argument("--linear", action="store_true", help="time against the size of the net")
    given = parser.parse_args()
    (linearity if given.linear else table)(given.runs)
