"""Seeded nets in which layers write over what others, or they themselves, read again.

Every blob but the inputs is 3x4x3x4, so that any layer can work in place on any. ``KINDS`` says
of a layer its fields and what other bottoms it takes: a blob of the net ("o"), or an input.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

import numpy as np
from layer_cases import TEST, TRAIN, Arrays, Case, extras, net_text, normal

from netbuilder import graph
from netbuilder.errors import GraphError, ShapeError
from netbuilder.proto import caffe_pb2, text

SHAPE = (3, 4, 3, 4)
KINDS: dict[str, tuple[str, str]] = {
    "AbsVal": ("", ""),
    "BNLL": ("", ""),
    "BatchNorm": ("", ""),
    "BatchReindex": ("", "index"),
    "Bias": ("", ""),
    "Bias, two": ("bias_param { axis: 0 }", "o"),
    "Clip": ("clip_param { min: -0.4 max: 0.6 }", ""),
    "Concat": ("", ""),
    "Convolution": ("convolution_param { num_output: 4 kernel_size: 3 pad: 1 }", ""),
    "Convolution, 1x1": ("convolution_param { num_output: 4 kernel_size: 1 }", ""),
    "Convolution, groups": (
        "convolution_param { num_output: 4 kernel_size: 3 pad: 1 group: 2 bias_term: false }", ""),
    "Crop": ("crop_param { axis: 2 }", "o"),
    "Deconvolution": ("convolution_param { num_output: 4 kernel_size: 3 pad: 1 }", ""),
    "Deconvolution, 1x1": ("convolution_param { num_output: 4 kernel_size: 1 }", ""),
    "Dropout": ("dropout_param { dropout_ratio: 0 }", ""),
    "ELU": ("elu_param { alpha: 0.7 }", ""),
    "Eltwise": ("eltwise_param { coeff: 2 coeff: -0.5 }", "o"),
    "Eltwise, max": ("eltwise_param { operation: MAX }", "o"),
    "Eltwise, max of three": ("eltwise_param { operation: MAX }", "oo"),
    "Eltwise, product": ("eltwise_param { operation: PROD }", "o"),
    "Eltwise, product of three": ("eltwise_param { operation: PROD }", "oo"),
    "Eltwise, quotient": ("eltwise_param { operation: PROD stable_prod_grad: false }", "o"),
    "Eltwise, three": ("", "oo"),
    "Exp": ("exp_param { base: 2 scale: 0.4 }", ""),
    "Filter": ("", "ones"),
    "Flatten": ("flatten_param { axis: 3 }", ""),
    "Im2col": ("convolution_param { kernel_size: 1 }", ""),
    "InnerProduct": ("inner_product_param { num_output: 4 axis: 3 }", ""),
    "LRN": ("lrn_param { local_size: 3 alpha: 0.7 beta: 0.6 }", ""),
    "LRN, within": (
        "lrn_param { local_size: 3 alpha: 0.7 beta: 0.6 norm_region: WITHIN_CHANNEL }", ""),
    "Log": ("log_param { scale: 0.05 shift: 9 }", ""),
    "MVN": ("", ""),
    "MVN, across": ("mvn_param { across_channels: true eps: 0.1 }", ""),
    "MVN, mean": ("mvn_param { normalize_variance: false }", ""),
    "PReLU": ("", ""),
    "Pooling, average": ("pooling_param { pool: AVE kernel_size: 3 stride: 1 pad: 1 }", ""),
    "Power": ("power_param { power: 2 scale: 0.5 shift: 0.3 }", ""),
    "Power, cubic": ("power_param { power: 3 scale: 0.1 shift: 2 }", ""),
    "Power, linear": ("power_param { scale: -0.5 }", ""),
    "Power, mirrored": ("power_param { scale: -1 shift: 3 }", ""),
    "ReLU": ("", ""),
    "ReLU, leaky": ("relu_param { negative_slope: 0.2 }", ""),
    "Reshape": ("reshape_param { shape { dim: 0 dim: 0 dim: 0 dim: 0 } }", ""),
    "Reshape, four": ("reshape_param { shape { dim: 3 dim: 4 dim: 3 dim: 4 } }", ""),
    "Scale": ("scale_param { bias_term: true }", ""),
    "Scale, two": ("scale_param { axis: 0 }", "o"),
    "Sigmoid": ("", ""),
    "Slice": ("", ""),
    "Softmax": ("", ""),
    "Softmax, rows": ("softmax_param { axis: 2 }", ""),
    "Split": ("", ""),
    "Swish": ("swish_param { beta: 1.3 }", ""),
    "TanH": ("", ""),
    "Tile": ("tile_param { tiles: 1 }", ""),
}
REFUSED = {"AbsVal", "Flatten", "Reshape", "Reshape, four", "Split"}  # in place, by Caffe
# In place these leave a constant: rounding noise to whatever normalises it.
WIPED = {"Convolution, 1x1", "Deconvolution, 1x1", "InnerProduct", "Pooling, average"}
IN_PLACE = [kind for kind in KINDS if kind not in REFUSED]
WRITERS = [kind for kind in IN_PLACE if kind not in WIPED | {"Eltwise, quotient"}]
VIEWS = ("Concat", "Flatten", "Reshape", "Slice", "Split")
INPUTS = {"index": np.array([2, 0, 1], np.float32), "ones": np.ones(3, np.float32),
          "labels": np.arange(36).reshape(3, 1, 3, 4).astype(np.float32) % 4,
          "marks": np.array([[1, 0, 1]], np.float32)}


def layer(name: str, kind: str, bottoms: list[str], tops: list[str], rest: str = "") -> str:
    wires = [f'bottom: "{bottom}"' for bottom in bottoms] + [f'top: "{top}"' for top in tops]
    return (f'layer {{ name: "{name}" type: "{kind.partition(",")[0]}" {" ".join(wires)} '
            f"{KINDS[kind][0] if kind in KINDS else ''} {rest} }}\n")


def convolved(name: str, rest: str = "") -> str:
    return (f'layer {{ name: "make_{name}" type: "Convolution" bottom: "x" top: "{name}" '
            f"convolution_param {{ num_output: 4 kernel_size: 2 }} {rest} }}\n")


def loss(blob: str, rest: str = "") -> str:
    return layer(f"{blob}_loss", "EuclideanLoss", [blob, "wanted"], [f"{blob}_loss"], rest)


def others(kind: str) -> list[str]:
    """The other bottoms of a layer in the nets of two layers."""
    wanted = KINDS[kind][1]
    return {"": [], "o": ["o"], "oo": ["o", "p"]}.get(wanted, [wanted])


def case(name: str, layers: str, random: Random, phase: int = TRAIN, passes: int = 1) -> Case:
    """A net with its inputs and, where they are read, the blobs o and p."""
    given = {"x": normal(random, 3, 2, 4, 5), "wanted": normal(random, *SHAPE), **INPUTS}
    arrays: Arrays = {key: value for key, value in given.items()
                      if key == "x" or f'bottom: "{key}"' in layers}
    layers = "".join(convolved(key) for key in "op" if f'bottom: "{key}"' in layers) + layers
    net = net_text(arrays, layers, force=False)
    resolved = graph.resolve(text.parse(net, caffe_pb2.NetParameter()), phase)
    params = {place: values for place, values in extras(resolved, random).items()
              if place.startswith("param/")}
    return Case(name, net, {**{f"data/{k}": v for k, v in arrays.items()}, **params}, phase, passes)


PARAMETER = ('layer { name: "learned" type: "Parameter" top: "q" parameter_param { shape { '
             + "".join(f"dim: {dim} " for dim in SHAPE) + "} } }\n")
CELL = "".join(
    f'layer {{ name: "{name}_fc" type: "InnerProduct" bottom: "x" top: "{name}_fc" '
    f"inner_product_param {{ num_output: {width} }} }}\n"
    f'layer {{ name: "{name}" type: "Reshape" bottom: "{name}_fc" top: "{name}" '
    f"reshape_param {{ shape {{ dim: 1 dim: 3 dim: {width} }} }} }}\n"
    for name, width in (("cell", 5), ("gates", 20))
)


def unit(cell: str) -> str:
    """A step of an LSTM whose new cell, in ``cell``, is then overwritten."""
    return CELL + (
        f'layer {{ name: "unit" type: "LSTMUnit" bottom: "cell" bottom: "gates" bottom: "marks" '
        f'top: "{cell}" top: "hidden" }}\n') + layer("it", "Sigmoid", [cell], [cell]) + "".join(
            layer(f"{top}_sum", "Reduction", [top], [f"{top}_sum"], "loss_weight: 0.3 "
                  "reduction_param { operation: SUMSQ }") for top in (cell, "hidden"))


NAMED = {
    "a Flatten of a Reshape's top": convolved("y") + layer("view", "Reshape", ["y"], ["v"])
    + layer("flat", "Flatten", ["v"], ["f"]) + layer("back", "Reshape, four", ["f"], ["w"])
    + loss("w"),
    "a Scale that hands nothing down": convolved("y") + layer(
        "scale", "Scale", ["y"], ["z"], "propagate_down: false") + loss("y") + loss("z"),
    "in place on a parameter": PARAMETER + layer("it", "Sigmoid", ["q"], ["q"]) + loss("q"),
    "a Concat of one blob, overwritten": convolved("y") + layer("one", "Concat", ["y"], ["z"])
    + layer("it", "Power", ["z"], ["z"]) + loss("z"),
    "probabilities that change after their loss": convolved("y")
    + layer("prob", "Softmax", ["y"], ["z"]) + layer("split", "Split", ["z"], ["s", "t"])
    + layer("log", "MultinomialLogisticLoss", ["s", "index"], ["log"])
    + layer("it", "Power", ["t"], ["t"]) + loss("t"),
    "labels that change after their loss": convolved("y")
    + layer("split", "Split", ["labels"], ["s", "t"])
    + layer("log", "SoftmaxWithLoss", ["y", "s"], ["log"])
    + layer("it", "Power, mirrored", ["t"], ["t"]) + layer("hush", "Silence", ["t"], []),
    "a unit's cell, in place and overwritten": unit("cell"),
    "a unit's next cell, overwritten": unit("next"),
}


def named() -> Iterator[Case]:
    """What two layers do to each other in memory."""
    for name, layers in NAMED.items():
        yield case(name, layers, Random(name), passes=2)


def alone() -> Iterator[Case]:
    """Each kind in place on a convolution's top."""
    for kind, phase in product(IN_PLACE, (TRAIN, TEST)):
        yield case(f"{kind} in {phase}", convolved("y")
                   + layer("it", kind, ["y", *others(kind)], ["y"]) + loss("y"),
                   Random(f"{kind}{phase}"), phase)


def _above(first: str, then: str) -> str:
    return (layer("first", first, ["y", *others(first)], ["z"])
            + layer("then", then, ["z", *others(then)], ["z"]) + loss("z"))


def _chain(first: str, then: str) -> str:
    return (layer("first", first, ["y", *others(first)], ["y"])
            + layer("then", then, ["y", *others(then)], ["y"]) + loss("y"))


def _through_a_view(first: str, then: str) -> str:
    return (layer("first", first, ["y", *others(first)], ["z"])
            + layer("view", "Reshape", ["z"], ["w"])
            + layer("then", then, ["w", *others(then)], ["w"]) + loss("w"))


def _beside(first: str, then: str) -> str:
    return (layer("split", "Split", ["y"], ["s", "t"])
            + layer("first", first, ["s", *others(first)], ["z"])
            + layer("then", then, ["t", *others(then)], ["t"])
            + loss("z") + loss("t", "loss_weight: 0.3"))


def pairs(number: int) -> Iterator[Case]:
    """So many pairs of a layer and one that works in place on its top, or on its bottom's copy."""
    wirings = {_above: KINDS, _chain: IN_PLACE, _through_a_view: KINDS, _beside: KINDS}
    some = [(wiring, first, then) for wiring, firsts in wirings.items()
            for first, then in product(firsts, WRITERS)
            if not (wiring in (_through_a_view, _above) and first in ("Flatten", "Split"))
            and not (wiring is _chain and first in WIPED) and first != "Eltwise, quotient"]
    for wiring, first, then in Random("pairs").sample(some, number):
        name = f"{wiring.__name__[1:]}: {first}, {then}"
        yield case(name, convolved("y") + wiring(first, then), Random(name))


def nets(number: int) -> Iterator[Case]:
    """So many random nets; those that Caffe refuses are drawn again."""
    seed = found = 0
    while found < number:
        name = f"net{seed}"
        seed += 1
        try:
            yield _Drawn(name).case()
            found += 1
        except (GraphError, ShapeError):
            continue


class _Drawn:
    """Three to six layers over one to three convolutions, in place by chance, and losses."""

    def __init__(self, name: str) -> None:
        self.name, self.random, self.layers = name, Random(name), ""
        self.free = [f"y{number}" for number in range(self.random.randint(1, 3))]
        self.read: set[str] = set()
        for blob in self.free:
            self.layers += convolved(blob, self._some(
                {'param { name: "w" } param { name: "b" }': 0.3,
                 "param { lr_mult: 0 } param { lr_mult: 0 }": 0.15}))
        for number in range(self.random.randint(3, 6)):
            self._add(f"it{number}")
        for blob in [blob for blob in self.free if blob not in self.read] or self.free[-1:]:
            self.layers += self._end(blob)

    def case(self) -> Case:
        return case(self.name, self.layers, self.random, self.random.choice((TRAIN, TRAIN, TEST)),
                    self.random.choice((1, 1, 2)))

    def _some(self, chances: dict[str, float]) -> str:
        return " ".join(rest for rest, chance in chances.items() if self.random.random() < chance)

    def _add(self, name: str) -> None:
        kind = self.random.choice(VIEWS if self.random.random() < 0.2 else WRITERS)
        first = self.random.choice(self.free)
        more = [self.random.choice(self.free) if other in "op" else other
                for other in others(kind)]
        # A maximum of a blob with itself, over itself, is -FLT_MAX, whose square is no number.
        over = (kind not in REFUSED and "max" not in kind and first not in {*self.read, *more}
                and self.random.random() < 0.6)
        tops = [first] if over else [f"{name}a", f"{name}b"] if kind == "Split" else [f"{name}a"]
        asks = () if INPUTS.keys() & more else (first, *more)  # an index gets no gradient
        down = "".join(f" propagate_down: {self.random.choice(('true', 'false'))}" for _ in asks)
        rest = {"loss_weight: 0.3": 0.1 * (kind != "Split"), down: 0.1}
        self.layers += layer(name, kind, [first, *more], tops, self._some(rest))
        self.read.update({first, *more} - set(tops if over else ()))
        if kind == "Flatten":  # back to four axes
            self.layers += layer(f"{name}_back", "Reshape, four", tops, [f"{name}c"])
            tops = [f"{name}c"]
        self.free += [top for top in tops if top not in self.free]

    def _end(self, blob: str) -> str:
        if self.random.random() < 0.2 and "loss" in self.layers:
            return layer(f"{blob}_end", "Silence", [blob], [])
        if self.random.random() < 0.3:
            operation = self.random.choice(("SUM", "ASUM", "SUMSQ", "MEAN"))
            return layer(f"{blob}_end", "Reduction", [blob], [f"{blob}_loss"], "loss_weight: 0.2 "
                         f"reduction_param {{ operation: {operation} }}")
        return loss(blob, self._some({"loss_weight: 0.5": 0.4}))
