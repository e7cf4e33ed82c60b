"""Every layer type's rule against real Caffe: same shapes, same parameter blobs, same refusals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import grid
import pytest

from netbuilder.errors import NetbuilderError
from netbuilder.graph import resolve
from netbuilder.layer import layer_types
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps

JUDGE = Path(__file__).parent.with_name("caffe_judge.py")
FEW, MANY = 8, 25  # nets per type; many for those with many options
RICH = {"BatchNorm", "Convolution", "Crop", "Deconvolution", "Im2col", "LSTM", "Pooling", "RNN",
        "Reshape", "SPP", "Scale", "Slice", "SoftmaxWithLoss"}
NOT_IN_GRID = {
    "Data": "needs a database; tests/data",
    "HDF5Data": "needs a file; tests/data",
    "HDF5Output": "writes a file when it is loaded",
    "ImageData": "needs images; tests/data",
    "Python": "its module decides",
    "WindowData": "needs images",
}


def test_every_layer_type_has_a_row() -> None:
    stock = {name for name, cls in layer_types().items() if not cls.fork}
    assert set(grid.CASES) | set(NOT_IN_GRID) == stock
    assert not set(grid.CASES) & set(NOT_IN_GRID)


def ours(net: Any) -> dict:
    """What the judge says, from our rules."""
    try:
        graph = resolve(net, caffe_pb2.TRAIN)
    except NetbuilderError as error:
        return {"refused": str(error)}
    return {
        "blobs": {name: list(shape) for name, shape in graph.blobs.items()},
        "params": {layer.name: [list(blob.shape) for blob in layer.blobs]
                   for layer in graph.layers if layer.blobs},
    }


@pytest.mark.caffe
def test_real_caffe_agrees(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    """One test for all types: Caffe's process is started once."""
    nets = [(name, net) for name in grid.CASES
            for net in grid.cases(name, MANY if name in RICH else FEW)]
    path = tmp_path / "nets.json"
    path.write_text(json.dumps([[dumps(net), caffe_pb2.TRAIN] for _, net in nets]))
    differing, accepted = [], Counter()
    for (name, net), answer in zip(nets, run_caffe(JUDGE, path), strict=True):
        accepted[name] += "refused" not in answer
        if not agrees(answer, ours(net)):
            differing.append(f"{dumps(net)}Caffe: {answer}\nours: {ours(net)}\n")
    shown = "\n".join(differing[:5])
    assert not differing, f"{len(differing)} of {len(nets)} nets differ:\n{shown}"
    refused = [name for name in grid.CASES if not accepted[name]]
    assert not refused, f"every net was refused, which shows nothing: {refused}"


def agrees(answer: dict, mine: dict) -> bool:
    """True if both refuse, or both see the same shapes."""
    if "refused" in answer or "refused" in mine:
        return "refused" in answer and "refused" in mine
    return mine == {"blobs": answer["blobs"], "params": answer["params"]}


@pytest.mark.parametrize("type_name", grid.CASES)
def test_impossible_sizes_are_refused_in_words(type_name: str) -> None:
    """Empty, huge and negative dimensions end in a graph or in one of our errors."""
    random = Random(type_name)
    for net in grid.cases(type_name, 40):
        for layer in net.layer:
            for shape in layer.dummy_data_param.shape:
                for index in range(len(shape.dim)):
                    if random.random() < 0.4:
                        shape.dim[index] = random.choice((0, 0, -1, 2**31 - 1, 2**31, 2**40))
        ours(net)
