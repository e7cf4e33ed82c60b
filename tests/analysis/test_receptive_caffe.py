"""Receptive fields of nets that branch and meet, against what real Caffe's gradients show."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from netbuilder.analysis.receptive import Field, receptive_fields
from netbuilder.errors import NetbuilderError
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps
from netbuilder.spec import L, NetSpec

ONES = {"weight_filler": {"type": "constant", "value": 1}}
IMAGE = (1, 2, 64, 60)
EDGE = 12  # nearer to the edge, maps in between may end before the image does


def image() -> NetSpec:
    n = NetSpec()
    n.data = L.Input(shape={"dim": IMAGE})
    return n


def conv(bottom: Any, **fields: Any) -> Any:
    return L.Convolution(bottom, num_output=2, **ONES, **fields)


def deconv(bottom: Any, **fields: Any) -> Any:
    return L.Deconvolution(bottom, convolution_param={"num_output": 2, **ONES, **fields})


def mean(bottom: Any, **fields: Any) -> Any:
    return L.Pooling(bottom, pool=caffe_pb2.PoolingParameter.AVE, **fields)


def inception() -> NetSpec:
    n = image()
    n.one = conv(n.data, kernel_size=1)
    n.five = conv(n.data, kernel_size=5, pad=2)
    n.pool = mean(n.data, kernel_size=3, stride=1, pad=1)
    n.top = L.Concat(n.one, n.five, n.pool)
    return n


def residual() -> NetSpec:
    n = image()
    n.short = conv(n.data, kernel_size=1, stride=2)
    n.a = conv(n.data, kernel_size=3, stride=2, pad=1)
    n.b = conv(L.ReLU(n.a, in_place=True), kernel_size=3, pad=1)
    n.sum = L.Eltwise(n.short, n.b)
    n.top = conv(n.sum, kernel_size=[3, 1], pad=[1, 0], dilation=[2, 1])
    return n


def skip() -> NetSpec:
    """FCN: upsampled, cropped to what it meets."""
    n = image()
    n.half = mean(conv(n.data, kernel_size=3, pad=5), kernel_size=2, stride=2)
    n.up = deconv(n.half, kernel_size=4, stride=2)
    n.cropped = L.Crop(n.up, n.data, axis=2, offset=[3, 5])
    n.top = L.Eltwise(n.cropped, n.data)
    return n


def several() -> NetSpec:
    """One Convolution of two bottoms: each top reads its own."""
    n = image()
    n.other = conv(n.data, kernel_size=5, pad=2)
    n.left, n.right = L.Convolution(n.data, n.other, num_output=2, kernel_size=3, ntop=2, **ONES)
    n.kept = L.Silence(n.right, ntop=0)
    n.top = mean(n.left, kernel_h=2, kernel_w=3)
    return n


def rest() -> NetSpec:
    n = image()
    n.norm = L.LRN(n.data, local_size=3, norm_region=caffe_pb2.LRNParameter.WITHIN_CHANNEL)
    n.left, n.right = L.Slice(n.norm, ntop=2)
    n.tiles = L.Tile(n.left, axis=1, tiles=2)
    n.columns = L.Im2col(n.right, convolution_param={"kernel_size": 3, "pad": 1})
    n.both = L.Concat(n.tiles, n.columns)
    n.top = L.Scale(L.Softmax(n.both), bias_term=True, filler={"type": "constant", "value": 2})
    return n


def step(random: Random, one: Any, two: Any) -> Any:
    """A layer over one blob, or over two."""
    named = {}
    for side in "hw":
        kernel = random.randint(1, 4)
        named |= {f"kernel_{side}": kernel, f"stride_{side}": random.choice((1, 1, 2)),
                  f"pad_{side}": random.randint(0, kernel - 1)}
    kinds = {
        "conv": lambda: conv(one, **named, dilation=random.choice((1, 2))),
        "mean": lambda: mean(one, **named),
        "sum": lambda: L.Eltwise(one, two),
        "concat": lambda: L.Concat(one, two),
        "crop": lambda: L.Crop(one, two, axis=2),
    }
    return kinds[random.choice(list(kinds))]()


def drawn(seed: int) -> NetSpec:
    """Convolutions, poolings and meetings at random."""
    random, n = Random(seed), image()
    blobs = [n.data]
    while len(blobs) < 9:
        with suppress(NetbuilderError):  # where the shapes do not fit: draw again
            blobs.append(step(random, random.choice(blobs[-3:]), random.choice(blobs)))
    n.top = L.Eltwise(blobs[-1], blobs[-1])
    return n


WRITTEN = (inception, residual, skip, several, rest)
NETS = {each.__name__: each for each in WRITTEN} | {
    f"drawn {seed}": partial(drawn, seed) for seed in range(25)}


def span(field: Field, axis: int, place: int) -> tuple[Any, Any]:
    """The lowest and the highest pixel that the field of a place has."""
    along = field.axes[axis - 2]
    middle = along.offset + along.stride * place
    return middle - Fraction(along.size - 1, 2), middle + Fraction(along.size - 1, 2)


@pytest.mark.caffe
def test_gradients_reach_as_far_as_the_field(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    nets = []
    for make in NETS.values():
        nets.append(make().to_proto())
        nets[-1].force_backward = True
    path = tmp_path / "nets.json"
    path.write_text(json.dumps(list(map(dumps, nets))))
    theirs = run_caffe(Path(__file__).with_name("caffe_reach.py"), path)
    followed = exact = 0
    for name, net, rows in zip(NETS, nets, theirs, strict=True):
        field = receptive_fields(resolve(net, caffe_pb2.TEST))["top"]
        assert field is not None, name
        assert rows, name
        bounded = {layer.type for layer in net.layer} & {"Crop", "Deconvolution"}
        for axis, place, low, high in rows:
            if place and not field.aligned:  # then a union at place 0 only
                continue
            first, last = span(field, axis, place)
            assert first <= low and high <= last, (name, axis, place)
            followed += 1
            if not bounded and field.aligned and first >= EDGE and last < IMAGE[axis] - EDGE:
                assert (low, high) == (first, last), (name, axis, place)
                exact += 1
    assert followed > 500 and exact > 100, (followed, exact)
