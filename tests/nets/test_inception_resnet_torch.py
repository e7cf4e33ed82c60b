"""Inception-ResNet-v2 in real Caffe and in our engine, against definitions of its own in PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import logits_driver
import numpy as np
import pytest
import torch
from torch import nn
from torch_inception_resnet import Paper, Slim

import netbuilder.torchcaffe as embedded
from netbuilder.nets import find_network
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps

pytestmark = [pytest.mark.caffe, pytest.mark.torch]

Arrays = dict[str, np.ndarray]
CLASSES, WEIGHT = 10, 0.4  # of the loss on the auxiliary classifier


class Pair(NamedTuple):
    """Options of our network, and the same in PyTorch, for a size and numbers of blocks."""

    options: dict[str, Any]
    twin: Callable[[tuple[int, ...], int], nn.Module]


PAIRS = {
    "trained": Pair({}, lambda counts, size: Paper(counts, True, CLASSES)),
    "printed": Pair({"orientation": "printed"}, lambda counts, size: Paper(counts, False, CLASSES)),
    "slim": Pair({"variant": "slim"}, lambda counts, size: Slim(counts, size, CLASSES)),
}


def drawn(pair: Pair, counts: tuple[int, ...], size: int) -> nn.Module:
    """The twin with random weights and statistics, such that no value dies or explodes."""
    torch.manual_seed(1)
    model = pair.twin(counts, size)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            for values, low, high in ((module.weight, 0.5, 1.5), (module.bias, -0.2, 0.2),
                                      (module.running_mean, -0.2, 0.2),
                                      (module.running_var, 0.5, 1.5)):
                nn.init.uniform_(values, low, high)
    return model


def layers(net: Any, *types: str) -> list[Any]:
    return [layer for layer in net.layer if layer.type in types]


def matched(net: Any, model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Our layers with the modules that are theirs: both in the order of their definition."""
    kinds = {"Convolution": nn.Conv2d, "BatchNorm": nn.BatchNorm2d, "Scale": nn.BatchNorm2d,
             "InnerProduct": nn.Linear}
    return [(layer.name, module) for ours, theirs in kinds.items() for layer, module in zip(
        layers(net, ours), [one for one in model.modules() if type(one) is theirs], strict=True)]


def parameters(net: Any, model: nn.Module, gradients: bool = False) -> Arrays:
    """A module's parameters as those of our layers; statistics by a factor at which Caffe's moving
    average has come to rest, where it is what Torch's is."""
    found = {}
    types = {layer.name: layer.type for layer in net.layer}
    for name, module in matched(net, model):
        if types[name] == "BatchNorm":
            if not gradients:
                rest = 1 / module.momentum
                found[f"param/{name}/0"] = module.running_mean * rest
                found[f"param/{name}/1"] = module.running_var * rest
                found[f"param/{name}/2"] = torch.tensor([rest])
            continue
        for index, values in enumerate(module.parameters()):
            found[f"{'grad' if gradients else 'param'}/{name}/{index}"] = (
                values.grad if gradients else values)
    return {key: values.detach().numpy() for key, values in found.items()}


def ours(net: Any, draws: list[Arrays], phase: int, folder: Path,
         run_caffe: Callable[..., Any] | None) -> list[Arrays]:
    """What real Caffe makes of the net from each of the draws, or our engine if it is None."""
    (folder / "net.prototxt").write_text(dumps(net))
    jobs = []
    for number, arrays in enumerate(draws):
        np.savez(folder / f"in{number}.npz", **arrays)
        jobs.append({"net": str(folder / "net.prototxt"), "phase": phase,
                     "arrays": str(folder / f"in{number}.npz"),
                     "out": str(folder / f"out{number}.npz")})
    if run_caffe is None:
        for job in jobs:
            logits_driver.run(embedded, job)
    else:
        (folder / "jobs.json").write_text(json.dumps(jobs))
        run_caffe(Path(logits_driver.__file__), "caffe", folder / "jobs.json")
    return [dict(np.load(job["out"])) for job in jobs]


def built(pair: Pair, counts: tuple[int, ...], size: int, batch: int) -> Any:
    """Our network for a batch, without the dropout."""
    net = find_network("inception_resnet_v2")(
        **pair.options, blocks=counts, crop_size=size, num_classes=CLASSES).to_proto()
    net.layer[0].input_param.shape[0].dim[0] = batch
    kept = [layer for layer in net.layer if layer.type != "Dropout"]
    return caffe_pb2.NetParameter(layer=kept)


def image(batch: int, size: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))


def assert_same_logits(name: str, counts: tuple[int, ...], size: int, folder: Path,
                       run_caffe: Callable[..., Any] | None) -> None:
    pair = PAIRS[name]
    net, model, images = built(pair, counts, size, 1), drawn(pair, counts, size), image(1, size)
    with torch.no_grad():
        wanted = model.eval()(images)
    [found] = ours(net, [{"data/data": images.numpy(), **parameters(net, model)}],
                   caffe_pb2.TEST, folder, run_caffe)
    assert len(found) == len(wanted)
    for theirs, mine in zip(wanted, found.values(), strict=True):
        assert np.ptp(theirs.numpy()) > 0.1  # the image is told
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=0,
                                   atol=1e-4 * max(1, float(theirs.abs().max())))


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("engine", ["caffe", "ours"])
def test_same_logits_from_the_same_weights(
    name: str, engine: str, run_caffe: Callable[..., Any], tmp_path: Path
) -> None:
    counts = (2, 2, 2)
    assert_same_logits(name, counts, 107, tmp_path, run_caffe if engine == "caffe" else None)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "counts"), [
    ("trained", (5, 10, 5)), ("printed", (5, 10, 5)), ("slim", (10, 20, 10))])
def test_same_logits_at_full_size(
    name: str, counts: tuple[int, ...], run_caffe: Callable[..., Any], tmp_path: Path
) -> None:
    assert_same_logits(name, counts, 299, tmp_path, run_caffe)


# Training.


def with_losses(net: Any) -> Any:
    """With labels and a loss on each classifier."""
    label = caffe_pb2.LayerParameter(name="label", type="Input", top=["label"])
    label.input_param.shape.add(dim=[net.layer[0].input_param.shape[0].dim[0]])
    *aux, main = layers(net, "InnerProduct")
    for layer, weight in [*((one, WEIGHT) for one in aux), (main, 1.0)]:
        net.layer.add(name=f"loss_{layer.name}", type="SoftmaxWithLoss", loss_weight=[weight],
                      bottom=[layer.top[0], "label"], top=[f"loss_{layer.name}"])
    return caffe_pb2.NetParameter(layer=[label, *net.layer])


def distances(mine: Arrays, theirs: Arrays) -> Arrays:
    """How far arrays are from theirs, as a share of their length; of one that vanishes beside the
    others, such as a shift's before batch norm, as a share of a thousandth of the longest."""
    lengths = {key: np.linalg.norm(values) for key, values in theirs.items()}
    least = 1e-3 * max(lengths.values())
    return {key: np.linalg.norm(mine[key] - values) / max(lengths[key], least)
            for key, values in theirs.items()}


LABELS = torch.tensor([1, 2])


def twin_trains(model: nn.Module, images: torch.Tensor) -> list[float]:
    """The losses of a step of the twin in double precision, without dropout."""
    model = model.train().double()
    model.dropout = nn.Identity()
    losses = [nn.functional.cross_entropy(values, LABELS) for values in model(images.double())]
    weights = [*[WEIGHT] * (len(losses) - 1), 1.0]
    sum(loss * weight for loss, weight in zip(losses, weights, strict=True)).backward()
    return [loss.item() for loss in losses]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("engine", ["caffe", "ours"])
def test_same_gradients_and_statistics_in_training(
    name: str, engine: str, run_caffe: Callable[..., Any], tmp_path: Path
) -> None:
    """For several images, the best of each gradient: where two values are as good as equal, ReLU
    and pooling choose the other one in single precision now and then, and one such choice in the
    last blocks moves all gradients below by up to some percent."""
    pair, counts, size = PAIRS[name], (1, 1, 2), 107
    net, far, draws = built(pair, counts, size, len(LABELS)), [], []
    for seed in range(5):
        draws.append({"data/data": image(len(LABELS), size, seed).numpy(),
                      "data/label": LABELS.numpy(), **parameters(net, drawn(pair, counts, size))})
    found = ours(with_losses(net), draws, caffe_pb2.TRAIN, tmp_path,
                 run_caffe if engine == "caffe" else None)
    for start, mine in zip(draws, found, strict=True):
        model = drawn(pair, counts, size)
        losses = twin_trains(model, torch.from_numpy(start["data/data"]))
        assert [float(mine[f"data/loss_{layer.name}"]) for layer in layers(net, "InnerProduct")
                ] == pytest.approx(losses, abs=1e-4)
        far.append(distances(mine, parameters(net, model, gradients=True)))
        after = {key: values for key, values in parameters(net, model).items()
                 if key.startswith("param/bn") and not key.endswith("/2")}
        assert max(distances(mine, after).values()) < 1e-4
    best = {key: min(one[key] for one in far) for key in far[0]}
    assert len(best) > 100
    assert {key: one for key, one in best.items() if not one < 1e-3} == {}
