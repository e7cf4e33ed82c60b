"""What a solver refuses: where real Caffe aborts, in its words where it has some."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinynet import write_solver

import netbuilder.torchcaffe as caffe
from netbuilder.errors import NetbuilderError, SolverError
from netbuilder.solver.nets import read_solver
from netbuilder.solver.policies import check_solver

pytestmark = pytest.mark.torch

STEP = """
import json, os, sys, caffe
said = {}
for name in sys.argv[1:]:
    child = os.fork()  # which the abort ends
    if not child:
        os.dup2(os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        caffe.get_solver(name).step(1)
        os._exit(0)
    aborted = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    with open("said") as file:
        said[name] = [aborted, file.read()]
print(json.dumps(said))
"""
BASE = {"base_lr": 0.1, "lr_policy": "fixed"}
# Fields -> words of Caffe's that ours begin with, too.
REFUSED = {
    "momentum_of_adagrad": ({"type": "AdaGrad", "momentum": 0.9},
                            "Momentum cannot be used with AdaGrad"),
    "momentum_of_rmsprop": ({"type": "RMSProp", "momentum": 0.9},
                            "Momentum cannot be used with RMSProp"),
    "rms_decay_1": ({"type": "RMSProp", "rms_decay": 1.0},
                    "rms_decay should lie between 0 and 1"),
    "rms_decay_below_0": ({"type": "RMSProp", "rms_decay": -0.1},
                          "rms_decay should lie between 0 and 1"),
    "type": ({"type": "Adamm"}, ""),
    "policy": ({"lr_policy": "cosine"}, ""),
    "regularization": ({"weight_decay": 0.1, "regularization_type": "L3"}, ""),
    "no_net": ({"train_net": "plain.prototxt"}, ""),
    "average_loss": ({"average_loss": 0}, ""),
    "missing_net": ({"net": "none.prototxt"}, ""),
    "missing_weights": ({"weights": "none.caffemodel"}, ""),
    "snapshot_prefix": ({"snapshot": 3, "snapshot_prefix": "none/run"}, ""),
    "test_interval": ({"test_iter": 3}, ""),
    "test_iter": ({"test_iter": 3, "test_interval": 1, "test_net": ["plain.prototxt"] * 2}, ""),
    "gamma": ({"lr_policy": "exp", "gamma": -0.1}, ""),
}


def solver_file(fields: dict, name: str = "solver.prototxt") -> str:
    fields = {**BASE, **fields}
    return write_solver(name, fields.pop("net", "plain.prototxt"), **fields)


@pytest.mark.parametrize("case", REFUSED)
def test_we_say_why(tiny, case):
    fields, words = REFUSED[case]
    with pytest.raises(NetbuilderError, match=f"^{words}") as error:
        caffe.get_solver(solver_file(fields)).step(1)
    named = [str(value) for value in fields.values() if isinstance(value, (str, float))]
    assert any(value in str(error.value) for value in [*named, *fields])


@pytest.mark.caffe
def test_real_caffe_aborts(tiny, run_caffe):
    files = [solver_file(fields, name) for name, (fields, _) in REFUSED.items()]
    said = run_caffe(STEP, *files, solver_file({}, "good"), cwd=tiny)
    assert said.pop("good") == [False, ""]
    for name, (_, words) in REFUSED.items():
        aborted, text = said[name]
        assert aborted and words in text, (name, text)


@pytest.mark.parametrize("case", ["momentum_of_adagrad", "rms_decay_1"])
def test_the_command_line_says_so_before_it_starts(tiny, case):
    with pytest.raises(SolverError, match=REFUSED[case][1]):
        check_solver(read_solver(solver_file(REFUSED[case][0])))


def test_a_class_of_pycaffe_refuses_whatever_type_the_file_says(tiny):
    with pytest.raises(SolverError, match="Momentum cannot be used with AdaGrad"):
        caffe.AdaGradSolver(solver_file({"momentum": 0.9}))
    assert caffe.AdamSolver(solver_file({"momentum": 0.9})).type == "Adam"


def test_get_solver_knows_all_six(tiny):
    kinds = {"SGD": caffe.SGDSolver, "Nesterov": caffe.NesterovSolver,
             "AdaGrad": caffe.AdaGradSolver, "RMSProp": caffe.RMSPropSolver,
             "AdaDelta": caffe.AdaDeltaSolver, "Adam": caffe.AdamSolver}
    for kind, cls in kinds.items():
        assert type(caffe.get_solver(solver_file({"type": kind}))) is cls
        old = Path(solver_file({}))
        old.write_text(old.read_text() + f"\nsolver_type: {kind.upper()}")
        assert type(caffe.get_solver(old)) is cls


def test_a_field_for_several_gpus_is_passed_over_with_a_word(tiny, capfd):
    caffe.get_solver(solver_file({"layer_wise_reduce": False}))
    assert "layer_wise_reduce is for several GPUs" in capfd.readouterr().err
