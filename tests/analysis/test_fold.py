"""Tables for people: what folds into one row, and the same as Markdown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netbuilder.analysis import COUNTS, Costs, LayerRow, costs
from netbuilder.analysis.fold import LONG, fold
from netbuilder.analysis.report import Sheet, to_markdown
from netbuilder.analysis.table import conventions, report
from netbuilder.cli import cli
from netbuilder.graph import resolve
from netbuilder.nets.resnet import resnet
from netbuilder.proto import caffe_pb2
from netbuilder.proto.io import write_text
from netbuilder.proto.text import parse


def named(*names: str) -> list[LayerRow]:
    text = "".join(f'layer {{ name: "{name}" type: "Input" top: "{index}" '
                   f"input_param {{ shape {{ }} }} }}" for index, name in enumerate(names))
    return list(costs(resolve(parse(text, caffe_pb2.NetParameter()))).layers)


FOLDED = {
    "pynetbuilder's and our residual nets": (
        ["data", "conv_1", "bn_1", "pool1", "conv_stage0_block0_branch2a", "relu_stage0_block0",
         "conv_stage0_block1_branch2a", "relu_stage0_block1", "pool", "fc1000"],
        {"data": 1, "conv_1 ... pool1": 3, "stage0_block0": 2, "stage0_block1": 2, "pool": 1,
         "fc1000": 1}),
    "He's residual nets": (
        ["res2a_branch1", "bn2a_branch1", "scale2a_branch1", "res2a", "res2a_relu",
         "res4b22_branch2a", "bn4b22_branch2a", "prob"],
        {"res2a_branch1 ... res2a_relu": 5, "res4b22_branch2a ... bn4b22_branch2a": 2, "prob": 1}),
    "legos with a slash": (
        ["pool2/3x3_s2", "inception_3a/1x1", "inception_3a/relu_1x1", "inception_3a/output",
         "fire2/squeeze1x1", "fire2/concat"],
        {"pool2/3x3_s2": 1, "inception_3a": 3, "fire2": 2}),
    "layers of a type that the names begin with": (
        ["conv1_1", "relu1_1", "conv1_2", "conv2_1", "conv2_2"],
        {"conv1_1 ... conv1_2": 3, "conv2": 2}),
    "an interrupted run": (["a1", "b1", "pool", "a1", "b1"], {"a1 ... b1": 2, "pool": 1}),
    "names without a number": (["a", "a", "b"], {"a": 1, "b": 1}),
}


@pytest.mark.parametrize("kind", FOLDED)
def test_what_folds(kind: str) -> None:
    names, expected = FOLDED[kind]
    groups = fold(named(*names))
    assert [row.name for group in groups for row in group.rows] == names
    assert {group.name: len(group.rows) for group in groups} == expected


def resnet_50() -> Costs:
    return costs(resolve(resnet().to_proto()))


def test_groups_sum_up_to_the_totals() -> None:
    whole = resnet_50()
    groups = fold(whole.layers)
    assert {name: sum(group.counts[name] for group in groups)
            for name in COUNTS} == whole.totals
    block = next(group for group in groups if group.name == "stage0_block1")
    # 1x1 256->64, 3x3 64->64, 1x1 64->256 with biases, and three Scales
    assert block.counts["learned_params"] == 16448 + 36928 + 16640 + 2 * (64 + 64 + 256)
    assert (block.type, block.top_shapes) == ("13 layers", ((1, 256, 56, 56),))


def sheets(result: Costs, folded: bool | None = None) -> list[Sheet]:
    return [part for part in report(result, folded) if isinstance(part, Sheet)]


def test_a_long_net_is_folded() -> None:
    whole = resnet_50()
    assert len(whole.layers) > LONG
    layers = sheets(whole)[0].rows
    assert len(layers) == len(fold(whole.layers)) < LONG
    assert len(sheets(whole, False)[0].rows) == len(whole.layers)
    small = replace(whole, layers=whole.layers[:LONG])
    assert len(sheets(small)[0].rows) == LONG


def test_every_count_belongs_to_one_convention() -> None:
    names = [name for group in conventions().values() for name in group]
    assert sorted(names) == sorted(COUNTS)
    assert [row[1] for row in sheets(resnet_50())[1].rows] == [COUNTS[name] for name in names]


def summary(tmp_path: Path, *arguments: str) -> Result:
    path = tmp_path / "net.prototxt"
    write_text(path, resnet().to_proto())
    return CliRunner().invoke(cli, ["summary", str(path), *arguments])


def test_on_the_command_line(tmp_path: Path) -> None:
    folded, whole = summary(tmp_path).output, summary(tmp_path, "--no-fold").output
    assert " stage3_block2 " in folded and "conv_stage3_block2_branch2a" not in folded
    assert "conv_stage3_block2_branch2a" in whole
    assert "folded into" in folded and "folded" not in whole
    assert not [line for line in whole.splitlines() if line != line.rstrip()]
    for form in ("csv", "json"):
        assert "conv_stage3_block2_branch2a" in summary(tmp_path, "--format", form).output
        refused = summary(tmp_path, "--format", form, "--fold")
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert f"--format {form} always has every layer" in refused.stderr


def test_markdown(tmp_path: Path) -> None:
    blocks = summary(tmp_path, "--format", "markdown", "--no-fold").output.split("\n\n")
    assert blocks[0].startswith("a net without a name, phase TEST: 228 layers")
    lines = blocks[1].splitlines()
    assert lines[0] == "| layer | type | top shapes | field | learned | stored | MACs |"
    assert lines[1] == "|---|---|---|---:|---:|---:|---:|"
    assert "| fc1000 | InnerProduct | 1x1000 |  | 2,049,000 | 2,049,000 | 2,048,000 |" in lines
    assert {line.count(" | ") for line in lines if "---" not in line} == {6}


def test_a_name_is_no_markup() -> None:
    text = to_markdown(["# a_b_c", Sheet(["x"], [["<b>|*`[\\&amp;~~"]])])
    assert text == ("\\# a\\_b\\_c\n\n| x |\n|---|\n"
                    "| \\<b\\>\\|\\*\\`\\[\\\\\\&amp;\\~\\~ |\n")
    lines = to_markdown([Sheet(["x"], [["a\nb\rc\u2028d"]])]).splitlines()
    assert lines == ["| x |", "|---|", "| a\\\\nb\\\\rc\\\\u2028d |"]
