import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from netbuilder.data.datum import array_to_datum, encoded_datum
from netbuilder.data.mean import write_mean
from netbuilder.data.transform import Transformer, transformed_shape
from netbuilder.errors import DataError
from netbuilder.proto import caffe_pb2

TRAIN, TEST = caffe_pb2.TRAIN, caffe_pb2.TEST


def transform_param(**fields):
    return caffe_pb2.TransformationParameter(**fields)


def one_by_one(param, image, mean, *, top, left, mirror):
    """Caffe's own loop over channels, rows and columns (data_transformer.cpp)."""
    channels, height, width = transformed_shape(param, image.shape)
    blob = np.empty((channels, height, width), np.float32)
    for c, h, w in np.ndindex(blob.shape):
        pixel = np.float32(image[c, top + h, left + w])
        if mean is not None:
            pixel = pixel - mean[c, top + h, left + w]
        blob[c, h, width - 1 - w if mirror else w] = pixel * np.float32(param.scale)
    return blob


@st.composite
def cases(draw):
    shape = draw(st.tuples(st.integers(1, 4), st.integers(3, 6), st.integers(3, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    images = rng.integers(0, 256, (3, *shape), dtype=np.uint8)
    if draw(st.booleans()):
        images = rng.normal(0, 100, images.shape).astype(np.float32)
    param = transform_param(
        crop_size=draw(st.integers(0, 3)), mirror=draw(st.booleans()),
        scale=draw(st.sampled_from([1.0, 0.00390625, 0.017])),
        mean_value=draw(st.sampled_from([[], [104.5], list(range(1, 1 + shape[0]))])))
    mean = rng.normal(100, 20, shape).astype(np.float32)
    return param, images, None if param.mean_value else draw(st.sampled_from([mean, None]))


@settings(max_examples=60, deadline=None)
@given(case=cases(), phase=st.sampled_from([TRAIN, TEST]), seed=st.integers(0, 99))
def test_equals_one_of_the_results_that_caffe_can_draw(tmp_path_factory, case, phase, seed):
    param, images, mean = case
    if mean is not None:
        param.mean_file = str(tmp_path_factory.getbasetemp() / "mean.binaryproto")
        write_mean(param.mean_file, mean)
    elif param.mean_value:
        values = np.broadcast_to(np.float32(param.mean_value), images.shape[1])
        mean = np.broadcast_to(values[:, None, None], images.shape[1:])
    blob = Transformer(param, phase, np.random.default_rng(seed))(images)
    assert blob.dtype == np.float32 and blob.flags.c_contiguous
    assert blob.shape[1:] == transformed_shape(param, images.shape[1:])
    for image, result in zip(images, blob, strict=True):
        offsets = [[(size - param.crop_size) // 2 if param.crop_size else 0]
                   for size in image.shape[1:]]
        if phase == TRAIN and param.crop_size:
            offsets = [range(size - param.crop_size + 1) for size in image.shape[1:]]
        assert any(
            np.array_equal(result, one_by_one(param, image, mean, top=top, left=left,
                                              mirror=mirror))
            for top in offsets[0] for left in offsets[1]
            for mirror in ([False, True] if param.mirror else [False]))


def test_every_crop_and_mirror_is_drawn_about_equally_often():
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    transform = Transformer(transform_param(crop_size=3, mirror=True), TRAIN,
                            np.random.default_rng(0))
    corners = transform([image] * 4000)[:, 0, 0, [0, -1]]
    found, counts = np.unique(corners, axis=0, return_counts=True)
    assert len(found) == 8  # two rows, two columns, mirrored or not
    assert counts.min() > 400 and counts.max() < 600


def test_the_same_seed_draws_the_same():
    images = np.random.default_rng(1).integers(0, 256, (8, 3, 9, 9), dtype=np.uint8)
    param = transform_param(crop_size=4, mirror=True)
    first, second = (Transformer(param, TRAIN, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first(images), second(images))
    assert not np.array_equal(first(images), first(images))


def test_a_crop_makes_images_of_different_sizes_equal():
    images = [np.zeros((1, 4, 6), np.uint8), np.zeros((1, 5, 4), np.uint8)]
    assert Transformer(transform_param(crop_size=4), TEST)(images).shape == (2, 1, 4, 4)
    with pytest.raises(DataError, match=r"different sizes: .*1x4x6.*crop_size"):
        Transformer(transform_param(), TEST)(images)


def test_force_color_and_force_gray_act_on_encoded_datums_only(images):
    buffer = io.BytesIO()
    Image.fromarray(images[0].transpose(1, 2, 0)).save(buffer, "PNG")
    both = [encoded_datum(buffer.getvalue()), array_to_datum(images[0])]
    shapes = [Transformer(transform_param(force_gray=True), TEST).from_datums([datum]).shape
              for datum in both]
    assert shapes == [(1, 1, 12, 10), (1, 3, 12, 10)]
    with pytest.raises(DataError, match="force_color and force_gray"):
        Transformer(transform_param(force_gray=True, force_color=True), TEST).from_datums(both)


@pytest.mark.parametrize("fields, words", [
    ({"mean_file": "MEAN", "mean_value": [1]}, "both mean_file and mean_value"),
    ({"mean_file": "nowhere.binaryproto"}, "nowhere.binaryproto is not there"),
    ({"mean_file": "MEAN"}, r"is 3x5x5 but the images are 3x12x10"),
    ({"mean_value": [1, 2]}, "2 mean_value for images of 3 channels"),
    ({"crop_size": 11}, "crop_size 11 does not fit into an image of 3x12x10"),
])
def test_contradictions_are_named(tmp_path, images, fields, words):
    write_mean(tmp_path / "MEAN", np.zeros((3, 5, 5), np.float32))
    if fields.get("mean_file") == "MEAN":
        fields = {**fields, "mean_file": str(tmp_path / "MEAN")}
    with pytest.raises(DataError, match=words):
        Transformer(transform_param(**fields), TRAIN)(images)
