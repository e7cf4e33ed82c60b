"""Layers in place on one blob, one after the other: backward Caffe reads what the last one left."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from in_place_cases import case, convolved, loss
from layer_cases import TEST, TRAIN, Case

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


def chains(number: int) -> Iterator[Case]:
    """So many convolutions, each under a layer with a top of its own or not, and one to three more
    in place."""
    for name in map("chain{}".format, range(number)):
        random = Random(name)
        kinds = random.choices(list(KINDS), k=random.randint(2, 4))
        top = "y" if random.random() < 0.6 else "z"
        layers = [_neuron(place, kind, top if place else "y", top)
                  for place, kind in enumerate(kinds)]
        yield case(name, convolved("y") + "".join(layers) + loss(top), random,
                   random.choice((TRAIN, TRAIN, TEST)))


def _neuron(place: int, kind: str, bottom: str, top: str) -> str:
    return (f'layer {{ name: "it{place}" type: "{kind.partition(",")[0]}" bottom: "{bottom}" '
            f'top: "{top}" {KINDS[kind]} }}\n')
