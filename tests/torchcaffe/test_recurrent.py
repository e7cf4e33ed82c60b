"""LSTM, RNN and LSTMUnit against real Caffe: tops, all diffs, and the state between passes."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from against import Numbers, assert_near, by_caffe, by_us
from layer_cases import TEST, TRAIN, Arrays, Case, extras, net_text, normal

from netbuilder import graph
from netbuilder.proto import caffe_pb2, text

TOLERANCE = 1e-5

pytestmark = pytest.mark.torch


def marks(random: Random, kind: str, steps: int, streams: int) -> np.ndarray:
    """Which steps go on with a sequence: 1, and which begin one: 0."""
    drawn = {
        "go on": np.ones, "begin at once": np.ones, "never go on": np.zeros,
        "begin anywhere": lambda shape: np.random.default_rng(
            random.getrandbits(32)).integers(0, 2, shape),
        "go on in part": lambda shape: np.random.default_rng(
            random.getrandbits(32)).uniform(0.2, 1.5, shape),
    }[kind]((steps, streams)).astype(np.float32)
    if kind == "begin at once":
        drawn[0] = 0
    return drawn


KINDS = ("go on", "begin at once", "never go on", "begin anywhere", "go on in part")


def recurrent(type_name: str, random: Random, static: bool, exposed: bool, kind: str
              ) -> tuple[Arrays, str]:
    """The bottoms and the layer, of drawn sizes."""
    steps, streams = random.choice((1, 2, 3, 5, 8)), random.choice((1, 2, 4))
    units = random.choice((1, 3, 6))
    inner = random.choice(((4,), (1,), (2, 3), (2, 1, 2)))
    arrays = {"x": normal(random, steps, streams, *inner),
              "cont": marks(random, kind, steps, streams)}
    if static:
        arrays["fixed"] = normal(random, streams, *random.choice(((3,), (2, 2))))
    states = {"LSTM": ["h", "c"], "RNN": ["h"]}[type_name] if exposed else []
    arrays.update((f"{state}_first", normal(random, 1, streams, units)) for state in states)
    bottoms = " ".join(f'bottom: "{name}"' for name in arrays)
    tops = " ".join(f'top: "{name}"' for name in ["top", *(f"{s}_last" for s in states)])
    return arrays, (f'layer {{ name: "layer" type: "{type_name}" {bottoms} {tops} '
                    f"recurrent_param {{ num_output: {units} "
                    f"expose_hidden: {str(exposed).lower()} }} }}")


def unit(random: Random, kind: str) -> tuple[Arrays, str]:
    streams, units = random.choice((1, 2, 5)), random.choice((1, 4))
    return ({"cell": normal(random, 1, streams, units),
             "gates": normal(random, 1, streams, 4 * units),
             "cont": marks(random, kind, 1, streams)},
            'layer { name: "layer" type: "LSTMUnit" bottom: "cell" bottom: "gates" '
            'bottom: "cont" top: "c" top: "h" }')


def case(name: str, arrays: Arrays, layer: str, random: Random, passes: int) -> Case:
    net = net_text(arrays, layer, force=True)
    resolved = graph.resolve(text.parse(net, caffe_pb2.NetParameter()))
    drawn = {**{f"data/{key}": array for key, array in arrays.items()}, **extras(resolved, random)}
    return Case(name, net, drawn, random.choice((TRAIN, TEST)), passes)


def all_cases() -> dict[str, Case]:
    random, found = Random(41), {}
    for type_name in ("LSTM", "RNN"):
        for index in range(40):
            static, exposed = index % 2 == 1, index % 4 > 1
            kind = KINDS[index % len(KINDS)]
            name = f"{type_name}_{index}"
            found[name] = case(name, *recurrent(type_name, random, static, exposed, kind), random,
                               passes=1 + index % 3)
    for type_name in ("LSTM", "RNN"):
        arrays = {"x": normal(random, 40, 8, 24), "cont": marks(random, KINDS[3], 40, 8)}
        layer = (f'layer {{ name: "layer" type: "{type_name}" bottom: "x" bottom: "cont" '
                 'top: "top" recurrent_param { num_output: 32 } }')
        long = case(f"{type_name}_long", arrays, layer, random, 2)
        for name, values in long.arrays.items():  # large weights make chaos of so many steps
            if name.startswith("param"):
                np.multiply(values, 0.15, out=values)
        found[long.name] = long
    for index in range(10):
        name = f"LSTMUnit_{index}"
        found[name] = case(name, *unit(random, KINDS[index % len(KINDS)]), random, 1 + index % 2)
    return found


CASES = all_cases()


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    return by_caffe(run_caffe, CASES, tmp_path_factory.mktemp("recurrent"))


@pytest.mark.caffe
@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected, tmp_path):
    assert_near(by_us(CASES[name], tmp_path), expected[name], TOLERANCE, CASES[name])
