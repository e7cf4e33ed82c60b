"""The engine on a GPU: the CPU's numbers, and arrays that follow the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from against import far
from test_program import CASES, FAST, INSPECTABLE, kept

import netbuilder.torchcaffe as caffe
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.rng import Rng

pytestmark = [
    pytest.mark.torch, pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device"),
]


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    """The CPU's numbers need the GPU's float32, not its TF32."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)


def filled(name: str, device: str) -> caffe.Net:
    case = CASES[name]
    net = caffe.Net(text.parse(case.net, caffe_pb2.NetParameter()), case.phase, rng=Rng(0),
                    device=device)
    for place, array in case.arrays.items():
        kind, _, where = place.partition("/")
        blob = (net.blobs[where] if kind == "data" else
                net.params[where.rsplit("/", 1)[0]][int(where.rsplit("/", 1)[1])])
        blob.data[...] = array
    return net


@pytest.mark.parametrize("gait", [FAST, INSPECTABLE])
@pytest.mark.parametrize("name", CASES)
def test_numbers_are_the_cpus(name, gait):
    results = []
    for device in ("cpu", "cuda"):
        net = filled(name, device)
        net.train_pass(gait)
        results.append(kept(net))
    distances = {place: far(results[1][place], array) for place, array in results[0].items()}
    assert max(distances.values()) <= 1e-4, distances


def test_arrays_follow_the_device_when_asked_for():
    net = filled("residual-TRAIN", "cuda")
    net.blobs["data"].data[...] = 0
    net.forward()
    zero = net.blobs["conv1"].data.copy()
    net.blobs["data"].data[...] = 1
    net.forward()
    assert net.blobs["conv1"].tensor.is_cuda
    assert (net.blobs["conv1"].data != zero).any()
    assert np.shares_memory(net.blobs["conv1"].data, net.blobs["conv1"].data)


def test_the_mode_chooses_the_device(monkeypatch):
    monkeypatch.setattr(caffe.mode.current, "gpu", False)
    caffe.set_device(0)
    caffe.set_mode_gpu()
    message = text.parse(CASES["residual-TRAIN"].net, caffe_pb2.NetParameter())
    assert caffe.Net(message, caffe.TRAIN).blobs["data"].device.type == "cuda"


def test_a_seed_starts_the_devices_numbers_anew():
    rng, device = Rng(3), torch.device("cuda")
    first = torch.rand(4, device=device, generator=rng.on(device))
    rng.seed(3)
    assert torch.equal(torch.rand(4, device=device, generator=rng.on(device)), first)
