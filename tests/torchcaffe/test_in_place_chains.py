"""Layers in place on one blob, one after the other: backward Caffe reads what the last one left."""

from __future__ import annotations

from random import Random

import pytest
from against import Numbers, assert_near_by_kind, by_caffe, by_us, grads_by_the_fast_gait
from layer_cases import TEST, TRAIN, Arrays, Case, extras, net_text, normal

from netbuilder import graph
from netbuilder.proto import caffe_pb2, text

pytestmark = [pytest.mark.caffe, pytest.mark.torch]

KINDS = {
    "BNLL": "",
    "Clip": "clip_param { min: -0.4 max: 0.6 }",
    "ELU": "elu_param { alpha: 0.7 }",
    "ELU, falling": "elu_param { alpha: -0.3 }",
    "Exp": "exp_param { base: 2 scale: 0.4 }",
    "Log": "log_param { scale: 0.1 shift: 9 }",
    "Power": "power_param { power: 2 scale: 0.5 shift: 0.3 }",
    "Power, cubic": "power_param { power: 3 scale: 0.1 shift: 2 }",
    "Power, linear": "power_param { scale: -0.5 }",
    "PReLU": "",
    "ReLU": "",
    "ReLU, leaky": "relu_param { negative_slope: 0.2 }",
    "ReLU, folding": "relu_param { negative_slope: -0.2 }",
    "Sigmoid": "",
    "TanH": "",
    "Dropout": "dropout_param { dropout_ratio: 0 }",
    "BatchNorm": "",
    "Bias": "",
    "Scale": "",
}


def layer(kind: str, number: int, bottom: str, top: str) -> str:
    return (f'layer {{ name: "it{number}" type: "{kind.partition(",")[0]}" bottom: "{bottom}" '
            f'top: "{top}" {KINDS[kind]} }}\n')


def chain(seed: str) -> Case:
    """A convolution, a layer with a top of its own or not, and one to three more in place."""
    random = Random(seed)
    kinds = random.choices(list(KINDS), k=random.randint(2, 4))
    first = "y" if random.random() < 0.6 else "z"
    layers = ('layer { name: "conv" type: "Convolution" bottom: "x" top: "y" '
              "convolution_param { num_output: 4 kernel_size: 2 } }\n")
    layers += layer(kinds[0], 0, "y", first)
    layers += "".join(layer(kind, number, first, first)
                      for number, kind in enumerate(kinds[1:], 1))
    layers += ('layer { name: "loss" type: "EuclideanLoss" bottom: "' + first
               + '" bottom: "wanted" top: "loss" }\n')
    arrays: Arrays = {"x": normal(random, 3, 2, 4, 5), "wanted": normal(random, 3, 4, 3, 4)}
    net = net_text(arrays, layers, force=False)
    phase = random.choice((TRAIN, TRAIN, TEST))
    resolved = graph.resolve(text.parse(net, caffe_pb2.NetParameter()), phase)
    params = {place: values for place, values in extras(resolved, random).items()
              if place.startswith("param/")}
    return Case(seed, net, {**{f"data/{k}": v for k, v in arrays.items()}, **params}, phase)


CASES = {f"chain{number}": chain(f"chain{number}") for number in range(120)}


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    return by_caffe(run_caffe, CASES, tmp_path_factory.mktemp("chains"))


@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected, tmp_path):
    ours = by_us(CASES[name], tmp_path)
    assert list(ours) == list(expected[name])
    assert_near_by_kind(ours, expected[name], CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_the_fast_gait_gives_the_same_gradients(name, expected):
    assert_near_by_kind(grads_by_the_fast_gait(CASES[name]), expected[name], CASES[name])
