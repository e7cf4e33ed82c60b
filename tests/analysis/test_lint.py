"""The linter: every code is triggered by its own mistake and by nothing else; real Caffe agrees."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lint_cases as cases
import pytest
from click.testing import CliRunner, Result

from netbuilder.analysis.lint import RULES, SEVERITIES, Finding, lint
from netbuilder.cli import cli
from netbuilder.errors import GraphError
from netbuilder.proto import caffe_pb2

ROOT = Path(__file__).parents[2]
JUDGE = ROOT / "tests" / "caffe_judge.py"
NETS = {**cases.REFUSED, **cases.LOADED, **cases.FILES}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(cases.CLEAN["classifier"])


def found(text: str, **options: Any) -> list[Finding]:
    Path("file.prototxt").write_text(text)
    return lint("file.prototxt", **options)


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}


@pytest.mark.parametrize("code", sorted({**NETS, **cases.SOLVERS}))
def test_a_mistake_has_its_code_and_no_other(code: str) -> None:
    text = {**NETS, **cases.SOLVERS}[code]
    findings = found(text)
    assert code in codes(findings), findings
    assert codes(findings) <= {code} | cases.COMPANIONS.get(code, set()), findings


@pytest.mark.parametrize("text", [*cases.CLEAN.values(), cases.SOLVER])
def test_what_is_right_has_no_finding(text: str) -> None:
    assert found(text) == []


def test_every_code_is_tried_and_documented() -> None:
    assert set(RULES) == {*NETS, *cases.SOLVERS}
    text = (ROOT / "docs" / "check.md").read_text()
    sections = re.findall(r"^### (NB\d+): [^\n]*\((\w+)\)\n(.*?)(?=^##|\Z)", text, re.M | re.S)
    assert [code for code, _, _ in sections] == sorted(RULES)
    for code, severity, body in sections:
        assert severity == RULES[code].severity in SEVERITIES
        assert " ".join(RULES[code].remedy.split()) in " ".join(body.split()), code
        assert "    " in body, f"{code} has no example"


def test_everything_is_found_at_once_and_at_its_place() -> None:
    text = (cases.INPUT
            + cases.conv("a", "dato")
            + cases.conv("b", "data", "")
            + cases.layer("c", "Pooing", "b")
            + cases.layer("d", "ReLU", "c")
            + cases.layer("e", "Eltwise", "data b")
            + cases.fc("b") + cases.LOSS)
    findings = found(text)
    assert [(one.code, one.line, one.column, one.layer) for one in findings] == [
        ("NB102", 3, 1, "a"), ("NB110", 3, 1, "a"), ("NB401", 4, 1, "b"), ("NB101", 5, 1, "c"),
        ("NB110", 6, 1, "d"), ("NB112", 6, 1, "d"), ("NB104", 7, 1, "e"), ("NB110", 7, 1, "e")]
    clash = next(one for one in findings if one.code == "NB104").sentence
    assert '"data" (4x3x8x8) comes from layer "in" (Input)' in clash
    assert '"b" (4x4x8x8) comes from layer "b" (Convolution)' in clash


def test_a_parse_error_has_line_column_and_suggestion() -> None:
    [finding] = found(cases.REFUSED["NB001"])
    assert (finding.line, finding.column) == (3, cases.CONV.index("num_output") + 1)
    assert 'did you mean "num_output"?' in finding.sentence


@pytest.mark.parametrize("broken, words", [
    (cases.SOLVER.replace("gamma", "gama"), 'SolverParameter has no field "gama"'),
    (cases.INPUT + "layer { nam: 1 }", 'LayerParameter has no field "nam"'),
])
def test_a_broken_file_is_judged_as_what_it_was_meant_to_be(broken: str, words: str) -> None:
    [finding] = found(broken)
    assert words in finding.sentence


def test_a_finding_of_one_phase_says_which() -> None:
    text = cases.CLEAN["both phases"].replace('bottom: "fc" bottom: "label" top: "acc"',
                                              'bottom: "fx" bottom: "label" top: "acc"')
    assert [(one.code, one.phase) for one in found(text)] == [("NB102", "TEST")]
    both = cases.CLEAN["both phases"].replace('bottom: "data"', 'bottom: "dato"')
    assert {one.phase for one in found(both) if one.code == "NB102"} == {None}


def test_data_layers_tell_phases_and_stages() -> None:
    classifier = cases.fc("data") + cases.LOSS
    staged = cases.data("train", "include { phase: TRAIN }") + "".join(
        cases.data(stage, f'include {{ phase: TEST stage: "{stage}" }}') for stage in "ab")
    assert found(staged + classifier) == []
    only_test = cases.data("test", "include { phase: TEST }") + classifier
    side = cases.layer("side", "ReLU", "fc", "include { phase: TRAIN }")
    [idle] = found(only_test + side)
    assert (idle.code, idle.layer) == ("NB602", "side")


def test_two_sources_of_one_phase_are_no_matter_of_phases() -> None:
    train = "include { phase: TRAIN }"
    twice = cases.data("one", train) + cases.data("two", train) + cases.fc("data") + cases.LOSS
    assert codes(found(twice)) == {"NB103"}


def test_a_file_for_one_phase_is_not_judged_in_the_other() -> None:
    only = 'include { phase: TEST }'
    deployed = (cases.INPUT + cases.layer("eye", "AbsVal", "data", only)
                + cases.layer("out", "ReLU", "eye"))
    assert found(deployed) == []
    slip = deployed.replace(f'top: "eye" {only}', 'top: "eye"').replace(
        'bottom: "eye" top: "out"', f'bottom: "eyes" top: "out" {only}')
    assert [(one.code, one.phase) for one in found(slip)] == [("NB102", "TEST")]


def test_rules_of_both_kinds_without_a_phase() -> None:
    text = cases.REFUSED["NB109"].replace("phase: TRAIN", 'stage: "a"').replace("phase: TEST",
                                                                                "min_level: 1")
    assert codes(found(text)) == {"NB109"}


def test_inputs_tell_what_the_file_does_not() -> None:
    text = cases.LMDB.replace("crop_size: 8", "").replace("MEAN", "") + cases.fc("data")
    text += cases.LOSS
    assert codes(found(text)) == {"NB111", "NB112", "NB501"}
    assert codes(found(text, inputs={"data": (4, 3, 8, 8)})) == {"NB501"}
    with pytest.raises(GraphError, match="no blob is named"):
        found(text, inputs={"dato": (1,)})


@pytest.mark.parametrize(("text", "told"), [
    ('type: "MemoryData" memory_data_param { batch_size: 4 channels: 3 }', {"NB104"}),
    ('type: "WindowData" window_data_param { batch_size: 4 }', {"NB104", "NB501"}),
    ('type: "Data" transform_param { crop_size: 8 force_color: true } '
     "data_param { batch_size: 4 }", {"NB501"}),
])
def test_sources_that_caffe_refuses_wherever_it_runs(text: str, told: set[str]) -> None:
    net = (f'layer {{ name: "in" top: "data" top: "label" {text} }}' + cases.fc("data")
           + cases.LOSS)
    assert codes(found(net)) - {"NB112"} == told
    shapes = {"data": (4, 3, 8, 8), "label": (4,)}
    assert codes(found(net, inputs=shapes)) == told - {"NB104"}  # can be analysed all the same


def test_nested_and_old_layers_have_their_places() -> None:
    text = 'name: "x"\ninput: "data" input_shape { dim: [1, 3] }\n# layer { }\n\n  layer\n' \
           '{ name: "c" type: "Nothing" bottom: "data" }\n'
    [finding] = found(text)
    assert (finding.code, finding.line, finding.column) == ("NB101", 5, 3)


@pytest.mark.caffe
def test_real_caffe_agrees(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    expected = [(name, text, True) for name, text in {**cases.CLEAN, **cases.LOADED}.items()]
    expected += [(name, text, False) for name, text in cases.REFUSED.items()]
    nets = tmp_path / "nets.json"
    nets.write_text(json.dumps([[text, caffe_pb2.TRAIN] for _, text, _ in expected]))
    answers = run_caffe(JUDGE, nets)
    wrong = [(name, answer.get("refused")) for (name, _, loads), answer
             in zip(expected, answers, strict=True) if loads != ("refused" not in answer)]
    assert not wrong


# The command.

def check(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments])


def test_command() -> None:
    Path("solver.prototxt").write_text(cases.SOLVER)
    result = check("net.prototxt", "solver.prototxt")
    assert (result.exit_code, result.output) == (0, "0 errors, 0 warnings, 0 notes\n")
    Path("net.prototxt").write_text(cases.LOADED["NB401"])
    result = check("net.prototxt", "solver.prototxt")
    assert result.exit_code == 0
    assert result.output.startswith("net.prototxt:3:1: warning NB401: layer \"conv\"")
    assert result.output.endswith("0 errors, 1 warning, 0 notes\n")
    Path("net.prototxt").write_text(cases.REFUSED["NB103"])
    assert check("net.prototxt", "solver.prototxt").exit_code == 1
    assert check("solver.prototxt").exit_code == 1  # its net is looked at


def test_command_says_the_same_thing_once() -> None:
    Path("net.prototxt").write_text(cases.net(
        *(cases.conv(f"c{index}", "data" if index == 0 else f"c{index - 1}", "")
          for index in range(6)), bottom="c5"))
    lines = check("net.prototxt").output.splitlines()
    assert sum("NB401" in line for line in lines) == 1
    assert '    The same: layer "c1", "c2", "c3" and 2 more.' in lines
    assert lines[-1] == "0 errors, 6 warnings, 0 notes"
    assert len(json.loads(check("net.prototxt", "--format", "json").output)) == 6


def test_command_in_json() -> None:
    Path("net.prototxt").write_text(cases.REFUSED["NB102"])
    result = check("net.prototxt", "--format", "json")
    assert result.exit_code == 1
    finding = json.loads(result.output)[0]
    assert finding["code"] == "NB102" and finding["line"] == 3 and finding["layer"] == "conv"
    assert finding["severity"] == "error" and finding["remedy"] == RULES["NB102"].remedy


@pytest.mark.parametrize("arguments", [
    (), ("nowhere.prototxt",), (".",), ("net.prototxt", "--format", "xml"),
    ("net.prototxt", "--input", "dato=1"),
])
def test_command_that_cannot_be_done(arguments: tuple[str, ...]) -> None:
    assert check(*arguments).exit_code == 2


def test_a_shape_changed_in_place_is_told_although_caffe_loads_it() -> None:
    text = cases.net(cases.conv("conv", "data").replace('top: "conv"', 'top: "data"'),
                     bottom="data")
    (finding,) = [one for one in found(text) if one.code == "NB105"]
    assert 'its bottom "data" is' in finding.sentence
