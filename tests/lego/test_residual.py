"""The residual block: its branches by name, and where it projects."""

from __future__ import annotations

import pytest

from netbuilder.errors import BuildError, NetbuilderError
from netbuilder.graph import resolve
from netbuilder.lego import MAIN_BRANCHES, Dummy, Hdf5, Shortcut
from netbuilder.spec import L, NetSpec

# Branch -> each convolution of a block with stride 2 and 32 outputs: name, kernel, stride, outputs,
# and whether a ReLU follows.
CONVS = {
    "normal": [
        ("_branch2a", (3, 3), (2, 2), 32, True),
        ("_branch2b", (3, 3), (1, 1), 32, False),
    ],
    "bottleneck": [
        ("_branch2a", (1, 1), (2, 2), 8, True),
        ("_branch2b", (3, 3), (1, 1), 8, True),
        ("_branch2c", (1, 1), (1, 1), 32, False),
    ],
    "inception_trick": [
        ("_branch_3by1a", (1, 3), (1, 2), 32, True),
        ("_branch_1by3a", (3, 1), (2, 1), 32, True),
        ("_branch_3by1b", (1, 3), (1, 1), 32, True),
        ("_branch_1by3b", (3, 1), (1, 1), 32, True),
    ],
    "inception_trick_bottleneck": [
        ("_branch2a", (1, 1), (2, 2), 8, True),
        ("_branch_b_3by1", (1, 3), (1, 1), 8, True),
        ("_branch_b_1by3", (3, 1), (1, 1), 8, True),
        ("_branch2c", (1, 1), (1, 1), 32, False),
    ],
    "1by1_normal": [
        ("_branch2a", (1, 1), (2, 2), 32, True),
        ("_branch2b", (1, 1), (1, 1), 32, False),
    ],
    "preact_normal": [
        ("_branch2a", (3, 3), (2, 2), 32, True),
        ("_branch2b", (3, 3), (1, 1), 32, False),
    ],
    "preact_bottleneck": [
        ("_branch2a", (1, 1), (2, 2), 8, True),
        ("_branch2b", (3, 3), (1, 1), 8, True),
        ("_branch2c", (1, 1), (1, 1), 32, False),
    ],
    "resnext_bottleneck": [
        ("_branch2a", (1, 1), (1, 1), 64, True),
        ("_branch2b", (3, 3), (2, 2), 64, True),
        ("_branch2c", (1, 1), (1, 1), 128, False),
    ],
    "wide_normal": [
        ("_branch2a", (3, 3), (2, 2), 32, True),
        ("_branch2b", (3, 3), (1, 1), 32, False),
    ],
    "se_normal": [
        ("_branch2a", (3, 3), (2, 2), 32, True),
        ("_branch2b", (3, 3), (1, 1), 32, False),
    ],
    "se_bottleneck": [
        ("_branch2a", (1, 1), (2, 2), 8, True),
        ("_branch2b", (3, 3), (1, 1), 8, True),
        ("_branch2c", (1, 1), (1, 1), 32, False),
    ],
    "inception": [
        ("_inception_br1by1", (1, 1), (2, 2), 8, True),
        ("_inception_br3by3_reduce", (1, 1), (1, 1), 6, True),
        ("_inception_br3by3_expand", (3, 3), (2, 2), 8, True),
        ("_inception_br2_3by3_reduce", (1, 1), (1, 1), 6, True),
        ("_inception_br2_3by3_expand_1", (3, 3), (1, 1), 8, True),
        ("_inception_br2_3by3_expand_2", (3, 3), (2, 2), 8, True),
        ("_inception_pool_expand", (1, 1), (2, 2), 8, True),
    ],
}
WIDTHS = {"resnext_bottleneck": 128}  # 32 for the others
# Convolutions that nothing follows: batch norm comes first in these blocks.
BARE = {"preact_normal": {"_branch2b", "_proj_shortcut"},
        "wide_normal": {"_branch2b", "_proj_shortcut"},
        "preact_bottleneck": {"_branch2c", "_proj_shortcut"}}


def block(shape: tuple[int, ...], **fields: object) -> NetSpec:
    net = NetSpec()
    net.data = L.Input(shape={"dim": shape})
    Shortcut(name="b", **fields).attach(net, net.data)
    return net


def test_every_main_branch_is_here() -> None:
    assert set(CONVS) == set(MAIN_BRANCHES)


@pytest.mark.parametrize("branch", CONVS)
def test_layers_of_a_block(branch: str) -> None:
    width = WIDTHS.get(branch, 32)
    net = block((1, 32, 10, 10), main_branch=branch, num_output=width, stride=2)
    layers = {layer.name: layer for layer in resolve(net.to_proto()).layers}
    found = [(name.removeprefix("conv_b"), layer.kernel, layer.stride, layer.num_output,
              name.replace("conv", "relu", 1) in layers)
             for name, layer in layers.items() if layer.type == "Convolution"]
    assert found == [*CONVS[branch], ("_proj_shortcut", (1, 1), (2, 2), width, False)]
    for kind in ("bn", "scale"):
        assert {name for name, *_ in found if f"{kind}_b{name}" not in layers} == BARE.get(
            branch, set())


def bottoms(net: NetSpec) -> dict[str, list[str]]:
    """What each layer reads, by layers' names."""
    made: dict[str, str] = {}
    read = {}
    for layer in net.to_proto().layer:
        read[layer.name] = [made[name] for name in layer.bottom]
        made.update(dict.fromkeys(layer.top, layer.name))
    return read


@pytest.mark.parametrize("activated", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_pre_activation(activated: bool, stride: int) -> None:
    """Main branch and projection start from the activated bottom, the identity from the raw one;
    no ReLU follows the sum."""
    net = block((1, 32, 8, 8), main_branch="preact_normal", num_output=32, stride=stride,
                activated=activated)
    read = bottoms(net)
    start = "data" if activated else "relu_b_preact"
    assert read["conv_b_branch2a"] == [start]
    if stride == 2:
        assert read["conv_b_proj_shortcut"] == [start]
    assert read["eltwise_b"] == [
        "data" if stride == 1 else "conv_b_proj_shortcut", "conv_b_branch2b"]
    assert ("bn_b_preact" in read) is not activated
    assert list(read)[-1] == "eltwise_b"


def test_a_gate_multiplies_what_the_main_branch_gives() -> None:
    read = bottoms(block((1, 32, 8, 8), main_branch="se_normal", num_output=32))
    assert read["pool_b"] == ["scale_b_branch2b"]
    assert read["gated_b"] == ["scale_b_branch2b", "gate_b"]
    assert read["eltwise_b"] == ["data", "gated_b"]
    assert list(read)[-1] == "relu_b"


@pytest.mark.parametrize(("branch", "last"), [
    ("normal", "_branch2b"), ("bottleneck", "_branch2c"), ("preact_bottleneck", "_branch2c")])
def test_dropout_is_in_front_of_the_last_convolution(branch: str, last: str) -> None:
    net = block((1, 32, 8, 8), main_branch=branch, num_output=32, dropout_ratio=0.25)
    read = bottoms(net)
    assert read[f"conv_b{last}"] == ["drop_b"]
    [drop] = [layer for layer in net.to_proto().layer if layer.type == "Dropout"]
    assert drop.dropout_param.dropout_ratio == 0.25


@pytest.mark.parametrize("branch", CONVS)
def test_a_kind_of_block_has_biases_in_all_convolutions_or_in_none(branch: str) -> None:
    """The projection too: pynetbuilder's kinds have them, the later ones do not."""
    net = block((1, 32, 8, 8), main_branch=branch, num_output=WIDTHS.get(branch, 32), stride=2)
    biases = {len(one.blobs) - 1 for one in resolve(net.to_proto()).layers
              if one.type == "Convolution"}
    assert biases == {int(not branch.startswith(("preact", "resnext", "wide", "se_")))}


@pytest.mark.parametrize(("shape", "width", "stride", "projects"), [
    ((1, 32, 8, 8), 32, 1, False),
    ((1, 16, 8, 8), 32, 1, True),
    ((1, 32, 8, 8), 32, 2, True),
    ((1, 32, 1, 1), 32, 2, False),  # a stride over one pixel changes nothing
])
def test_it_projects_where_shapes_differ(
    shape: tuple[int, ...], width: int, stride: int, projects: bool
) -> None:
    net = block(shape, main_branch="normal", num_output=width, stride=stride)
    assert ("conv_b_proj_shortcut" in net) == projects
    sums = [list(layer.bottom) for layer in net.to_proto().layer if layer.type == "Eltwise"]
    assert sums == [["conv_b_proj_shortcut" if projects else "data", "conv_b_branch2b"]]


def test_an_unknown_branch_is_refused_with_the_list() -> None:
    with pytest.raises(BuildError) as caught:
        block((1, 32, 8, 8), main_branch="botleneck", num_output=32)
    assert str(caught.value) == (
        'unknown main branch "botleneck"; did you mean "bottleneck"? Known: normal, bottleneck, '
        "inception_trick, inception_trick_bottleneck, 1by1_normal, inception, preact_normal, "
        "preact_bottleneck, resnext_bottleneck, wide_normal, se_normal, se_bottleneck")


@pytest.mark.parametrize(("branch", "width", "of"), [
    ("bottleneck", 30, 4), ("inception_trick_bottleneck", 6, 4), ("inception", 24, 16),
    ("resnext_bottleneck", 32, 64), ("preact_bottleneck", 6, 4), ("se_normal", 8, 16)])
def test_a_width_that_does_not_divide_is_refused(branch: str, width: int, of: int) -> None:
    with pytest.raises(BuildError, match=f"b: a width of {width} does not divide by {of}; "
                                         f"give a multiple of {of}"):
        block((1, 32, 8, 8), main_branch=branch, num_output=width)


def test_a_block_takes_one_bottom() -> None:
    net = NetSpec()
    tops = Dummy(batch_size=1, crop_size=8).attach(net, ())
    with pytest.raises(NetbuilderError, match="one bottom, not 2"):
        Shortcut(name="b", main_branch="normal", num_output=3).attach(net, tops)


def test_a_block_on_unknown_shapes_is_refused() -> None:
    net = NetSpec()
    images, _ = Hdf5(batch_size=1, crop_size=8, source="nowhere").attach(net, ())
    with pytest.raises(NetbuilderError, match="not known"):
        Shortcut(name="b", main_branch="normal", num_output=3).attach(net, images)
    assert list(net.tops) == ["data", "label"]
