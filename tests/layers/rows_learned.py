"""Rows of the grid: types with parameters, and sliding windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from draws import Case, axis_of, filler, maybe, shape_of, usual

from netbuilder.layer import Shape

# Windows.


def image(random: Random, size: int = 14) -> Shape:
    return (random.randint(1, 3), random.choice((1, 2, 3, 4, 6, 8)), random.randint(1, size),
            random.randint(1, size))


def window(random: Random, stem: str, values: Sequence[int], axes: int) -> dict[str, Any]:
    """``stride: 2`` / ``stride: [2, 3]`` / ``stride_h, stride_w``, or a wrong mix of them."""
    listed = "kernel_size" if stem == "kernel" else stem
    draw = [random.choice(values) for _ in range(axes)]
    form = random.random()
    if form < 0.45:
        return {listed: draw[:1]}
    if form < 0.65:
        return {listed: draw}
    if form < 0.85 and axes == 2:
        return {f"{stem}_h": draw[0], f"{stem}_w": draw[1]}
    return wrong_window(random, stem, draw, values)


def wrong_window(
    random: Random, stem: str, draw: list[int], values: Sequence[int]
) -> dict[str, Any]:
    listed, wrong = "kernel_size" if stem == "kernel" else stem, random.random()
    if wrong < 0.2:  # a stride_w that is not given is 0
        return {f"{stem}_h": random.choice(values)}
    if wrong < 0.3:
        return {listed: draw, f"{stem}_w": random.choice(values)}
    if wrong < 0.4:
        return {listed: [*draw, 1]}
    return {} if stem != "kernel" else {listed: draw[:1]}


def convolution(random: Random) -> Case:
    axes = usual(random, 2, 1, 3, 0)
    shape = image(random)[:2] + shape_of(random, axes, 1, 14)
    fields = {"num_output": usual(random, 8, 1, 3, 4, 6, 12, 0)}
    fields |= window(random, "kernel", (1, 2, 3, 3, 5, 7), axes)
    fields |= window(random, "stride", (1, 1, 2, 3), axes)
    fields |= window(random, "pad", (0, 0, 1, 2, 3), axes)
    fields |= maybe(random, 0.3, dilation=lambda: random.choice([[1], [2], [3], [0], [2] * axes]))
    fields |= maybe(random, 0.3, group=lambda: random.choice([1, 2, 3, 4, shape[1]]))
    fields |= maybe(random, 0.3, bias_term=lambda: random.random() < 0.5)
    fields |= maybe(random, 0.2, axis=lambda: random.choice([0, 1, 2, -1, -3, 5]))
    fields |= maybe(random, 0.1, force_nd_im2col=lambda: True)
    fields |= maybe(random, 0.3, weight_filler=lambda: filler(random),
                    bias_filler=lambda: filler(random))
    many = usual(random, 1, 2)
    bottoms = [shape] * many
    if random.random() < 0.05:
        bottoms = [shape, image(random)]
    return bottoms, {"convolution_param": fields, "tops": usual(random, len(bottoms), 1, 2)}


def im2col(random: Random) -> Case:
    bottoms, fields = convolution(random)
    fields["convolution_param"].pop("num_output")
    return bottoms[:1], {**fields, "tops": 1}


def pooling(random: Random) -> Case:
    fields: dict[str, Any] = {"pool": usual(random, "MAX", "AVE", "STOCHASTIC")}
    if random.random() < 0.15:
        fields["global_pooling"] = random.random() < 0.8
    kernel = random.random()
    if kernel < 0.6 and "global_pooling" not in fields:
        fields["kernel_size"] = random.choice((1, 2, 3, 3, 5, 7, 0))
    elif kernel < 0.9:
        fields |= maybe(random, 0.9, kernel_h=lambda: random.choice((1, 2, 3, 5)),
                        kernel_w=lambda: random.choice((1, 2, 3, 5)))
    for stem, values in (("stride", (1, 2, 2, 3, 4)), ("pad", (0, 0, 1, 1, 2))):
        if random.random() < 0.5:
            fields[stem] = random.choice(values)
        elif random.random() < 0.4:
            fields |= maybe(random, 0.9, **{f"{stem}_{side}": lambda v=values: random.choice(v)
                                            for side in "hw"})
    fields |= maybe(random, 0.3, round_mode=lambda: random.choice(("CEIL", "FLOOR")))
    shape = image(random) if random.random() < 0.92 else shape_of(random)
    return [shape], {"pooling_param": fields, "tops": usual(random, 1, 2)}


# Linear maps.


def inner_product(random: Random) -> Case:
    shape = shape_of(random)
    fields = {"num_output": usual(random, 7, 1, 3, 0)}
    fields |= maybe(random, 0.4, axis=lambda: axis_of(random, shape),
                    transpose=lambda: random.random() < 0.5,
                    bias_term=lambda: random.random() < 0.5,
                    weight_filler=lambda: filler(random), bias_filler=lambda: filler(random))
    return [shape], {"inner_product_param": fields}


def along_axes(param: str) -> Callable[[Random], Case]:
    """Scale and Bias."""

    def case(random: Random) -> Case:
        shape = shape_of(random, None, 1, 3)
        fields = maybe(random, 0.5, axis=lambda: axis_of(random, shape),
                       num_axes=lambda: random.choice((-1, 0, 1, 1, 2, 3, -2)),
                       filler=lambda: filler(random))
        if param == "scale_param":
            fields |= maybe(random, 0.5, bias_term=lambda: random.random() < 0.7,
                            bias_filler=lambda: filler(random))
        if random.random() < 0.6:
            return [shape], {param: fields}
        start = random.randint(0, len(shape))
        second = shape[start: random.randint(start, len(shape))]
        if random.random() < 0.5:
            fields["axis"] = start
        return [shape, second], {param: fields}

    return case


def embed(random: Random) -> Case:
    fields = {"num_output": usual(random, 5, 1, 0), "input_dim": usual(random, 9, 1, 0)}
    fields |= maybe(random, 0.4, bias_term=lambda: random.random() < 0.5)
    return [shape_of(random)], {"embed_param": fields}


# Statistics.


def batch_norm(random: Random) -> Case:
    fields = maybe(random, 0.3, use_global_stats=lambda: random.random() < 0.5,
                   eps=lambda: 1e-3)
    extra = {}
    if random.random() < 0.4:
        amount = usual(random, 3, 1, 2, 4)
        extra["param"] = [{"lr_mult": usual(random, 0, 1)} if random.random() < 0.9 else {}
                          for _ in range(amount)]
    return [shape_of(random)], {"batch_norm_param": fields, **extra}


def lrn(random: Random) -> Case:
    fields = maybe(random, 0.5, local_size=lambda: random.randint(0, 6),
                   norm_region=lambda: random.choice(("ACROSS_CHANNELS", "WITHIN_CHANNEL")),
                   alpha=lambda: 0.1, k=lambda: 2)
    return [usual(random, image(random), shape_of(random))], {"lrn_param": fields}


def mvn(random: Random) -> Case:
    fields = maybe(random, 0.4, normalize_variance=lambda: False, across_channels=lambda: True)
    return [usual(random, image(random), shape_of(random))], {"mvn_param": fields}


# Steps in time.


def recurrent(states: int) -> Callable[[Random], Case]:
    def case(random: Random) -> Case:
        steps, streams, width = (random.randint(1, 4) for _ in range(3))
        data = usual(random, (steps, streams, *shape_of(random, random.randint(1, 3))),
                     shape_of(random))
        fields = {"num_output": usual(random, width, 0),
                  **maybe(random, 0.3, expose_hidden=lambda: random.random() < 0.8)}
        bottoms = [data, usual(random, data[:2], data[:1], (*data[:2], 1))]
        if random.random() < 0.3:
            static = (streams, *shape_of(random, random.randint(0, 2)))
            bottoms.append(usual(random, static, data[1:]))
        exposed = states if fields.get("expose_hidden") else 0
        bottoms += [usual(random, (1, streams, width), (streams, width))] * usual(
            random, exposed, 1)
        return bottoms, {"recurrent_param": fields, "tops": usual(random, 1 + exposed, 1, 2)}

    return case


def lstm_unit(random: Random) -> Case:
    streams, width = random.randint(1, 4), random.randint(1, 4)
    cell = usual(random, (1, streams, width), (2, streams, width), (streams, width))
    gates = usual(random, (1, streams, 4 * width), (1, streams, width))
    marks = usual(random, (1, streams), (1, streams, 1), (streams,))
    return [cell, gates, marks], {"tops": usual(random, 2, 1)}
