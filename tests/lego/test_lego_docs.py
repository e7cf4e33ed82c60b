"""The examples of docs/legos.md work as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKS = """
assert n.fc.shape == (1, 10)
start = NetSpec()
start.data = L.Input(shape=dict(dim=[1, 3, 8, 8]))
block = Shortcut(name="y", main_branch="normal_5by5", num_output=3)
assert block.attach(start, start.data).shape == (1, 3, 8, 8)
Shortcut(name="z", main_branch="se_5by5", num_output=16).attach(start, start.data)
assert "gated_z" in start
assert ConvPool(name="x", num_output=2).attach(start, start.data).shape == (1, 2, 4, 4)
assert tiny(width=5).fc10.shape == (1, 10)
"""


def test_the_examples_work() -> None:
    """In a process of their own: they register a lego, a main branch and a network."""
    text = (ROOT / "docs" / "legos.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 4
    done = subprocess.run([sys.executable, "-c", "\n".join([*examples, CHECKS])], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
