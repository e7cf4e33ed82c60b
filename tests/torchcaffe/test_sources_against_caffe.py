"""Batches of data layers, bit for bit those of real Caffe where no chance is in them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from sources_places import Batches, by_caffe, by_us, layer

from netbuilder.data.datum import array_to_datum, encoded_datum
from netbuilder.data.db import write_lmdb
from netbuilder.data.mean import write_mean

pytestmark = [pytest.mark.caffe, pytest.mark.torch]

MEAN = 'mean_file: "mean.binaryproto"'
# What a transformation may say of images of 3x20x24.
TRANSFORMS = {
    "plain": "", "scale": "scale: 0.017", "crop": "crop_size: 9",
    "odd crop": "crop_size: 12 mean_value: 104.3",
    "means": "mean_value: 1.5 mean_value: 2.25 mean_value: 3.1 scale: 0.00390625",
    "mean file": MEAN, "mean file and crop": f"{MEAN} crop_size: 7 scale: 0.3",
}


def data(source: str, batch: int = 3) -> str:
    return f'data_param {{ source: "{source}" batch_size: {batch} backend: LMDB rand_skip: 5 }}'


def listed(fields: str = "", batch: int = 3) -> str:
    return f'image_data_param {{ source: "list" batch_size: {batch} {fields} }}'


def rows(fields: str = "", batch: int = 5, source: str = "files") -> str:
    return f'hdf5_data_param {{ source: "{source}" batch_size: {batch} {fields} }}'


NETS = {
    **{f"Data {name}": layer("Data", data("images_lmdb"), told)
       for name, told in TRANSFORMS.items()},
    **{f"Data of floats {name}": layer("Data", data("floats_lmdb"), told)
       for name, told in TRANSFORMS.items()},
    "Data encoded": layer("Data", data("encoded_lmdb")),
    "Data in gray": layer("Data", data("encoded_lmdb"), "force_gray: true crop_size: 6"),
    "Data in color": layer("Data", data("encoded_lmdb"), "force_color: true scale: 0.5"),
    "Data without labels": layer("Data", data("images_lmdb", 4), tops="data"),
    "Data of sizes": layer("Data", data("sizes_lmdb", 1)),
    **{f"ImageData {name}": layer("ImageData", listed("new_height: 20 new_width: 24"), told)
       for name, told in TRANSFORMS.items()},
    "ImageData in gray": layer("ImageData", listed("is_color: false new_height: 7 new_width: 9")),
    "ImageData of sizes": layer("ImageData", listed(batch=1)),
    "ImageData of sizes, cropped": layer("ImageData", listed(batch=4), "crop_size: 11"),
    "ImageData of a folder": layer(
        "ImageData", 'image_data_param { source: "names" root_folder: "pictures/" batch_size: 1 }'),
    "Data of 2013": """layers { name: "d" type: DATA top: "data" top: "label" data_param {
        source: "images_lmdb" backend: LMDB batch_size: 3 scale: 0.5 crop_size: 9
        mean_file: "mean.binaryproto" } }""",
    "ImageData of 2013": """layers { name: "d" type: IMAGE_DATA top: "data" top: "label"
        image_data_param { source: "list" batch_size: 3 new_height: 20 new_width: 24 scale: 0.5
        crop_size: 9 mean_file: "mean.binaryproto" } }""",
    "HDF5Data": layer("HDF5Data", rows()),
    "HDF5Data of one file": layer("HDF5Data", rows(source="file", batch=3)),
    "HDF5Data longer than all": layer("HDF5Data", rows(batch=20)),
    "HDF5Data of types": layer("HDF5Data", rows(), tops="double int small unsigned half"),
    "HDF5Data of other shapes": layer("HDF5Data", rows(source="shapes", batch=4), tops="data"),
    "Data and ImageData twice": "\n".join(
        layer(kind, param, tops=f"data{index} label{index}").replace('"d"', f'"d{index}"')
        for index, (kind, param) in enumerate([
            ("Data", data("images_lmdb")), ("Data", data("images_lmdb", 2)),
            ("ImageData", listed(batch=1)), ("ImageData", listed("new_height: 5 new_width: 6"))])),
}


def write_pictures(folder: Path, rng: np.random.Generator) -> list[Path]:
    """Eight image files of other sizes and kinds, one of 16 bits."""
    folder.mkdir()
    kinds = ["RGB", "L", "RGBA", "P", "RGB", "RGB", "LA"]
    paths = []
    for index, kind in enumerate(kinds):
        small = Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8))
        picture = small.resize((30 + index, 25 + 2 * index), Image.BICUBIC)
        picture = picture.quantize(16) if kind == "P" else picture.convert(kind)
        ending = "jpg" if index > 3 and kind == "RGB" else "png"
        paths.append(folder / f"a picture {index}.{ending}")
        picture.save(paths[-1])
    deep = rng.integers(0, 1 << 16, (29, 31), dtype=np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    return [*paths, folder / "deep.png"]


def write_tables(folder: Path, rng: np.random.Generator) -> None:
    """Three HDF5 files of 4, 1 and 6 rows, and one whose rows have another shape."""
    for index, count in enumerate((4, 1, 6)):
        with h5py.File(folder / f"{index}.h5", "w") as file:
            file["data"] = rng.normal(size=(count, 2, 3)).astype("float32")
            file["label"] = np.arange(count, dtype="float32") + 10 * index
            file["double"] = rng.normal(size=(count, 3)) * 10.0 ** rng.integers(-50, 50, (count, 3))
            file["int"] = rng.integers(-2**60, 2**60, (count, 2, 1))
            file["small"] = rng.integers(-100, 100, count).astype("int8")
            file["unsigned"] = rng.integers(0, 2**64, (count, 2), dtype="uint64")
            file["half"] = rng.normal(size=(count, 2)).astype("float16")
    with h5py.File(folder / "flat.h5", "w") as file:
        file["data"] = rng.normal(size=(3, 6)).astype("float32")
    (folder / "files").write_text("0.h5\n1.h5 2.h5\n")
    (folder / "file").write_text("0.h5")
    (folder / "shapes").write_text("0.h5\nflat.h5\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with all that NETS reads."""
    folder, rng = tmp_path_factory.mktemp("sources"), np.random.default_rng(8)
    images = rng.integers(0, 256, (7, 3, 20, 24), dtype=np.uint8)
    write_mean(folder / "mean.binaryproto", images.mean(0, dtype=np.float32))
    paths = write_pictures(folder / "pictures", rng)
    stores = {
        "images": [array_to_datum(image, 10 * i) for i, image in enumerate(images)],
        "floats": [array_to_datum(image / 7.0 - 9, i) for i, image in enumerate(images)],
        "encoded": [encoded_datum(paths[4].read_bytes(), i) for i in range(4)],
        "sizes": [array_to_datum(image[:, : 20 - i], i) for i, image in enumerate(images)],
    }
    for name, datums in stores.items():
        write_lmdb(folder / f"{name}_lmdb", ((str(i), datum) for i, datum in enumerate(datums)))
    (folder / "list").write_text("".join(f"{path} {7 - i}\n" for i, path in enumerate(paths)))
    (folder / "names").write_text("".join(f"{path.name} {i}\n" for i, path in enumerate(paths)))
    write_tables(folder, rng)
    np.savez(folder / "memory.npz", images=rng.normal(size=(6, 3, 4, 5)).astype(np.float32),
             labels=np.arange(6, dtype=np.float32))
    return folder


MEMORY = layer("MemoryData", "memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 }",
               "scale: 3")
CONSTANT = layer("DummyData", """dummy_data_param { num: 2 num: 3 channels: 4 height: 1 width: 5
    data_filler { value: 2.5 } }""")
DEFAULT = layer("DummyData", "dummy_data_param { shape { dim: 2 dim: 3 } }")
DRAWN = layer("DummyData", """dummy_data_param { shape { dim: 100 dim: 30 } shape { dim: 2 }
    data_filler { type: "gaussian" mean: 3 std: 2 } data_filler { type: "constant" value: 4 } }""")
ONE_DRAWN = layer("DummyData", """dummy_data_param { shape { dim: 3000 } shape { dim: 60 dim: 50 }
    data_filler { type: "uniform" min: -1 max: 2 } }""")


def settings(place: Path, name: str) -> dict[str, object]:
    """What a net needs beside its files."""
    return {"memory": {"arrays": str(place / "memory.npz"), "passes": 5},
            "constant": {"write": 7, "passes": 2}, "drawn": {"write": 7, "passes": 2},
            "one drawn": {"write": 7, "passes": 2}}.get(name, {})


ALL = {**NETS, "memory": MEMORY, "constant": CONSTANT, "default": DEFAULT}
OTHERS = {"drawn": DRAWN, "one drawn": ONE_DRAWN}


@pytest.fixture(scope="module")
def caffes(run_caffe, place) -> dict[str, Batches]:
    return by_caffe(run_caffe, place, {**ALL, **OTHERS}, partial(settings, place))


@pytest.mark.parametrize("name", ALL)
def test_batches_are_bit_for_bit_real_caffes(name, caffes, place, monkeypatch):
    monkeypatch.chdir(place)
    ours, theirs = by_us(place, ALL[name], **settings(place, name)), caffes[name]
    assert list(ours) == list(theirs)
    for key, values in theirs.items():
        assert ours[key].shape == values.shape, key
        np.testing.assert_array_equal(ours[key], values, key)


@pytest.mark.parametrize("name", OTHERS)
def test_what_dummy_data_draws_is_drawn_anew_in_each_pass(name, caffes, place, monkeypatch):
    monkeypatch.chdir(place)
    ours = by_us(place, OTHERS[name], **settings(place, name))
    for found in (ours, caffes[name]):
        assert not found["made/data"].any()
        assert not np.array_equal(found["0/data"], found["1/data"])
        assert (found["1/label"] == 7).all() == (name == "drawn")  # a constant stays as written
        assert found["made/label"].any() == (name == "drawn")
        for turn in "01":
            mean, std = (3, 2) if name == "drawn" else (0.5, 0.75 ** 0.5)
            assert found[f"{turn}/data"].mean() == pytest.approx(mean, abs=0.2)
            assert found[f"{turn}/data"].std() == pytest.approx(std, rel=0.05)
