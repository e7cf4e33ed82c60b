"""The formulas of layers with windows, sums of products and statistics, on counting numbers.

Nothing is known here of ``Layer.operations``: windows are walked through one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

from counting_numbers import (
    Given,
    Number,
    Shape,
    exp,
    largest,
    more,
    root,
    tanh,
    total,
)

from netbuilder.proto import caffe_pb2


def starts(size: int, kernel: int, stride: int, pad: int, dilation: int = 1) -> list[int]:
    """Where the windows of a convolution begin."""
    last = size + pad - dilation * (kernel - 1) - 1
    return list(range(-pad, last + 1, stride))


def pooled(size: int, kernel: int, stride: int, pad: int, clip: bool) -> list[int]:
    """Where the windows of a pooling begin: until one reaches the end."""
    found = [-pad]
    while found[-1] + kernel < size + pad:
        found.append(found[-1] + stride)
    return found[:-1] if clip and found[-1] >= size else found


# Layers with sums of products.


def _axes(values: Sequence[int], axes: int, default: int) -> Sequence[int]:
    return list(values) if len(values) == axes else [values[0] if values else default] * axes


def _filters(given: Given, count: int | None = None) -> Iterator[tuple[Shape, list[Any]]]:
    """The bottom's shape, and for each of its axes kernel, stride, pad and dilation."""
    fields = given.message.convolution_param
    for shape in given.shapes:
        axes = len(shape) - 2
        settings = [_axes(fields.kernel_size, axes, 0), _axes(fields.stride, axes, 1),
                    _axes(fields.pad, axes, 0), _axes(fields.dilation, axes, 1)]
        yield shape, list(zip(*settings, strict=True))


def convolution(given: Given, depthwise: bool = False) -> None:
    fields = given.message.convolution_param
    for (images, channels, *size), axes in _filters(given):
        outputs = channels if depthwise else fields.num_output
        depth = 1 if depthwise else channels // fields.group
        places = product(*(starts(n, *axis) for n, axis in zip(size, axes, strict=True)))
        window = (depth, *(axis[0] for axis in axes))
        for _ in product(range(images), range(outputs), places):
            sums = total(given.x * "weight" for _ in given.each(window))
            if fields.bias_term:
                sums + "bias"


def deconvolution(given: Given) -> None:
    fields = given.message.convolution_param
    for (images, channels, *size), axes in _filters(given):
        window = [axis[0] for axis in axes]
        for _ in given.each((images, channels, *size)):  # thrown into its window of the tops
            for _ in given.each((fields.num_output // fields.group, *window)):
                given.x * "weight" + "what lies there"
        grown = [stride * (n - 1) + dilation * (kernel - 1) + 1 - 2 * pad
                 for n, (kernel, stride, pad, dilation) in zip(size, axes, strict=True)]
        for top in given.each((images, fields.num_output, *grown)):
            if fields.bias_term:
                top + "bias"


def inner_product(given: Given) -> None:
    fields, shape = given.message.inner_product_param, given.shapes[0]
    axis = fields.axis % len(shape)
    for _ in product(range(prod(shape[:axis])), range(fields.num_output)):
        sums = total(x * "weight" for x in given.each(shape[axis:]))
        if fields.bias_term:
            sums + "bias"


def _gates(given: Given, gates: int) -> Iterator[Number]:
    """The gates of every hidden unit in every step, summed up."""
    (steps, streams, *data), units = given.shapes[0], given.message.recurrent_param.num_output
    static = len(given.shapes) > 2
    for _ in range(streams * gates * units * static):
        total(x * "weight" for x in given.each(given.shapes[2][1:]))
    for _ in range(steps * streams):
        for hidden in given.each((units,)):
            hidden * "mark"
        for _ in range(gates * units):
            gate = total(x * "weight" for x in given.each(tuple(data))) + "bias"
            gate = gate + total(h * "weight" for h in given.each((units,)))
            if static:
                gate + "static"
        yield from given.each((units,))


def sigmoid(x: Number) -> Number:
    return 1 / (1 + exp(-x))


def unit_of_lstm(x: Number) -> None:
    forget = "mark" * sigmoid(x)
    cell = forget * x + sigmoid(x) * tanh(x)
    sigmoid(x) * tanh(cell)


def lstm(given: Given) -> None:
    for unit in _gates(given, 4):
        unit_of_lstm(unit)


def rnn(given: Given) -> None:
    units = given.message.recurrent_param.num_output
    for unit in _gates(given, 1):
        tanh(unit)
        tanh(total(h * "weight" for h in given.each((units,))) + "bias")


# Windows and statistics.


def _pool(given: Given, method: int, window: Shape) -> None:
    def values() -> Iterator[Number]:
        return given.each(window)

    if method == caffe_pb2.PoolingParameter.MAX:
        largest(values())
    elif method == caffe_pb2.PoolingParameter.AVE:
        total(values()) / "how many"
    elif given.phase == caffe_pb2.TEST:
        total(x * x for x in values()) / total(values())
    else:
        total(values()) * "a random share"
        for x in values():
            more(x + "the sum so far", "the threshold")


def _planes(given: Given, method: int, axes: list[list[int]], window: Shape) -> None:
    for _ in product(*map(range, given.shapes[0][:2]), *axes):
        _pool(given, method, window)


def pooling(given: Given) -> None:
    fields, size = given.message.pooling_param, given.shapes[0][2:]
    if fields.global_pooling:
        _planes(given, fields.pool, [[0], [0]], size)
    else:
        each = [pooled(n, fields.kernel_size, fields.stride, fields.pad, bool(fields.pad))
                for n in size]
        _planes(given, fields.pool, each, (fields.kernel_size,) * 2)


def spp(given: Given) -> None:
    fields, size = given.message.spp_param, given.shapes[0][2:]
    for level in range(fields.pyramid_height):
        bins = 2**level
        kernel = tuple(-(-n // bins) for n in size)
        _planes(given, fields.pool, [list(range(bins))] * 2, kernel)


def batch_norm(given: Given) -> None:
    fields = given.message.batch_norm_param
    stored = (fields.use_global_stats if fields.HasField("use_global_stats")
              else given.phase == caffe_pb2.TEST)
    if not stored:
        total(given.each())
        total((x * x) for x in given.each())
    for x in given.each():
        (x - "mean") / "deviation"


def mvn(given: Given) -> None:
    total(given.each())
    centred = [x - "mean" for x in given.each()]
    if given.message.mvn_param.normalize_variance:
        total(x * x for x in centred)
        [x / "deviation" for x in centred]


def lrn(given: Given) -> None:
    fields = given.message.lrn_param
    within = fields.norm_region == fields.WITHIN_CHANNEL
    for x in given.each():
        x * x
    for x in given.each():
        near = total(given.each((fields.local_size,) * (2 if within else 1)))
        mean = near / "window" if within else near
        x * ((1 + "alpha" * mean) ** "-beta")


def normalize(given: Given) -> None:
    shape, across = given.shapes[0], given.message.norm_param.across_spatial
    squares = total(x * x for x in given.each())
    for _ in given.each((shape[0],) if across else (shape[0], *shape[2:])):
        root(squares + "tiny")
    for x in given.each():
        x / "norm" * "scale"


def bn(given: Given) -> None:
    fields = given.message.bn_param
    segnet = fields.HasField("bn_mode")
    folded = segnet and fields.bn_mode == fields.INFERENCE
    stored = folded or (not segnet and (fields.frozen or given.phase == caffe_pb2.TEST))
    if not stored:
        total(given.each())
        total(x * x for x in given.each())
    for x in given.each():
        y = x if folded else x - "mean"
        y = y if folded else y / "deviation" if segnet else y * "1 / deviation"
        y * "scale" + "shift"


def interp(given: Given) -> None:
    fields, shape = given.message.interp_param, given.shapes[0]
    if shape[2:] == (fields.height, fields.width):
        return
    for a in given.each((*shape[:2], fields.height, fields.width)):
        above, below = a * "left" + a * "right", a * "left" + a * "right"
        above * "up" + below * "down"
