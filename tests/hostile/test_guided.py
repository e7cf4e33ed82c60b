"""The fuzzing of guided.py, as a test where atheris is."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("guided.py")


@pytest.mark.parametrize("runs", [1500, pytest.param(60_000, marks=pytest.mark.slow)])
def test_guided(runs, tmp_path):
    pytest.importorskip("atheris")
    done = subprocess.run([sys.executable, str(SCRIPT), f"-runs={runs}", "-seed=1"], cwd=tmp_path,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    crashes = [path.read_bytes() for path in tmp_path.glob("*-*")]
    assert not done.returncode and not crashes, f"{crashes}\n{done.stdout}{done.stderr[-5000:]}"
    assert f"Done {runs} runs" in done.stderr
