"""Real Caffe's numbers for many nets at once, and how near ours are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import net_driver
import numpy as np
from layer_cases import Case

import netbuilder.torchcaffe as embedded
from netbuilder.proto import caffe_pb2, text

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


def assert_near_by_kind(ours: Numbers, theirs: Numbers, case: Case) -> None:
    """Within 1e-4 of the largest value of a kind, for what a BatchNorm lets through is rounding
    where the gradient above it is constant."""
    for kind in ("data", "diff", "grad"):
        places = [place for place in ours if place.startswith(kind)]
        largest = max([1e-2, *(np.abs(theirs[place]).max() for place in places)])
        wrong = {place: distance for place in places if not (
            distance := float(np.abs(ours[place] - theirs[place]).max())) <= 1e-4 * largest}
        assert not wrong, f"{wrong} of {largest}\n{case.net}"


def grads_by_the_fast_gait(case: Case) -> Numbers:
    """What the embedded engine makes of a case's parameter gradients where it may run fast."""
    net = embedded.Net(text.parse(case.net, caffe_pb2.NetParameter()), case.phase)
    net_driver.put_params(net, case.arrays)
    for number in range(case.passes):
        net_driver.put_blobs(net, case.arrays, number)
        net.train_pass(embedded.Gait.FAST)
    return {f"grad/{name}/{index}": blob.diff
            for name, blobs in net.params.items() for index, blob in enumerate(blobs)}
