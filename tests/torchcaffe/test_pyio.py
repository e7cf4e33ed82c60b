"""caffe.io gives real pycaffe's numbers, and raises what it raises."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyio_driver
import pytest
from PIL import Image

from netbuilder.errors import DataError, LibraryMissing
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe import io

pytestmark = pytest.mark.torch

Numbers = dict[str, np.ndarray]


def write_pictures(folder: Path) -> Path:
    """Pictures of many kinds; the photograph is smooth, as JPEG wants it."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    noise = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    photo = noise.resize((38, 26), Image.Resampling.BICUBIC)
    gray, see_through = photo.convert("L"), photo.copy()
    see_through.putalpha(gray)
    photo.save(folder / "rgb.png")
    photo.save(folder / "rgb.jpg")
    for orientation in range(1, 9):
        turned = Image.Exif()
        turned[0x0112] = orientation
        photo.save(folder / f"turned{orientation}.jpg", exif=turned)
        photo.save(folder / f"turned{orientation}.png", exif=turned)
    photo.save(folder / "rgb.bmp")
    photo.quantize(20).save(folder / "palette.png")
    photo.quantize(20).save(folder / "clear_palette.png", transparency=3)
    gray.save(folder / "gray.png")
    gray.save(folder / "gray.jpg")
    gray.quantize(16).save(folder / "gray_palette.png")
    gray.convert("1").save(folder / "bits.png")
    see_through.save(folder / "alpha.png")
    see_through.convert("LA").save(folder / "gray_alpha.png")
    deep = rng.integers(0, 65536, (4, 5)).astype(np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    return folder


@pytest.fixture(scope="module")
def both(run_caffe: Callable, tmp_path_factory: pytest.TempPathFactory) -> tuple[Numbers, Numbers]:
    """What we find, and what real Caffe finds."""
    folder = tmp_path_factory.mktemp("io")
    pictures = write_pictures(folder / "pictures")
    run_caffe(Path(pyio_driver.__file__), pictures, folder / "out.npz")
    return pyio_driver.run(io, caffe_pb2, str(pictures)), dict(np.load(folder / "out.npz"))


@pytest.mark.caffe
def test_all_is_found(both):
    ours, theirs = both
    assert list(ours) == list(theirs)


@pytest.mark.caffe
@pytest.mark.parametrize("kind", ["resize", "order", "in", "given", "back", "oversample", "blob",
                                  "diff", "bytes", "vector", "datum", "from datum", "load"])
def test_numbers_are_pycaffes(both, kind):
    ours, theirs = both
    names = [name for name in theirs if name.startswith(kind)]
    wrong = {name: difference for name in names
             if (difference := unlike(ours[name], theirs[name]))}
    assert names
    assert not wrong, wrong


def unlike(ours: np.ndarray, theirs: np.ndarray) -> str:
    """In what they differ: to 1e-6 of the largest value."""
    if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
        return f"{ours.shape} {ours.dtype}, not {theirs.shape} {theirs.dtype}"
    if not ours.size:
        return ""
    far = np.abs(ours.astype(float) - theirs).max() / max(1.0, np.abs(theirs).max())
    return "" if far <= 1e-6 else f"by {far:.2g}"


@pytest.mark.caffe
def test_exceptions_are_pycaffes(both):
    ours, theirs = both
    names = [name for name in theirs if name.startswith("raised")]
    assert len(names) == 19
    for name in names:
        assert theirs[name][0] in ours[name], name
        assert "NetbuilderError" in ours[name] or theirs[name][0] == "ValueError", name


def test_without_scipy_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(LibraryMissing, match=r"pip install .netbuilder\[train\]"):
        io.resize_image(np.arange(12.0).reshape(2, 2, 3), (3, 3))


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    with pytest.raises(DataError, match=r"broken\.png"):
        io.load_image(tmp_path / "broken.png")


def test_resizing_keeps_what_changes_slowly():
    """Without real Caffe: a ramp stays a ramp, away from borders, whatever the order."""
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[:, None, None] * np.ones((64, 64, 3), np.float32)
    for order in range(1, 6):
        larger = io.resize_image(ramp, (128, 96), interp_order=order)
        steps = np.diff(larger[16:-16, 10:-10, 0], axis=0)
        np.testing.assert_allclose(steps, 0.5 / 63, atol=2e-4)
