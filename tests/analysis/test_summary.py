"""``netbuilder summary``: what it prints, and what it says when it cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netbuilder.cli import cli

TRAIN_VAL = """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { crop_size: 12 mean_value: [1, 2, 3] } data_param { batch_size: 8 } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 12 mean_value: [1, 2, 3] } data_param { batch_size: 5 } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: 1234 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy"
  include { phase: TEST } }
"""
DEPLOY = """
name: "deployed"
layer { name: "[bold]data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 4, 4] } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: 2 } }
"""


def summary(tmp_path: Path, text: str, *arguments: str) -> Result:
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    return CliRunner().invoke(cli, ["summary", str(path), *arguments])


def phase(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)["phase"]


def test_table(tmp_path: Path) -> None:
    result = summary(tmp_path, TRAIN_VAL)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "phase TRAIN: 3 layers, batch 8" in lines[0]
    fc = next(line.split() for line in lines if line.startswith(" fc "))
    assert fc == ["fc", "InnerProduct", "8x1234", "534,322", "534,322", "533,088"]
    totals = {words[-2]: words[-1] for words in map(str.split, lines) if len(words) > 1}
    assert totals["parameters"] == "534,322" and totals["multiply-accumulates"] == "533,088"
    assert totals["params"] == totals["flops"] == "533,088"
    assert "Layers without multiply-accumulates: Data, SoftmaxWithLoss" in result.output


def test_names_are_printed_as_they_are_and_not_cut(tmp_path: Path) -> None:
    name = "a_layer_name_of_" + "x" * 180
    result = summary(tmp_path, DEPLOY.replace('"fc" type', f'"{name}" type'))
    assert name in result.output and "[bold]data" in result.output
    assert "\x1b" not in result.output and "…" not in result.output


def test_the_phase_is_the_one_the_file_is_for(tmp_path: Path) -> None:
    def default(text: str) -> str:
        return phase(summary(tmp_path, text, "--format", "json"))

    assert default(TRAIN_VAL) == "TRAIN"
    assert default(DEPLOY) == "TEST"
    assert default("state { phase: TEST }" + TRAIN_VAL) == "TEST"
    only_test = TRAIN_VAL.replace("phase: TRAIN", "stage: 'none'")
    assert default(only_test) == "TEST"
    assert phase(summary(tmp_path, only_test, "--format", "json", "--stage", "none")) == "TRAIN"


def test_phase_level_and_stage_are_the_callers(tmp_path: Path) -> None:
    result = summary(tmp_path, TRAIN_VAL, "--format", "json", "--phase", "test")
    read = json.loads(result.output)
    assert read["phase"] == "TEST" and read["blobs"]["data"] == [5, 3, 12, 12]
    assert "accuracy" in read["blobs"]
    rules = DEPLOY.replace('top: "fc"', 'top: "fc" include { min_level: 2 stage: "deep" }')
    given = ("--level", "2", "--stage", "deep", "--format", "json")
    assert len(json.loads(summary(tmp_path, rules, *given).output)["layers"]) == 2
    assert len(json.loads(summary(tmp_path, rules, *given[2:]).output)["layers"]) == 1


def test_csv(tmp_path: Path) -> None:
    lines = summary(tmp_path, DEPLOY, "--format", "csv").output.splitlines()
    assert lines[0].startswith("name,type,bottoms,tops,top_shapes,learned_params")
    assert lines[2] == "fc,InnerProduct,data,fc,1x2,98,98,96,194,96,98,0,0,0,96,96"


def test_shapes_are_given_by_name(tmp_path: Path) -> None:
    text = TRAIN_VAL.replace("mean_value: [1, 2, 3]", "")
    told = summary(tmp_path, text, "--input", "data=4,1,9,9", "--format", "json")
    assert json.loads(told.output)["blobs"] == {
        "data": [4, 1, 9, 9], "label": [4], "fc": [4, 1234], "loss": []}
    odd = 'layer { name: "p" type: "Python" top: "a" top: "b" python_param { layer: "X" } }'
    told = summary(tmp_path, odd, "--input", "a=", "--input", "b=2,3", "--format", "json")
    assert json.loads(told.output)["blobs"] == {"a": [], "b": [2, 3]}


BAD = {
    "unknown layer": (DEPLOY.replace("InnerProduct", "InerProduct"), (),
                      'layer "fc": unknown layer type "InerProduct"; did you mean "InnerProduct"?'),
    "unknown field": (DEPLOY.replace("num_output", "num_outptu"), (),
                      'net.prototxt:5:25: InnerProductParameter has no field "num_outptu"'),
    "shape clash": (DEPLOY.replace("InnerProduct", "LRN"), ("--input", "data=1,2"),
                    'layer "fc" (LRN): needs a bottom of 4 axes'),
    "shape asked for": (TRAIN_VAL.replace("mean_value: [1, 2, 3]", ""), (),
                        "Give it: --input data=N,C,H,W"),
    "unknown blob": (DEPLOY, ("--input", "dato=1,2"), 'no blob is named "dato"; did you mean'),
    "input without shape": (DEPLOY, ("--input", "data"), '"data" is not a blob and its shape'),
    "input of letters": (DEPLOY, ("--input", "data=1,x"), '"data=1,x" is not a blob and its'),
    "negative input": (DEPLOY, ("--input", "data=1,-3,4"), "is not a blob and its shape"),
    "huge input": (DEPLOY, ("--input", "data=99999,99999,9"), "is not possible"),
    "old format": ("layers { name: 'x' type: RELU }", (),
                   'layer "x" (ReLU): takes 1 bottom(s), but has 0'),
    "a solver": ("base_lr: 0.1", (), "the file is a SolverParameter"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    text, arguments, words = BAD[name]
    result = summary(tmp_path, text, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    said = [line for line in result.stderr.splitlines() if line.lower().startswith("error: ")]
    assert len(said) == 1 and words in said[0], result.stderr


def test_a_missing_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["summary", str(tmp_path / "none.prototxt")])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "none.prototxt: cannot be read: No such file" in result.stderr


# What is imported: a contract.

HEAVY = {"torch", "numpy", "jinja2", "caffe", "matplotlib", "PIL", "lmdb"}


def loaded(program: str, *arguments: str) -> set[str]:
    """Top-level modules in a fresh interpreter after the program."""
    listing = "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program + listing, *arguments], check=True,
                          capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_is_light() -> None:
    assert not loaded("import netbuilder") & {*HEAVY, "click", "rich", "google"}
    assert not loaded("import netbuilder.analysis, netbuilder.spec, netbuilder.lego, "
                      "netbuilder.nets") & {*HEAVY, "click", "rich"}


def test_a_summary_needs_protobuf_click_and_rich_only(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(TRAIN_VAL)
    program = "from netbuilder.cli import cli\nimport sys\ncli(sys.argv[1:], standalone_mode=False)"
    modules = loaded(program, "summary", str(path))
    assert not modules & HEAVY
    assert {"netbuilder", "google", "click", "rich"} <= modules
    assert "rich" not in loaded(program, "summary", str(path), "--format", "json")
