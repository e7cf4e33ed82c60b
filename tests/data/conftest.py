"""Images, databases and Caffe's command line tools for the tests of netbuilder.data."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netbuilder.data.datum import array_to_datum
from netbuilder.data.db import write_lmdb
from netbuilder.train.engines import Engine


@pytest.fixture
def images() -> np.ndarray:
    """Seven random uint8 images of 3x12x10 (neither square nor equal on any axis)."""
    return np.random.default_rng(5).integers(0, 256, (7, 3, 12, 10), dtype=np.uint8)


@pytest.fixture
def database(tmp_path: Path, images: np.ndarray) -> Path:
    """An LMDB of `images`; the label of the i-th is 10 i."""
    path = tmp_path / "images_lmdb"
    write_lmdb(path, ((f"{i}", array_to_datum(image, 10 * i)) for i, image in enumerate(images)))
    return path


@pytest.fixture(scope="session")
def caffe_tool(real_caffe: Engine) -> Callable[..., None]:
    """``caffe_tool(name, *arguments)`` runs a tool of real Caffe, such as compute_image_mean."""

    def run(name: str, *arguments: object) -> None:
        *launcher, python = real_caffe.command
        tool = Path(python).parent / name
        if not tool.exists():
            pytest.skip(f"this real Caffe comes without {name}")
        done = subprocess.run(
            [*launcher, str(tool), *map(str, arguments)], capture_output=True, text=True,
            env={**os.environ, **real_caffe.env}, check=False)
        assert done.returncode == 0, done.stderr

    return run
