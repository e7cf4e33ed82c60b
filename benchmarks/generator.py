"""Time and peak memory of the generator, whole process, beside pynetbuilder's.

    python benchmarks/generator.py [--runs 20] [--linear]

A row is one command line of app/imagenet/build_resnet.py. Time is wall time from start to exit,
beside it the processor time of the same process, which a busy machine disturbs less; peak memory
is the kernel's maximum resident set.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SCRIPT = Path(__file__).parent.parent / "app" / "imagenet" / "build_resnet.py"
LINEAR = (50, 100, 200, 400, 800)  # blocks in the third stage


@dataclass(frozen=True)
class Row:
    """A network, and pynetbuilder's seconds and MiB for it on the same kind of machine."""

    name: str
    flags: str
    old_seconds: float
    old_mib: float


ROWS = (
    Row("ResNet-50", "-m bottleneck -b 3 4 6 3 -n 256 --no-fc_layers", 0.73, 243),
    Row("ResNet-152", "-m bottleneck -b 3 8 36 3 -n 256 --no-fc_layers", 0.93, 394),
    Row("3 40 120 3", "-m bottleneck -b 3 40 120 3 -n 256 --no-fc_layers", 1.78, 846),
)


class Run(NamedTuple):
    """One process: wall seconds, processor seconds, peak MiB."""

    wall: float
    processor: float
    peak: float


def measure(flags: str) -> Run:
    """One run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, str(SCRIPT), *flags.split(), "-o", folder]
        quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
        begin = time.perf_counter()
        pid = os.posix_spawn(sys.executable, arguments, os.environ, file_actions=quiet)
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - begin
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measured(flags: str, runs: int) -> list[Run]:
    """That many runs, after one that is not counted."""
    return [measure(flags) for _ in range(runs + 1)][1:]


def table(runs: int) -> None:
    """Prints every row beside the old tool's figures."""
    print("| network | min s | median s | min processor s | peak MiB | pynetbuilder s "
          "| pynetbuilder MiB |")
    print("|---|---|---|---|---|---|---|")
    for row in ROWS:
        walls, processor, peaks = zip(*measured(row.flags, runs), strict=True)
        print(f"| {row.name} | {min(walls):.3f} | {statistics.median(walls):.3f} | "
              f"{min(processor):.3f} | {max(peaks):.1f} | {row.old_seconds:.2f} | "
              f"{row.old_mib:.0f} |")


def linearity(runs: int) -> None:
    """Prints the processor time of each further block as the network grows."""
    print("| blocks | min processor s | ms for each block more |")
    print("|---|---|---|")
    before: tuple[int, float] | None = None
    for blocks in LINEAR:
        done = measured(f"-m bottleneck -b 3 4 {blocks} 3 -n 256 --no-fc_layers", runs)
        low = min(run.processor for run in done)
        more = f"{(low - before[1]) / (blocks - before[0]) * 1000:.2f}" if before else ""
        print(f"| {blocks + 10} | {low:.3f} | {more} |")
        before = blocks, low


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=20, help="runs of each row (default: 20)")
    parser.add_argument("--linear", action="store_true", help="time against the number of blocks")
    given = parser.parse_args()
    (linearity if given.linear else table)(given.runs)


if __name__ == "__main__":
    main()
