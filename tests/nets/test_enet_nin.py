"""ENet and network in network: options, first values, and the regimes that they were trained in."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import pytest

from netbuilder.build import Order, plan
from netbuilder.errors import BuildError
from netbuilder.graph import resolve
from netbuilder.nets import find_network
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

NETS = ("enet_v2", "enet_v3", "nin")


def layers(name: str, **options: Any) -> dict[str, Any]:
    """The layers of a network by name, with their shapes."""
    return {layer.name: layer
            for layer in resolve(find_network(name)(**options).to_proto()).layers}


# As Torch7 starts and trains.


@pytest.mark.parametrize(("name", "options"), [
    *((name, {}) for name in NETS), ("nin", {"batch_norm": False})])
def test_first_values_and_rates(name: str, options: dict[str, Any]) -> None:
    for layer in layers(name, **options).values():
        if layer.type in ("Convolution", "InnerProduct"):
            bound = prod(layer.blobs[0].shape[1:]) ** -0.5
            for filler in (layer.fields.weight_filler, layer.fields.bias_filler)[
                    :len(layer.blobs)]:
                assert filler.type == "uniform"
                assert (filler.min, filler.max) == pytest.approx((-bound, bound))
        if layer.type == "Scale" and layer.blobs:
            assert layer.fields.filler == caffe_pb2.FillerParameter(type="uniform", min=0, max=1)
        assert [param.lr_mult for param in layer.message.param] == (
            [0, 0, 0] if layer.type == "BatchNorm" else [])


def test_images_are_prepared_as_the_saved_network_says() -> None:
    """Its numbers are for red, green, blue from 0 to 1."""
    mean = (0.48462227599918, 0.45624044862054, 0.40588363755159)
    deviation = (0.22889466674951, 0.22446679341259, 0.22495548344775)
    for name in NETS:
        data = find_network(name).dataset({})
        assert data.mean_value == pytest.approx([255 * value for value in reversed(mean)])
        assert data.std_value == pytest.approx([255 * value for value in reversed(deviation)])
        assert (data.batch_size, data.stored_size) == (128, 256)


# ENet.


def test_the_variants_are_versions_of_enet() -> None:
    for version in (2, 3):
        one = find_network(f"enet_v{version}")
        assert one().to_proto() == find_network("enet")(version=version).to_proto()
        assert one.result({}).name == f"ENet V{version}"
        assert "read by eye" in one.result({}).about
    assert find_network("enet")().to_proto() == find_network("enet_v3")().to_proto()
    assert find_network("enet").recipe({"version": 2}) == "enet_v2"


def test_kinds_and_drops_in_the_order_of_the_post() -> None:
    found = layers("enet_v3")
    dilations = [found[f"conv_b{stage}_{block}_3by3"].dilation[0] for stage in (2, 3)
                 for block in (1, 2, 4, 5, 6, 8)]
    assert dilations == [1, 2, 4, 1, 8, 16] * 2
    assert {name[:9] for name in found if "1by5" in name and name.startswith("conv")} == {
        f"conv_b{stage}_{block}" for stage in (2, 3) for block in (3, 7)}
    ratios = {name: layer.fields.dropout_ratio for name, layer in found.items()
              if layer.type == "Dropout"}
    assert len(ratios) == 24
    assert ratios == pytest.approx({name: 0.01 if "b1" in name else 0.1 for name in ratios})


@pytest.mark.parametrize(("kind", "factors"), [("torch", (0.99, 0.9)), ("inverted", (1, 1))])
def test_both_kinds_of_dropout(kind: str, factors: tuple[float, float]) -> None:
    found = layers("enet", dropout=kind)
    assert (found["keep_b1_0"].fields.shift, found["keep_b2_0"].fields.shift) == (
        pytest.approx(factors))


def test_dropout_may_be_left_out_or_changed() -> None:
    none = layers("enet", dropout_ratios=(0, 0))
    assert not {"Dropout", "Power", "Flatten"} & {
        layer.type for name, layer in none.items() if "zeros" not in name}
    some = layers("enet", dropout_ratios=(0.25, 0.5))
    assert [some[f"drop_{name}"].fields.dropout_ratio for name in ("b1_4", "b2_0")] == [0.25, 0.5]


@pytest.mark.parametrize(("options", "shapes"), [
    ({"crop_size": 32}, {"eltwise_b4_0": (512, 1, 1), "pool": (512, 1, 1)}),
    ({"crop_size": 288}, {"eltwise_b4_0": (512, 9, 9), "pool": (512, 1, 1)}),
    ({"passes": 1, "crop_size": 208}, {"eltwise_b3_0": (256, 13, 13), "pool": (256, 1, 1)}),
    ({"passes": 3, "crop_size": 192}, {"eltwise_b5_0": (1024, 3, 3)}),
    ({"width": 16}, {"stem_concat": (4, 112, 112), "eltwise_b4_0": (128, 7, 7)}),
    ({"width": 36, "version": 2}, {"stem_concat": (9, 112, 112), "eltwise_b4_0": (72, 7, 7)}),
    ({"blocks_stage1": 6, "num_classes": 7}, {"eltwise_b1_6": (64, 56, 56), "fc7": (7,)}),
])
def test_other_sizes_of_enet(options: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    found = layers("enet", **options)
    assert {name: found[name].top_shapes[0][1:] for name in shapes} == shapes


@pytest.mark.parametrize(("options", "problem"), [
    ({"crop_size": 200}, "crop_size is 200; it must be a multiple of 32: 192 or 224"),
    ({"crop_size": 31}, "crop_size is 31; it must be a multiple of 32: 32"),
    ({"crop_size": -5}, "it must be a multiple of 32: 32"),
    ({"crop_size": 224, "passes": 3}, "it must be a multiple of 64: 192 or 256"),
    ({"width": 12}, "width is 12; it must be at least 16"),
    ({"width": 66}, "width is 66; it must be a multiple of 4: 64 or 68"),
    ({"version": 1}, "version is 1; there are 2 and 3"),
    ({"passes": 0}, "passes is 0"),
    ({"blocks_stage1": 0}, "blocks_stage1 is 0"),
    ({"num_classes": 0}, "num_classes is 0"),
    ({"dropout": "spatial"}, 'unknown dropout "spatial"; known: torch, inverted'),
    ({"dropout_ratios": (0.1,)}, "dropout_ratios is 0.1; give two numbers from 0 to below 1"),
    ({"dropout_ratios": (0.1, 1)}, "dropout_ratios is 0.1 1; give two"),
])
def test_what_is_no_enet(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError) as caught:
        find_network("enet")(**options)
    assert problem in str(caught.value)


# Network in network.


@pytest.mark.parametrize("size", range(1, 240, 7))
def test_nin_takes_any_size(size: int) -> None:
    """Torch rounds up after the first convolution's steps of 4, and after each pooling's of 2."""
    found, side = layers("nin", crop_size=size, widths=(4, 4, 4, 4)), -(-size // 4)
    for block in range(1, 5):
        assert found[f"conv_{block}"].top_shapes[0][2:] == (side, side)
        side = -(-side // 2)
    assert found["pool"].top_shapes[0][2:] == (1, 1)


def test_names_of_nin() -> None:
    found = list(layers("nin"))
    assert found[1:9] == [f"{kind}_{name}" for name in ("1", "1_cccp_a")
                          for kind in ("conv", "bn", "scale", "relu")]
    assert found[13:16] == ["pool1_stride1", "pool1", "conv_2"]
    assert len(find_network("nin").reported) == 2
    assert find_network("nin").result({"batch_norm": False}).top1 == 0.626


@pytest.mark.parametrize(("options", "problem"), [
    ({"crop_size": 0}, "crop_size is 0"),
    ({"num_classes": -1}, "num_classes is -1"),
    ({"widths": (1, 2, 3)}, "widths has 3 numbers; there are 4 blocks"),
])
def test_what_is_no_nin(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError) as caught:
        find_network("nin")(**options)
    assert problem in str(caught.value)


# Regimes: iterations in thousands, rate, weight decay.

REGIMES = {
    "enet_v2": [(180, 1e-2, 5e-4), (110, 5e-3, 5e-4), (140, 1e-3, 0), (90, 5e-4, 0),
                (30, 1e-4, 0)],
    "enet_v3": [(100, 1e-2, 5e-4), (50, 5e-3, 5e-4), (50, 1e-3, 0), (100, 5e-4, 0),
                (250, 1e-4, 0)],
    "nin": [(90, 1e-1, 5e-4), (100, 1e-2, 5e-4), (60, 1e-3, 0), (100, 1e-4, 0)],
}


def solvers(name: str, batch_size: int = 128, **order: Any) -> list[Any]:
    made = plan(Order(find_network(name), data_options={"batch_size": batch_size}, **order), "out")
    return [parse(text, caffe_pb2.SolverParameter()) for file, text in made.files.items()
            if file.startswith("solver")]


def regimes(made: list[Any]) -> list[tuple[float, float, float]]:
    return [(one.max_iter / 1000, one.base_lr, one.weight_decay) for one in made]


@pytest.mark.parametrize("name", REGIMES)
def test_regimes(name: str) -> None:
    made = solvers(name)
    for found, wanted in zip(regimes(made), REGIMES[name], strict=True):
        assert found == pytest.approx(wanted)
    for one in made:
        assert (one.lr_policy, one.iter_size, one.test_iter[0]) == ("fixed", 1, 1000)
        assert one.momentum == pytest.approx(0.9)
        assert (one.test_interval, one.snapshot) == (10_000, 10_000)
    assert [one.snapshot_prefix for one in made] == [
        f"out/{name}_{number}" for number in range(1, 1 + len(made))]


def test_iterations_follow_the_batch_and_the_devices() -> None:
    assert [one.max_iter for one in solvers("nin", 64)] == [90_000, 100_000, 60_000, 100_000]
    assert {one.iter_size for one in solvers("nin", 64)} == {2}
    assert {one.iter_size for one in solvers("nin", 32, devices=4)} == {1}
    assert [one.max_iter for one in solvers("nin", 256)] == [45_000, 50_000, 30_000, 50_000]
    assert {one.test_interval for one in solvers("nin", 256)} == {5000}


@pytest.mark.parametrize(("epochs", "lengths"), [
    (0.5, [5]), (9, [90]), (9.5, [90, 5]), (19, [90, 100]), (20, [90, 100, 10]),
    (26, [90, 100, 60, 10]), (60, [90, 100, 60, 350])])
def test_epochs_are_where_a_run_ends(epochs: float, lengths: list[float]) -> None:
    """What is before stays as published; the last regime has no end of its own."""
    found = regimes(solvers("nin", epochs=epochs))
    assert [length for length, _, _ in found] == lengths
    assert [(one, two) for one, two in zip(found, REGIMES["nin"], strict=False)
            if one[1:] != pytest.approx(two[1:])] == []


@pytest.mark.parametrize("name", REGIMES)
def test_a_part_says_when_it_is(name: str) -> None:
    files = plan(Order(find_network(name)), "out").files
    said = [line for file, text in files.items() if file.startswith("solver_")
            for line in text.splitlines() if line.startswith("# Part")]
    ends = [0.0]
    for length, _, _ in REGIMES[name]:
        ends.append(ends[-1] + length / 10)
    assert said == [f"# Part {number}: after {begin:g} epochs, until {end:g} are over."
                    for number, (begin, end) in enumerate(pairwise(ends), 1)]


@pytest.mark.parametrize("name", REGIMES)
def test_the_card_tells_what_was_reported_and_how_it_was_trained(name: str) -> None:
    card = " ".join(plan(Order(find_network(name)), "out").files["README.md"].split())
    assert "imagenet-multiGPU.torch" in card
    assert ("62.6 % top-1" in card) if name == "nin" else ("read by eye" in card)
    assert f"top-1 accuracy {find_network(name).result({}).top1}" in card
