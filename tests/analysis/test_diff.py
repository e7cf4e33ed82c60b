"""``netbuilder diff``: edits made by hand and at random, and exactly what is said of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from netbuilder.analysis.align import align
from netbuilder.analysis.diff import Change, Diff, diff
from netbuilder.cli import cli
from netbuilder.graph import resolve
from netbuilder.nets.resnet import resnet
from netbuilder.passes import copy
from netbuilder.proto import caffe_pb2
from netbuilder.proto.io import write_text
from netbuilder.proto.text import parse

SMALL = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [2, 3, 8, 8] } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" param { lr_mult: 0.1 }
  inner_product_param { num_output: 5 } }
"""


def net(text: str = SMALL) -> Any:
    return parse(text, caffe_pb2.NetParameter())


def compared(before: Any, after: Any) -> Diff:
    return diff(resolve(before), resolve(after))


def edited(*replaced: tuple[str, str]) -> dict[str, Change]:
    text = SMALL
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    changes = compared(net(), net(text)).changes
    return {(change.after or change.before).name: change for change in changes}


def kinds(changes: dict[str, Change]) -> dict[str, str]:
    return {name: change.kind for name, change in changes.items()}


# ResNet-50, edited by hand.


def layer(message: Any, name: str) -> Any:
    return next(layer for layer in message.layer if layer.name == name)


@pytest.fixture(scope="module")
def surgery() -> Diff:
    """A narrower convolution, a removed ReLU, a renamed classifier."""
    before = resnet().to_proto()
    after = copy(before)
    layer(after, "conv_stage1_block1_branch2a").convolution_param.num_output = 96
    after.layer.remove(layer(after, "relu_stage3_block2"))
    classifier = layer(after, "fc1000")
    classifier.name, classifier.top[0] = "classifier", "classifier"
    return compared(before, after)


def test_surgery_on_resnet_50(surgery: Diff) -> None:
    said = [(change.kind, change.before.name) for change in surgery.changes]
    assert said == [
        ("changed", "conv_stage1_block1_branch2a"), ("follows", "bn_stage1_block1_branch2a"),
        ("follows", "scale_stage1_block1_branch2a"), ("follows", "relu_stage1_block1_branch2a"),
        ("follows", "conv_stage1_block1_branch2b"), ("removed", "relu_stage3_block2"),
        ("renamed", "fc1000")]
    conv, bn, _, relu, follower, removed, renamed = surgery.changes
    assert conv.fields == {"convolution_param.num_output": (128, 96)}
    assert conv.tops == {"conv_stage1_block1_branch2a": ((1, 128, 28, 28), (1, 96, 28, 28))}
    assert conv.params == {"weight": ((128, 512, 1, 1), (96, 512, 1, 1)), "bias": ((128,), (96,))}
    assert bn.params == {"mean": ((128,), (96,)), "variance": ((128,), (96,))}
    assert (relu.fields, relu.tops) == ({}, conv.tops)
    assert follower.tops == {}
    assert follower.params == {"weight": ((128, 128, 3, 3), (128, 96, 3, 3))}
    assert removed.after is None
    assert renamed.after.name == "classifier"
    assert renamed.fields == {"top": (("fc1000",), ("classifier",))}


def test_what_the_surgery_saves(surgery: Diff) -> None:
    conv, bn, scale, _, follower, *_ = surgery.changes
    assert conv.counts["learned_params"] == (128 * 512 + 128, 96 * 512 + 96)
    assert conv.counts["macs"] == (128 * 512 * 28 * 28, 96 * 512 * 28 * 28)
    assert bn.counts["stored_values"] == (2 * 128 + 1, 2 * 96 + 1)
    assert scale.counts["stored_values"] == (2 * 128, 2 * 96)
    assert follower.counts["macs"] == (128 * 128 * 9 * 28 * 28, 128 * 96 * 9 * 28 * 28)
    saved = {name: surgery.before.totals[name] - surgery.after.totals[name]
             for name in ("learned_params", "stored_values", "macs")}
    assert saved == {"learned_params": 32 * (512 + 1 + 2 + 128 * 9),
                     "stored_values": 32 * (512 + 1 + 2 + 2 + 128 * 9),
                     "macs": 32 * (512 + 128 * 9) * 28 * 28}


# One edit each.


def test_fields_of_every_kind() -> None:
    changes = edited(("kernel_size: 3", "kernel_size: 3 weight_filler { type: 'xavier' }"),
                     ("kernel_size: 2", "kernel_size: 2 pool: AVE"), ("lr_mult: 0.1", ""))
    assert {name: change.fields for name, change in changes.items()} == {
        "conv": {"convolution_param.weight_filler.type": (None, "xavier")},
        "pool": {"pooling_param.pool": (None, "AVE")},
        "fc": {"param[0].lr_mult": (0.1, None), "param[0]": (None, "{ }")}}


def test_a_renamed_blob_is_no_change_of_those_that_take_it() -> None:
    changes = edited(('"conv"', '"c1"'))
    assert kinds(changes) == {"c1": "renamed"}
    assert changes["c1"].fields == {"top": (("conv",), ("c1",))}


def test_another_bottom() -> None:
    changes = edited(('bottom: "pool"', 'bottom: "conv"'))
    assert kinds(changes) == {"fc": "changed"}
    assert changes["fc"].fields == {"bottom": (("pool",), ("conv",))}
    assert changes["fc"].params == {"weight": ((5, 100), (5, 144))}


def test_another_type_and_no_longer_in_place() -> None:
    changes = edited(("ReLU", "TanH"), ('"conv" top: "conv" }', '"conv" top: "r" }'))
    assert changes["relu"].fields == {"type": ("ReLU", "TanH"), "top": (("conv",), ("r",))}
    assert changes["relu"].tops == {"conv": ((2, 4, 6, 6), None), "r": (None, (2, 4, 6, 6))}


def test_added_and_moved() -> None:
    relu = 'layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }\n'
    drop = 'layer { name: "drop" type: "Dropout" bottom: "fc" top: "fc" }\n'
    side = 'layer { name: "side" type: "Power" bottom: "data" top: "side" }\n'
    assert kinds(edited((relu, relu + side))) == {"side": "added"}
    first, second = net(SMALL + drop + side), net(SMALL.replace(relu, side + relu) + drop)
    changes = compared(first, second).changes
    assert [(change.kind, change.after.name) for change in changes] == [("moved", "side")]


def test_the_batch_is_no_change_of_every_shape() -> None:
    changes = edited(("[2, 3, 8, 8]", "[7, 3, 8, 8]"))
    assert kinds(changes) == {"data": "changed"}
    assert changes["data"].fields == {"input_param.shape[0].dim": ((2, 3, 8, 8), (7, 3, 8, 8))}
    taller = edited(("[2, 3, 8, 8]", "[7, 3, 9, 8]"))
    assert kinds(taller)["conv"] == "follows"


def test_the_name_of_the_net() -> None:
    result = compared(net(), net(SMALL.replace('"small"', '"other"')))
    assert not result.changes and not result.equal


def test_not_a_number_equals_itself() -> None:
    text = SMALL.replace("lr_mult: 0.1", "lr_mult: nan decay_mult: inf")
    assert compared(net(text), net(text)).equal


# At random.

RESNET = resnet(blocks=(1, 1, 1, 1), num_output_stage1=16, crop_size=64).to_proto()
COUNT = len(RESNET.layer)


def test_a_net_equals_itself() -> None:
    assert compared(RESNET, copy(RESNET)).equal


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_random_edits_are_found(data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(1, COUNT - 1), min_size=1, max_size=3, unique=True))
    after, expected, gone = copy(RESNET), {}, []
    for place in places:
        message = after.layer[place]
        edit = data.draw(st.sampled_from(["rename", "rate", "remove"]))
        if edit == "remove" and message.type in ("ReLU", "BatchNorm", "Scale"):  # in place
            gone.append(place)
            expected[message.name] = "removed"
        elif edit == "rename":
            expected[message.name] = "renamed"
            message.name += "_new"
        elif edit == "rate" and message.type in ("Convolution", "InnerProduct"):
            message.param[0].decay_mult = 0.25
            expected[message.name] = "changed"
    for place in sorted(gone, reverse=True):
        del after.layer[place]
    found = compared(RESNET, after).changes
    assert {change.before.name: change.kind for change in found if change.before} == expected
    back = compared(after, RESNET).changes
    opposite = {"removed": "added"}
    assert {change.after.name: change.kind for change in back} == {
        name: opposite.get(kind, kind) for name, kind in expected.items()}


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=8),
       st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=8))
def test_every_layer_is_aligned_once(before: list, after: list) -> None:
    pairs = list(align(before, after))
    assert sorted(i for i, _, _ in pairs if i is not None) == list(range(len(before)))
    assert [j for _, j, _ in pairs if j is not None] == list(range(len(after)))
    kept = [i for i, j, moved in pairs if i is not None and j is not None and not moved]
    assert kept == sorted(kept)
    for i, j, _ in pairs:
        if i is not None and j is not None:
            assert before[i][0] == after[j][0] or before[i][1] == after[j][1]


def test_long_nets_are_aligned_in_bounded_time() -> None:
    before = [(f"a{index}", index % 3) for index in range(20_000)]
    after = [(f"b{index}", (index + index // 7) % 3) for index in range(20_000)]
    start = time.perf_counter()
    assert len(list(align(before, after))) > 20_000
    assert len(list(align(before, before[::-1]))) == 20_000
    assert time.perf_counter() - start < 5


# On the command line.


def run(tmp_path: Path, before: str, after: str, *arguments: str) -> Result:
    for name, text in (("before", before), ("after", after)):
        (tmp_path / f"{name}.prototxt").write_text(text)
    files = [str(tmp_path / f"{name}.prototxt") for name in ("before", "after")]
    return CliRunner().invoke(cli, ["diff", *files, *arguments])


def test_exit_codes(tmp_path: Path) -> None:
    same = run(tmp_path, SMALL, SMALL + "# a comment\n")
    assert (same.exit_code, same.output.splitlines()[-1]) == (0, "No layer differs.")
    assert run(tmp_path, SMALL, SMALL.replace("kernel_size: 3", "kernel_size: 5")).exit_code == 1
    bad = run(tmp_path, SMALL, SMALL.replace("Pooling", "Poling"))
    assert (bad.exit_code, bad.stdout, bad.stderr.count("\n")) == (2, "", 1)
    assert 'after.prototxt: layer "pool": unknown layer type "Poling"' in bad.stderr


def test_table(tmp_path: Path) -> None:
    lines = run(tmp_path, SMALL, SMALL.replace("num_output: 4", "num_output: 6")).output
    rows = [line.split() for line in lines.splitlines()]
    assert "1 changed, 3 follows" in lines
    # conv: 2 x (27 + 1) and 2 x 27 x 36 more; fc: 5 x 25 x 2 weights more; before: 112 + 505
    assert ["changed", "conv", "convolution_param.num_output:", "4", "->", "6",
            "+56", "+56", "+1,944"] in rows
    assert ["top", '"conv":', "2x4x6x6", "->", "2x6x6x6"] in rows
    assert next(row for row in rows if row[:1] == ["learned"])[-2:] == ["+306", "+49.6%"]


def test_json(tmp_path: Path) -> None:
    result = run(tmp_path, SMALL, SMALL.replace("num_output: 4", "num_output: 6"),
                 "--format", "json")
    read = json.loads(result.output)
    assert read["equal"] is False and read["before"]["name"] == "small"
    change = read["changes"][0]
    assert (change["change"], change["layer"]) == ("changed", ["conv", "conv"])
    assert change["fields"] == {"convolution_param.num_output": [4, 6]}
    assert change["counts"]["macs"] == [108 * 36, 162 * 36]
    same = json.loads(run(tmp_path, SMALL, SMALL, "--format", "json").output)
    assert (same["equal"], same["changes"]) == (True, [])


def test_an_edit_in_the_other_phase_is_found(tmp_path: Path) -> None:
    text = SMALL + ('layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "fc" }'
                    'layer { name: "p" type: "Softmax" bottom: "fc" top: "p" '
                    "include { phase: TEST } }").replace("SoftmaxWithLoss", "EuclideanLoss")
    result = run(tmp_path, text, text.replace('"Softmax"', '"Sigmoid"'))
    assert result.exit_code == 1 and "(TEST, " in result.output
    assert "type: Softmax -> Sigmoid" in result.output
    trained = run(tmp_path, text, text.replace('"Softmax"', '"Sigmoid"'), "--phase", "TRAIN")
    assert trained.exit_code == 0


def test_inputs_are_for_the_files_that_have_them(tmp_path: Path) -> None:
    open_ended = SMALL.replace("input_param { shape { dim: [2, 3, 8, 8] } }", "")
    other = open_ended.replace('"data"', '"image"')
    asked = run(tmp_path, open_ended, other)
    assert asked.exit_code == 2 and "--input data=N,C,H,W" in asked.stderr
    told = run(tmp_path, open_ended, other, "--input", "data=2,3,8,8", "--input", "image=2,3,8,8")
    assert told.exit_code == 1 and "data -> image" in told.output
    typo = run(tmp_path, SMALL, SMALL, "--input", "dta=2,3,8,8")
    assert typo.exit_code == 2 and 'no blob is named "dta"' in typo.stderr
    assert typo.stdout == ""


def test_a_file_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    write_text(path, RESNET)
    same = CliRunner().invoke(cli, ["diff", str(path), str(path)])
    assert same.exit_code == 0
