"""STOCHASTIC pooling, which real Caffe has on GPUs only (pooling_layer.cu)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from layer_cases import TEST, TRAIN, net_text
from quirks import one

import netbuilder.torchcaffe as caffe
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.net import Gait
from netbuilder.torchcaffe.rng import Rng

FIELDS = "pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 } loss_weight: 1"

pytestmark = pytest.mark.torch


def pooled(images: np.ndarray, phase: int, seed: int = 1) -> caffe.Net:
    message = net_text({"x": images}, one("Pooling", FIELDS), force=True)
    net = caffe.Net(text.parse(message, caffe_pb2.NetParameter()), phase, rng=Rng(seed))
    net.blobs["x"].data[...] = images
    net.forward()
    return net


def test_values_are_drawn_by_their_share():
    images = np.tile(np.array([[1, 2], [0, 5]], np.float32), (1, 1, 60, 60))
    net = pooled(images, TRAIN)
    values, counts = np.unique(net.blobs["out"].data, return_counts=True)
    assert values.tolist() == [1, 2, 5]  # a 0 is never drawn
    # Of 3600 draws: five standard deviations are 0.04.
    np.testing.assert_allclose(counts / 3600, [1 / 8, 2 / 8, 5 / 8], atol=0.04)


def test_the_drawn_value_gets_the_gradient():
    images = np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)
    net = pooled(images, TRAIN)
    net.backward()
    drawn = np.isin(images, net.blobs["out"].data)
    assert drawn.sum() == 4
    np.testing.assert_array_equal(net.blobs["x"].diff, drawn)


def test_in_test_all_are_weighed():
    # The last window of three columns has one; a window of zeros gives 0.
    images = np.array([[[[1, 3, 2], [0, 0, 2]], [[0, 0, 4], [0, 0, 0]]]], np.float32)
    net = pooled(images, TEST)
    np.testing.assert_allclose(net.blobs["out"].data, [[[[10 / 4, 2]], [[0, 4]]]])
    net.backward()
    assert np.isfinite(net.blobs["x"].diff).all()


def test_both_gaits_draw_alike():
    images = np.abs(np.random.default_rng(0).normal(size=(2, 3, 8, 8))).astype(np.float32)
    nets = [pooled(images, TRAIN, seed=7) for _ in Gait]
    for net, gait in zip(nets, Gait, strict=True):
        net.train_pass(gait)
    assert torch.equal(*(net.blobs["out"].tensor for net in nets))
