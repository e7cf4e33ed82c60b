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
PROJECTION = ("_proj_shortcut", (1, 1), (2, 2), 32, False)


def block(shape: tuple[int, ...], **fields: object) -> NetSpec:
    net = NetSpec()
    net.data = L.Input(shape={"dim": shape})
    Shortcut(name="b", **fields).attach(net, net.data)
    return net


def test_every_main_branch_is_here() -> None:
    assert set(CONVS) == set(MAIN_BRANCHES)


@pytest.mark.parametrize("branch", CONVS)
def test_layers_of_a_block(branch: str) -> None:
    net = block((1, 32, 10, 10), main_branch=branch, num_output=32, stride=2)
    layers = {layer.name: layer for layer in resolve(net.to_proto()).layers}
    found = [(name.removeprefix("conv_b"), layer.kernel, layer.stride, layer.num_output,
              name.replace("conv", "relu", 1) in layers)
             for name, layer in layers.items() if layer.type == "Convolution"]
    assert found == [*CONVS[branch], PROJECTION]
    for name in layers:
        if name.startswith("conv_"):
            assert {f"bn_{name[5:]}", f"scale_{name[5:]}"} <= set(layers)


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
    bottoms = [list(layer.bottom) for layer in net.to_proto().layer if layer.type == "Eltwise"]
    assert bottoms == [["conv_b_proj_shortcut" if projects else "data", "conv_b_branch2b"]]


def test_an_unknown_branch_is_refused_with_the_list() -> None:
    with pytest.raises(BuildError) as caught:
        block((1, 32, 8, 8), main_branch="botleneck", num_output=32)
    assert str(caught.value) == (
        'unknown main branch "botleneck"; did you mean "bottleneck"? Known: normal, bottleneck, '
        "inception_trick, inception_trick_bottleneck, 1by1_normal, inception")


@pytest.mark.parametrize(("branch", "width", "of"), [
    ("bottleneck", 30, 4), ("inception_trick_bottleneck", 6, 4), ("inception", 24, 16)])
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
