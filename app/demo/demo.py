"""What `make demo` runs: from building a published network to training one, in three minutes.

Every step is a command that can be typed just as it is shown; `--folder` says where the files go.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from digits import HELD_OUT, Digits, write_digits

from netbuilder.cli.main import FriendlyCommand
from netbuilder.errors import DataError
from netbuilder.train import log
from netbuilder.train.events import Test

BATCH = 32
TEST_BATCH = 120
ITERATIONS = 1000
QUICK = 60


@click.command(cls=FriendlyCommand)
@click.option("--folder", default=".demo", show_default=True, type=click.Path(path_type=Path),
              help="Where all files go.")
@click.option("--quick", is_flag=True,
              help=f"Train for {QUICK} iterations instead of {ITERATIONS}: every step in seconds, "
                   "but a poor accuracy.")
def demo(folder: Path, quick: bool) -> None:
    """Builds ResNet-50, then builds and trains a ResNet-20 on real handwritten digits."""
    start = time.monotonic()
    heading(1, "ResNet-50 for ImageNet: build it and count it. Nothing is run for that.")
    command("build", "resnet", "-m", "bottleneck", "-b", 3, 4, 6, 3, "-n", 256,
            "--no-fc_layers", "-o", folder / "resnet50")
    heading(2, "Data: 1797 handwritten digits as databases for Caffe, and their mean image.")
    digits = write_digits(folder / "data", bar)
    print(f"{digits.train} to learn from, {digits.validation} to be judged by, {digits.mean}")
    heading(3, "A ResNet-20 as for CIFAR-10, with the digits as its data.")
    net, iterations = folder / "resnet20", QUICK if quick else ITERATIONS
    command("build", "resnet_cifar10", "-n", 3, "-o", net, *data_flags(digits),
            *solver_flags(iterations))
    heading(4, "Train it with the embedded engine.")
    command("train", "--solver", net / "solver.prototxt", "--log", net / "train.log",
            "--plot", net / "curves.png")
    heading(5, f"Done in {time.monotonic() - start:.0f} seconds.")
    report(folder, net, iterations)


def heading(number: int, text: str) -> None:
    """Says which step begins."""
    click.secho(f"\n[{number}/5] {text}", bold=True)
    sys.stdout.flush()


def command(*words: object) -> None:
    """Shows a netbuilder command and runs it; ends as it ends if it fails."""
    shown = shlex.join(["netbuilder", *map(str, words)])
    together = re.sub(r"(?<= )(-\S+) (?=[^-])", "\\1\0", shown)  # a flag and its value
    lines = textwrap.wrap(together, 94, subsequent_indent="    ", break_long_words=False,
                          break_on_hyphens=False)
    click.secho("$ " + " \\\n".join(lines).replace("\0", " "), fg="cyan")
    sys.stdout.flush()
    done = subprocess.run([sys.executable, "-m", "netbuilder", *map(str, words)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def bar(samples: list[Any], label: str) -> Iterator[Any]:
    """Passes samples on under a progress bar."""
    with click.progressbar(samples, label=label) as shown:
        yield from shown


def data_flags(digits: Digits) -> list[object]:
    """Flags of `netbuilder build` that say where the images are and how they are prepared."""
    return ["--train-source", digits.train, "--test-source", digits.validation, "--mean-file",
            digits.mean, "--scale", 1 / 256, "--no-mirror", "--batch-size", BATCH,
            "--test-batch-size", TEST_BATCH]


def solver_flags(iterations: int) -> Iterator[str]:
    """Flags of `netbuilder build` that set what is not as in the network's recipe.

    Caffe's batch norm tests with averages over about the last thousand iterations
    (moving_average_fraction 0.999), so most of the run is at a low rate. The run ends with a test
    because its length is a multiple of test_interval.
    """
    settings = [
        ("max_iter", iterations), ("stepvalue", iterations // 5),
        ("stepvalue", iterations * 3 // 5), ("iter_size", 1), ("random_seed", 1),
        ("display", 20), ("snapshot", iterations), ("test_interval", iterations // 5),
        ("test_iter", HELD_OUT // TEST_BATCH),
    ]
    for field, value in settings:
        yield from ("--set", f"{field}={value}")


def report(folder: Path, net: Path, iterations: int) -> None:
    """What came out, where it is, and what to do next."""
    weights = net / f"resnet_cifar10_iter_{iterations}.caffemodel"
    click.secho(f"Top-1 on the {HELD_OUT} digits it has never seen: {100 * top1(net):.1f} %",
                bold=True, fg="green")
    rows = {
        folder / "resnet50": "ResNet-50: train, test, deploy and solver prototxt, model card",
        net: "the same of ResNet-20, trained:",
        net / "curves.png": "loss and accuracy while it learned",
        net / "train.log": "the log, in Caffe's format",
        weights: "its weights, for any Caffe",
        weights.with_suffix(".solverstate"): "where to go on from",
    }
    width = max(len(str(path)) for path in rows)
    for path, what in rows.items():
        print(f"  {path!s:{width}}  {what}")
    run = Path(sys.executable).with_name("netbuilder")
    run = run.relative_to(Path.cwd()) if run.is_relative_to(Path.cwd()) else run
    state = weights.with_suffix(".solverstate")
    print(f"""
What to do next:
  edit {net}/train.prototxt, it is yours, and see what that costs
    {run} summary {net}/train.prototxt
  train again, on your GPU
    {run} train --solver {net}/solver.prototxt --gpu 0
  let real Caffe score the weights: it resumes the finished run, and only tests
    {run} caffe install
    {run} train --engine caffe --solver {net}/solver.prototxt --snapshot {state}""")


def top1(net: Path) -> float:
    """The accuracy of the last test in the log."""
    for event in reversed(list(log.read(net / "train.log"))):
        for output in event.outputs if isinstance(event, Test) else ():
            if "accuracy" in output.name:
                return output.value
    raise DataError(f"{net / 'train.log'} holds no test")


if __name__ == "__main__":
    demo()
