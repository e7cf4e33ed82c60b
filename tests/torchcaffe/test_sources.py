"""Where batches come from: order, shapes, randomness, and bad input."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from PIL import Image

from netbuilder.data.datum import array_to_datum
from netbuilder.data.db import write_lmdb
from netbuilder.data.image import read_image
from netbuilder.errors import DataError, ShapeError
from netbuilder.layer import layer_class
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources import make_source

pytestmark = pytest.mark.torch

IMAGES = np.random.default_rng(5).integers(0, 256, (7, 3, 12, 10), dtype=np.uint8)


def source(fields: str, phase: int = caffe_pb2.TRAIN, seed: int = 1):
    message = text.parse(f'name: "data" top: "data" top: "label" {fields}',
                         caffe_pb2.LayerParameter())
    return make_source(layer_class(message.type)(message, (), phase), Rng(seed))


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "images_lmdb"
    write_lmdb(path, ((f"{i}", array_to_datum(image, 10 * i)) for i, image in enumerate(IMAGES)))
    return path


def data(database, transform: str = "", batch: int = 3, prefetch: int = 2, **options):
    return source(
        f'type: "Data" data_param {{ source: "{database}" batch_size: {batch} backend: LMDB '
        f"prefetch: {prefetch} }} transform_param {{ {transform} }}", **options)


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_data_comes_in_order_and_begins_anew(database, prefetch):
    batches = data(database, "scale: 0.5 mean_value: 10", prefetch=prefetch)
    for begin in (0, 3, 6, 9, 12):
        order = [i % 7 for i in range(begin, begin + 3)]
        images, labels = batches.next_batch()
        assert labels.tolist() == [10.0 * i for i in order]
        np.testing.assert_allclose(images, (IMAGES[order].astype(np.float32) - 10) * 0.5)
        assert images.dtype == labels.dtype == torch.float32
    batches.close()


def test_data_without_a_label_top(database):
    message = text.parse(
        f'name: "data" type: "Data" top: "data" data_param {{ source: "{database}" batch_size: 7 '
        "backend: LMDB }", caffe_pb2.LayerParameter())
    (images,) = make_source(layer_class("Data")(message), Rng(0)).next_batch()
    np.testing.assert_array_equal(images, IMAGES)


def test_random_crops_follow_the_seed_and_no_other_stream(database):
    def crops(seed):
        batches = data(database, "crop_size: 5 mirror: true", seed=seed)
        return torch.stack([batches.next_batch()[0] for _ in range(6)])

    torch.manual_seed(1)
    first = crops(3)
    torch.manual_seed(2)
    assert torch.equal(first, crops(3))
    assert not torch.equal(first, crops(4))


def test_crops_in_the_test_phase_are_central(database):
    images, _ = data(database, "crop_size: 4", phase=caffe_pb2.TEST).next_batch()
    np.testing.assert_array_equal(images, IMAGES[:3, :, 4:8, 3:7])


def test_a_broken_image_is_an_error_each_time_it_is_asked_for(tmp_path):
    sizes = [(3, 4, 4), (3, 4, 4), (3, 5, 5)]
    write_lmdb(tmp_path / "db", [(str(i), array_to_datum(np.zeros(size, np.uint8)))
                                 for i, size in enumerate(sizes)])
    batches = data(tmp_path / "db", batch=2)
    batches.next_batch()
    with pytest.raises(DataError, match=r'layer "data" \(Data\), .*db: .*different sizes'):
        batches.next_batch()


def test_a_missing_database_is_an_error_when_the_source_is_made(tmp_path):
    with pytest.raises(DataError, match="is not there"):
        source(f'type: "Data" data_param {{ source: "{tmp_path}/none" batch_size: 2 }} '
               "transform_param { crop_size: 3 mean_value: [1, 2, 3] }")


MEMORY = 'type: "MemoryData" memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 }'


def arrays(count: int):
    images = np.random.default_rng(0).normal(size=(count, 3, 4, 5)).astype(np.float32)
    return images, np.arange(count, dtype=np.float32)


def test_memory_data_goes_round_and_shares_the_arrays():
    memory, (images, labels) = source(MEMORY), arrays(4)
    memory.set_arrays(images, labels.reshape(4, 1, 1, 1))
    for begin in (0, 2, 0, 2):
        batch, numbers = memory.next_batch()
        np.testing.assert_array_equal(batch, images[begin: begin + 2])
        np.testing.assert_array_equal(numbers.ravel(), labels[begin: begin + 2])
    images[:] = 7
    assert memory.next_batch()[0].eq(7).all()
    memory.set_arrays(*arrays(2))
    assert memory.next_batch()[1].tolist() == [[[[0]]], [[[1]]]]


@pytest.mark.parametrize("change, words", [
    (lambda x, y: (x[:3], y[:3]), "3 images are no multiple of the batch size 2"),
    (lambda x, y: (x[:0], y[:0]), "0 images are no multiple"),
    (lambda x, y: (x, y[:2]), "4 images but 2 labels"),
    (lambda x, y: (x.astype(np.float64), y), "must be float32, not float64"),
    (lambda x, y: (x, y.astype(int)), "labels array must be float32"),
    (lambda x, y: (x[:, :, ::-1], y), "C contiguous"),
    (lambda x, y: (x[:, :2].copy(), y), "shape 4x2x4x5, not Nx3x4x5"),
    (lambda x, y: (x, y.reshape(2, 2)), "labels array has the shape 2x2, not Nx1x1x1"),
])
def test_memory_data_refuses_what_does_not_fit(change, words):
    with pytest.raises(DataError, match=f'layer "data" .*{words}'):
        source(MEMORY).set_arrays(*change(*arrays(4)))


def test_memory_data_asks_for_its_arrays():
    with pytest.raises(DataError, match=r"no arrays yet; call net.set_input_arrays"):
        source(MEMORY).next_batch()


def test_dummy_data_fills_constants_once_and_the_rest_each_time():
    dummy = source('type: "DummyData" dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 5 } '
                   'data_filler { type: "gaussian" std: 2 } data_filler { value: 4 } }')
    drawn, constant = dummy.initial()
    assert drawn is None and constant.tolist() == [4] * 5
    first, rest = dummy.next_batch()
    assert rest is None and first.shape == (2, 3)
    assert not torch.equal(first, dummy.next_batch()[0])


def test_dummy_data_without_a_filler_is_zero():
    dummy = source('type: "DummyData" dummy_data_param { num: 2 channels: 1 height: 3 width: 3 }')
    tops = dummy.initial()
    assert [top.shape for top in tops] == [(2, 1, 3, 3)] * 2
    assert not any(top.any() for top in tops)


def test_a_bad_filler_names_the_layer():
    with pytest.raises(ShapeError, match=r'layer "data" \(DummyData\).*did you mean "gaussian"'):
        source('type: "DummyData" dummy_data_param { shape { dim: 2 } '
               'data_filler { type: "gausian" } }')


def test_an_input_keeps_what_the_caller_wrote():
    given = source('type: "Input" input_param { shape { dim: 2 } }')
    assert given.initial() == given.next_batch() == (None, None)


@pytest.mark.parametrize("prefetch", [0, 3])
def test_image_data_prefetches_as_data_param_says(tmp_path, monkeypatch, prefetch):
    Image.fromarray(IMAGES[0].transpose(1, 2, 0)).save(tmp_path / "a.png")
    (tmp_path / "list").write_text(f"{tmp_path}/a.png 0\n")
    read = []
    monkeypatch.setattr("netbuilder.torchcaffe.sources.image_list.read_image",
                        lambda *arguments: read.append(1) or read_image(*arguments))
    batches = source(f'type: "ImageData" image_data_param {{ source: "{tmp_path}/list" '
                     f"batch_size: 1 }} data_param {{ prefetch: {prefetch} }}")
    assert len(read) == 1  # the one that tells the shape
    batches.next_batch()
    time.sleep(0.3)  # for the thread to make what it will
    batches.close()
    assert len(read) == 2 + prefetch
