"""What we write, decode and transform, read by real Caffe, and what Caffe's tools write, by us."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netbuilder.data.datum import array_to_datum, datum_to_array, encoded_datum
from netbuilder.data.db import Cursor, first_datum_shape, write_lmdb
from netbuilder.data.image import read_image
from netbuilder.data.image_list import read_list
from netbuilder.data.mean import compute_mean, read_mean, write_mean
from netbuilder.data.transform import Transformer
from netbuilder.proto import caffe_pb2

pytestmark = pytest.mark.caffe

FORWARD = """
import json, sys
import numpy as np
import caffe
results = {}
for name in json.loads(sys.argv[1]):
    net = caffe.Net(name, caffe.TEST)
    for turn in range(3):
        net.forward()
        for blob in net.blobs:
            results["%s/%d/%s" % (name, turn, blob)] = net.blobs[blob].data.copy()
np.savez(sys.argv[2], **results)
"""
NET = """
layer {{ name: "data" type: "Data" top: "data" top: "label"
  transform_param {{ {transform} }}
  data_param {{ source: "{source}" batch_size: {batch} backend: LMDB }} }}
"""


def forward(run_caffe, folder: Path, nets: dict[str, str]) -> dict[str, np.ndarray]:
    """Three TEST forwards of each net in real Caffe: "net/turn/blob" -> values."""
    for name, text in nets.items():
        (folder / name).write_text(text)
    run_caffe(FORWARD, json.dumps(list(nets)), folder / "blobs.npz", cwd=folder)
    with np.load(folder / "blobs.npz") as blobs:
        return dict(blobs)


def ours(source: Path, transform: str, batch: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Three batches of data and labels, as real Caffe should read them."""
    param = parse_transform(transform)
    with Cursor(source) as cursor:
        transformer, batches = Transformer(param, caffe_pb2.TEST), []
        for _ in range(3):
            datums = [cursor.next() for _ in range(batch)]
            batches.append((transformer.from_datums(datums), [datum.label for datum in datums]))
        return batches


def parse_transform(text: str):
    from google.protobuf import text_format

    return text_format.Parse(text, caffe_pb2.TransformationParameter())


def test_batches_are_bit_for_bit_those_of_the_data_layer(run_caffe, tmp_path, database, images):
    write_mean(tmp_path / "mean.binaryproto", images.mean(0, dtype=np.float32))
    floats = [array_to_datum(image / 7.0 - 9, i) for i, image in enumerate(images)]
    write_lmdb(tmp_path / "floats", ((str(i), datum) for i, datum in enumerate(floats)))
    mean_file = f'mean_file: "{tmp_path}/mean.binaryproto"'
    settings = ["", "scale: 0.017", "crop_size: 7", "crop_size: 9 mean_value: 104.3",
                "mean_value: 1.5 mean_value: 2.25 mean_value: 3.1 scale: 0.00390625",
                mean_file, f"{mean_file} crop_size: 5 scale: 0.3"]
    cases = {f"{source.name}{number}": (source, transform)
             for source in (database, tmp_path / "floats")
             for number, transform in enumerate(settings)}
    blobs = forward(run_caffe, tmp_path, {
        name: NET.format(source=source, transform=transform, batch=3)
        for name, (source, transform) in cases.items()})
    for name, (source, transform) in cases.items():
        for turn, (data, labels) in enumerate(ours(source, transform, 3)):
            np.testing.assert_array_equal(data, blobs[f"{name}/{turn}/data"], f"{name} {transform}")
            np.testing.assert_array_equal(labels, blobs[f"{name}/{turn}/label"])


def pictures() -> dict[str, bytes]:
    """Encoded pictures of many kinds by name; the photographs are smooth, as JPEG wants them."""
    rng = np.random.default_rng(3)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    photo = small.resize((38, 26), Image.BICUBIC)
    gray, see_through = photo.convert("L"), photo.copy()
    see_through.putalpha(gray)
    turned = Image.Exif()
    turned[0x0112] = 6
    kinds = {
        "rgb.png": (photo, {}), "gray.png": (gray, {}), "alpha.png": (see_through, {}),
        "gray_alpha.png": (see_through.convert("LA"), {}),
        "palette.png": (photo.quantize(20), {}),
        "clear_palette.png": (photo.quantize(20), {"transparency": 3}),
        "clear_rgb.png": (photo, {"transparency": photo.getpixel((4, 4))}),
        "bits.png": (gray.convert("1"), {}),
        "photo.jpg": (photo, {}), "gray.jpg": (gray, {}),
        "fine.jpg": (photo, {"quality": 98, "subsampling": 0}),
        "turned.jpg": (photo, {"exif": turned}),
    }
    files = {}
    for name, (image, options) in kinds.items():
        buffer = io.BytesIO()
        image.save(buffer, "PNG" if name.endswith("png") else "JPEG", **options)
        files[name] = buffer.getvalue()
    return files


def test_encoded_datums_are_decoded_as_opencv_does(run_caffe, tmp_path):
    cases = {}
    for name, data in pictures().items():
        write_lmdb(tmp_path / f"{name}_lmdb", [(name, encoded_datum(data))])
        for color in ("", "force_color: true", "force_gray: true"):
            cases[f"{name} {color}".replace(":", "")] = tmp_path / f"{name}_lmdb", color
    blobs = forward(run_caffe, tmp_path, {
        name: NET.format(source=source, transform=transform, batch=1)
        for name, (source, transform) in cases.items()})
    for name, (source, transform) in cases.items():
        data, _ = ours(source, transform, 1)[0]
        np.testing.assert_array_equal(data, blobs[f"{name}/0/data"], name)
        color = {"": None, "force_color: true": True, "force_gray: true": False}[transform]
        assert first_datum_shape(source, color) == data.shape[1:]


@pytest.mark.parametrize("height, width", [(0, 0), (13, 19), (40, 50), (26, 50), (13, 18), (7, 5)])
def test_convert_imageset_writes_what_we_read(caffe_tool, tmp_path, height, width):
    files = {name: data for name, data in pictures().items() if "turned" not in name or height}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    listing = "".join(f"{name} {i}\n" for i, name in enumerate(files))
    (tmp_path / "list").write_text(listing)
    caffe_tool("convert_imageset", f"--resize_height={height}", f"--resize_width={width}",
               f"{tmp_path}/", tmp_path / "list", tmp_path / "lmdb")
    with Cursor(tmp_path / "lmdb") as cursor:
        for datum, (name, label) in zip(cursor, read_list(tmp_path / "list"), strict=True):
            assert datum.label == label
            image = read_image(tmp_path / name, height, width)
            np.testing.assert_array_equal(image, datum_to_array(datum), name)


def test_compute_image_mean_writes_the_same_file(caffe_tool, tmp_path, database):
    caffe_tool("compute_image_mean", database, tmp_path / "caffe.binaryproto")
    write_mean(tmp_path / "ours.binaryproto", compute_mean(database))
    theirs = tmp_path / "caffe.binaryproto"
    assert theirs.read_bytes() == (tmp_path / "ours.binaryproto").read_bytes()
    np.testing.assert_array_equal(read_mean(theirs), compute_mean(database))
