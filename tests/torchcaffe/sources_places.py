"""Nets of one data layer, run in both engines in a folder that holds what they read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import source_driver

import netbuilder.torchcaffe as embedded
from netbuilder.proto import caffe_pb2

Batches = dict[str, np.ndarray]  # "pass/blob" -> values


def layer(kind: str, param: str, transform: str = "", tops: str = "data label") -> str:
    """A layer "d" without bottoms."""
    named = " ".join(f'top: "{top}"' for top in tops.split())
    told = f"transform_param {{ {transform} }}" if transform else ""
    return f'layer {{ name: "d" type: "{kind}" {named} {told} {param} }}'


def job(place: Path, name: str, net: str, **more: object) -> dict:
    """One for source_driver; ``more`` may change phase, passes and seed."""
    (place / f"{name}.prototxt").write_text(net)
    return {"net": str(place / f"{name}.prototxt"), "out": str(place / f"{name}.npz"),
            "phase": caffe_pb2.TEST, "passes": 9, "seed": 1, **more}


def by_caffe(run_caffe: Callable, place: Path, nets: dict[str, str],
             more: Callable[[str], dict] = lambda name: {}) -> dict[str, Batches]:
    """Every blob of every pass of all nets in real Caffe, in one process."""
    jobs = {name: job(place, f"{number}.caffe", net, **more(name))
            for number, (name, net) in enumerate(nets.items())}
    (place / "jobs.json").write_text(json.dumps(list(jobs.values())))
    run_caffe(Path(source_driver.__file__), "caffe", place / "jobs.json", cwd=place)
    return {name: dict(np.load(todo["out"])) for name, todo in jobs.items()}


def by_us(place: Path, net: str, **more: object) -> Batches:
    """The same of one net here."""
    todo = job(place, "ours", net, **more)
    source_driver.run(embedded, todo)
    return dict(np.load(todo["out"]))
