"""ENet and network in network as a PyTorch program computes them, from the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from against import Numbers, by_caffe, by_us
from layer_cases import TEST, TRAIN, Case

from netbuilder.graph import resolve
from netbuilder.nets import find_network
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse

torch = pytest.importorskip("torch")
torchcaffe = pytest.importorskip("netbuilder.torchcaffe")
torch7_nets = pytest.importorskip("torch7_nets")

pytestmark = pytest.mark.torch

NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "enet_v2": ("enet", {"version": 2}),
    "enet_v3": ("enet", {"version": 3}),
    "enet_v3 inverted": ("enet", {"version": 3, "dropout": "inverted"}),
    "nin": ("nin", {}),
    "nin without batch norm": ("nin", {"batch_norm": False}),
}
SIZES = {"enet": 64, "nin": 60}  # maps of 15 too: an odd side, which is pooled otherwise


def case(name: str, phase: int, batch: int, **options: Any) -> Case:
    """The network with its values in sound ranges, an input, and a gradient on its last top."""
    network, own = NETS[name]
    net = find_network(network)(**own, **options).to_proto()
    net.force_backward = True
    net.layer[0].input_param.shape[0].dim[0] = batch
    graph, random = resolve(net, phase), np.random.default_rng(5)
    arrays = {f"param/{layer.name}/{index}": values(layer.type, index, blob.shape, random)
              for layer in graph.layers for index, blob in enumerate(layer.blobs)}
    arrays["data/data"] = random.standard_normal(graph.blobs["data"])
    last = net.layer[-1].name
    arrays[f"diff/{last}"] = random.standard_normal(graph.blobs[last])
    return Case(name, dumps(net), {key: array.astype(np.float32) for key, array in arrays.items()},
                phase)


def values(kind: str, index: int, shape: tuple[int, ...], random: np.random.Generator) -> Any:
    if kind == "BatchNorm":
        return (random.normal(0, 0.2, shape), random.uniform(2, 6, shape), np.full(shape, 3.7))[
            index]
    if kind == "PReLU":  # nearly 1: a value near zero may have another sign in one program
        return random.uniform(0.9, 1.1, shape)
    if kind == "Scale" and index == 0:
        return random.uniform(0.1, 1, shape)
    return random.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5 * (
        1 if len(shape) > 1 else 0.1)


def model_of(case: Case) -> tuple[Any, dict[str, str]]:
    """The PyTorch program with the case's weights, and the types of the layers that have any."""
    network, options = NETS[case.name]
    layers = resolve(parse(case.net, caffe_pb2.NetParameter()), case.phase).layers
    types = {layer.name: layer.type for layer in layers if layer.blobs}
    classes = layers[-1].top_shapes[0][1]
    if network == "enet":
        model = torch7_nets.ENet(options["version"], classes)
    else:
        model = torch7_nets.NIN(options.get("batch_norm", True), classes)
    params = {layer.name: [case.arrays[f"param/{layer.name}/{index}"]
                           for index in range(len(layer.blobs))]
              for layer in layers if layer.blobs}
    torch7_nets.put_weights(model, types, params)
    return model.train(case.phase == TRAIN), types


def masks(case: Case, found: Numbers) -> list[Any]:
    """What the spatial dropouts are to multiply by: in TEST known, in TRAIN what was drawn."""
    keeps = [place for place in found if place.startswith("data/keep_")]
    if case.phase == TRAIN:
        return [torch.from_numpy(found[place]) for place in keeps]
    inverted = NETS[case.name][1].get("dropout") == "inverted"
    ratios = [0.01 if "keep_b1" in place else 0.1 for place in keeps]
    return [torch.full(found[place].shape, 1.0 if inverted else 1 - ratio)
            for place, ratio in zip(keeps, ratios, strict=True)]


def far(ours: np.ndarray, theirs: Any) -> float:
    theirs = theirs.detach().numpy()
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("phase", [TEST, TRAIN], ids=["TEST", "TRAIN"])
@pytest.mark.parametrize("name", NETS)
def test_logits_and_gradients(name: str, phase: int, tmp_path: Path) -> None:
    one = case(name, phase, 4, crop_size=SIZES[NETS[name][0]], num_classes=10)
    torchcaffe.set_random_seed(1)  # of the dropouts in TRAIN
    found = by_us(one, tmp_path)
    model, types = model_of(one)
    images = torch.from_numpy(one.arrays["data/data"]).requires_grad_()
    logits = model(images, masks(one, found))
    assert far(found["data/fc10"], logits) < 1e-4
    logits.backward(torch.from_numpy(one.arrays["diff/fc10"]))
    pairs = [(f"grad/{layer}/{index}", tensor.grad)
             for tensor, layer, index in torch7_nets.pairs(model, types) if tensor.requires_grad]
    pairs.append(("diff/data", images.grad))
    ours = np.concatenate([found[place].ravel() for place, _ in pairs])
    theirs = np.concatenate([grad.numpy().ravel() for _, grad in pairs])
    assert np.linalg.norm(ours - theirs) < 1e-3 * np.linalg.norm(theirs)


@pytest.mark.slow
@pytest.mark.caffe
def test_logits_of_the_whole_nets(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    """At 224, in real Caffe and ours."""
    cases = {name: case(name, TEST, 1) for name in NETS}
    theirs = by_caffe(run_caffe, cases, tmp_path)
    for name, one in cases.items():
        (tmp_path / f"ours {name}").mkdir()
        found = by_us(one, tmp_path / f"ours {name}")
        model, _ = model_of(one)
        with torch.no_grad():
            logits = model(torch.from_numpy(one.arrays["data/data"]), masks(one, found))
        assert logits.abs().max() > 0.1
        assert far(found["data/fc1000"], logits) < 1e-4
        assert far(theirs[name]["data/fc1000"], logits) < 1e-4
