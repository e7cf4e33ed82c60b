"""Real Caffe's numbers for many nets at once, and how near ours are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import net_driver
import numpy as np
from layer_cases import Case

import netbuilder.torchcaffe as embedded

Numbers = dict[str, np.ndarray]


def by_caffe(run_caffe: Callable, cases: Mapping[str, Case], folder: Path) -> dict[str, Numbers]:
    """What real Caffe makes of all cases, in one process."""
    jobs = [job(case, folder / name) for name, case in cases.items()]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    run_caffe(Path(net_driver.__file__), "caffe", folder / "jobs.json")
    return {name: dict(np.load(todo["out"])) for name, todo in zip(cases, jobs, strict=True)}


def by_us(case: Case, folder: Path) -> Numbers:
    """What the embedded engine makes of a case."""
    todo = job(case, folder / "case")
    net_driver.run(embedded, todo)
    return dict(np.load(todo["out"]))


def job(case: Case, folder: Path) -> dict:
    folder.mkdir()
    (folder / "net.prototxt").write_text(case.net)
    np.savez(folder / "in.npz", **case.arrays)
    return {"net": str(folder / "net.prototxt"), "phase": case.phase, "passes": case.passes,
            "arrays": str(folder / "in.npz"), "out": str(folder / "out.npz")}


def far(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, as a share of the array's largest value (at least 0.001)."""
    assert ours.shape == theirs.shape
    if not theirs.size:
        return 0.0
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-3))


def assert_near(ours: Numbers, theirs: Numbers, tolerance: float, case: Case) -> None:
    """All arrays of the same names, in the same order, within the tolerance."""
    assert list(ours) == list(theirs)
    distances = {name: far(ours[name], theirs[name]) for name in theirs}
    wrong = {name: distance for name, distance in distances.items() if not distance <= tolerance}
    assert not wrong, f"{wrong}\n{case.net}"
