"""``netbuilder device-query``: the GPUs that the embedded engine can use."""

from __future__ import annotations

import json
from typing import Any

import click

from netbuilder.cli import flags
from netbuilder.errors import EngineError
from netbuilder.train.engines import find_engine


@click.command("device-query", cls=flags.CaffeCommand)
@click.option("--gpu", "numbers", metavar="A,B", callback=flags.gpu_numbers,
              help='Device numbers, or "all". [default: all]')
def device_query(*, numbers: list[int]) -> None:
    """Show the GPUs of this machine as PyTorch sees them, with Caffe's names of the figures."""
    found = query()
    devices = {device["Device id"]: device for device in found["devices"]}
    absent = [number for number in numbers if number not in devices]
    if absent:
        raise click.UsageError(f"--gpu: no GPU {absent[0]}; PyTorch finds {len(devices)}"
                               f"{_why_none(found) if not devices else ''}")
    if not devices:
        click.echo(f"No GPU{_why_none(found)}. The embedded engine computes on the CPU.")
    for number in numbers or devices:
        for name, value in devices[number].items():
            click.echo(f"{name + ':':30} {_readable(name, value)}")


def query() -> dict[str, Any]:
    """What PyTorch says, asked in a process of its own; raises EngineError if it cannot be."""
    out = find_engine("torchcaffe").run("-m", "netbuilder.torchcaffe.devices", timeout=120)
    try:
        return json.loads(out.splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise EngineError(f"PyTorch did not say which GPUs there are, but: {out[-200:]}") from error


def _why_none(found: dict[str, Any]) -> str:
    if found["cuda"]:
        return f": PyTorch {found['torch']} (for CUDA {found['cuda']}) finds none"
    return f": this PyTorch ({found['torch']}) is built without CUDA"


def _readable(name: str, value: Any) -> str:
    return f"{value} ({value / 2**30:.1f} GiB)" if "memory" in name else str(value)
