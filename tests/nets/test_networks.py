"""Every network: published figures to the last digit, and what the registry promises."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, NamedTuple

import pytest
from golden import ROWS

from netbuilder.analysis.costs import Costs, costs
from netbuilder.build import Order, plan
from netbuilder.errors import BuildError
from netbuilder.graph import resolve
from netbuilder.nets import Network, find_network, network, networks
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse
from netbuilder.solver.recipes import recipes


class Row(NamedTuple):
    """A network with its options, and pynetbuilder's figures for it."""

    network: str
    options: dict[str, Any]
    params: int
    flops: int


def imagenet(branch: str, blocks: str, width: int | None, *figures: int,
             fc_layers: bool = False) -> Row:
    options = {"main_branch": branch, "blocks": tuple(map(int, blocks.split())),
               "num_output_stage1": width, "fc_layers": fc_layers}
    return Row("resnet", options, *figures)


def cifar(branch: str, n: int, params: int, flops: int) -> Row:
    return Row("resnet_cifar10", {"main_branch": branch, "n": n}, params, flops)


TRICK, TRICK_BOTTLENECK = "inception_trick", "inception_trick_bottleneck"

# pynetbuilder's models/imagenet/Readme.md and models/cifar10, and more of what that tool prints.
GOLDEN = {
    "Resnet 50": imagenet("bottleneck", "3 4 6 3", 256, 25_556_032, 3_858_026_368),
    "Resnet 50 1by2": imagenet("bottleneck", "3 4 6 3", 128, 6_926_528, 1_069_598_720),
    "resnet 77 1by2": imagenet("bottleneck", "3 4 15 3", 128, 9_447_104, 1_560_935_936),
    "Resnet 66 1by2 inception trick and bottleneck": imagenet(
        TRICK_BOTTLENECK, "3 4 6 3", 128, 5_987_200, 915_461_824),
    "resnet 68 1by2 with4k": imagenet(
        TRICK_BOTTLENECK, "3 4 6 3", 128, 19_559_248, 1_029_697_168, fc_layers=True),
    "resnet 34 inception trick": imagenet(TRICK, "2 2 2 2", 64, 8_550_464, 1_370_936_192),
    "resnet 36 with4k inception trick": imagenet(
        TRICK, "2 2 2 2", 64, 21_585_936, 1_434_303_312, fc_layers=True),
    "CIFAR-10 bottleneck 36": cifar("bottleneck", 36, 220_944, 30_732_960),
    "18": imagenet("normal", "2 2 2 2", 64, 11_688_512, 1_814_082_944),
    "34": imagenet("normal", "3 4 6 3", None, 21_796_672, 3_663_778_432),
    "101": imagenet("bottleneck", "3 4 23 3", None, 44_548_160, 7_570_299_776),
    "152": imagenet("bottleneck", "3 8 36 3", 256, 60_191_808, 11_282_567_040),
    "3 40 120 3": imagenet("bottleneck", "3 40 120 3", 256, 162_997_312, 36_613_324_672),
    "50 fc_layers": imagenet("bottleneck", "3 4 6 3", 256, 40_201_232, 4_073_998_160,
                             fc_layers=True),
    "CIFAR-10 normal 3": cifar("normal", 3, 272_464, 40_814_752),
    "CIFAR-10 normal 5": cifar("normal", 5, 466_896, 69_127_200),
    "CIFAR-10 normal 7": cifar("normal", 7, 661_328, 97_439_648),
    "CIFAR-10 normal 9": cifar("normal", 9, 855_760, 125_752_096),
    "CIFAR-10 normal 18": cifar("normal", 18, 1_730_704, 253_158_112),
    "CIFAR-10 bottleneck 3": cifar("bottleneck", 3, 21_360, 3_147_600),
    "CIFAR-10 bottleneck 5": cifar("bottleneck", 5, 33_456, 4_819_440),
    "CIFAR-10 bottleneck 7": cifar("bottleneck", 7, 45_552, 6_491_280),
    "CIFAR-10 bottleneck 9": cifar("bottleneck", 9, 57_648, 8_163_120),
    "CIFAR-10 bottleneck 18": cifar("bottleneck", 18, 112_080, 15_686_400),
}


@cache
def counted(row: str) -> Costs:
    golden = GOLDEN[row]
    return costs(resolve(find_network(golden.network)(**golden.options).to_proto()))


def test_every_network_has_a_row() -> None:
    assert {row.network for row in ROWS.values()} == set(networks())


@pytest.mark.parametrize("row", GOLDEN)
def test_published_figures(row: str) -> None:
    totals = counted(row).totals
    assert (totals["documented_params"], totals["documented_flops"]) == GOLDEN[row][2:]


@pytest.mark.parametrize("row", GOLDEN)
def test_both_conventions_tell_the_same_net(row: str) -> None:
    """The true counts from the published ones: biases, statistics and betas were left out."""
    found = counted(row)
    by_type = {kind: [one for one in found.layers if one.type == kind]
               for kind in ("Convolution", "BatchNorm", "Scale", "InnerProduct")}
    outputs = sum(one.top_shapes[0][1] for one in by_type["Convolution"])  # = channels of BN, Scale
    classes = sum(one.top_shapes[0][1] for one in by_type["InnerProduct"])
    totals = found.totals
    assert totals["learned_params"] == totals["documented_params"] + outputs + classes
    assert totals["stored_values"] == (
        totals["learned_params"] + 2 * outputs + len(by_type["BatchNorm"]))
    assert totals["macs"] == totals["documented_flops"] - 2 * outputs


def test_resnet_50_truly() -> None:
    totals = counted("Resnet 50").totals
    assert totals["learned_params"] == 25_583_592
    assert totals["stored_values"] == 25_636_765
    assert totals["macs"] == 3_857_973_248
    by_type: dict[str, int] = {}
    for row in counted("Resnet 50").layers:
        by_type[row.type] = by_type.get(row.type, 0) + row.documented_params
    assert {kind: count for kind, count in by_type.items() if count} == {
        "Convolution": 23_454_912, "BatchNorm": 26_560, "Scale": 26_560,
        "InnerProduct": 2_048_000}


@pytest.mark.parametrize(("row", "train"), [
    ("Resnet 50", 229), ("Resnet 50 1by2", 229), ("resnet 34 inception trick", 162),
    ("resnet 36 with4k inception trick", 174), ("resnet 68 1by2 with4k", 305),
    ("Resnet 66 1by2 inception trick and bottleneck", 293), ("CIFAR-10 normal 3", 95)])
def test_layers_in_the_files(row: str, train: int) -> None:
    """As many as in the released models' files."""
    golden = GOLDEN[row]
    files = plan(Order(find_network(golden.network), golden.options), "out").files
    layers = {name: len(parse(files[f"{name}.prototxt"], caffe_pb2.NetParameter()).layer)
              for name in ("train", "test", "deploy")}
    assert layers == {"train": train, "test": train + 1, "deploy": train}


@pytest.mark.parametrize(("options", "depth"), [
    ({"main_branch": "normal", "n": 3}, 20), ({"main_branch": "normal", "n": 18}, 110),
    ({"main_branch": "bottleneck", "n": 18}, 164)])
def test_depth_on_cifar(options: dict[str, Any], depth: int) -> None:
    layers = find_network("resnet_cifar10")(**options).to_proto().layer
    on_the_way = [layer for layer in layers if layer.type in {"Convolution", "InnerProduct"}
                  and "proj_shortcut" not in layer.name]
    assert len(on_the_way) == depth


# Layer names, as the released models have them.


def names(network_name: str, **options: Any) -> list[str]:
    return [layer.name for layer in find_network(network_name)(**options).to_proto().layer]


def test_names_of_resnet_50() -> None:
    found = names("resnet")
    assert found[:6] == ["data", "conv_1", "bn_1", "scale_1", "relu_1", "pool1"]
    first = [f"{kind}_stage0_block0_{part}" for part in ("branch2a", "branch2b")
             for kind in ("conv", "bn", "scale", "relu")]
    assert found[6:14] == first
    assert found[14:23] == [
        *(f"{kind}_stage0_block0_branch2c" for kind in ("conv", "bn", "scale")),
        *(f"{kind}_stage0_block0_proj_shortcut" for kind in ("conv", "bn", "scale")),
        "eltwise_stage0_block0", "relu_stage0_block0", "conv_stage0_block1_branch2a"]
    assert found[-3:] == ["relu_stage3_block2", "pool", "fc1000"]
    assert len(set(found)) == len(found)
    projections = [name for name in found if name.startswith("conv") and "proj" in name]
    assert projections == [f"conv_stage{s}_block0_proj_shortcut" for s in range(4)]


def test_the_input_is_the_shortcut_where_shapes_agree() -> None:
    for options in ({"main_branch": "normal"}, {"main_branch": "bottleneck",
                                                "num_output_stage1": 64}):
        assert "conv_stage0_block0_proj_shortcut" not in names("resnet", **options)


def test_names_of_the_fc_stage() -> None:
    found = names("resnet", fc_layers=True, num_classes=77)
    after = found[found.index("relu_stage3_block2") + 1:]
    ends = [[f"{kind}_1by1_{width}" for kind in ("conv", "bn", "scale", "relu")]
            for width in (2048, 4096, 77)]
    assert after == [*ends[0], "pool", *ends[1], "drop_1by1_4096", *ends[2]]


def test_what_shapes_do_not_show() -> None:
    net = find_network("resnet")(fc_layers=True).to_proto()
    layers = {layer.name: layer for layer in net.layer}
    pooling = caffe_pb2.PoolingParameter
    assert layers["pool1"].pooling_param == pooling(pool=pooling.MAX, kernel_size=3, stride=2)
    assert layers["pool"].pooling_param == pooling(pool=pooling.AVE, kernel_size=7)
    assert layers["drop_1by1_4096"].dropout_param == caffe_pb2.DropoutParameter(dropout_ratio=0.2)
    added = layers["eltwise_stage0_block0"].eltwise_param.operation
    assert added == caffe_pb2.EltwiseParameter.SUM


def test_any_number_of_stages_classes_and_sizes() -> None:
    graph = resolve(find_network("resnet")(
        blocks=(1, 2, 1, 1, 1), num_classes=7, crop_size=256).to_proto())
    assert graph.blobs["eltwise_stage4_block0"] == (1, 4096, 4, 4)
    assert graph.blobs["pool"] == (1, 4096, 1, 1)
    assert graph.blobs["fc7"] == (1, 7)
    [pool] = [layer for layer in graph.layers if layer.name == "pool"]
    assert (pool.kernel, pool.stride) == ((4, 4), (1, 1))


@pytest.mark.parametrize(("options", "problem"), [
    ({"blocks": ()}, "at least one stage"),
    ({"blocks": (3, 0, 1)}, "stage 1 has 0 blocks; it needs at least 1"),
    ({"blocks": (-2,)}, "stage 0 has -2 blocks"),
    ({"main_branch": "fire"}, 'unknown main branch "fire"; known: normal, bottleneck, '),
    ({"num_output_stage1": 130}, "a width of 130 does not divide by 4"),
    ({"crop_size": 0}, "crop_size is 0"),
    ({"block": (3,)}, 'resnet has no option "block"; did you mean "blocks"? Known: main_branch, '),
])
def test_options_that_describe_no_network(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError) as caught:
        find_network("resnet")(**options)
    assert problem in str(caught.value)


# The registry.


def used(one: Network) -> list[str]:
    """The recipes of a network, for its own options and for each training setting."""
    return [one.recipe({}), *one.settings({}).values(), *(
        one.recipe(row.options, row.setting) for row in one.reported)]


def test_every_network_tells_all_about_itself() -> None:
    for one in networks().values():
        assert one.description
        assert one.source({}).startswith("https://")
        assert set(used(one)) <= set(recipes())
        for item in one.parameters.values():
            assert item.option.help
            kind = inspect.signature(one.function).parameters[item.name].kind
            assert kind is inspect.Parameter.KEYWORD_ONLY


def test_every_recipe_is_some_networks() -> None:
    assert set(recipes()) == {name for one in networks().values() for name in used(one)}


def test_the_width_follows_the_branch_where_it_is_not_given() -> None:
    resnet = find_network("resnet")
    widths = {branch: resnet.complete({"main_branch": branch})["num_output_stage1"]
              for branch in ("normal", TRICK, "1by1_normal", "inception", "bottleneck",
                             TRICK_BOTTLENECK)}
    assert list(widths.values()) == [64, 64, 64, 64, 256, 256]


def test_reported_results_are_for_exact_options() -> None:
    resnet = find_network("resnet")
    assert resnet.result({}).top1 == 0.7175
    assert resnet.result({"num_output_stage1": 128}).top1 == 0.6679
    assert resnet.result({"num_output_stage1": 128, "num_classes": 10}) is None
    assert len(resnet.reported) == 7


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="resnet is registered twice"):
        network("resnet", dataset=None, recipe="", source="")(lambda: None)


def test_an_unknown_network_is_refused_with_the_list() -> None:
    with pytest.raises(BuildError, match='unknown network "resnt"; did you mean "resnet"'):
        find_network("resnt")
