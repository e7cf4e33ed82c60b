"""What sources refuse: the layer, the file and the line are named. And how their threads end."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from sources_places import layer

import netbuilder.torchcaffe as caffe
from netbuilder.data.datum import array_to_datum
from netbuilder.data.db import write_lmdb
from netbuilder.errors import DataError, ShapeError
from netbuilder.layer import layer_class
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources import make_source

pytestmark = pytest.mark.torch

LIST = 'image_data_param { source: "list" batch_size: 2 %s }'
HDF5 = 'hdf5_data_param { source: "files" batch_size: 3 }'
WINDOW = 'window_data_param { source: "windows" batch_size: 2 fg_fraction: 0.5 %s }'
BOXES = "# 0\na.png\n3 8 9\n2\n1 0.9 0 0 3 3\n0 0.1 2 2 8 7\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two images of 8 x 9, a list, and a window file of the first one."""
    rng = np.random.default_rng(2)
    for name in "ab":
        pixels = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "list").write_text("a.png 1\nb.png 2\n")
    (tmp_path / "windows").write_text(BOXES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def source(kind: str, param: str, transform: str = "", tops: str = "data label"):
    net = text.parse(layer(kind, param, transform, tops), caffe_pb2.NetParameter())
    return make_source(layer_class(kind)(net.layer[0]), Rng(1))


def write(**datasets: np.ndarray) -> str:
    name = f"{len(list(Path().glob('*.h5')))}.h5"
    with h5py.File(name, "w") as file:
        for key, values in datasets.items():
            file[key] = values
    with open("files", "a") as files:
        files.write(f"{name}\n")
    return name


@pytest.mark.parametrize(("lines", "fields", "words"), [
    ("none.png 1\n", "new_height: 5 new_width: 5", "list:1: cannot read the image none.png"),
    ("a.png 1\nlist 2\n", "", "list:2: list: neither JPEG nor PNG"),
    ("a.png 1\nb.png\n", "", "list:2: no `path label`"),
    ("a.png 1\nb.png 1\n", "root_folder: 'no/' new_height: 5 new_width: 5", "image no/a.png"),
    ("a.png 1\n", "rand_skip: 1000", "rand_skip 1000: skips \\d+ images, but list lists only 1"),
])
def test_images_that_cannot_be_read(lines, fields, words):
    Path("list").write_text(lines)
    with pytest.raises(DataError, match=rf'layer "d" \(ImageData\): .*{words}'):
        source("ImageData", LIST % fields).next_batch()


def test_images_of_several_sizes_in_one_batch():
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save("b.png")
    with pytest.raises(DataError, match=r'"d" \(ImageData\), list: .*different sizes: 3x4x4, 3x8'):
        source("ImageData", LIST % "").next_batch()


def test_an_image_that_is_a_device_is_not_read():
    Path("list").write_text("/dev/zero 1\n")
    with pytest.raises(DataError, match="cannot read the image /dev/zero: not a regular file"):
        source("ImageData", LIST % "new_height: 5 new_width: 5")


ROWS = {"data": np.zeros((4, 2)), "label": np.zeros(4)}


@pytest.mark.parametrize(("changes", "words"), [
    ({"label": np.zeros(3)}, "equally many rows, at least 1; there are data 4, label 3"),
    ({"data": np.zeros((0, 2)), "label": np.zeros(0)}, "at least 1; there are data 0, label 0"),
    ({"data": np.zeros((4, 3))}, 'rows of "data" are 3, but the top has 2'),
    ({"label": np.array([b"a"] * 4)}, 'the dataset "label" holds .*whole and floating-point'),
    ({"label": np.array([True] * 4)}, 'the dataset "label" holds bool'),
    ({"label": np.float32(3)}, 'the dataset "label" has no rows'),
])
def test_tables_that_cannot_be_read(changes, words):
    write(**ROWS)
    bad = write(**{**ROWS, **changes})
    rows = source("HDF5Data", HDF5)
    rows.next_batch()
    with pytest.raises(DataError, match=rf'layer "d" \(HDF5Data\): {bad}: .*{words}'):
        rows.next_batch()


def test_a_batch_of_no_rows():
    write(**ROWS)
    with pytest.raises(DataError, match=r'layer "d" \(HDF5Data\): batch_size must be at least 1'):
        source("HDF5Data", HDF5.replace("batch_size: 3", ""))


def test_a_table_that_lacks_a_top():
    write(**ROWS)
    write(data=ROWS["data"])
    rows = source("HDF5Data", HDF5)
    rows.next_batch()
    with pytest.raises(DataError, match=r'"d" \(HDF5Data\): 1.h5 has no dataset .*label'):
        rows.next_batch()


@pytest.mark.parametrize(("old", "new", "words"), [
    ("8 7\n", "8 7\n% 1 b.png 3 8 9 0", "windows:7: no `# index path channels .* but '% 1 b.png"),
    ("1 0.9 0", "1 0.9 x", "windows:5: no number of a box `label overlap x1 y1 x2 y2`: 'x'"),
    ("0 0.1 2 2 8 7\n", "", "windows:1: the image has 2 boxes, but the file ends before"),
    ("1 0.9", "1 0.2", "windows has no foreground window by fg_threshold 0.5 and bg_threshold"),
    ("0 0.1", "1 0.8", "windows has no background window"),
    ("1 0.9", "0 0.9", "a foreground window has the label 0"),
    ("# 0", "# 1", "an image has the index 1, but there are 1 images"),
    ("3 8 9", "1 8 9", "images of 1 channels; Caffe reads them all in color"),
])
def test_window_files_that_caffe_dies_of(old, new, words):
    Path("windows").write_text(BOXES.replace(old, new))
    with pytest.raises(DataError, match=rf'layer "d" \(WindowData\): .*{words}'):
        source("WindowData", WINDOW % "", "crop_size: 4")


@pytest.mark.parametrize(("fields", "transform", "words"), [
    ("context_pad: 2", "", "context_pad 2 leaves nothing of a crop_size of 4"),
    ("", "mean_value: 1 mean_value: 2", "2 mean_value; give one, or one per channel: 3"),
    ("", 'mean_file: "none"', "none is not there"),
    ('root_folder: "no/" cache_images: true', "", "cannot read the image no/a.png"),
])
def test_window_layers_that_caffe_dies_of(fields, transform, words):
    with pytest.raises(DataError, match=rf'layer "d" \(WindowData\): .*{words}'):
        source("WindowData", WINDOW % fields, f"crop_size: 4 {transform}")


@pytest.mark.parametrize(("box", "words"), [
    ("1 0.9 0 0 9 3", "the box 0, 0, 9, 3 does not lie in its image of 9 x 8"),
    ("1 0.9 5 0 3 3", "the box 5, 0, 3, 3 does not lie"),
])
def test_boxes_outside_of_their_image(box, words):
    Path("windows").write_text(BOXES.replace("1 0.9 0 0 3 3", box))
    with pytest.raises(DataError, match=rf'"d" \(WindowData\), windows: a.png: {words}'):
        source("WindowData", WINDOW % "", "crop_size: 4").next_batch()


# Threads.


def prefetching(before: set[threading.Thread]) -> set[threading.Thread]:
    return {thread for thread in threading.enumerate()
            if thread.name.startswith("prefetch d")} - before


def test_the_thread_ends_when_the_source_is_closed():
    before = prefetching(set())  # of sources that other tests' errors still hold
    images = source("ImageData", LIST % "")
    images.next_batch()
    assert prefetching(before)
    images.close()
    assert not prefetching(before)


def test_the_thread_ends_with_a_source_that_nobody_closes():
    before = prefetching(set())
    images = source("ImageData", LIST % "")
    images.next_batch()
    assert prefetching(before)
    del images
    until = time.monotonic() + 10
    while prefetching(before) and time.monotonic() < until:
        gc.collect()
        time.sleep(0.01)
    assert not prefetching(before)


def test_a_program_that_closes_nothing_ends():
    write_lmdb("lmdb", [("0", array_to_datum(np.zeros((3, 4, 4), np.uint8), 0))])
    Path("net").write_text(
        layer("Data", 'data_param { source: "lmdb" batch_size: 9 backend: LMDB prefetch: 50 }') +
        layer("ImageData", LIST % "", tops="a b").replace('"d"', '"e"'))
    script = ("import netbuilder.torchcaffe as caffe; net = caffe.Net('net', caffe.TRAIN); "
              "net.forward(); print(net.blobs['data'].shape[0])")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60,
        env={"PYTHONPATH": str(Path(__file__).parents[2])})
    assert done.stdout == "9\n"


@pytest.mark.parametrize(("net", "says"), [
    ('layer { name: "d" type: "Data" top: "x" data_param { source: "gone" batch_size: 2 } }',
     r'"d" \(Data\).*"x"'),
    ('layer { name: "i" type: "Input" top: "x" }', r'"i" \(Input\).*input_param has no shape'),
    ('layer { name: "d" type: "Data" top: "x" data_param { source: "gone" } }',
     "batch_size must be at least 1; set it"),
])
def test_data_that_is_missing_is_asked_for_in_words_of_pycaffe(tmp_path, net, says):
    (tmp_path / "net.prototxt").write_text(net)
    remedy = r".*Input layer with a shape.*\.data\["
    with pytest.raises(ShapeError, match=says + remedy) as raised:
        caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    assert "--input" not in str(raised.value)
