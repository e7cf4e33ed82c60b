"""Every op against real Caffe: forward, the diffs of all bottoms, the diffs of all parameters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from layer_cases import Case, all_cases
from net_driver import run

import netbuilder.torchcaffe as embedded

CASES = all_cases()
TOLERANCE = 1e-5  # of an array's largest value

pytestmark = [pytest.mark.caffe, pytest.mark.torch]


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, dict[str, np.ndarray]]:
    """What real Caffe makes of all cases, in one process."""
    folder = tmp_path_factory.mktemp("cases")
    jobs = [job(case, folder / name) for name, case in CASES.items()]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    run_caffe(Path(__file__).with_name("net_driver.py"), "caffe", folder / "jobs.json")
    return {name: dict(np.load(todo["out"])) for name, todo in zip(CASES, jobs, strict=True)}


def job(case: Case, folder: Path) -> dict:
    folder.mkdir()
    (folder / "net.prototxt").write_text(case.net)
    np.savez(folder / "in.npz", **case.arrays)
    return {"net": str(folder / "net.prototxt"), "phase": case.phase, "passes": case.passes,
            "arrays": str(folder / "in.npz"), "out": str(folder / "out.npz")}


@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected, tmp_path):
    todo = job(CASES[name], tmp_path / "case")
    run(embedded, todo)
    ours = dict(np.load(todo["out"]))
    assert list(ours) == list(expected[name])
    for what, theirs in expected[name].items():
        difference(ours[what], theirs, f"{what}\n{CASES[name].net}")


def difference(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    assert ours.shape == theirs.shape, what
    if theirs.size:
        scale = max(np.abs(theirs).max(), 1e-3)
        assert np.abs(ours - theirs).max() <= TOLERANCE * scale, what
