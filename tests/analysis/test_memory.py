"""Memory: by hand where it is small, and against what real Caffe logs."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
from random_nets import random_net

from netbuilder.analysis.memory import MEMORY, Memory, memory
from netbuilder.graph import Graph, resolve
from netbuilder.nets import find_network
from netbuilder.nets.resnet import resnet
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse

TRAIN, TEST = caffe_pb2.TRAIN, caffe_pb2.TEST


def inputs(name: str, *dims: int) -> str:
    return (f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
            f"dim: [{', '.join(map(str, dims))}] }} }} }}")


def layer(kind: str, bottom: str, top: str, rest: str = "") -> str:
    names = [f'bottom: "{name}"' for name in bottom.split()]
    names += [f'top: "{name}"' for name in top.split()]
    return f'layer {{ name: "{kind}_{top}" type: "{kind}" {" ".join(names)} {rest} }}'


def conv(bottom: str, top: str, outputs: int) -> str:
    fields = f'num_output: {outputs} kernel_size: 1 weight_filler {{ type: "xavier" }}'
    return layer("Convolution", bottom, top, f"convolution_param {{ {fields} }}")


def net(*lines: str) -> Any:
    return parse("\n".join(lines), caffe_pb2.NetParameter())


def of(*lines: str, phase: int = TEST) -> Memory:
    return memory(resolve(net(*lines), phase))


# Each layer alive with what it reads and writes; 24 = 1x2x3x4 values.
DATA = inputs("data", 1, 2, 3, 4)  # 96 bytes
CHAIN = (DATA, conv("data", "a", 4), layer("ReLU", "a", "a"), conv("a", "b", 1),
         layer("Pooling", "b", "c", "pooling_param { pool: AVE global_pooling: true }"))


def test_a_blob_is_alive_from_its_maker_to_its_last_reader() -> None:
    result = of(*CHAIN)
    assert result.alive == (96, 96 + 192, 192, 192 + 48, 48 + 4)
    assert (result.test_bytes, result.peak) == (288, "Convolution_a")
    assert result.train_bytes == 2 * (96 + 192 + 48 + 4)
    assert result.logged_bytes == 96 + 192 + 192 + 48 + 4  # in place twice
    assert result.weight_bytes == 4 * (4 * 2 + 4 + 1 * 4 + 1)
    assert result.figures == {name: getattr(result, name) for name in MEMORY}


def test_a_shortcut_keeps_its_blob_and_an_output_lives_to_the_end() -> None:
    result = of(DATA, conv("data", "a", 2), conv("data", "out", 1), conv("a", "b", 2),
                layer("Eltwise", "a b", "sum"))
    assert result.alive == (96, 192, 96 + 96 + 48, 96 + 96 + 48, 3 * 96 + 48)
    # data and a are taken twice, so Caffe copies each to two.
    assert result.logged_bytes == 96 * 4 + 48 + 4 * 96


@pytest.mark.parametrize("kind, rest", [("Flatten", ""), ("Split", ""), ("Concat", ""),
                                        ("Slice", ""),
                                        ("Reshape", "reshape_param { shape { dim: -1 } }")])
def test_another_name_of_the_same_memory_takes_none(kind: str, rest: str) -> None:
    result = of(DATA, layer(kind, "data", "flat", rest), layer("TanH", "flat", "out"))
    assert result.alive == (96, 96, 192)
    assert result.train_bytes == 2 * 192
    assert result.logged_bytes == 3 * 96


@pytest.mark.parametrize(("outputs", "largest"), [(1, 96), (4, 192)])
def test_a_blob_that_changes_shape_in_place_has_the_memory_of_the_largest(
        outputs: int, largest: int) -> None:
    assert of(DATA, conv("data", "data", outputs)).train_bytes == 2 * largest


def test_shared_weights_count_once() -> None:
    fields = 'param { name: "w" } inner_product_param { num_output: 5 bias_term: false }'
    result = of(DATA, layer("InnerProduct", "data", "a", fields),
                layer("InnerProduct", "data", "b", fields))
    assert result.weight_bytes == 4 * 5 * 24


def test_a_net_without_layers_needs_nothing() -> None:
    assert of() == Memory(0, 0, 0, 0, "", ())


# By brute force: blobs are made, and freed as soon as nobody below wants them.


def shares(layer: Any) -> bool:
    """Caffe's ShareData: the top is the bottom's memory."""
    alone = {"Concat": len(layer.bottoms), "Slice": len(layer.tops)}.get(layer.type)
    return layer.type in ("Split", "Flatten", "Reshape") or alone == 1


def outputs(graph: Graph) -> set[str]:
    """Names whose last version nobody takes, or that are losses; a loss without a name too."""
    left, losses = set[str](), set[str]()
    for position, each in enumerate(graph.layers):
        left -= set(each.bottoms)
        left |= {*each.tops, f"{position} (automatic)"}
        losses -= set(each.tops)
        losses |= {top for top, weight in zip(each.tops, each.message.loss_weight, strict=False)
                   if weight}
    return left | losses


def simulated(graph: Graph) -> tuple[list[int], int]:
    """Bytes alive while each layer runs, and bytes ever made."""
    alive: dict[str, int] = {}  # the first name of a piece of memory -> its bytes
    first: dict[str, str] = {}  # name -> the first name of its memory
    wanted, seen, made = outputs(graph), [], 0
    for position, each in enumerate(graph.layers):
        for index, shape in enumerate(each.top_shapes):
            name = each.tops[index] if index < len(each.tops) else f"{position} (automatic)"
            if shares(each):
                first[name] = first[each.bottoms[0]]
            elif name not in first:
                first[name] = name
                alive[name] = 4 * prod(shape)
                made += alive[name]
        seen.append(sum(alive.values()))
        below = wanted.union(*(later.bottoms for later in graph.layers[position + 1:]))
        for piece in list(alive):
            if not below & {name for name, where in first.items() if where == piece}:
                del alive[piece]
    return seen, made


@pytest.mark.parametrize("seed", range(150))
def test_live_memory_by_brute_force(seed: int) -> None:
    graph = resolve(random_net(seed), TEST)
    alive, made = simulated(graph)
    result = memory(graph)
    assert list(result.alive) == alive
    assert result.test_bytes == max(alive)
    assert result.train_bytes == 2 * made


# Against real Caffe.

LABEL = inputs("label", 1)
FC = 'inner_product_param { num_output: 5 weight_filler { type: "xavier" } }'
WRITTEN = {
    "chain": CHAIN,
    "label of two": (DATA, LABEL, layer("InnerProduct", "data", "fc", FC),
                     layer("SoftmaxWithLoss", "fc label", "loss"),
                     layer("Accuracy", "fc label", "accuracy")),
    "a loss nobody named": (DATA, LABEL, layer("InnerProduct", "data", "fc", FC),
                            layer("SoftmaxWithLoss", "fc label", ""),
                            layer("Softmax", "fc", "p")),
    "a top that is a loss and taken": (
        DATA, layer("InnerProduct", "data", "fc", FC + " loss_weight: 2"),
        layer("ReLU", "fc", "out")),
    "a loss weight of 0 is no use": (
        DATA, layer("InnerProduct", "data", "fc", FC + " loss_weight: 0"),
        layer("ReLU", "fc", "out")),
    "in place, then taken twice": (
        DATA, conv("data", "a", 4), layer("ReLU", "a", "a"), conv("a", "b", 4),
        layer("Eltwise", "a b", "sum"), layer("ReLU", "sum", "sum")),
    "one bottom twice": (DATA, layer("Eltwise", "data data", "sum")),
    "several tops": (inputs("data", 2, 6, 3, 3), layer("Slice", "data", "a b c"),
                     layer("Concat", "a c b", "d"), layer("Concat", "b a", "e"),
                     layer("Pooling", "d", "p m", "pooling_param { kernel_size: 2 }")),
    "views": (DATA, layer("Flatten", "data", "f"), layer("Split", "f", "g h"),
              layer("Reshape", "g", "r", "reshape_param { shape { dim: 0 dim: 4 dim: -1 } }")),
    "recurrent": (inputs("x", 5, 2, 6), inputs("marks", 5, 2),
                  layer("LSTM", "x marks", "h", "recurrent_param { num_output: 4 weight_filler "
                        '{ type: "xavier" } }'), layer("Silence", "h", "")),
    "sources": (
        layer("DummyData", "", "x y", "dummy_data_param { shape { dim: [4, 3, 5, 5] } "
              "shape { dim: 4 } }"),
        layer("MemoryData", "", "m l", "memory_data_param { batch_size: 2 channels: 3 height: 4 "
              "width: 5 }"),
        layer("Parameter", "", "p", "parameter_param { shape { dim: [1, 3, 5, 5] } }"),
        layer("Pooling", "x", "q", "pooling_param { global_pooling: true }")),
    "shared weights": (DATA, layer("InnerProduct", "data", "a", "param { name: 'w' }" + FC),
                       layer("InnerProduct", "data", "b", "param { name: 'w' }" + FC)),
    "exposed states": (
        inputs("x", 5, 2, 6), inputs("marks", 5, 2), inputs("still", 2, 3), inputs("h", 1, 2, 4),
        inputs("c", 1, 2, 4), layer("LSTM", "x marks still h c", "out hT cT", "recurrent_param "
                                    "{ num_output: 4 expose_hidden: true weight_filler "
                                    '{ type: "xavier" } }')),
    "pyramid, picked and filtered": (
        DATA, inputs("which", 7), layer("BatchReindex", "data which", "picked"),
        layer("SPP", "picked", "spp", "spp_param { pyramid_height: 2 }"),
        layer("Filter", "spp picked which", "f g")),
    "phases": (DATA, conv("data", "a", 4),
               layer("Dropout", "a", "a", "include { phase: TRAIN }"), conv("a", "b", 4)),
}


def built() -> list[tuple[Any, int]]:
    """Whole networks of ours, small where they can be."""
    cifar = find_network("resnet_cifar10").function(n=2)
    return [(each.to_proto(), phase) for each in (cifar, resnet(blocks=(1, 1, 1, 1)))
            for phase in (TRAIN, TEST)]


@pytest.mark.caffe
def test_what_real_caffe_logs(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    nets = [(net(*lines), phase) for lines in WRITTEN.values() for phase in (TRAIN, TEST)]
    nets += built() + [(random_net(seed), TRAIN) for seed in range(60)]
    path = tmp_path / "nets.json"
    path.write_text(json.dumps([[dumps(each), phase] for each, phase in nets]))
    script = Path(__file__).with_name("caffe_memory.py")
    theirs = run_caffe(script, path, env={"GLOG_minloglevel": "0"})
    assert [memory(resolve(each, phase)).logged_bytes for each, phase in nets] == theirs
