"""`netbuilder build` and `netbuilder train` with image files and with HDF5."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from netbuilder.cli import cli

pytestmark = pytest.mark.torch

SIZES = ["--batch-size", "4", "--test-batch-size", "2", "--set", "max_iter=3", "test_iter=2",
         "test_interval=3", "display=1", "snapshot=3"]


def netbuilder(*arguments: str) -> None:
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert not done.exit_code, done.output


def write_images(folder: Path) -> None:
    rng = np.random.default_rng(1)
    for index in range(6):
        pixels = rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "list").write_text("".join(f"{index}.png {index}\n" for index in range(6)))


def write_hdf5(folder: Path) -> None:
    with h5py.File(folder / "0.h5", "w") as file:
        file["data"] = np.random.default_rng(1).normal(size=(6, 3, 32, 32))
        file["label"] = np.arange(6)
    (folder / "list").write_text("0.h5\n")


@pytest.mark.parametrize(("kind", "write", "more"), [
    ("image_list", write_images, ["--mirror"]), ("hdf5", write_hdf5, [])])
def test_the_command_line_trains_from(kind, write, more, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    netbuilder("build", "resnet_cifar10", "-n", "1", "-o", "out", "--data", kind, "--train-source",
               "list", "--test-source", "list", *more, *SIZES)
    netbuilder("train", "--solver", "out/solver.prototxt")
    assert list(tmp_path.glob("out/**/*_iter_3.caffemodel"))
    log = "".join(path.read_text() for path in tmp_path.glob("out/**/*.log"))
    assert "Iteration 3, Testing net (#0)" in log and "Optimization Done." in log
