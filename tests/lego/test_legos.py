"""Every lego: a row here, its layers by name, its shapes, and what it refuses."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netbuilder.errors import BuildError, FieldError, GraphError, NetbuilderError, ShapeUnknown
from netbuilder.graph import resolve
from netbuilder.lego import (
    MAIN_BRANCHES,
    SOURCES,
    BaseLego,
    BNReLU,
    Branches,
    Chain,
    Conv,
    ConvBN,
    ConvBNReLU,
    ConvBranch,
    ConvReLU,
    Dummy,
    EltwiseReLU,
    EndPool,
    ENetBottleneck,
    ENetStem,
    FCReLU,
    FCStage,
    Fire,
    Hdf5,
    ImageList,
    Inception,
    InceptionBranch,
    InceptionResidual,
    InnerAverage,
    LayerLego,
    Lmdb,
    Memory,
    NINBlock,
    Parallel,
    Shortcut,
    SpatialDropout,
    SqueezeExcite,
    TorchConv,
    TorchLinear,
    TorchMaxPool,
    TorchNorm,
    ZeroPad,
    legos,
)
from netbuilder.lego.conv import joined, slashed
from netbuilder.lego.inception_resnet import Convolution, average_pool, halving_pool
from netbuilder.lego.residual import Step
from netbuilder.proto import caffe_pb2
from netbuilder.spec import L, NetSpec, Top

IMAGES: dict[str, Any] = {"batch_size": 4, "crop_size": 32}
BASES = {"Source", "Transformed"}  # what sources share; never attached themselves


class Row(NamedTuple):
    """A lego, its first top's shape, its layers, and how many bottoms of 2x16x9x9 it gets, or of
    which size."""

    lego: BaseLego
    shape: tuple[int, ...] | None
    layers: str
    bottoms: int = 1
    size: int = 9


ROWS = {
    "LayerLego": Row(LayerLego("Pooling", name="p", kernel_size=3, stride=2), (2, 16, 4, 4), "p"),
    "Chain": Row(Chain(links=[EltwiseReLU(name="a"), EndPool(name="b")]), (2, 16, 1, 1),
                 "eltwise_a relu_a b", 2),
    "Parallel": Row(Parallel(name="c", branches=[Conv(name="a", num_output=2, kernel_size=1),
                                                 Conv(name="b", num_output=3, kernel_size=1)]),
                    (2, 5, 9, 9), "conv_a conv_b c_concat"),
    "Conv": Row(Conv(name="1", num_output=8, kernel_size=(1, 3), stride=(1, 2), pad=(0, 1)),
                (2, 8, 9, 5), "conv_1"),
    "ConvReLU": Row(ConvReLU(name="1", num_output=8, kernel_size=3), (2, 8, 7, 7),
                    "conv_1 relu_1"),
    "ConvBN": Row(ConvBN(name="1", num_output=8, kernel_size=3), (2, 8, 7, 7),
                  "conv_1 bn_1 scale_1"),
    "ConvBNReLU": Row(ConvBNReLU(name="1", num_output=8, kernel_size=3, group=4, dilation=2),
                      (2, 8, 5, 5), "conv_1 bn_1 scale_1 relu_1"),
    "EltwiseReLU": Row(EltwiseReLU(name="e"), (2, 16, 9, 9), "eltwise_e relu_e", 3),
    "ConvBranch": Row(ConvBranch(name="b", num_output=8, stride=2,
                                 steps=(Step("_x", (3, 1), strides=(True, False)),
                                        Step("_y", (1, 1), narrow=2, unit=ConvBN))),
                      (2, 4, 5, 9), "conv_b_x bn_b_x scale_b_x relu_b_x conv_b_y bn_b_y scale_b_y"),
    "BNReLU": Row(BNReLU(name="b"), (2, 16, 9, 9), "bn_b scale_b relu_b"),
    "SqueezeExcite": Row(SqueezeExcite(name="g", ratio=4), (2, 16, 9, 9),
                         "pool_g fc_g_squeeze relu_g_squeeze fc_g_excite gate_g gated_g"),
    "FCReLU": Row(FCReLU(name="1", num_output=8), (2, 8), "fc_1 relu_1 drop_1"),
    "Shortcut": Row(Shortcut(name="s", main_branch="normal", num_output=16), (2, 16, 9, 9),
                    "conv_s_branch2a bn_s_branch2a scale_s_branch2a relu_s_branch2a "
                    "conv_s_branch2b bn_s_branch2b scale_s_branch2b eltwise_s relu_s"),
    "InceptionBranch": Row(InceptionBranch(name="i", num_output=32, stride=2), (2, 32, 5, 5),
                           "conv_i_inception_br1by1 ... i_inception_concat"),
    "Inception": Row(Inception(name="i", conv_1by1=1, reduce_3by3=2, conv_3by3=3, reduce_5by5=4,
                               conv_5by5=5, pool_proj=6, unit=ConvReLU), (2, 15, 9, 9),
                     "conv_i_br1by1 ... i_concat"),
    "InnerAverage": Row(InnerAverage(name="p"), (2, 16, 9, 9),
                        "p_padded p_ones p_share p_inverse p"),
    "Branches": Row(Branches(name="b", table=((halving_pool,), (Convolution(4, 1), Convolution(
        8, (1, 3)), Convolution(8, 3, 2, valid=True))), unit=ConvReLU), (2, 24, 4, 4),
        "pool_b_br1_1 conv_b_br2_1 relu_b_br2_1 conv_b_br2_2 relu_b_br2_2 conv_b_br2_3 "
        "relu_b_br2_3 b_concat"),
    "InceptionResidual": Row(InceptionResidual(
        name="r", table=((Convolution(4, 1),), (average_pool,)), unit=Conv, up=Conv),
                             (2, 16, 9, 9),
                             "conv_r_br1_1 pool_r_br2_1_padded pool_r_br2_1_ones "
                             "pool_r_br2_1_share pool_r_br2_1_inverse pool_r_br2_1 r_concat "
                             "conv_r_up eltwise_r relu_r"),
    "Fire": Row(Fire(name="f", squeeze=4, expand=8, unit=ConvReLU), (2, 16, 9, 9),
                "conv_f_squeeze_1by1 relu_f_squeeze_1by1 conv_f_expand_1by1 relu_f_expand_1by1 "
                "conv_f_expand_3by3 relu_f_expand_3by3 f_concat"),
    "EndPool": Row(EndPool(), (2, 16, 1, 1), "pool"),
    "FCStage": Row(FCStage(num_classes=5, widths=(6, 7)), (2, 5, 1, 1),
                   "conv_1by1_6 bn_1by1_6 scale_1by1_6 relu_1by1_6 pool conv_1by1_7 bn_1by1_7 "
                   "scale_1by1_7 relu_1by1_7 drop_1by1_7 conv_1by1_5 bn_1by1_5 scale_1by1_5 "
                   "relu_1by1_5"),
    "TorchConv": Row(TorchConv(name="1", num_output=8, kernel_size=3), (2, 8, 7, 7), "conv_1"),
    "TorchLinear": Row(TorchLinear(name="fc", num_output=5), (2, 5), "fc"),
    "TorchNorm": Row(TorchNorm(name="n", neuron="PReLU"), (2, 16, 9, 9), "bn_n scale_n prelu_n"),
    "TorchMaxPool": Row(TorchMaxPool(name="p", kernel_size=3, stride=2, pad=1), (2, 16, 4, 4),
                        "p_stride1 p", size=8),
    "SpatialDropout": Row(SpatialDropout(name="d", ratio=0.1), (2, 16, 9, 9),
                          "maps_d flat_d keep_d drop_d spatial_d"),
    "ZeroPad": Row(ZeroPad(name="z", num_output=48), (2, 48, 9, 9), "zeros_z pad_z"),
    "ENetStem": Row(ENetStem(name="s", num_output=20), (2, 20, 4, 4),
                    "conv_s pool_s s_concat bn_s scale_s prelu_s", size=8),
    "ENetBottleneck": Row(
        ENetBottleneck(name="b", num_output=32, kind="asymmetric", stride=2), (2, 32, 4, 4),
        "conv_b_reduce bn_b_reduce scale_b_reduce prelu_b_reduce conv_b_5by1 conv_b_1by5 bn_b_1by5 "
        "scale_b_1by5 prelu_b_1by5 conv_b_expand bn_b_expand scale_b_expand maps_b flat_b keep_b "
        "drop_b spatial_b pool_b zeros_b pad_b eltwise_b prelu_b", size=8),
    "NINBlock": Row(NINBlock(name="1", num_output=8, kernel_size=3, stride=2, batch_norm=False),
                    (2, 8, 4, 4), "conv_1 relu_1 conv_1_cccp_a relu_1_cccp_a conv_1_cccp_b "
                                  "relu_1_cccp_b"),
    "Lmdb": Row(Lmdb(**IMAGES, source="db", mean_value=(1, 2, 3)), (4, 3, 32, 32), "data", 0),
    "ImageList": Row(ImageList(**IMAGES, source="list", resize=40), (4, 3, 32, 32), "data", 0),
    "Memory": Row(Memory(**IMAGES), (4, 3, 32, 32), "data", 0),
    "Dummy": Row(Dummy(**IMAGES, channels=1), (4, 1, 32, 32), "data", 0),
    "Hdf5": Row(Hdf5(**IMAGES, source="list"), None, "data", 0),
}


def test_every_lego_has_a_row() -> None:
    assert set(ROWS) == set(legos()) - BASES
    assert {cls.__name__ for cls in SOURCES.values()} <= set(ROWS)


def start(count: int = 1, shape: tuple[int, ...] = (2, 16, 9, 9)) -> tuple[NetSpec, list[Top]]:
    """A NetSpec with inputs in0, in1 ..."""
    net = NetSpec()
    for index in range(count):
        net[f"in{index}"] = L.Input(shape={"dim": shape})
    return net, [net[f"in{index}"] for index in range(count)]


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    row = ROWS[name]
    assert type(row.lego).__name__ == name
    net, bottoms = start(row.bottoms, (2, 16, row.size, row.size))
    made = row.lego.attach(net, bottoms if row.bottoms != 1 else bottoms[0])
    top = made[0] if isinstance(made, tuple) else made
    assert top.shape == row.shape
    names = [layer.name for layer in net.to_proto().layer][row.bottoms:]
    assert len(set(names)) == len(names)
    wanted = row.layers.split()
    assert (names == wanted) if "..." not in wanted else (names[0], names[-1]) == (
        wanted[0], wanted[-1])


@pytest.mark.parametrize("name", ROWS)
def test_a_lego_is_a_frozen_value(name: str) -> None:
    one = ROWS[name].lego
    with pytest.raises(AttributeError, match="does not change"):
        one.name = "other"
    with pytest.raises(AttributeError, match="does not change"):
        del one.name
    if name == "LayerLego":
        twin = LayerLego(one.type, name=one.name, **one.params)
    else:
        twin = type(one)(**vars(one))
        assert repr(one).startswith(f"{name}(")
    assert twin == one
    assert twin != EndPool(name="another")


def test_equal_legos_are_one_key() -> None:
    assert {EndPool(name="a"): 1}[EndPool(name="a")] == 1


@pytest.mark.parametrize("name", [name for name in ROWS if name != "LayerLego"])
def test_an_unknown_argument_is_refused_with_the_known_ones(name: str) -> None:
    cls = type(ROWS[name].lego)
    with pytest.raises(BuildError) as caught:
        cls(**vars(ROWS[name].lego), num_ouput=1)
    for field in vars(ROWS[name].lego):
        assert field in str(caught.value)
    assert f'{name} has no argument "num_ouput"' in str(caught.value)


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(BuildError, match="Conv needs num_output, kernel_size"):
        Conv(name="1")


def test_a_lego_name_is_taken_once() -> None:
    from netbuilder.lego import lego

    with pytest.raises(ValueError, match="Fire is registered twice"):
        lego(type("Fire", (BaseLego,), {}))


# Defaults and the caller.


def layer(net: NetSpec, name: str) -> Any:
    return next(layer for layer in net.to_proto().layer if layer.name == name)


def test_what_a_convolution_has_by_default() -> None:
    net, (bottom,) = start()
    ConvBNReLU(name="1", num_output=8, kernel_size=3).attach(net, bottom)
    conv, bn, scale = (layer(net, name) for name in ("conv_1", "bn_1", "scale_1"))
    assert conv.convolution_param.weight_filler.type == "msra"
    assert [(p.lr_mult, p.decay_mult) for p in conv.param] == [(1, 1), (2, 0)]
    assert [p.lr_mult for p in bn.param] == [0, 0, 0]
    assert not bn.batch_norm_param.HasField("use_global_stats")
    assert scale.scale_param.bias_term
    assert all(list(layer(net, name).top) == ["conv_1"] for name in ("bn_1", "scale_1", "relu_1"))


def test_nothing_is_written_that_caffe_assumes_anyway() -> None:
    net, (bottom,) = start()
    Conv(name="1", num_output=8, kernel_size=3).attach(net, bottom)
    param = layer(net, "conv_1").convolution_param
    assert [field.name for field, _ in param.ListFields()] == [
        "num_output", "kernel_size", "weight_filler"]


def test_without_bias_there_is_no_param_for_one() -> None:
    net, (bottom,) = start()
    ConvBN(name="1", num_output=8, kernel_size=3, bias_term=False,
           scale={"bias_term": False}).attach(net, bottom)
    conv = layer(net, "conv_1")
    assert not conv.convolution_param.bias_term
    assert len(conv.param) == 1  # Caffe refuses more params than blobs
    blobs = {one.name: len(one.blobs) for one in resolve(net.to_proto()).layers}
    assert (blobs["conv_1"], blobs["scale_1"]) == (1, 1)


@pytest.mark.parametrize("spelling", ["flat", "nested"])
def test_the_caller_beats_the_default(spelling: str) -> None:
    fields = {"num_output": 4, "kernel_size": 1, "bias_term": False,
              "weight_filler": {"std": 0.5}}
    params = fields if spelling == "flat" else {"convolution_param": fields}
    net, (bottom,) = start()
    LayerLego("Convolution", name="c", **params).attach(net, bottom)
    conv = layer(net, "c")
    assert conv.convolution_param.weight_filler == caffe_pb2.FillerParameter(std=0.5)
    assert len(conv.param) == 1


def test_in_place_can_be_refused() -> None:
    net, (bottom,) = start()
    LayerLego("ReLU", name="r", in_place=False).attach(net, bottom)
    assert list(layer(net, "r").top) == ["r"]


def test_layers_are_called_as_the_released_nets_call_them() -> None:
    net, (bottom,) = start()
    top = ConvBNReLU(name="1_1", num_output=8, kernel_size=1, naming=joined).attach(net, bottom)
    top = FCReLU(name="6", num_output=8, naming=joined).attach(net, top)
    ConvReLU(name="a/1x1", num_output=8, kernel_size=1, naming=slashed).attach(net, bottom)
    FCReLU(name="a/fc", num_output=8, naming=slashed).attach(net, bottom)
    assert [one.name for one in net.to_proto().layer][1:] == [
        "conv1_1", "bn1_1", "scale1_1", "relu1_1", "fc6", "relu6", "drop6", "a/1x1", "a/relu_1x1",
        "a/fc", "a/relu_fc", "a/drop_fc"]


def test_own_learning_rates() -> None:
    net, (bottom,) = start()
    ConvReLU(name="1", num_output=2, kernel_size=1, param=[{"lr_mult": 0}] * 2,
             bias_filler={"value": 3}).attach(net, bottom)
    conv = layer(net, "conv_1")
    assert [p.lr_mult for p in conv.param] == [0, 0]
    assert conv.convolution_param.bias_filler.value == 3


def test_one_use_leaves_no_trace_in_the_next() -> None:
    for _ in range(2):
        net, (bottom,) = start()
        LayerLego("BatchNorm", name="b", eps=0.5, param=[{"lr_mult": 0}] * 3).attach(net, bottom)
        ConvBN(name="1", num_output=2, kernel_size=1).attach(net, bottom)
        assert not layer(net, "bn_1").batch_norm_param.HasField("eps")


def test_any_layer_type_of_caffe() -> None:
    net, (one, two) = start(2)
    LayerLego("Slice", name="cut", tops=("a", "b"), axis=1).attach(net, one)
    LayerLego("Silence", name="hush", tops=()).attach(net, [net.a, net.b])
    LayerLego("Eltwise", name="most", operation="MAX").attach(net, (one, two))
    assert [(m.name, list(m.top)) for m in net.to_proto().layer[2:]] == [
        ("cut", ["a", "b"]), ("hush", []), ("most", ["most"])]


def test_unknown_types_and_fields_are_refused() -> None:
    with pytest.raises(NetbuilderError, match='did you mean "Convolution"'):
        LayerLego("Convolutoin", name="c")
    net, (bottom,) = start()
    with pytest.raises(FieldError, match='did you mean "kernel_size"'):
        LayerLego("Convolution", name="c", num_output=1, kernal_size=1).attach(net, bottom)
    with pytest.raises(BuildError, match="name the tops"):
        LayerLego("Slice", name="c", ntop=2)


def test_two_layers_of_one_name_are_refused() -> None:
    net, (bottom,) = start()
    EndPool().attach(net, bottom)
    with pytest.raises(GraphError, match='"pool" already'):
        EndPool().attach(net, bottom)


def test_a_lego_that_needs_a_shape_says_so() -> None:
    net = NetSpec()
    images, _ = Hdf5(batch_size=1, crop_size=8, source="nowhere").attach(net, ())
    with pytest.raises(ShapeUnknown, match='"data" is not known'):
        EndPool().attach(net, images)


# All or nothing.


def trace(net: NetSpec) -> tuple[Any, ...]:
    return list(net.tops.items()), dict(net.comments), net.to_proto()


BROKEN = {
    "in the first layer": Conv(name="1", num_output=0, kernel_size=1),
    "after a layer": ConvBN(name="1", num_output=4, kernel_size=1, bn={"epsilon": 1}),
    "after blocks": Chain(links=[
        Shortcut(name="a", main_branch="bottleneck", num_output=8, stride=2),
        Shortcut(name="b", main_branch="inception", num_output=32),
        Shortcut(name="c", main_branch="bottleneck", num_output=10),
    ]),
    "a name that is there": Chain(links=[EndPool(name="x"), EndPool(name="in0")]),
    "too large": Inception(name="i", conv_1by1=1, reduce_3by3=2, conv_3by3=3, reduce_5by5=4,
                           conv_5by5=5, pool_proj=2**31),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_failing_attach_leaves_the_netspec_as_it_was(case: str) -> None:
    net, (bottom,) = start()
    EltwiseReLU(name="before").attach(net, [bottom, bottom])
    net.comment("kept for the next layer")
    before = trace(net)
    with pytest.raises(NetbuilderError):
        BROKEN[case].attach(net, bottom)
    assert trace(net) == before
    EndPool().attach(net, bottom)
    assert net.comments == {"pool": "kept for the next layer"}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(MAIN_BRANCHES)), st.integers(1, 20), st.integers(1, 80),
       st.integers(1, 3), st.integers(1, 12))
def test_a_block_is_sound_or_refused(
    branch: str, channels: int, width: int, stride: int, size: int
) -> None:
    """A block gives the asked width, projects only where it must, or leaves no trace."""
    net, (bottom,) = start(1, (1, channels, size, size + 1))
    lego = Shortcut(name="b", main_branch=branch, num_output=width, stride=stride)
    try:
        top = lego.attach(net, bottom)
    except BuildError as error:
        assert "multiple of" in str(error)
        assert list(net.tops) == ["in0"]
        return
    assert top.shape == (1, width, -(-size // stride), -(-(size + 1) // stride))
    projected = any("proj_shortcut" in name for name in net.tops)
    assert projected == (top.shape != bottom.shape)
    assert resolve(net.to_proto()).blobs["eltwise_b"] == top.shape
