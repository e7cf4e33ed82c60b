"""Seeded random nets of one layer each, over the options of every layer type the engine has.

A row of DRAWS is a function of a Random that gives the bottoms, name -> array, and the layer as
text. What the layer's own rules refuse is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from netbuilder import graph
from netbuilder.errors import ShapeError
from netbuilder.proto import caffe_pb2, text

Arrays = dict[str, np.ndarray]
Draw = Callable[[Random], tuple[Arrays, str]]
TRAIN, TEST = caffe_pb2.TRAIN, caffe_pb2.TEST


@dataclass(frozen=True)
class Case:
    """A net under ``force_backward``, what to put into it, and how often to run it."""

    name: str
    net: str
    arrays: Arrays
    phase: int = TRAIN
    passes: int = 1


def make(name: str, draw: Draw, random: Random, force: bool = True) -> Case:
    """A case with random parameters and random diffs for the tops that are no losses."""
    while True:
        arrays, layer = draw(random)
        phase, passes = random.choice((TRAIN, TRAIN, TEST)), random.choice((1, 1, 2))
        net = net_text(arrays, layer, force)
        try:
            resolved = graph.resolve(text.parse(net, caffe_pb2.NetParameter()), phase)
        except ShapeError:
            continue
        if any(0 in shape for shape in resolved.blobs.values()):
            continue  # real Caffe aborts when asked for the diff of an empty blob
        return Case(name, net, {**{f"data/{k}": v for k, v in arrays.items()},
                                **extras(resolved, random)}, phase, passes)


def net_text(arrays: Arrays, layer: str, force: bool) -> str:
    inputs = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        + " ".join(f"dim: {dim}" for dim in array.shape) + " } } }\n"
        for name, array in arrays.items()
    )
    return ("force_backward: true\n" if force else "") + inputs + layer


def extras(resolved: graph.Graph, random: Random) -> Arrays:
    """Values for all parameters, and for the diffs of outputs without a loss weight."""
    found: Arrays = {}
    for layer in resolved.layers:
        for index, blob in enumerate(layer.blobs):
            values = normal(random, *blob.shape)
            if layer.type == "BatchNorm":  # sums of statistics: a variance is not negative
                values = np.abs(values) + 0.5
            found[f"param/{layer.name}/{index}"] = values
    last = resolved.layers[-1]
    varies = last.type == "Filter"  # how much of its diff there is
    if not last.auto_top and not list(last.message.loss_weight) and not varies:
        found.update((f"diff/{top}", normal(random, *shape))
                     for top, shape in zip(last.tops, last.top_shapes, strict=True))
    return found


def normal(random: Random, *shape: int) -> np.ndarray:
    return np.random.default_rng(random.getrandbits(32)).normal(size=shape).astype(np.float32)


def ties(random: Random, *shape: int) -> np.ndarray:
    """Small whole numbers, so that many are equal."""
    return np.round(normal(random, *shape))


def labels(random: Random, classes: int, *shape: int, ignored: int | None = None) -> np.ndarray:
    drawn = np.random.default_rng(random.getrandbits(32))
    values = drawn.integers(0, classes, shape).astype(np.float32)
    if ignored is not None:
        values[drawn.random(shape) < 0.3] = ignored
    return values


def size(random: Random, low: int = 1, high: int = 7) -> int:
    return random.randint(low, high)


def image(random: Random, channels: int = 0, high: int = 11) -> tuple[int, ...]:
    return (size(random, 1, 3), channels or random.choice((1, 2, 4, 6)),
            size(random, 1, high), size(random, 1, high))


def some(random: Random, **fields: object) -> str:
    """Each field with even chance; lists as repeated fields."""
    return " ".join(field(name, value) for name, value in fields.items() if random.random() < 0.5)


def field(name: str, value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(field(name, one) for one in value)
    return f"{name}: {str(value).lower() if isinstance(value, bool) else value}"


def layer(type_name: str, arrays: Arrays, fields: str = "", tops: int = 1,
          in_place: bool = False) -> tuple[Arrays, str]:
    names = list(arrays)
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    if in_place:  # a copy first: nothing may write over an input
        power = f'layer {{ name: "copy" type: "Power" {bottoms} top: "same" }}\n'
        return arrays, power + (f'layer {{ name: "it" type: "{type_name}" bottom: "same" '
                                f'top: "same" {fields} }}')
    outs = " ".join(f'top: "out{n}"' for n in range(tops))
    return arrays, f'layer {{ name: "it" type: "{type_name}" {bottoms} {outs} {fields} }}'


# Neurons whose backward in Caffe needs no bottom value that an in-place top has overwritten.
IN_PLACE = {"ELU", "Exp", "PReLU", "ReLU", "Sigmoid", "TanH"}


def neuron(type_name: str, fields: Callable[[Random], str] = lambda _: "",
           positive: bool = False, values: Callable[..., np.ndarray] | None = None) -> Draw:
    def draw(random: Random) -> tuple[Arrays, str]:
        axes = random.choice((1, 2, 4, 5))
        drawn = (values or normal)(random, *(size(random, 1, 5) for _ in range(axes)))
        drawn = np.abs(drawn) + 0.1 if positive else drawn
        in_place = type_name in IN_PLACE and random.random() < 0.5
        return layer(type_name, {"x": drawn}, fields(random), in_place=in_place)
    return draw


def paired(name: str, values: list[int]) -> str:
    """``stride: 1 stride: 2`` as ``stride_h: 1 stride_w: 2``, where there is such a pair."""
    if name == "dilation":
        return field(name, values)
    stem = name.removesuffix("_size")
    return f"{stem}_h: {values[0]} {stem}_w: {values[-1]}"


def convolution(type_name: str) -> Draw:
    def draw(random: Random) -> tuple[Arrays, str]:
        axes, group = random.choice((1, 2, 2, 2, 3)), random.choice((1, 1, 2))
        spatial = [size(random, 1, 9) for _ in range(axes)]
        lead = [size(random, 1, 3) for _ in range(random.choice((1, 1, 1, 2)))]
        shape = (*lead, group * size(random, 1, 3), *spatial)
        each = {name: [random.choice(values) for _ in range(random.choice((1, axes)))]
                for name, values in (("kernel_size", (1, 2, 3, 5)), ("stride", (1, 2, 3)),
                                     ("pad", (0, 1, 2)), ("dilation", (1, 1, 2)))}
        bottoms = {f"x{n}": normal(random, *shape) for n in range(random.choice((1, 1, 2)))}
        fields = [paired(name, value) if axes == 2 and random.random() < 0.3 else
                  field(name, value) for name, value in each.items()]
        fields += [f"num_output: {group * size(random, 1, 4)} group: {group} axis: {len(lead)}",
                   some(random, bias_term=False)]
        return layer(type_name, bottoms, f"convolution_param {{ {' '.join(fields)} }}",
                     len(bottoms))
    return draw


def pooling(random: Random) -> tuple[Arrays, str]:
    method, tops = random.choice((("MAX", 1), ("MAX", 2), ("AVE", 1), ("AVE", 1)))
    kernel = [size(random, 1, 5) for _ in range(2)]
    pad = [random.randint(0, n - 1) for n in kernel]
    # A stride beyond the kernel without pad reads outside the image: undefined in Caffe.
    stride = [random.randint(1, n if not any(pad) else 4) for n in kernel]
    windows = " ".join(f"{stem}_{side}: {value}" for stem, pair in
                       (("kernel", kernel), ("stride", stride), ("pad", pad))
                       for side, value in zip("hw", pair, strict=True))
    if random.random() < 0.2:
        windows = "global_pooling: true"
    fields = f"pool: {method} {windows} {some(random, round_mode='FLOOR')}"
    return layer("Pooling", {"x": ties(random, *image(random))},
                 f"pooling_param {{ {fields} }}", tops)


def batch_norm(random: Random) -> tuple[Arrays, str]:
    shape = random.choice((image(random), (4, 3), (2, 3, 5), (1, 2), (2, 3, 2, 2, 2)))
    fields = some(random, use_global_stats=random.random() < 0.5, eps=0.01,
                  moving_average_fraction=0.9)
    return layer("BatchNorm", {"x": normal(random, *shape) * 3 + 1},
                 f"batch_norm_param {{ {fields} }}", in_place=random.random() < 0.4)


def along_axes(type_name: str, param: str) -> Draw:
    def draw(random: Random) -> tuple[Arrays, str]:
        shape = [size(random, 1, 4) for _ in range(4)]
        axis = random.randint(0, 3)
        bias = some(random, bias_term=True) if type_name == "Scale" else ""
        if random.random() < 0.4:
            end = random.randint(axis + (type_name == "Bias"), 4)
            arrays = {"x": normal(random, *shape), "s": normal(random, *shape[axis:end])}
            return layer(type_name, arrays, f"{param} {{ axis: {axis} {bias} }}")
        count = random.choice((-1, 0, *range(1, 5 - axis)))
        fields = f"{param} {{ axis: {random.choice((axis, axis - 4))} num_axes: {count} {bias} }}"
        return layer(type_name, {"x": normal(random, *shape)}, fields,
                     in_place=random.random() < 0.4)
    return draw


def lrn(random: Random) -> tuple[Arrays, str]:
    fields = some(random, alpha=0.3, beta=0.6, k=2, norm_region="WITHIN_CHANNEL")
    return layer("LRN", {"x": normal(random, *image(random))},
                 f"lrn_param {{ local_size: {random.choice((1, 3, 5, 7))} {fields} }}")


def eltwise(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 5) for _ in range(random.randint(1, 5))]
    operation = random.choice(("PROD", "PROD", "SUM", "MAX"))
    values = ties if operation == "MAX" else normal
    arrays = {f"x{n}": values(random, *shape) for n in range(random.randint(2, 4))}
    fields = f"operation: {operation} "
    if operation == "SUM":
        fields += some(random, coeff=[random.choice((1, -0.5, 2)) for _ in arrays])
    elif operation == "PROD" and random.random() < 0.4:
        fields += "stable_prod_grad: false"
    elif operation == "PROD":  # with zeros, of one factor or of several
        arrays = {name: values * (np.abs(values) > 0.4) for name, values in arrays.items()}
    return layer("Eltwise", arrays, f"eltwise_param {{ {fields} }}")


def inner_product(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 4) for _ in range(random.randint(2, 4))]
    fields = some(random, bias_term=False, transpose=True,
                  axis=random.choice((-1, 1, len(shape) - 1)))
    return layer("InnerProduct", {"x": normal(random, *shape)},
                 f"inner_product_param {{ num_output: {size(random)} {fields} }}")


def softmax(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 5) for _ in range(random.randint(1, 4))]
    axis = random.randrange(-len(shape), len(shape))
    return layer("Softmax", {"x": normal(random, *shape) * 5}, f"softmax_param {{ axis: {axis} }}")


def power(random: Random) -> str:
    fields = some(random, power=random.choice((0, 0.5, 2, 3)), scale=0.7, shift=4)
    return f"power_param {{ {fields} }}"


DRAWS: dict[str, tuple[int, Draw]] = {
    "AbsVal": (2, neuron("AbsVal")),
    "BNLL": (2, neuron("BNLL")),
    "BatchNorm": (40, batch_norm),
    "Bias": (10, along_axes("Bias", "bias_param")),
    "Clip": (3, neuron("Clip", lambda _: "clip_param { min: -0.5 max: 1 }")),
    "Convolution": (40, convolution("Convolution")),
    "Deconvolution": (25, convolution("Deconvolution")),
    "ELU": (3, neuron("ELU", lambda r: f"elu_param {{ {some(r, alpha=0.5)} }}")),
    "Eltwise": (24, eltwise),
    "Exp": (5, neuron("Exp", lambda r: f"exp_param {{ {some(r, base=2, scale=0.5, shift=1)} }}")),
    "InnerProduct": (16, inner_product),
    "LRN": (16, lrn),
    "Log": (5, neuron("Log", lambda r: f"log_param {{ {some(r, base=2, scale=0.5, shift=1)} }}",
                      positive=True)),
    "PReLU": (6, neuron("PReLU", lambda r: f"prelu_param {{ {some(r, channel_shared=True)} }}")),
    "Pooling": (50, pooling),
    "Power": (8, neuron("Power", power, positive=True)),
    "ReLU": (5, neuron("ReLU", lambda r: f"relu_param {{ {some(r, negative_slope=0.1)} }}")),
    "Scale": (16, along_axes("Scale", "scale_param")),
    "Sigmoid": (2, neuron("Sigmoid")),
    "Softmax": (10, softmax),
    "Swish": (3, neuron("Swish", lambda r: f"swish_param {{ {some(r, beta=0.5)} }}")),
    "TanH": (2, neuron("TanH")),
    "Threshold": (3, neuron("Threshold", lambda _: "threshold_param { threshold: 1 }",
                            values=ties)),
}
