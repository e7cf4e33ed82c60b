"""What data layers draw: as often as real Caffe draws it, and the same again from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import sqrt
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from sources_places import Batches, by_caffe, by_us, layer

from netbuilder.data.datum import array_to_datum
from netbuilder.data.db import write_lmdb
from netbuilder.proto import caffe_pb2

pytestmark = [pytest.mark.caffe, pytest.mark.torch]

PLACES = np.arange(72, dtype=np.uint8).reshape(1, 8, 9)  # each pixel tells where it is from
IMAGES = 'image_data_param { source: "images" is_color: false batch_size: 40 }'
DATABASE = 'data_param { source: "lmdb" backend: LMDB batch_size: 40 }'
HDF5 = 'hdf5_data_param { source: "files" batch_size: 5 shuffle: true }'
LIST = 'image_data_param { source: "list" is_color: false batch_size: 4 shuffle: true }'
SKIP = 'image_data_param { source: "list" is_color: false batch_size: 1 rand_skip: 3 }'
WINDOW = ('window_data_param { source: "windows" batch_size: 40 fg_fraction: 0.35 '
          'fg_threshold: 0.7 bg_threshold: 0.3 }')


def corners(batch: Batches, turn: str) -> Iterable[object]:
    """Where each crop begins, and where its first row ends: which crop, and whether mirrored."""
    data = batch[f"{turn}/data"]
    return zip(data[:, 0, 0, 0], data[:, 0, 0, -1], strict=True)


def order(batch: Batches, turn: str) -> Iterable[object]:
    """The order of the labels of a batch."""
    return [tuple(batch[f"{turn}/label"])]


def first(batch: Batches, turn: str) -> Iterable[object]:
    """The first label of every layer."""
    return [values[0] for name, values in batch.items() if name.startswith(f"{turn}/label")]


def window(batch: Batches, turn: str) -> Iterable[object]:
    """The label of a window, and where its first row begins and ends."""
    return zip(batch[f"{turn}/label"], *zip(*corners(batch, turn), strict=True), strict=True)


def several(count: int, param: str) -> str:
    return "\n".join(
        layer("ImageData", param, tops=f"data{i} label{i}").replace('"d"', f'"d{i}"')
        for i in range(count))


# A net, the phase, what is looked at, and how many different ones there are.
CASES: dict[str, tuple[str, int, Callable, int]] = {
    "crops in TRAIN": (
        layer("Data", DATABASE, "crop_size: 6"), caffe_pb2.TRAIN, corners, 3 * 4),
    "crops and mirror in TRAIN": (
        layer("Data", DATABASE, "crop_size: 7 mirror: true"), caffe_pb2.TRAIN, corners, 2 * 3 * 2),
    "mirror in TEST": (
        layer("Data", DATABASE, "crop_size: 6 mirror: true"), caffe_pb2.TEST, corners, 2),
    "crops of image files": (
        layer("ImageData", IMAGES, "crop_size: 7 mirror: true"), caffe_pb2.TRAIN, corners, 12),
    "shuffled image files": (layer("ImageData", LIST), caffe_pb2.TEST, order, 24),
    "shuffled HDF5": (layer("HDF5Data", HDF5), caffe_pb2.TRAIN, order, 2 * 6 * 2),
    "skipped image files": (several(60, SKIP), caffe_pb2.TRAIN, first, 3),
    "windows": (
        layer("WindowData", WINDOW, "crop_size: 4 mirror: true"), caffe_pb2.TRAIN, window, 2 * 7),
}
PASSES = {"skipped image files": 1, "shuffled image files": 600, "shuffled HDF5": 600}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with all that CASES read."""
    folder = tmp_path_factory.mktemp("chance")
    write_lmdb(folder / "lmdb", [("0", array_to_datum(PLACES, 0))])
    Image.fromarray(PLACES[0]).save(folder / "0.png")
    (folder / "images").write_text(f"{folder}/0.png 0\n")
    (folder / "list").write_text("".join(f"{folder}/0.png {label}\n" for label in range(4)))
    (folder / "windows").write_text(f"# 0\n{folder}/0.png\n3\n8\n9\n8\n" + "".join(
        f"{label} {overlap} {x} 2 {x + 3} 5\n" for x, (label, overlap) in enumerate(
            [(1, 0.7), (1, 0.9), (2, 1), (3, 0.5), (5, 0.29), (6, 0.1)])) +
        "3 0 2 4 5 7\n4 0 5 0 8 3\n")
    for index, count in enumerate((2, 3)):
        with h5py.File(folder / f"{index}.h5", "w") as file:
            file["data"] = file["label"] = np.arange(count, dtype="float32") + 10 * index
    (folder / "files").write_text(f"{folder}/0.h5\n{folder}/1.h5\n")
    return folder


@pytest.fixture(scope="module")
def caffes(run_caffe, place) -> dict[str, Batches]:
    return by_caffe(run_caffe, place, {name: case[0] for name, case in CASES.items()}, settings)


def settings(name: str) -> dict[str, int]:
    return {"phase": CASES[name][1], "passes": passes(name)}


def passes(name: str) -> int:
    return PASSES.get(name, 30)


def counted(name: str, batches: Batches) -> Counter:
    """How often each of the case's outcomes came."""
    look = CASES[name][2]
    return Counter(outcome for turn in range(passes(name)) for outcome in look(batches, str(turn)))


def apart(ours: Counter, theirs: Counter) -> float:
    """The chi-square statistic of two samples of one size, in standard deviations."""
    total = sum((ours[key] - theirs[key]) ** 2 / (ours[key] + theirs[key])
                for key in ours | theirs)
    freedom = len(ours | theirs) - 1
    return (total - freedom) / sqrt(2 * freedom)


@pytest.mark.parametrize("name", CASES)
def test_each_outcome_is_as_frequent_as_in_real_caffe(name, caffes, place, monkeypatch):
    monkeypatch.chdir(place)
    ours = counted(name, by_us(place, CASES[name][0], **settings(name)))
    theirs = counted(name, caffes[name])
    assert len(theirs) == CASES[name][3]
    assert set(ours) == set(theirs)
    assert apart(ours, theirs) < 4


@pytest.mark.parametrize("name", CASES)
def test_a_seed_repeats_what_is_drawn(name, place, monkeypatch):
    monkeypatch.chdir(place)
    net, phase, look, _ = CASES[name]
    turns = passes(name) // 20 + 1
    draws = [by_us(place, net, phase=phase, passes=turns, seed=seed) for seed in (5, 5, 6)]
    seen = [[outcome for turn in range(turns) for outcome in look(draw, str(turn))]
            for draw in draws]
    assert seen[0] == seen[1] != seen[2]
