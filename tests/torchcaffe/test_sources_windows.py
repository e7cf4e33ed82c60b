"""WindowData: the pixels of each window are real Caffe's, whichever is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sources_places import Batches, by_caffe, by_us, layer

from netbuilder.data.mean import write_mean

pytestmark = [pytest.mark.caffe, pytest.mark.torch]

HEIGHT, WIDTH = 30, 41
MEANS = ["", "mean_value: 7.5", "mean_value: 1 mean_value: 2 mean_value: 3",
         'mean_file: "mean.binaryproto"']


def windows(rng: np.random.Generator) -> str:
    """A window file of two images, each with one foreground and one background window."""
    text = ""
    for index, name in enumerate("ab"):
        text += f"# {index}\nimages/{name}.png\n3\n{HEIGHT}\n{WIDTH}\n2\n"
        for label, overlap in ((index + 3, 0.8), (9, 0.2)):
            left, right = sorted(rng.choice(WIDTH, 2, replace=False))
            top, bottom = sorted(rng.choice(HEIGHT, 2, replace=False))
            text += f"{label} {overlap} {left} {top} {right} {bottom}\n"
    return text


def net(number: int, rng: np.random.Generator) -> str:
    """A layer with options by chance."""
    crop = int(rng.integers(8, 20))
    mode = rng.choice(["warp", "square"])
    mirror, cache = rng.choice(["true", "false"], 2)
    param = (f'source: "windows{number}" batch_size: 4 root_folder: "./" crop_mode: "{mode}" '
             f"context_pad: {rng.choice([0, 0, 1, 3])} fg_fraction: {rng.choice([0.3, 0.5, 0.8])} "
             f"fg_threshold: 0.75 bg_threshold: 0.5 cache_images: {cache} "
             f"scale: {rng.choice([1, 0.0123])}")
    transform = f"crop_size: {crop} mirror: {mirror} {rng.choice(MEANS)}"
    return layer("WindowData", f"window_data_param {{ {param} }}",
                 f"{transform} scale: 5")  # a scale that Caffe does not look at here


RNG = np.random.default_rng(11)
NETS = {f"net {number}": net(number, RNG) for number in range(24)}

NETS["net of 2013"] = """layers { name: "d" type: WINDOW_DATA top: "data" top: "label"
    window_data_param { source: "windows0" batch_size: 4 fg_fraction: 0.5 fg_threshold: 0.75
    bg_threshold: 0.5 root_folder: "./" scale: 0.5 crop_size: 9 mean_file: "mean.binaryproto" } }"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("windows"), np.random.default_rng(12)
    (folder / "images").mkdir()
    for name in "ab":
        pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
    write_mean(folder / "mean.binaryproto", rng.normal(99, 9, (3, 24, 22)).astype(np.float32))
    for number in range(len(NETS)):
        (folder / f"windows{number}").write_text(windows(rng))
    return folder


@pytest.fixture(scope="module")
def caffes(run_caffe, place) -> dict[str, Batches]:
    return by_caffe(run_caffe, place, NETS, lambda name: {"passes": 24})


def drawn(batches: Batches) -> dict[bytes, tuple]:
    """Every image that a layer gave, with its label."""
    return {image.tobytes(): float(label) for turn in range(24)
            for image, label in zip(batches[f"{turn}/data"], batches[f"{turn}/label"], strict=True)}


@pytest.mark.parametrize("name", NETS)
def test_windows_are_those_of_real_caffe(name, caffes, place, monkeypatch):
    monkeypatch.chdir(place)
    ours, theirs = by_us(place, NETS[name], passes=24), caffes[name]
    assert len(drawn(theirs)) == (8 if "mirror: true" in NETS[name] else 4)
    assert drawn(ours) == drawn(theirs)
    for turn in range(24):  # so many backgrounds, then foregrounds
        np.testing.assert_array_equal(ours[f"{turn}/label"] > 0, theirs["0/label"] > 0)
