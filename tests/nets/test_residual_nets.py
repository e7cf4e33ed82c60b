"""Deeper, pre-activation, wide, grouped and gated residual networks: sums by hand and names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from golden import ROWS
from sums import Part, figures

from netbuilder.errors import BuildError
from netbuilder.graph import resolve
from netbuilder.nets import find_network
from netbuilder.proto import caffe_pb2

# Sums by hand. A batch norm that no convolution is in front of is Part(0, channels, norm=True).


def norm(channels: int) -> Part:
    return Part(0, channels, bias=False, norm=True)


def imagenet(blocks: tuple[int, ...], deep: bool, *, bias: bool = False, preact: bool = False,
             inner: int = 4, group: int = 1, stride_on: int = 0, gate: int = 0) -> Iterator[Part]:
    """``inner`` divides a bottleneck's width, ``stride_on`` is its convolution with the stride."""
    yield Part(3, 64, 7, 112, bias=bias, norm=True)
    into = 64
    for stage, count in enumerate(blocks):
        out, size = (256 if deep else 64) << stage, 56 >> stage
        for block in range(count):
            if preact and (stage or block):
                yield norm(into)
            before = size << 1 if stage and not block else size
            convs = [(into, out // inner, 1, 1), (out // inner, out // inner, 3, group),
                     (out // inner, out, 1, 1)] if deep else [(into, out, 3, 1), (out, out, 3, 1)]
            for number, (wide, narrow, kernel, groups) in enumerate(convs):
                last = number == len(convs) - 1
                yield Part(wide, narrow, kernel, before if number < stride_on else size, groups,
                           bias, norm=not (preact and last))
            if gate:
                yield from (Part(out, out // gate), Part(out // gate, out))
            if into != out:
                yield Part(into, out, 1, size, bias=bias, norm=not preact)
            into = out
    if preact:
        yield norm(into)
    yield Part(into, 1000)


def cifar(n: int, width: int, deep: bool = False) -> Iterator[Part]:
    """Pre-activation, without biases in front of batch norm."""
    yield Part(3, 16, 3, 32, bias=False, norm=True)
    into = 16
    for stage in range(3):
        out, size = 16 * width << stage, 32 >> stage
        for block in range(n):
            if stage or block:
                yield norm(into)
            if deep:
                yield Part(into, out // 4, 1, size, bias=False, norm=True)
                yield Part(out // 4, out // 4, 3, size, bias=False, norm=True)
                yield Part(out // 4, out, 1, size, bias=False)
            else:
                yield Part(into, out, 3, size, bias=False, norm=True)
                yield Part(out, out, 3, size, bias=False)
            if into != out:
                yield Part(into, out, 1, size, bias=False)
            into = out
    yield from (norm(into), Part(into, 10))


BY_HAND = {
    "resnet18": imagenet((2, 2, 2, 2), False, bias=True),
    "resnet34": imagenet((3, 4, 6, 3), False, bias=True),
    "resnet50": imagenet((3, 4, 6, 3), True, bias=True),
    "resnet101": imagenet((3, 4, 23, 3), True, bias=True),
    "resnet152": imagenet((3, 8, 36, 3), True, bias=True),
    "preact_resnet50": imagenet((3, 4, 6, 3), True, preact=True),
    "preact_resnet152": imagenet((3, 8, 36, 3), True, preact=True),
    "preact_resnet200": imagenet((3, 24, 36, 3), True, preact=True),
    "resnext50": imagenet((3, 4, 6, 3), True, inner=2, group=32, stride_on=1),
    "se_resnet50": imagenet((3, 4, 6, 3), True, gate=16),
    "wide_resnet": cifar(4, 10),
    "resnet_cifar10 110 preact": cifar(18, 1),
    "resnet_cifar10 164 preact": cifar(18, 4, deep=True),
}


@pytest.mark.parametrize("row", BY_HAND)
def test_golden_figures_by_hand(row: str) -> None:
    golden = ROWS[row]
    assert figures(BY_HAND[row]) == (golden.learned, golden.stored, golden.macs)


@pytest.mark.parametrize(("row", "millions"), [
    ("resnext50", 25.03), ("se_resnet50", 28.09), ("wide_resnet", 36.48),
    ("resnet_cifar10 110 preact", 1.73), ("resnet_cifar10 164 preact", 1.70)])
def test_the_papers_sizes(row: str, millions: float) -> None:
    assert round(ROWS[row].learned / 1e6, 2) == millions


# Names and wiring.


def layers(name: str, **options: Any) -> dict[str, Any]:
    return {layer.name: layer for layer in find_network(name)(**options).to_proto().layer}


def test_pre_activation_begins_and_ends_once() -> None:
    """The stem's ReLU serves the first block; the last sum has batch norm and ReLU of its own."""
    found = layers("preact_resnet50")
    preacts = [name for name in found if name.startswith("bn_") and name.endswith("_preact")]
    assert len(preacts) == 15
    assert "bn_stage0_block0_preact" not in found
    assert list(found["conv_stage0_block0_branch2a"].bottom) == ["pool1"]
    assert list(found)[-6:] == ["eltwise_stage3_block2", "bn_last", "scale_last", "relu_last",
                                "pool", "fc1000"]
    assert list(found["bn_last"].top) == ["bn_last"]


def test_resnext_is_grouped_in_32_with_the_stride_on_3x3() -> None:
    found = layers("resnext50")
    grouped = {name: layer.convolution_param for name, layer in found.items()
               if layer.type == "Convolution" and layer.convolution_param.group > 1}
    assert len(grouped) == 16
    assert {param.group for param in grouped.values()} == {32}
    assert grouped["conv_stage0_block0_branch2b"].num_output == 128
    strided = [name for name, layer in found.items() if layer.type == "Convolution"
               and list(layer.convolution_param.stride) == [2] and "proj" not in name]
    assert strided == ["conv_1", *(f"conv_stage{s}_block0_branch2b" for s in (1, 2, 3))]


def test_wide_resnet_drops_in_each_block_if_asked() -> None:
    found = layers("wide_resnet", n=1, width=2, dropout_ratio=0.3)
    drops = {name: layer for name, layer in found.items() if layer.type == "Dropout"}
    assert list(drops) == [f"drop_stage{s}_block0" for s in range(3)]
    assert drops["drop_stage1_block0"].dropout_param.dropout_ratio == pytest.approx(0.3)
    names = list(found)
    place = names.index("drop_stage1_block0")
    assert names[place - 1:place + 2] == [
        "relu_stage1_block0_branch2a", "drop_stage1_block0", "conv_stage1_block0_branch2b"]
    assert not any(layer.type == "Dropout" for layer in layers("wide_resnet").values())


def test_se_gates_each_block() -> None:
    found = layers("se_resnet50")
    gates = [layer for name, layer in found.items() if name.startswith("gated_")]
    assert len(gates) == 16
    assert {(layer.type, layer.scale_param.axis, len(layer.bottom)) for layer in gates} == {
        ("Scale", 0, 2)}
    assert list(found["eltwise_stage0_block1"].bottom) == [
        "eltwise_stage0_block0", "gated_stage0_block1"]
    assert found["fc_stage2_block3_squeeze"].inner_product_param.num_output == 1024 // 16


def test_only_pynetbuilders_kinds_have_biases_in_front_of_batch_norm() -> None:
    for name, count in (("resnet50", 53), ("se_resnet50", 0)):
        graph = resolve(find_network(name)().to_proto())
        assert sum(len(layer.blobs) == 2 for layer in graph.layers
                   if layer.type == "Convolution") == count


def test_every_name_is_its_options() -> None:
    """A variant is the same net as the one with its options written out."""
    for name, options in {
        "resnet18": {"main_branch": "normal", "blocks": (2, 2, 2, 2)},
        "resnet152": {"blocks": (3, 8, 36, 3)},
        "se_resnet50": {"main_branch": "se_bottleneck"},
    }.items():
        assert find_network(name)().to_proto() == find_network("resnet")(**options).to_proto()


def test_recipes_and_data_follow_the_blocks() -> None:
    resnet, cifar10 = find_network("resnet"), find_network("resnet_cifar10")
    assert [resnet.recipe({"main_branch": kind}) for kind in (
        "normal", "inception", "preact_normal", "resnext_bottleneck", "se_bottleneck")] == [
        "resnet", "resnet", "preact_resnet", "resnext", "se_resnet"]
    assert cifar10.recipe({}) == "resnet_cifar10"
    assert cifar10.recipe({"main_branch": "preact_bottleneck"}) == "preact_resnet_cifar10"
    assert not resnet.dataset({}).std_value
    assert resnet.dataset({"main_branch": "resnext_bottleneck"}).std_value == (
        57.375, 57.12, 58.395)


@pytest.mark.parametrize(("name", "options", "problem"), [
    ("resnext50", {"num_output_stage1": 96},
     "a width of 96 does not divide by 64; give a multiple of 64"),
    ("se_resnet50", {"num_output_stage1": 24},
     "stage0_block0: a width of 24 does not divide by 16; give a multiple of 16"),
    ("wide_resnet", {"width": 0}, "width is 0; it must be at least 1"),
    ("wide_resnet", {"n": 0}, "stage 0 has 0 blocks"),
    ("wide_resnet", {"dropout_ratio": 1.0},
     "dropout_ratio is 1.0; it must be at least 0 and below 1"),
    ("resnet_cifar10", {"main_branch": "inception", "dropout_ratio": 0.5},
     'InceptionBranch has no argument "dropout_ratio"'),
])
def test_options_that_describe_no_network(name: str, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError) as caught:
        find_network(name)(**options)
    assert problem in str(caught.value)


# First values and statistics, as they were trained.


@pytest.mark.parametrize(("network", "options", "inputs"), [
    ("resnext50", {}, 2048), ("wide_resnet", {"n": 1, "width": 2}, 128)])
def test_what_was_trained_in_torch_begins_as_there(
    network: str, options: dict[str, Any], inputs: int
) -> None:
    found = layers(network, **options).values()
    convs = [one.convolution_param for one in found if one.type == "Convolution"]
    assert {(one.weight_filler.type, one.weight_filler.variance_norm) for one in convs} == {
        ("msra", caffe_pb2.FillerParameter.FAN_OUT)}
    assert {one.batch_norm_param.moving_average_fraction
            for one in found if one.type == "BatchNorm"} == {np.float32(0.9)}
    [full] = [one for one in found if one.type == "InnerProduct"]
    weight, bias = full.inner_product_param.weight_filler, full.inner_product_param.bias_filler
    assert (weight.type, bias.type, bias.value, len(full.param)) == ("uniform", "constant", 0, 0)
    assert (weight.min, weight.max) == pytest.approx((-inputs**-0.5, inputs**-0.5))


def test_what_was_trained_in_caffe_begins_as_there() -> None:
    for kind in ("bottleneck", "preact_bottleneck", "se_bottleneck"):
        found = layers("resnet", main_branch=kind).values()
        assert not any(one.batch_norm_param.HasField("moving_average_fraction") or
                       one.convolution_param.weight_filler.variance_norm for one in found)
