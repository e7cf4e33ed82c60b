"""The demo from end to end, trained for a few iterations only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netbuilder.train import log
from netbuilder.train.events import Finished, Test

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.torch
def test_every_step_works_and_leaves_its_files(tmp_path):
    done = subprocess.run(
        [sys.executable, "app/demo/demo.py", "--quick", "--folder", str(tmp_path)], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Number of params: 25.556032 Million" in done.stdout
    assert "Number of flops: 3858.026368 Million" in done.stdout
    for name in ("train", "test", "deploy", "solver"):
        assert (tmp_path / f"resnet50/{name}.prototxt").exists()
        assert (tmp_path / f"resnet20/{name}.prototxt").exists()
    assert (tmp_path / "resnet20/curves.png").read_bytes().startswith(b"\x89PNG")
    events = list(log.read(tmp_path / "resnet20/train.log"))
    assert events[-1] == Finished(60, "max_iter")
    test = [event for event in events if isinstance(event, Test)][-1]
    assert test.iteration == 60
    accuracy = next(output.value for output in test.outputs if output.name == "accuracy")
    assert f"Top-1 on the 360 digits it has never seen: {100 * accuracy:.1f} %" in done.stdout
    for line in done.stdout.splitlines():  # the files it names are there
        if line.startswith(f"  {tmp_path}"):
            assert Path(line.split()[0]).exists(), line


def test_a_step_that_fails_ends_the_demo_without_a_traceback(tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "app/demo/demo.py", "--folder", str(tmp_path / "file")], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and str(tmp_path / "file") in done.stderr
