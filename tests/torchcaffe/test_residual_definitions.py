"""Residual networks, defined a second time in plain PyTorch: equal logits from equal weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from against import by_caffe, by_us
from layer_cases import TEST, Case

from netbuilder.graph import Graph, resolve
from netbuilder.nets import find_network
from netbuilder.proto.text import dumps

pytestmark = pytest.mark.torch



class At(NamedTuple):
    """Where a block is: its name and stride, first of all, with a projection."""

    name: str
    stride: int
    first: bool
    project: bool


Definition = Callable[["Given", torch.Tensor, At], torch.Tensor]
NETS: dict[str, tuple[Definition, dict[str, Any]]] = {}


class Given:
    """The layers of a net by what their names end in, with given weights."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def of(self, layer: str, index: int) -> torch.Tensor | None:
        return self.arrays.get(f"param/{layer}/{index}")

    def conv(self, x: torch.Tensor, name: str, stride: int = 1, pad: int = 0, groups: int = 1
             ) -> torch.Tensor:
        name = f"conv_{name}"
        return F.conv2d(x, self.of(name, 0), self.of(name, 1), stride, pad, groups=groups)

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance, count = (self.of(f"bn_{name}", index) for index in range(3))
        return F.batch_norm(x, mean / count, variance / count, self.of(f"scale_{name}", 0),
                            self.of(f"scale_{name}", 1), eps=1e-5)

    def active(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.relu(self.norm(x, name))

    def dense(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self.of(name, 0), self.of(name, 1))


def network(**options: Any) -> Callable[[Definition], Definition]:
    """Decorator: the block of a net of ``resnet`` with these options."""

    def kept(block: Definition) -> Definition:
        NETS[options["main_branch"]] = block, {
            "blocks": (2, 2), "num_classes": 7, "crop_size": 48, **options}
        return block

    return kept


@network(main_branch="preact_bottleneck", num_output_stage1=16)
def pre_activation(given: Given, x: torch.Tensor, at: At) -> torch.Tensor:
    name = at.name
    active = x if at.first else given.active(x, f"{name}_preact")
    y = given.active(given.conv(active, f"{name}_branch2a", at.stride), f"{name}_branch2a")
    y = given.active(given.conv(y, f"{name}_branch2b", pad=1), f"{name}_branch2b")
    y = given.conv(y, f"{name}_branch2c")
    return y + (given.conv(active, f"{name}_proj_shortcut", at.stride) if at.project else x)


@network(main_branch="preact_normal", num_output_stage1=64)
@network(main_branch="wide_normal", num_output_stage1=64)
def wide(given: Given, x: torch.Tensor, at: At) -> torch.Tensor:
    name = at.name
    active = x if at.first else given.active(x, f"{name}_preact")
    y = given.active(given.conv(active, f"{name}_branch2a", at.stride, pad=1), f"{name}_branch2a")
    y = given.conv(y, f"{name}_branch2b", pad=1)
    return y + (given.conv(active, f"{name}_proj_shortcut", at.stride) if at.project else x)


@network(main_branch="resnext_bottleneck", num_output_stage1=128)
def resnext(given: Given, x: torch.Tensor, at: At) -> torch.Tensor:
    name = at.name
    y = given.active(given.conv(x, f"{name}_branch2a"), f"{name}_branch2a")
    y = given.active(given.conv(y, f"{name}_branch2b", at.stride, pad=1, groups=32),
                     f"{name}_branch2b")
    y = given.norm(given.conv(y, f"{name}_branch2c"), f"{name}_branch2c")
    return F.relu(y + straight(given, x, at))


@network(main_branch="se_bottleneck", num_output_stage1=32)
def gated(given: Given, x: torch.Tensor, at: At) -> torch.Tensor:
    name = at.name
    y = given.active(given.conv(x, f"{name}_branch2a", at.stride), f"{name}_branch2a")
    y = given.active(given.conv(y, f"{name}_branch2b", pad=1), f"{name}_branch2b")
    y = given.norm(given.conv(y, f"{name}_branch2c"), f"{name}_branch2c")
    squeezed = F.relu(given.dense(y.mean((2, 3)), f"fc_{name}_squeeze"))
    y = y * torch.sigmoid(given.dense(squeezed, f"fc_{name}_excite"))[:, :, None, None]
    return F.relu(y + straight(given, x, at))


def straight(given: Given, x: torch.Tensor, at: At) -> torch.Tensor:
    name = f"{at.name}_proj_shortcut"
    return given.norm(given.conv(x, name, at.stride), name) if at.project else x


def logits(given: Given, block: Definition, images: np.ndarray) -> np.ndarray:
    """Stem, two stages of two blocks, batch norm at the end of pre-activation, average, classes."""
    x = given.active(given.conv(torch.from_numpy(images), "1", 2, 3), "1")
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    for stage in range(2):
        for number in range(2):
            name = f"stage{stage}_block{number}"
            project = given.of(f"conv_{name}_proj_shortcut", 0) is not None
            x = block(given, x, At(name, 2 if stage and not number else 1,
                                   not stage and not number, project))
    if given.of("bn_last", 0) is not None:
        x = given.active(x, "last")
    return given.dense(x.mean((2, 3)), "fc7").numpy()


def weights(graph: Graph) -> dict[str, np.ndarray]:
    """Values for every parameter that keep the maps about as large as they are."""
    random = np.random.default_rng(5)
    found = {}
    for layer in graph.layers:
        for index, blob in enumerate(layer.blobs):
            values = random.normal(size=blob.shape) * 0.5
            if layer.type in {"Convolution", "InnerProduct"} and index == 0:
                values *= 2 / np.sqrt(np.prod(blob.shape[1:]))
            if layer.type == "BatchNorm":
                values = [values, np.abs(values) + 2, np.array([2.0])][index]
            found[f"param/{layer.name}/{index}"] = values.astype(np.float32)
    return found


@pytest.mark.caffe
def test_equal_logits(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    images = np.random.default_rng(6).normal(size=(2, 3, 48, 48)).astype(np.float32)
    cases, wanted = {}, {}
    for name, (block, options) in NETS.items():
        net = find_network("resnet")(**options).to_proto()
        net.layer[0].input_param.shape[0].dim[0] = len(images)
        arrays = weights(resolve(net))
        cases[name] = Case(name, dumps(net), {"data/data": images, **arrays}, TEST)
        with torch.no_grad():
            wanted[name] = logits(Given(arrays), block, images)
    theirs = by_caffe(run_caffe, cases, tmp_path)
    for name, case in cases.items():
        (tmp_path / f"our {name}").mkdir()
        assert wanted[name].std() > 0.1
        for found in (theirs[name], by_us(case, tmp_path / f"our {name}")):
            np.testing.assert_allclose(found["data/fc7"], wanted[name], rtol=1e-4, atol=1e-4)
