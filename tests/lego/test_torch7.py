"""Torch7's layers from Caffe's: sizes, values and gradients in both engines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from against import Numbers, by_caffe, by_us
from layer_cases import TEST, TRAIN, Case

from netbuilder.errors import BuildError
from netbuilder.lego import (
    BaseLego,
    SpatialDropout,
    TorchConv,
    TorchLinear,
    TorchMaxPool,
    TorchNorm,
)
from netbuilder.proto.text import dumps
from netbuilder.spec import L, NetSpec

Pooling = tuple[int, int, int, tuple[int, int]]  # kernel, stride, pad, sides


def attached(lego: BaseLego, *shape: int) -> NetSpec:
    net = NetSpec()
    net.data = L.Input(shape={"dim": shape})
    lego.attach(net, net.data)
    return net


def text(net: NetSpec) -> str:
    return "force_backward: true\n" + dumps(net.to_proto())


# Maximum pooling, rounded down.

POOLINGS: list[Pooling] = [
    (kernel, stride, pad, (high, wide))
    for kernel, stride in product((1, 2, 3, 4, 5), (1, 2, 3)) for pad in range(kernel // 2 + 1)
    for high, wide in ((1, 1), (2, 2), (4, 7), (5, 5), (6, 6), (8, 8), (9, 6), (10, 11))
    if min(high, wide) + 2 * pad >= kernel
]


def pool(kernel: int, stride: int, pad: int) -> TorchMaxPool:
    return TorchMaxPool(name="p", kernel_size=kernel, stride=stride, pad=pad)


def pooling_case(one: Pooling) -> Case | None:
    """None for one that is refused."""
    *window, sides = one
    try:
        net = attached(pool(*window), 2, 3, *sides)
    except BuildError:
        return None
    random = np.random.default_rng(3)
    arrays = {"data/data": random.standard_normal((2, 3, *sides)),
              "diff/p": random.standard_normal(net.p.shape)}
    return Case(str(one), text(net),
                {key: array.astype(np.float32) for key, array in arrays.items()})


def assert_torchs(one: Pooling, case: Case, found: Numbers) -> None:
    torch = pytest.importorskip("torch")
    kernel, stride, pad, _ = one
    x = torch.from_numpy(case.arrays["data/data"]).requires_grad_()
    y = torch.nn.functional.max_pool2d(x, kernel, stride, pad)
    y.backward(torch.from_numpy(case.arrays["diff/p"]))
    assert np.array_equal(found["data/p"], y.detach().numpy()), one
    np.testing.assert_allclose(found["diff/data"], x.grad.numpy(), atol=1e-6, err_msg=str(one))


@pytest.mark.caffe
@pytest.mark.torch
def test_sizes_are_rounded_down_exactly(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    made = {one: case for one in POOLINGS if (case := pooling_case(one))}
    assert len(made) > 150
    names = {f"{index}": case for index, case in enumerate(made.values())}
    theirs = by_caffe(run_caffe, names, tmp_path)
    for (name, case), one in zip(names.items(), made, strict=True):
        (tmp_path / f"ours{name}").mkdir()
        assert_torchs(one, case, theirs[name])
        assert_torchs(one, case, by_us(case, tmp_path / f"ours{name}"))


@pytest.mark.parametrize("one", POOLINGS)
def test_only_what_cannot_be_is_refused(one: Pooling) -> None:
    kernel, stride, pad, sides = one
    fits = all((side + 2 * pad - kernel) % stride == 0 for side in sides)
    possible = fits or (pad > 0 and min(sides) >= kernel - pad)
    assert (pooling_case(one) is not None) == possible


def test_a_refused_pooling_says_which_sides_can() -> None:
    with pytest.raises(BuildError) as caught:
        attached(pool(3, 2, 0), 1, 3, 8, 8)
    assert str(caught.value) == ("p: a map of 8x8 cannot be pooled with its size rounded down; "
                                 "sides of 3 + a multiple of 2 can")


# Spatial dropout.

SHAPES = ((5, 40, 3, 2), (2, 40, 4, 4))  # the second pass has another batch and other sides


def dropout_case(kind: str, phase: int) -> Case:
    net = attached(SpatialDropout(name="d", ratio=0.3, kind=kind), *SHAPES[0])
    random = np.random.default_rng(3)
    arrays = {f"{place}@{number}": random.standard_normal(shape).astype(np.float32)
              for place in ("data/data", "diff/spatial_d") for number, shape in enumerate(SHAPES)}
    return Case(kind, text(net), arrays, phase, len(SHAPES))


def assert_spatial(kind: str, phase: int, case: Case, found: Numbers) -> None:
    mask = found["data/keep_d"]
    assert mask.shape == SHAPES[-1][:2]
    for place, of in (("data/spatial_d", "data/data@1"), ("diff/data", "diff/spatial_d@1")):
        assert np.array_equal(found[place], case.arrays[of] * mask[:, :, None, None])
    kept = {"torch": 1.0, "inverted": 1 / 0.7}[kind]
    values = {0.0, kept} if phase == TRAIN else {kept * 0.7}
    assert {round(float(value), 5) for value in np.unique(mask)} == {
        round(value, 5) for value in values}


@pytest.mark.caffe
@pytest.mark.torch
def test_whole_maps_are_dropped(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    """Torch's kind keeps the rest as it is and has a factor in TEST; the inverted is neutral."""
    cases = {f"{kind}{phase}": dropout_case(kind, phase)
             for kind in ("torch", "inverted") for phase in (TRAIN, TEST)}
    theirs = by_caffe(run_caffe, cases, tmp_path)
    for name, case in cases.items():
        (tmp_path / f"ours{name}").mkdir()
        assert_spatial(case.name, case.phase, case, theirs[name])
        assert_spatial(case.name, case.phase, case, by_us(case, tmp_path / f"ours{name}"))


def test_no_gradient_goes_to_the_mask() -> None:
    product = attached(SpatialDropout(name="d", ratio=0.1), 1, 3, 2, 2).to_proto().layer[-1]
    assert list(product.propagate_down) == [True, False]


def test_an_unknown_kind_of_dropout_is_refused() -> None:
    with pytest.raises(BuildError, match='unknown dropout "torhc"; did you mean "torch"'):
        attached(SpatialDropout(name="d", ratio=0.1, kind="torhc"), 1, 3, 2, 2)


# First values and rates.


def test_first_values_are_torchs() -> None:
    conv = attached(TorchConv(name="c", num_output=8, kernel_size=(1, 5), group=2), 1, 12, 9, 9)
    full = attached(TorchLinear(name="f", num_output=8), 1, 4, 3, 3)
    for net, name, fan_in in ((conv, "conv_c", 6 * 5), (full, "f", 4 * 9)):
        layer = net.to_proto().layer[-1]
        assert (layer.name, len(layer.param)) == (name, 0)
        param = layer.convolution_param if name == "conv_c" else layer.inner_product_param
        for filler in (param.weight_filler, param.bias_filler):
            assert filler.type == "uniform"
            assert (filler.min, filler.max) == pytest.approx((-fan_in**-0.5, fan_in**-0.5))


def test_without_bias_there_is_no_filler_for_one() -> None:
    conv = attached(TorchConv(name="c", num_output=8, kernel_size=1, bias_term=False), 1, 3, 2, 2)
    assert not conv.to_proto().layer[-1].convolution_param.HasField("bias_filler")


def test_batch_norm_is_torchs() -> None:
    layers = attached(TorchNorm(name="n", neuron=None), 1, 3, 2, 2).to_proto().layer[1:]
    [bn, scale] = layers
    assert bn.batch_norm_param.eps == pytest.approx(1e-3)
    assert bn.batch_norm_param.moving_average_fraction == pytest.approx(0.9)
    assert not scale.param
    filler = scale.scale_param.filler
    assert (filler.type, filler.min, filler.max) == ("uniform", 0, 1)
