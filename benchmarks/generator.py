"""Time and peak memory of the generator, whole process, beside pynetbuilder's.

    python benchmarks/generator.py [--runs 20] [--linear]

A row is one command line of app/imagenet/build_resnet.py. Time is wall time from start to exit,
beside it the processor time of the same process, which a busy machine disturbs less; peak memory
is the kernel's maximum resident set.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass

from process import ROOT, Run, main, measure

SCRIPT = ROOT / "app" / "imagenet" / "build_resnet.py"
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


def measured(flags: str, runs: int) -> list[Run]:
    """That many runs, after one that is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [str(SCRIPT), *flags.split(), "-o", folder]
        return [measure(arguments) for _ in range(runs + 1)][1:]


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


if __name__ == "__main__":
    main(__doc__, 20, table, linearity)
