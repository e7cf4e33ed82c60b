"""AlexNet, VGG, SqueezeNet, GoogLeNet: sums by hand, released names, fillers, sizes, options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from golden import ROWS
from hypothesis import given, settings
from hypothesis import strategies as st
from sums import Part, figures

from netbuilder.errors import BuildError, ShapeError
from netbuilder.graph import resolve
from netbuilder.nets import find_network
from netbuilder.proto import caffe_pb2


def layers(name: str, **options: Any) -> dict[str, Any]:
    return {layer.name: layer for layer in find_network(name)(**options).to_proto().layer}


# Sums by hand.


def alexnet(norm: bool) -> Iterator[Part]:
    yield Part(3, 96, 11, 55, norm=norm)
    yield Part(96, 256, 5, 27, group=2, norm=norm)
    yield Part(256, 384, 3, 13, norm=norm)
    yield Part(384, 384, 3, 13, group=2, norm=norm)
    yield Part(384, 256, 3, 13, group=2, norm=norm)
    yield from (Part(256 * 6 * 6, 4096), Part(4096, 4096), Part(4096, 1000))


def vgg(blocks: tuple[int, ...], norm: bool = False) -> Iterator[Part]:
    into = 3
    for stage, count in enumerate(blocks):
        out = (64, 128, 256, 512, 512)[stage]
        for _ in range(count):
            yield Part(into, out, 3, 224 >> stage, norm=norm)
            into = out
    yield from (Part(512 * 7 * 7, 4096), Part(4096, 4096), Part(4096, 1000))


def squeezenet() -> Iterator[Part]:
    yield Part(3, 96, 7, 111)
    into = 96
    for squeeze, size in zip((16, 16, 32, 32, 48, 48, 64, 64), (55,) * 3 + (27,) * 4 + (13,),
                             strict=True):
        yield Part(into, squeeze, 1, size)
        yield from (Part(squeeze, 4 * squeeze, kernel, size) for kernel in (1, 3))
        into = 8 * squeeze
    yield Part(512, 1000, 1, 15)


# The table of arXiv 1409.4842: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
INCEPTIONS = """64 96 128 16 32 32 | 128 128 192 32 96 64 | 192 96 208 16 48 64 |
160 112 224 24 64 64 | 128 128 256 24 64 64 | 112 144 288 32 64 64 | 256 160 320 32 128 128 |
256 160 320 32 128 128 | 384 192 384 48 128 128"""


def googlenet(aux: bool) -> Iterator[Part]:
    yield from (Part(3, 64, 7, 112), Part(64, 64, 1, 56), Part(64, 192, 3, 56))
    into = 192
    for number, row in enumerate(INCEPTIONS.split("|")):
        one, reduce3, three, reduce5, five, pool = map(int, row.split())
        size = 28 if number < 2 else 14 if number < 7 else 7
        yield from (Part(into, one, 1, size), Part(into, reduce3, 1, size),
                    Part(reduce3, three, 3, size), Part(into, reduce5, 1, size),
                    Part(reduce5, five, 5, size), Part(into, pool, 1, size))
        into = one + three + five + pool
        if aux and number in (2, 5):
            yield from (Part(into, 128, 1, 4), Part(128 * 4 * 4, 1024), Part(1024, 1000))
    yield Part(1024, 1000)


BY_HAND = {
    "alexnet": alexnet(False), "alexnet batch norm": alexnet(True), "caffenet": alexnet(False),
    "vgg16": vgg((2, 2, 3, 3, 3)), "vgg16 batch norm": vgg((2, 2, 3, 3, 3), norm=True),
    "vgg19": vgg((2, 2, 4, 4, 4)), "squeezenet": squeezenet(), "googlenet": googlenet(False),
}


@pytest.mark.parametrize("row", BY_HAND)
def test_golden_figures_by_hand(row: str) -> None:
    golden = ROWS[row]
    assert figures(BY_HAND[row]) == (golden.learned, golden.stored, golden.macs)


def test_googlenet_with_its_auxiliary_classifiers() -> None:
    graph = resolve(find_network("googlenet")().to_proto())
    learned = sum(blob.count for layer in graph.layers for blob in layer.blobs)
    assert learned == figures(googlenet(True))[0] == 13_378_280
    assert graph.blobs["loss1/ave_pool"] == (1, 512, 4, 4)


# Names and fields of the released nets.


def test_names_of_alexnet() -> None:
    assert " ".join(layers("alexnet")) == (
        "data conv1 relu1 norm1 pool1 conv2 relu2 norm2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 "
        "pool5 fc6 relu6 drop6 fc7 relu7 drop7 fc8")
    assert list(layers("caffenet"))[:6] == ["data", "conv1", "relu1", "pool1", "norm1", "conv2"]
    assert list(layers("alexnet", norm="batch_norm"))[:7] == [
        "data", "conv1", "bn1", "scale1", "relu1", "pool1", "conv2"]


@pytest.mark.parametrize(("network", "bias"), [("alexnet", 0.1), ("caffenet", 1)])
def test_fillers_of_alexnet(network: str, bias: float) -> None:
    found = layers(network)
    values = {name: (param.weight_filler.std, param.bias_filler.value, param.weight_filler.type)
              for name, layer in found.items() if name[:2] in {"co", "fc"}
              for param in [layer.convolution_param if name[0] == "c" else
                            layer.inner_product_param]}
    gaussian = "gaussian"
    assert values == {name: (pytest.approx(std), pytest.approx(value), gaussian)
                      for name, std, value in [
        ("conv1", 0.01, 0), ("conv2", 0.01, bias), ("conv3", 0.01, 0), ("conv4", 0.01, bias),
        ("conv5", 0.01, bias), ("fc6", 0.005, bias), ("fc7", 0.005, bias), ("fc8", 0.01, 0)]}
    assert [found[f"conv{i}"].convolution_param.group for i in range(1, 6)] == [1, 2, 1, 2, 2]
    lrn = found["norm1"].lrn_param
    assert (lrn.local_size, lrn.alpha, lrn.beta) == (5, pytest.approx(1e-4), 0.75)


def test_names_of_vgg_are_the_released_ones_and_unique() -> None:
    found = list(layers("vgg19"))
    assert found[:6] == ["data", "conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1"]
    assert found[-8:] == ["pool5", "fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]
    for name in ("vgg16", "vgg19", "alexnet", "squeezenet", "googlenet"):
        made = [layer.name for layer in find_network(name)().to_proto().layer]
        assert len(set(made)) == len(made)
    assert layers("vgg")["conv5_3"].convolution_param.weight_filler.type == "xavier"


def test_names_and_fields_of_squeezenet() -> None:
    found = layers("squeezenet")
    assert " ".join(list(found)[:12]) == (
        "data conv1 relu_conv1 pool1 fire2/squeeze1x1 fire2/relu_squeeze1x1 fire2/expand1x1 "
        "fire2/relu_expand1x1 fire2/expand3x3 fire2/relu_expand3x3 fire2/concat "
        "fire3/squeeze1x1")
    assert [name for name in found if name.startswith("pool")] == [
        "pool1", "pool4", "pool8", "pool10"]
    assert list(found)[-4:] == ["drop9", "conv10", "relu_conv10", "pool10"]
    last = found["conv10"].convolution_param
    assert (last.weight_filler.type, last.weight_filler.std, list(last.pad)) == (
        "gaussian", pytest.approx(0.01), [1])
    assert {layer.convolution_param.weight_filler.type for name, layer in found.items()
            if layer.type == "Convolution" and name != "conv10"} == {"xavier"}


def parts(names: Iterable[str], module: str) -> str:
    return " ".join(name.removeprefix(module) for name in names if name.startswith(module))


def test_names_and_fields_of_googlenet() -> None:
    found = layers("googlenet")
    module = ("1x1 relu_1x1 3x3_reduce relu_3x3_reduce 3x3 relu_3x3 5x5_reduce relu_5x5_reduce 5x5 "
              "relu_5x5 pool pool_proj relu_pool_proj output")
    for number in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        assert parts(found, f"inception_{number}/") == module
    for head in ("loss1", "loss2"):
        assert parts(found, f"{head}/") == "ave_pool conv relu_conv fc relu_fc drop_fc classifier"
    assert list(found)[-3:] == ["pool5/7x7_s1", "pool5/drop_7x7_s1", "loss3/classifier"]
    assert list(found["loss1/ave_pool"].bottom) == ["inception_4a/output"]
    assert list(found["loss2/ave_pool"].bottom) == ["inception_4d/output"]
    values = {name: layer.convolution_param.bias_filler.value for name, layer in found.items()
              if layer.type == "Convolution"}
    assert len(values) == 59
    assert list(values.values()) == pytest.approx([0.2] * 59)
    ratios = [found[name].dropout_param.dropout_ratio for name in
              ("loss1/drop_fc", "loss2/drop_fc", "pool5/drop_7x7_s1")]
    assert ratios == pytest.approx([0.7, 0.7, 0.4])
    assert "loss1/conv" not in layers("googlenet", aux=False)
    assert find_network("googlenet").aux_weight == 0.3


# Options and sizes.

NARROW: dict[str, tuple[str, dict[str, Any], int]] = {
    "alexnet": ("alexnet", {"width": 6, "fc_width": 2}, 39),
    "alexnet batch norm": ("alexnet", {"width": 6, "fc_width": 2, "norm": "batch_norm"}, 39),
    "caffenet": ("caffenet", {"width": 6, "fc_width": 2}, 39),
    "vgg": ("vgg", {"width": 2, "fc_width": 2}, 1),
    "squeezenet": ("squeezenet", {"width": 2, "squeeze": 1}, 21),
    "googlenet": ("googlenet", {"width": 8}, 47),
    "googlenet alone": ("googlenet", {"width": 8, "aux": False}, 31),
    "resnet": ("resnet", {"num_output_stage1": 8}, 3),
}


@pytest.mark.parametrize("case", NARROW)
def test_every_size_from_the_least_one_on(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below it nothing is left of some map, which the layers' own rules show."""
    name, options, least = NARROW[case]
    network = find_network(name)
    for size in (least, least + 1, least + 9, least + 30):
        network(crop_size=size, **options)
    with pytest.raises(BuildError, match=f"crop_size is {least - 1}; it must be at least {least}"):
        network(crop_size=least - 1, **options)
    if least > 1:
        monkeypatch.setattr(f"netbuilder.nets.{network.function.__module__.split('.')[-1]}"
                            ".at_least", lambda *_, **__: None)
        with pytest.raises(ShapeError, match="nothing is left"):
            network(crop_size=least - 1, **options)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(NARROW)), st.integers(1, 90), st.integers(1, 12))
def test_any_size_and_number_of_classes(case: str, size: int, classes: int) -> None:
    """A net with a value for each class, or a refusal that tells what works."""
    name, options, least = NARROW[case]
    if size < least:
        with pytest.raises(BuildError, match=f"it must be at least {least}"):
            find_network(name)(crop_size=size, num_classes=classes, **options)
        return
    net = find_network(name)(crop_size=size, num_classes=classes, **options).to_proto()
    shape = resolve(net).blobs[net.layer[-1].top[0]]
    assert (shape[:2], set(shape[2:]) <= {1}) == ((1, classes), True)


@pytest.mark.parametrize(("name", "options", "problem"), [
    ("alexnet", {"norm": "lrm"}, 'unknown norm "lrm"; did you mean "lrn"? Known: lrn, batch_norm'),
    ("alexnet", {"width": 100}, "width is 100; it must be a multiple of 6: 96 or 102"),
    ("alexnet", {"width": 0}, "width is 0; it must be a multiple of 6: 6"),
    ("alexnet", {"fc_width": 0}, "fc_width is 0; it must be at least 1"),
    ("vgg", {"blocks": (2, 0)}, "blocks: 2 0; give the number of convolutions, at least 1"),
    ("vgg", {"blocks": ()}, "blocks: none; give"),
    ("vgg", {"width": -1}, "width is -1; it must be at least 1"),
    ("squeezenet", {"squeeze": 0}, "squeeze is 0"),
    ("squeezenet", {"num_classes": 0}, "num_classes is 0"),
    ("googlenet", {"width": 20}, "width is 20; it must be a multiple of 8: 16 or 24"),
    ("googlenet", {"width": 5}, "width is 5; it must be a multiple of 8: 8"),
])
def test_options_that_describe_no_network(name: str, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError) as caught:
        find_network(name)(**options)
    assert problem in str(caught.value)


def test_widths_and_depths_by_option() -> None:
    assert resolve(find_network("vgg")(blocks=(1, 1), width=8).to_proto()).blobs["pool2"] == (
        1, 16, 56, 56)
    blobs = resolve(find_network("googlenet")(width=32).to_proto()).blobs
    assert blobs["inception_5b/output"] == (1, 512, 7, 7)
    blobs = resolve(find_network("squeezenet")(squeeze=8).to_proto()).blobs
    assert blobs["fire9/concat"] == (1, 256, 13, 13)
    assert resolve(find_network("alexnet")(width=48).to_proto()).blobs["conv5"] == (1, 128, 13, 13)


def test_what_was_reported() -> None:
    """Of the released models, each for its own options only."""
    found = {name: (row.top1, row.top5) for name in
             ("alexnet", "caffenet", "googlenet", "squeezenet", "vgg16", "vgg19")
             for row in [find_network(name).result({})]}
    assert found == {
        "alexnet": (0.571, 0.802), "caffenet": (0.574, 0.804), "googlenet": (0.687, 0.889),
        "squeezenet": (0.575, 0.803), "vgg16": (0.744, 0.919), "vgg19": (0.745, 0.92)}
    assert find_network("alexnet").result({"norm": "batch_norm"}) is None
    assert find_network("vgg").result({"blocks": (2, 2, 4, 4, 4)}) is None


def test_pooling_is_caffes() -> None:
    """Stride 2 over 3x3 without pad: Caffe rounds the size up."""
    for name in ("alexnet", "squeezenet", "googlenet"):
        pools = [layer.pooling_param for layer in layers(name).values() if layer.type == "Pooling"
                 and layer.pooling_param.stride == 2]
        assert pools
        assert {(pool.kernel_size, pool.pad, pool.pool) for pool in pools} == {
            (3, 0, caffe_pb2.PoolingParameter.MAX)}
