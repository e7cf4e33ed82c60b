"""Inception-ResNet-v2: figures of each stage, what it was trained with, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from click.testing import CliRunner

from netbuilder.analysis.costs import costs
from netbuilder.build import Order, plan
from netbuilder.cli.main import cli
from netbuilder.errors import BuildError, ShapeError
from netbuilder.graph import resolve
from netbuilder.nets import find_network, inception_resnet
from netbuilder.nets.inception_resnet import AUX_SIZES, SIZES, Sizes
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

NETWORK = find_network("inception_resnet_v2")
SMALL = {"crop_size": 107, "blocks": (1, 1, 1), "width": 0.0625, "num_classes": 10}

# What stands in a layer's name after the first underscore -> parameters and multiply-accumulates
# of a stage, and of each of its blocks, as the fact sheets of both networks have them.
STAGES = {
    "seed": {
        r"stem|mixed": (605_728, 2_289_943_648), r"a\d+": (689_760, 837_312_000),
        r"a3": (137_952, 167_462_400), r"reduction_1": (2_902_528, 1_482_178_560),
        r"b\d+": (11_730_560, 3_379_589_120), r"b7": (1_173_056, 337_958_912),
        r"reduction_2": (3_542_784, 558_268_416), r"c\d+": (10_054_080, 641_597_440),
        r"c5": (2_010_816, 128_319_488), r"fc": (2_049_000, 2_048_000),
    },
    "slim": {
        r"stem": (172_672, 1_340_779_616), r"mixed": (268_320, 327_398_400),
        r"a\d+": (1_231_680, 1_499_008_000), r"a10": (123_168, 149_900_800),
        r"reduction_1": (2_664_960, 1_398_185_984), r"b\d+": (22_535_680, 6_498_754_560),
        r"b20": (1_126_784, 324_937_728), r"reduction_2": (3_880_960, 585_424_896),
        r"c\d+": (20_354_240, 1_300_234_240), r"c10": (2_035_424, 130_023_424),
        r"end": (3_197_952, 204_472_320), r"fc": (1_537_000, 1_536_000),
        r"aux": (3_367_656, 6_707_200),
    },
}


def net(**options: Any) -> Any:
    return NETWORK(**options).to_proto()


def layers(message: Any) -> dict[str, Any]:
    return {layer.name: layer for layer in message.layer}


def of_type(message: Any, kind: str) -> list[Any]:
    return [layer for layer in message.layer if layer.type == kind]


@pytest.mark.parametrize("variant", STAGES)
def test_figures_of_each_stage(variant: str) -> None:
    rows = costs(resolve(net(variant=variant))).layers
    for stage, wanted in STAGES[variant].items():
        name = re.compile(rf"((conv|bn|scale|pool)_)?({stage})(_|\d+$)")
        found = [row for row in rows if name.match(row.name)]
        assert (sum(row.learned_params for row in found), sum(row.macs for row in found)) == wanted


def test_layers_of_each_type() -> None:
    counts = {"Convolution": 132, "BatchNorm": 132, "Scale": 132, "ReLU": 132, "Eltwise": 20,
              "Concat": 25, "Pooling": 5, "Dropout": 1, "InnerProduct": 1, "Input": 1}
    message = net()
    assert {kind: len(of_type(message, kind)) for kind in counts} == counts
    assert sum(counts.values()) == len(message.layer) == 581
    assert [len(of_type(net(variant="slim", aux=False), kind))
            for kind in ("Convolution", "BatchNorm")] == [244, 204]


# Kernels.


def kernels(message: Any, *names: str) -> list[tuple[int, int, int, int]]:
    """Height, width and padding of convolutions."""
    params = [layers(message)[f"conv_{name}"].convolution_param for name in names]
    return [(one.kernel_h, one.kernel_w, one.pad_h, one.pad_w) for one in params]


LONG = ("mixed_2_br2_2", "mixed_2_br2_3", "b10_br2_2", "b10_br2_3", "c5_br2_2", "c5_br2_3")
FLAT7, TALL7, FLAT3, TALL3 = (1, 7, 0, 3), (7, 1, 3, 0), (1, 3, 0, 1), (3, 1, 1, 0)


def test_kernels_lie_as_trained_or_as_printed() -> None:
    assert kernels(net(), *LONG) == [FLAT7, TALL7, TALL7, FLAT7, TALL3, FLAT3]
    assert kernels(net(orientation="printed"), *LONG) == [TALL7, FLAT7, FLAT7, TALL7, FLAT3, TALL3]


@pytest.mark.parametrize("orientation", ["trained", "printed"])
def test_slim_was_trained_as_printed(orientation: str) -> None:
    found = kernels(net(variant="slim", orientation=orientation), *LONG[2:])
    assert found == [FLAT7, TALL7, FLAT3, TALL3]


# Blocks.


def scales(message: Any) -> list[float]:
    found = [layer.eltwise_param for layer in of_type(message, "Eltwise")
             if layer.name.startswith("eltwise_")]
    assert all(one.coeff[0] == 1 for one in found)
    return [round(one.coeff[1], 6) for one in found]


@pytest.mark.parametrize(("options", "wanted"), [
    ({}, [0.1] * 20),
    ({"residual_scale": (0.2,), "blocks": (1, 1, 2)}, [0.2] * 4),
    ({"residual_scale": 0.3, "blocks": (1, 1, 1)}, [0.3] * 3),
    ({"residual_scale": (0.1, 0.2, 0.3), "blocks": (2, 1, 1)}, [0.1, 0.1, 0.2, 0.3]),
    ({"variant": "slim"}, [0.17] * 10 + [0.1] * 20 + [0.2] * 9 + [1.0]),
    ({"variant": "slim", "blocks": (1, 1, 1)}, [0.17, 0.1, 1.0]),
    ({"variant": "slim", "residual_scale": (1, 2, 3, 4), "blocks": (1, 1, 2)}, [1, 2, 3, 4]),
])
def test_residual_scales(options: dict[str, Any], wanted: list[float]) -> None:
    assert scales(net(**options)) == wanted


@pytest.mark.parametrize("variant", ["seed", "slim"])
def test_a_sum_is_a_blob_of_its_own_and_its_relu_is_in_place(variant: str) -> None:
    found = layers(net(variant=variant))
    sums = [name for name in found if name.startswith("eltwise_")]
    for name in sums:
        assert list(found[name].top) == [name]
        assert name not in found[name].bottom
    rectified = [name for name in sums if name.replace("eltwise", "relu") in found]
    assert sums[len(rectified):] == ([] if variant == "seed" else ["eltwise_c10"])
    for name in rectified:
        relu = found[name.replace("eltwise", "relu")]
        assert list(relu.top) == list(relu.bottom) == [name]


# How they start and learn.


def test_first_values_and_rates_as_trained() -> None:
    message = net()
    filler = caffe_pb2.FillerParameter
    for layer in of_type(message, "Convolution"):
        param = layer.convolution_param
        assert not param.bias_term
        assert param.weight_filler == filler(type="msra", variance_norm=filler.FAN_OUT)
    [classifier] = of_type(message, "InnerProduct")
    bound = classifier.inner_product_param.weight_filler
    assert (bound.type, bound.max, bound.min) == (
        "uniform", pytest.approx(0.0220971, abs=1e-7), -bound.max)
    assert [(one.lr_mult, one.decay_mult) for one in classifier.param] == [(1, 1)] * 2
    for layer in of_type(message, "BatchNorm"):
        param = layer.batch_norm_param
        assert (param.eps, param.moving_average_fraction) == pytest.approx((1e-5, 0.9))
        assert not param.HasField("use_global_stats")
    assert not any(len(layer.param) for layer in of_type(message, "Scale"))  # 1 and 1: they decay
    assert of_type(message, "Dropout")[0].dropout_param.dropout_ratio == pytest.approx(0.2)


def test_slim_starts_and_learns_as_trained() -> None:
    message = net(variant="slim")
    filler = caffe_pb2.FillerParameter
    ups = [layer for layer in of_type(message, "Convolution") if layer.name.endswith("_up")]
    assert len(ups) == 40
    for layer in of_type(message, "Convolution"):
        param = layer.convolution_param
        assert param.bias_term == (layer in ups)
        assert param.weight_filler == filler(type="xavier", variance_norm=filler.AVERAGE)
        assert all((one.lr_mult, one.decay_mult) == (1, 1) for one in layer.param)
    for layer in of_type(message, "BatchNorm"):
        param = layer.batch_norm_param
        assert (param.eps, param.moving_average_fraction) == pytest.approx((1e-3, 0.9997))
    for layer in of_type(message, "Scale"):
        assert [(one.lr_mult, one.decay_mult) for one in layer.param] == [(1, 0)] * 2


# The auxiliary classifier.


def files(**order: Any) -> dict[str, str]:
    return plan(Order(NETWORK, **order), "out").files


def test_slim_trains_with_an_auxiliary_classifier_and_is_deployed_without() -> None:
    made = {name: parse(text, caffe_pb2.NetParameter())
            for name, text in files(options={**SMALL, "variant": "slim"}).items()
            if name in ("train.prototxt", "deploy.prototxt")}
    train = layers(made["train.prototxt"])
    assert list(train["aux_pool"].bottom) == ["eltwise_b1"]
    assert list(train["loss_aux_fc10"].loss_weight) == pytest.approx([0.4])
    assert not [name for name in layers(made["deploy.prototxt"]) if "aux" in name]


@pytest.mark.parametrize(("options", "has"), [
    ({}, False), ({"variant": "slim"}, True), ({"variant": "slim", "aux": False}, False),
    ({"variant": "slim", "crop_size": 139}, False), ({"variant": "slim", "crop_size": 203}, True),
])
def test_where_there_is_an_auxiliary_classifier(options: dict[str, Any], has: bool) -> None:
    assert ("aux_pool" in layers(net(**{**SMALL, "crop_size": 299, **options}))) == has


# Sizes.


def divides(message: Any) -> bool:
    """Whether every pooling by 2 divides exactly, and no window is larger than its map."""
    graph = resolve(message)
    windows = [layer for layer in graph.layers if layer.type in ("Pooling", "Convolution")]
    exact = all((layer.bottom_shapes[0][2] - 3) % 2 == 0 for layer in windows
                if layer.type == "Pooling" and layer.stride == (2, 2))
    return exact and all(layer.bottom_shapes[0][2] + 2 * layer.pad[0] >= layer.kernel[0]
                         for layer in windows)


@pytest.mark.parametrize("variant", ["seed", "slim"])
def test_exactly_the_sizes_that_work_are_taken(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the check, Concat refuses the others, or they are not exact."""
    monkeypatch.setattr(inception_resnet, "SIZES", Sizes(0, 1))
    for size in [*range(30, 145), 299, 300, 320, 331]:
        try:
            works = divides(net(**{**SMALL, "variant": variant, "crop_size": size, "aux": False}))
        except ShapeError:
            works = False
        assert works == SIZES.fits(size), size


def test_the_auxiliary_pooling_is_exact_where_it_is_taken() -> None:
    for size in range(75, 400):
        if SIZES.fits(size):
            side = 3 + 2 * ((size - 75) // 32)  # of the B blocks' map
            assert AUX_SIZES.fits(size) == (side >= 5 and (side - 5) % 3 == 0)


@pytest.mark.parametrize(("size", "nearest"), [
    (320, "300 and 331"), (298, "268 and 299"), (301, "300 and 331"), (77, "76 and 107"),
    (74, "75"), (60, "75"), (0, "75"), (-5, "75"),
])
def test_another_size_is_refused_with_the_nearest(size: int, nearest: str) -> None:
    with pytest.raises(BuildError, match=rf"crop_size is {size}: .*work: {nearest} \(75 or 76"):
        net(crop_size=size)


# Options.


@pytest.mark.parametrize("variant", ["seed", "slim"])
def test_the_misprints_are_refused_with_the_reason(variant: str) -> None:
    with pytest.raises(BuildError) as caught:
        net(variant=variant, corrected=False)
    for number in ("1154", "1152", "288", "320", "2144", "2048", "256", "--no-corrected"):
        assert number in str(caught.value)
    assert 384 * 3 == 1152
    assert 1152 + 384 + 288 + 320 == 2144
    assert 1152 + 384 + 256 + 256 == 2048


@pytest.mark.parametrize(("options", "problem"), [
    ({"variant": "slin"}, 'unknown variant "slin"; did you mean "slim"'),
    ({"variant": "x", "blocks": (1, 1, 1), "residual_scale": 1, "aux": False}, 'variant "x"'),
    ({"orientation": "tall"}, 'unknown orientation "tall"; known: trained, printed'),
    ({"blocks": (1, 2)}, "blocks has 2 values; give 3"),
    ({"blocks": (1, 0, 2)}, "there are 0 B blocks; at least 1 is needed"),
    ({"residual_scale": (1, 2)}, "2 values; give 1 for all blocks, or 3: for A, B and C blocks"),
    ({"residual_scale": (1, 2, 3), "variant": "slim"}, "or 4: for A, B and C blocks, and the last"),
    ({"width": 0}, "width is 0; it is a factor, more than 0"),
    ({"width": float("nan")}, "width is nan"),
    ({"num_classes": 0}, "num_classes is 0"),
    ({"aux": True}, "aux: only the variant slim"),
    ({"aux": True, "variant": "slim", "crop_size": 139}, "work: 108 and 203"),
])
def test_options_that_describe_no_network(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError) as caught:
        net(**options)
    assert problem in str(caught.value)


def test_width_is_a_factor_on_all_convolutions() -> None:
    blobs = resolve(net(width=0.5, num_classes=7)).blobs
    assert (blobs["eltwise_a1"], blobs["eltwise_b1"], blobs["eltwise_c1"], blobs["fc7"]) == (
        (1, 192, 35, 35), (1, 576, 17, 17), (1, 1024, 8, 8), (1, 7))


def test_options_of_the_command_line(tmp_path: Any) -> None:
    arguments = ["build", "inception-resnet-v2", "-o", str(tmp_path), "--variant", "slim",
                 "--blocks", "1", "2", "1", "--residual-scale", "0.5", "--no-aux",
                 "--width", "0.1", "--crop-size", "107"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    message = parse((tmp_path / "deploy.prototxt").read_text(), caffe_pb2.NetParameter())
    assert scales(message) == [0.5] * 4


# Training.

# momentum, stepsize, gamma and max_iter at 64 images per iteration.
RECIPES = {
    "1": (0.4737, 12_800, 0.96, 1_801_710), "2": (0.9, 25_600, 0.96, 1_801_710),
    "3": (0.9, 51_200, 0.96, 1_801_710), "paper": (0.9, 80_076, 0.94, 6_005_700),
}


def solver(**order: Any) -> Any:
    text = files(**{**order, "options": {**SMALL, **order.get("options", {})}})["solver.prototxt"]
    return parse(text, caffe_pb2.SolverParameter())


@pytest.mark.parametrize("setting", RECIPES)
@pytest.mark.parametrize(("batch", "devices", "iter_size"), [
    (32, 1, 2), (32, 2, 1), (16, 2, 2), (64, 1, 1), (8, 1, 8)])
def test_settings(setting: str, batch: int, devices: int, iter_size: int) -> None:
    found = solver(setting=setting, devices=devices, data_options={"batch_size": batch})
    assert (found.momentum, found.stepsize, found.gamma, found.max_iter) == pytest.approx(
        RECIPES[setting])
    assert (found.type, found.iter_size, found.lr_policy) == ("Nesterov", iter_size, "step")
    assert (found.base_lr, found.weight_decay) == pytest.approx((0.045, 1e-4))
    assert (found.test_interval, found.snapshot, list(found.test_iter)) == (20_019, 20_019, [1000])
    assert not found.test_initialization
    assert found.average_loss == 40


def test_iterations_follow_the_batch_and_the_epochs() -> None:
    double = solver(setting="1", data_options={"batch_size": 128})
    assert (double.iter_size, double.stepsize, double.max_iter) == (1, 6_400, 900_855)
    ten = solver(setting="1", epochs=10)
    assert (ten.stepsize, ten.max_iter) == (12_800, 200_190)


def test_slim_as_published() -> None:
    found = solver(options={"variant": "slim"})
    assert (found.type, found.lr_policy, found.iter_size) == ("RMSProp", "step", 1)
    assert (found.rms_decay, found.delta, found.base_lr, found.gamma, found.weight_decay
            ) == pytest.approx((0.9, 1, 0.045, 0.94, 4e-5))
    assert (found.stepsize, found.max_iter) == (80_072, 300 * 40_037)
    assert solver(options={"variant": "slim"}, devices=2).stepsize == 40_036
    with pytest.raises(BuildError, match='with these options has no training setting "1"'):
        solver(options={"variant": "slim"}, setting="1")


@pytest.mark.parametrize(("variant", "whose"), [("seed", "lim0606"), ("slim", "tensorflow")])
def test_the_card_cites_what_its_recipe_cites(variant: str, whose: str) -> None:
    card = files(options={**SMALL, "variant": variant})["README.md"]
    source, = re.findall(r"^Source: <(.*)>$", card, re.MULTILINE)
    _, facts = card.split("## How it was trained")
    assert whose in source
    assert source in facts


def test_data_as_trained() -> None:
    seed, slim = NETWORK.dataset({}), NETWORK.dataset({"variant": "slim"})
    assert (seed.stored_size, seed.batch_size, seed.test_batch_size) == (328, 32, 50)
    for place, (mean, deviation) in enumerate(((0.406, 0.225), (0.456, 0.224), (0.485, 0.229))):
        assert (seed.mean_value[place], seed.std_value[place]) == pytest.approx(
            (mean * 255, deviation * 255))
    assert (slim.mean_value, slim.std_value, slim.stored_size) == ((127.5,), (), 342)
    assert (255 - slim.mean_value[0]) * slim.scale == pytest.approx(1)


def test_what_was_reported() -> None:
    one, slim = NETWORK.result({}, "1"), NETWORK.result({"variant": "slim", "num_classes": 1001})
    assert (1 - one.top1, 1 - one.top5) == pytest.approx((0.24407, 0.07407))
    assert "21 days on two Titan X" in one.about
    assert (slim.top1, slim.top5) == (0.804, 0.953)
    assert NETWORK.result({}, "2") is NETWORK.result({"orientation": "printed"}, "1") is None
