"""ENet's blocks: what each kind is made of, and its values and gradients in both engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from against import Numbers, assert_near_by_kind, by_caffe, by_us
from layer_cases import TEST, TRAIN, Case, extras

from netbuilder.errors import BuildError
from netbuilder.graph import resolve
from netbuilder.lego import ENET_BOTTLENECKS, BaseLego, ENetBottleneck, ENetStem, ZeroPad
from netbuilder.proto.text import dumps
from netbuilder.spec import L, NetSpec

# Kind -> the convolutions in the middle: kernel, dilation, pad, bias.
MIDDLES = {
    "regular": [((3, 3), (1, 1), (1, 1), True)],
    "dilated_2": [((3, 3), (2, 2), (2, 2), True)],
    "dilated_4": [((3, 3), (4, 4), (4, 4), True)],
    "dilated_8": [((3, 3), (8, 8), (8, 8), True)],
    "dilated_16": [((3, 3), (16, 16), (16, 16), True)],
    "asymmetric": [((1, 5), (1, 1), (0, 2), False), ((5, 1), (1, 1), (2, 0), True)],
}


def attached(lego: BaseLego, *shape: int) -> NetSpec:
    net = NetSpec()
    net.data = L.Input(shape={"dim": shape})
    lego.attach(net, net.data)
    return net


def case(lego: BaseLego, shape: tuple[int, ...], phase: int = TRAIN) -> Case:
    """The lego's net with random values everywhere."""
    net = attached(lego, *shape).to_proto()
    net.force_backward = True
    arrays = {"data/data": np.random.default_rng(4).standard_normal(shape).astype(np.float32)}
    return Case(lego.name, dumps(net), {**arrays, **extras(resolve(net, phase), Random(4))}, phase)


def both(run_caffe: Callable[..., Any], cases: dict[str, Case], folder: Path
         ) -> dict[str, tuple[Numbers, Numbers]]:
    """Our numbers and real Caffe's."""
    theirs, found = by_caffe(run_caffe, cases, folder), {}
    for name, one in cases.items():
        (folder / f"ours {name}").mkdir()
        found[name] = by_us(one, folder / f"ours {name}"), theirs[name]
    return found


# Bottlenecks.


def bottleneck(kind: str, num_output: int = 16, stride: int = 1) -> ENetBottleneck:
    return ENetBottleneck(name="b", kind=kind, num_output=num_output, stride=stride,
                          dropout_ratio=0)


def test_every_kind_is_here() -> None:
    assert set(MIDDLES) == set(ENET_BOTTLENECKS)


@pytest.mark.parametrize(("num_output", "stride"), [(16, 1), (32, 1), (16, 2), (24, 2)])
@pytest.mark.parametrize("kind", MIDDLES)
def test_convolutions_of_a_bottleneck(kind: str, num_output: int, stride: int) -> None:
    layers = resolve(attached(bottleneck(kind, num_output, stride), 1, 16, 8, 8).to_proto()).layers
    first, *middle, last = [layer for layer in layers if layer.type == "Convolution"]
    quarter = num_output // 4
    assert (first.kernel, first.stride, first.num_output, len(first.blobs)) == (
        (stride, stride), (stride, stride), quarter, 1)
    assert (last.kernel, last.stride, last.num_output, len(last.blobs)) == (
        (1, 1), (1, 1), num_output, 1)
    assert [(one.kernel, one.dilation, one.pad, len(one.blobs) == 2) for one in middle] == (
        MIDDLES[kind])
    assert {one.num_output for one in middle} == {quarter}
    count = {kind: sum(layer.type == kind for layer in layers)
             for kind in ("BatchNorm", "PReLU", "Pooling", "Concat", "Eltwise")}
    assert count == {"BatchNorm": 3, "PReLU": 3, "Eltwise": 1, "Pooling": int(stride > 1),
                     "Concat": int(num_output > 16)}
    assert layers[-1].top_shapes == ((1, num_output, 8 // stride, 8 // stride),)


@pytest.mark.caffe
@pytest.mark.torch
def test_bottlenecks_in_both_engines(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    cases = {f"{kind} {num_output} {stride} {phase}": case(
        bottleneck(kind, num_output, stride), (3, 16, 8, 8), phase)
        for kind in MIDDLES for num_output, stride in ((16, 1), (32, 1), (24, 2))
        for phase in (TRAIN, TEST)}
    for name, (ours, theirs) in both(run_caffe, cases, tmp_path).items():
        assert_near_by_kind(ours, theirs, cases[name])


@pytest.mark.torch
def test_far_taps_never_meet_a_small_map(tmp_path: Path) -> None:
    """As in the original: of a 3x3 kernel, dilated by 16 on a map of 14, the centre learns."""
    grad = by_us(case(bottleneck("dilated_16"), (2, 16, 14, 14)), tmp_path)["grad/conv_b_3by3/0"]
    assert np.abs(grad[:, :, 1, 1]).min() > 0
    grad[:, :, 1, 1] = 0
    assert not grad.any()


@pytest.mark.parametrize(("lego", "shape", "problem"), [
    (bottleneck("dilated_3"), (1, 16, 8, 8), 'unknown bottleneck "dilated_3"; did you mean'),
    (bottleneck("regular", 18), (1, 16, 8, 8), "b: a width of 18 does not divide by 4; give a"),
    (bottleneck("regular", 8), (1, 16, 8, 8),
     "b: 16 channels cannot be padded to 8; give at least 16"),
    (bottleneck("regular", 16, 2), (1, 16, 8, 7),
     "b: a map of 8x7 does not divide by its stride; give sides that are multiples of 2"),
    (ENetStem(name="s", num_output=16), (1, 3, 9, 9), "s: a map of 9x9 does not divide"),
    (ENetStem(name="s", num_output=3), (1, 3, 8, 8),
     "s: 3 of its outputs are the pooled bottom; give num_output more than 3, not 3"),
])
def test_what_is_refused(lego: BaseLego, shape: tuple[int, ...], problem: str) -> None:
    with pytest.raises(BuildError) as caught:
        attached(lego, *shape)
    assert problem in str(caught.value)


# Zeros behind the channels.

PADS = ((4, 8), (4, 16), (4, 6), (4, 5), (4, 14), (3, 5), (1, 4))


def pad_case(channels: int, num_output: int) -> Case:
    made = case(ZeroPad(name="z", num_output=num_output), (3, channels, 2, 5))
    made.arrays["data/data"][0, :, 0, 0] = [np.nan, np.inf, -np.inf, 1][:channels]
    return made


@pytest.mark.caffe
@pytest.mark.torch
def test_zeros_are_zeros(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    """Of any number, also where the bottom is not finite; gradients go to the bottom only."""
    cases = {f"{channels} {num_output}": pad_case(channels, num_output)
             for channels, num_output in PADS}
    for name, found in both(run_caffe, cases, tmp_path).items():
        channels, num_output = map(int, name.split())
        given = cases[name].arrays
        for numbers in found:
            padded = numbers["data/pad_z"]
            assert padded.shape == (3, num_output, 2, 5)
            np.testing.assert_array_equal(padded[:, :channels], given["data/data"])
            assert not padded[:, channels:].any()
            np.testing.assert_array_equal(numbers["diff/data"], given["diff/pad_z"][:, :channels])


@pytest.mark.parametrize(("channels", "num_output"), PADS)
def test_every_blob_of_a_pad_is_read(channels: int, num_output: int) -> None:
    """A blob that nothing reads would be taken for another classifier."""
    layers = attached(ZeroPad(name="z", num_output=num_output), 1, channels, 2, 2).to_proto().layer
    read = {name for layer in layers for name in layer.bottom}
    assert {top for layer in layers for top in layer.top} - read == {"pad_z"}


def test_nothing_is_padded_where_nothing_is_missing() -> None:
    assert list(attached(ZeroPad(name="z", num_output=4), 1, 4, 2, 2).tops) == ["data"]
