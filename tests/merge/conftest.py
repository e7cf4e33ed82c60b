"""What the tests of merging share: nets before and after, run in either engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pairs_driver
import pytest

import netbuilder.torchcaffe as embedded
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2, io

Pair = tuple[Path, Path]  # a net and its weights


def job(pair: Pair, inputs: Path, out: Path) -> dict[str, str]:
    """What pairs_driver is to run."""
    return {"net": str(pair[0]), "weights": str(pair[1]), "inputs": str(inputs), "out": str(out)}


def random_inputs(net: Path, path: Path) -> Path:
    """An .npz with values for the Input layers of a net."""
    graph = resolve(io.read_net(net), caffe_pb2.TEST)
    random = np.random.RandomState(3)
    np.savez(path, **{layer.tops[0]: random.standard_normal(layer.top_shapes[0])
                      for layer in graph.layers if layer.type == "Input"})
    return path


def far(one: Path, other: Path) -> float:
    """The largest difference of two .npz, as a share of the largest value of an array, or 1."""
    ours, theirs = np.load(one), np.load(other)
    assert sorted(ours) == sorted(theirs) and len(theirs) > 0
    assert all(np.isfinite(theirs[name]).all() for name in theirs)
    return max(np.abs(ours[name] - theirs[name]).max() / max(1, np.abs(theirs[name]).max())
               for name in theirs)


def jobs_of(before: Pair, after: Pair) -> list[dict[str, str]]:
    """Both nets on the same random input, which goes beside the second."""
    inputs = random_inputs(before[0], after[0].parent / "inputs.npz")
    return [job(before, inputs, after[0].parent / "before.npz"),
            job(after, inputs, after[0].parent / "after.npz")]


def far_apart(jobs: list[dict[str, str]]) -> float:
    """How far the outputs of the two jobs of a pair are from each other, once they are run."""
    return far(jobs[0]["out"], jobs[1]["out"])


@pytest.fixture
def by_us() -> Callable[[Pair, Pair], float]:
    """``by_us(before, after)``: how far the outputs are apart in the embedded engine."""

    def compare(before: Pair, after: Pair) -> float:
        jobs = jobs_of(before, after)
        for todo in jobs:
            pairs_driver.run(embedded, np, todo)
        return far_apart(jobs)

    return compare


@pytest.fixture
def by_caffe(run_caffe, tmp_path: Path) -> Callable[[Iterable[tuple[Pair, Pair]]], list[float]]:
    """``by_caffe(pairs)``: how far the outputs of each two nets are apart in real Caffe."""

    def compare(pairs: Iterable[tuple[Pair, Pair]]) -> list[float]:
        jobs = [jobs_of(*pair) for pair in pairs]
        (tmp_path / "jobs.json").write_text(json.dumps([todo for two in jobs for todo in two]))
        run_caffe(Path(pairs_driver.__file__), tmp_path / "jobs.json")
        return [far_apart(two) for two in jobs]

    return compare
