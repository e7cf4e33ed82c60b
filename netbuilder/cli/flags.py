"""The flags of Caffe's own tool, with its names and meanings (tools/caffe.cpp)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from netbuilder.cli.main import FriendlyCommand
from netbuilder.train.engines import ENGINES, Engine, find_engine

F = TypeVar("F", bound=Callable[..., Any])


class CaffeCommand(FriendlyCommand):
    """A command that takes its flags as Caffe's tool does, too: ``-solver FILE``, ``-gpu=0``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {name for param in self.params for name in param.opts}
        return super().parse_args(
            ctx, [f"-{word}" if f"-{word.partition('=')[0]}" in known else word for word in args])


def gpu_numbers(_ctx: click.Context, _param: click.Parameter, value: str | None) -> list[int]:
    """The device numbers of ``0``, ``0,1`` or ``all``; none for the CPU."""
    if not value:
        return []
    ids = _all_gpus() if value == "all" else [part.strip() for part in value.split(",")]
    if not ids:
        raise click.BadParameter("nvidia-smi lists no GPU on this machine")
    if not all(part.isdecimal() for part in ids):
        raise click.BadParameter(f'"{value}" is neither device numbers ("0") nor "all"')
    return [int(part) for part in ids]


def one_gpu(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """The device number of ``--gpu 0``, or of ``--gpu all`` on a machine that has one."""
    numbers = gpu_numbers(ctx, param, value)
    if len(numbers) > 1:
        raise click.BadParameter(f"a run uses one GPU so far, not {len(numbers)}; choose one of "
                                 f"{', '.join(map(str, numbers))}")
    return numbers[0] if numbers else None


def _all_gpus() -> list[str]:
    try:
        listed = subprocess.run(("nvidia-smi", "-L"), capture_output=True, text=True, check=False,
                                timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return [str(number) for number in range(count)]


def names(_ctx: click.Context, _param: click.Parameter, value: str | None) -> list[str]:
    """What stands between the commas of a value."""
    return [part.strip() for part in (value or "").split(",") if part.strip()]


def gpu(otherwise: str = "the CPU") -> Callable[[F], F]:
    """``--gpu``: on which device."""
    return click.option("--gpu", metavar="ID", callback=one_gpu,
                        help=f'A device number, or "all" where there is one. '
                             f"[default: {otherwise}]")


model = click.option("--model", required=True, metavar="FILE", help="The model's prototxt.")
iterations = click.option("--iterations", type=click.IntRange(1, 2**31 - 1), default=50,
                          show_default=True, metavar="N", help="How many batches.")
level = click.option("--level", type=click.IntRange(-(2**31), 2**31 - 1), default=0,
                     show_default=True, metavar="N",
                     help="The net's level, for layers with min_level or max_level.")
stage = click.option("--stage", "stages", metavar="A,B", callback=names,
                     help="The net's stages, for layers that ask for one.")
engine = click.option("--engine", type=click.Choice(ENGINES), help="[default: torchcaffe]")
caffe = click.option("--caffe", metavar="INTERPRETER",
                     help="Use real Caffe, from this Python or root folder.")
bf16 = click.option("--bf16", is_flag=True,
                    help="Compute in bfloat16 where that is safe: embedded engine, fast gait only.")
engine_log = click.option("--log", "log_file", metavar="FILE",
                          type=click.Path(dir_okay=False, path_type=Path),
                          help="Keep here what the engine itself prints.")


def chosen_engine(name: str | None, interpreter: str | None, wants_bf16: bool = False) -> Engine:
    """The engine of ``--engine`` and ``--caffe``."""
    if interpreter and name == "torchcaffe":
        raise click.UsageError("--caffe names real Caffe, --engine torchcaffe the other engine")
    name = name or ("caffe" if interpreter else "torchcaffe")
    if wants_bf16 and name != "torchcaffe":
        raise click.UsageError("--bf16 is the embedded engine's; real Caffe computes in float32")
    return find_engine(name, interpreter)


def warn(warnings: tuple[str, ...]) -> None:
    """Says what is odd but no end."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
