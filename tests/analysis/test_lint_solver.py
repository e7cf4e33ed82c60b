"""Solvers and their nets together: what real Caffe refuses, or cannot train, is an error."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netbuilder.analysis.lint import RULES, Finding, lint, lint_files
from netbuilder.analysis.lint.findings import ERROR

HERE = Path(__file__).parent
DATA = """layer { name: "in" type: "DummyData" top: "x" top: "t" RULE dummy_data_param {
  shape { dim: [2, 3] } shape { dim: [2, 1] } data_filler { value: 1 } data_filler { value: 2 } } }
"""
FC = """layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param {
  num_output: 1 weight_filler { type: "gaussian" std: 0.001 } } }
"""
LOSS = 'layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "t" top: "loss" }\n'
EVERYWHERE = DATA.replace("RULE", "")
NET = EVERYWHERE + FC + LOSS
V1 = (NET.replace("layer {", "layers {").replace('"DummyData"', "DUMMY_DATA")
      .replace('"InnerProduct"', "INNER_PRODUCT").replace('"EuclideanLoss"', "EUCLIDEAN_LOSS"))
STAGED = NET + 'layer { name: "e" type: "ReLU" bottom: "nobody" top: "e" include { stage: "s" } }\n'
FILES = {
    "net.prototxt": NET,
    "noloss.prototxt": EVERYWHERE + FC,
    "testless.prototxt": DATA.replace("RULE", "include { phase: TRAIN }") + FC + LOSS
    + 'layer { name: "acc" type: "Accuracy" bottom: "fc" bottom: "t" include { phase: TEST } }\n',
    "v1.prototxt": V1,
    "staged.prototxt": STAGED,
    "broken.prototxt": "layer { nam: 1 }",
}
FIXED = 'lr_policy: "fixed" '
TESTED = FIXED + "test_iter: 1 test_interval: 1 "
START = 'net: "net.prototxt" base_lr: 0.1 max_iter: 9 snapshot_prefix: "snap" '
INNER = START.replace('net: "net.prototxt"', "net_param { NET }")

REFUSED, IDLE, TAKEN = "refused", "learns nothing", "taken"
# What is wrong -> the solver, the codes of its findings, and what real Caffe does.
SOLVERS: dict[str, tuple[str, set[str], str]] = {
    "nothing": (START + TESTED, set(), TAKEN),
    "no net": (START.replace("net:", "#") + "\n base_lr: 1 " + FIXED, {"NB701"}, REFUSED),
    "two nets": (START + FIXED + 'train_net: "net.prototxt"', {"NB701"}, REFUSED),
    "no such net": (START.replace("net.p", "nowhere.p") + FIXED, {"NB702"}, REFUSED),
    "no such test net": (START + TESTED + 'test_net: "nowhere.prototxt"', {"NB702"}, REFUSED),
    "a test net without test_iter": (START + FIXED + 'test_net: "net.prototxt"', {"NB703"},
                                     REFUSED),
    "test_iter without a test net": (START.replace("net:", "train_net:") + TESTED, {"NB703"},
                                     REFUSED),
    "too many test_state": (START + TESTED + "test_state {} test_state {}", {"NB703"}, REFUSED),
    "no test_interval": (START + FIXED + "test_iter: 1", {"NB704"}, REFUSED),
    "no test_iter": (START + FIXED + "test_interval: 1", {"NB705"}, TAKEN),
    "test_iter 0": (START + FIXED + "test_interval: 1 test_iter: 0", {"NB705"}, TAKEN),
    "no policy": (START, {"NB706"}, REFUSED),
    "unknown policy": (START + 'lr_policy: "plateau"', {"NB706"}, REFUSED),
    "step without stepsize": (START + 'lr_policy: "step" gamma: 0.5', {"NB706"}, REFUSED),
    "step without gamma": (START + 'lr_policy: "step" stepsize: 1', {"NB706"}, IDLE),
    "negative gamma": (START + 'lr_policy: "step" stepsize: 1 gamma: -1', {"NB706"}, REFUSED),
    "exp without gamma": (START + 'lr_policy: "exp"', {"NB706"}, IDLE),
    "multistep without gamma": (START + 'lr_policy: "multistep" stepvalue: 1', {"NB706"}, IDLE),
    "multistep without steps": (START + 'lr_policy: "multistep" gamma: 0.5', {"NB706"}, TAKEN),
    "inv without power": (START + 'lr_policy: "inv" gamma: 0.5', {"NB706"}, TAKEN),
    "inv without gamma": (START + 'lr_policy: "inv" power: 0.5', {"NB706"}, TAKEN),
    "poly without power": (START + 'lr_policy: "poly"', {"NB706"}, TAKEN),
    "poly without end": (START.replace("max_iter: 9", "") + 'lr_policy: "poly" power: 1',
                         {"NB706"}, IDLE),
    "sigmoid without gamma": (START + 'lr_policy: "sigmoid" stepsize: 1', {"NB706"}, TAKEN),
    "sigmoid without stepsize": (START + 'lr_policy: "sigmoid" gamma: 1', {"NB706"}, REFUSED),
    "no folder": (START.replace('"snap"', '"nowhere/snap"') + FIXED + "snapshot: 5", {"NB707"},
                  REFUSED),
    "no folder, no snapshot": (START.replace('"snap"', '"nowhere/snap"') + FIXED
                               + "snapshot_after_train: false", set(), TAKEN),
    "no rate": (START.replace("base_lr: 0.1", "") + FIXED, {"NB708"}, IDLE),
    "unknown type": (START + FIXED + 'type: "Adamm"', {"NB708"}, REFUSED),
    "two types": (START + FIXED + 'type: "SGD" solver_type: SGD', {"NB002"}, REFUSED),
    "an old type": (START + FIXED + "solver_type: NESTEROV", set(), TAKEN),
    "momentum of AdaGrad": (START + FIXED + 'type: "AdaGrad" momentum: 0.9', {"NB708"}, REFUSED),
    "momentum of RMSProp": (START + FIXED + "solver_type: RMSPROP momentum: 0.9", {"NB708"},
                            REFUSED),
    "rms_decay": (START + FIXED + 'type: "RMSProp" rms_decay: 1.5', {"NB708"}, REFUSED),
    "no iterations in one": (START + FIXED + "iter_size: 0", {"NB708"}, IDLE),
    "no average": (START + FIXED + "average_loss: 0", {"NB708"}, REFUSED),
    "regularization": (START + FIXED + 'regularization_type: "L3" weight_decay: 0.1', {"NB708"},
                       REFUSED),
    "regularization of nothing": (START + FIXED + 'regularization_type: "L3"', set(), TAKEN),
    "weights": (START + FIXED + 'weights: "nowhere.caffemodel"', {"NB709"}, REFUSED),
    "a net inside": (INNER.replace("NET", NET) + TESTED, set(), TAKEN),
    "an old net inside": (INNER.replace("NET", V1) + FIXED, {"NB710"}, REFUSED),
    "inputs inside": (INNER.replace("NET", 'input: "x" input_shape { dim: [2, 3] } layer { name: '
                                    '"r" type: "ReLU" bottom: "x" top: "y" }') + FIXED,
                      {"NB710"}, REFUSED),
    "a mistake inside": (INNER.replace("NET", NET.replace('bottom: "x"', 'bottom: "y"')) + FIXED,
                         {"NB102", "NB110", "NB112"}, REFUSED),
    "an old net": (START.replace("net.p", "v1.p") + TESTED, set(), TAKEN),
    "no loss": (START.replace("net.p", "noloss.p") + FIXED, {"NB711"}, IDLE),
    "no test data": (START.replace("net.p", "testless.p") + TESTED, {"NB102"}, REFUSED),
    "no test": (START.replace("net.p", "testless.p") + FIXED, {"NB602"}, TAKEN),
    "a stage": (START.replace("net.p", "staged.p") + FIXED + 'train_state { stage: "s" }',
                {"NB102", "NB110"}, REFUSED),
    "another stage": (START.replace("net.p", "staged.p") + FIXED + 'train_state { stage: "o" }',
                      set(), TAKEN),
    "a test stage": (START.replace("net.p", "staged.p") + TESTED + 'test_state { stage: "s" }',
                     {"NB102"}, REFUSED),
    "a broken net": (START.replace("net.p", "broken.p") + FIXED, {"NB001"}, REFUSED),
    "a field of a fork": (START + FIXED + "rampup_interval: 2", {"NB114"}, REFUSED),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)


def found(solver: str, *nets: str) -> list[Finding]:
    Path("solver.prototxt").write_text(solver)
    return lint_files(["solver.prototxt", *nets])


@pytest.mark.parametrize("case", SOLVERS)
def test_findings(case: str) -> None:
    solver, codes, _ = SOLVERS[case]
    assert {one.code for one in found(solver)} == codes


@pytest.mark.caffe
def test_real_caffe(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    Path("jobs.json").write_text(json.dumps([[solver, 4] for solver, *_ in SOLVERS.values()]))
    answers = run_caffe(HERE / "solver_judge.py", tmp_path / "jobs.json", cwd=tmp_path)
    wrong = {case: answer for (case, (*_, truth)), answer
             in zip(SOLVERS.items(), answers, strict=True) if outcome(answer) != truth}
    assert not wrong
    for case, (_, codes, truth) in SOLVERS.items():
        error = any(RULES[code].severity == ERROR for code in codes)
        assert error == (truth != TAKEN) or "NB706" in codes or "NB114" in codes, case


def outcome(answer: dict[str, Any]) -> str:
    if "refused" in answer:
        return REFUSED
    weights = answer["weights"]
    learned = all(map(math.isfinite, weights)) and weights[-1] != weights[0]
    return TAKEN if learned else IDLE


def test_places_are_those_of_the_file_they_are_in() -> None:
    [finding] = found(START.replace("net.p", "broken.p") + FIXED)
    assert (finding.file, finding.line) == ("broken.prototxt", 1)
    [finding] = found(START + FIXED + "\n weights: 'nowhere'")
    assert (finding.file, finding.line, finding.column) == ("solver.prototxt", 2, 2)
    inner = INNER.replace("NET", NET.replace('bottom: "x"', 'bottom: "y"'))
    first = found("\n\n" + inner + FIXED)[0]
    assert (first.file, first.line, first.column) == ("solver.prototxt", 3, 1)


def test_a_net_given_twice_is_told_once_and_in_the_states_of_its_solver() -> None:
    solver = START.replace("net.p", "testless.p") + TESTED
    alone = [(one.code, one.phase) for one in found(solver)]
    assert alone == [(one.code, one.phase) for one in found(solver, "testless.prototxt")]
    assert ("NB102", "TEST") in alone
    assert [one.code for one in lint("testless.prototxt")] == ["NB602"]


def test_a_net_beside_the_solver_is_told_and_checked() -> None:
    Path("sub").mkdir()
    Path("sub/solver.prototxt").write_text(START.replace("net.p", "only.p") + FIXED)
    Path("sub/only.prototxt").write_text(EVERYWHERE + FC)
    missing, idle = lint("sub/solver.prototxt")
    assert missing.code == "NB702" and "sub/only.prototxt does" in missing.sentence
    assert (idle.code, idle.file) == ("NB711", "sub/only.prototxt")


def test_a_solver_is_no_net() -> None:
    other = START.replace("net.p", "solver.p") + FIXED
    [itself] = found(other)
    assert itself.code == "NB702" and "but it is a solver too" in itself.sentence
    Path("other.prototxt").write_text(START + FIXED)
    told = found(START.replace("net.p", "other.p") + FIXED)
    assert [(one.code, one.file) for one in told] == [("NB702", "other.prototxt")]


@pytest.mark.parametrize("policy, told", [
    ('"step" stepsize: 5', 'needs gamma; in Caffe without gamma the rate is 0 from the first'),
    ('"inv"', "without gamma the rate stays base_lr, without power the rate stays base_lr"),
    ('"sigmoid" stepsize: 5', "without gamma the rate stays half of base_lr"),
])
def test_a_policy_without_its_fields_says_what_caffe_computes(policy: str, told: str) -> None:
    [finding] = found(START + f"lr_policy: {policy}")
    assert told in finding.sentence
