"""Learning rates: Caffe's formulas by hand, real Caffe's own floats, and bad solvers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from google.protobuf import text_format

from netbuilder.errors import SolverError
from netbuilder.proto import caffe_pb2
from netbuilder.solver.policies import POLICIES, check_solver, learning_rate, steps_done

FIELDS = {
    "fixed": {},
    "step": {"gamma": 0.3, "stepsize": 7},
    "exp": {"gamma": 0.997},
    "inv": {"gamma": 0.0061, "power": 0.75},
    "multistep": {"gamma": 0.1, "stepvalue": [3, 3, 20]},
    "poly": {"power": 1.3, "max_iter": 1000},
    "sigmoid": {"gamma": 0.02, "stepsize": 50},
}
ITERATIONS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 19, 20, 21, 49, 50, 51, 99, 999, 1000, 1001]

REAL = """
import json, sys
import caffe
from caffe.proto import caffe_pb2
net = 'layer{name:"d" type:"DummyData" top:"d" dummy_data_param{shape{dim:1}}}'
net += 'layer{name:"s" type:"Silence" bottom:"d"}'
rates = {}
for policy, text in json.loads(sys.argv[1]).items():
    open('solver.prototxt', 'w').write("net_param{%s} %s" % (net, text))
    solver, rates[policy] = caffe.get_solver('solver.prototxt'), []
    for iteration in json.loads(sys.argv[2]):
        if policy == 'multistep':  # Caffe counts the steps as it goes
            solver.step(iteration - solver.iter)
        else:
            state = caffe_pb2.SolverState(iter=iteration)
            open('at.solverstate', 'wb').write(state.SerializeToString())
            solver.restore('at.solverstate')
        rates[policy].append(solver.lr)
print(json.dumps(rates))
"""


def solver(policy: str, **fields):
    return caffe_pb2.SolverParameter(lr_policy=policy, base_lr=0.7, **fields)


def test_every_policy_has_a_case_here():
    assert set(FIELDS) == set(POLICIES)


@pytest.mark.parametrize("policy, iteration, expected", [
    ("fixed", 12345, 0.7),
    ("step", 6, 0.7), ("step", 7, 0.7 * 0.3), ("step", 21, 0.7 * 0.3**3),
    ("exp", 3, 0.7 * 0.997**3),
    ("inv", 50, 0.7 * (1 + 0.0061 * 50) ** -0.75),
    ("multistep", 2, 0.7), ("multistep", 20, 0.7 * 0.1**3),
    ("poly", 250, 0.7 * 0.75**1.3), ("poly", 1000, 0.0),
    ("sigmoid", 50, 0.35), ("sigmoid", 0, 0.7 / (1 + math.e)),
])
def test_formula(policy, iteration, expected):
    rate = learning_rate(solver(policy, **FIELDS[policy]), iteration)
    assert rate == pytest.approx(expected, rel=1e-6)
    assert rate == float(np.float32(rate))


def test_doubled_and_falling_step_values_take_effect_one_iteration_apart():
    param = solver("multistep", gamma=0.5, stepvalue=[3, 3, 2, 10])
    assert [steps_done(param, i) for i in (2, 3, 4, 5, 6, 9, 10)] == [0, 1, 2, 3, 3, 3, 4]


def test_rates_leave_the_range_of_float_without_an_exception():
    assert learning_rate(solver("exp", gamma=10.0), 1000) == math.inf
    assert learning_rate(solver("sigmoid", gamma=1.0, stepsize=10**6), 0) == 0
    assert math.isnan(learning_rate(solver("poly", power=0.5, max_iter=10), 11))
    assert learning_rate(solver("poly", power=1, max_iter=10), 11) < 0


@pytest.mark.parametrize("policy, fields, words", [
    ("stp", {}, ['unknown lr_policy "stp"', "multistep", 'did you mean "step"']),
    ("", {}, ["lr_policy is missing", "multistep"]),
    ("step", {"gamma": 0.1}, ['lr_policy "step" needs stepsize']),
    ("step", {}, ["needs gamma and stepsize"]),
    ("step", {"gamma": 0.1, "stepsize": 0}, ["stepsize >= 1, not 0"]),
    ("exp", {"gamma": -0.5}, ["gamma >= 0, not -0.5"]),
    ("inv", {"gamma": 0.1}, ["needs power"]),
    ("multistep", {"gamma": 0.1}, ["needs stepvalue"]),
    ("poly", {"power": 1}, ["needs max_iter"]),
    ("sigmoid", {"gamma": -0.1, "stepsize": 3}, ["gamma >= 0"]),
])
def test_bad_policies_are_named(policy, fields, words):
    for fails in (lambda p: learning_rate(p, 0), check_solver):
        with pytest.raises(SolverError) as error:
            fails(solver(policy, **fields))
        assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("fields, words", [
    ({"regularization_type": "l2"}, ['unknown regularization_type "l2"', "known: L1, L2"]),
    ({"average_loss": 0}, ["average_loss must be at least 1, not 0"]),
    ({"iter_size": 0}, ["iter_size must be at least 1, not 0"]),
])
def test_bad_solvers_are_named(fields, words):
    with pytest.raises(SolverError) as error:
        check_solver(solver("fixed", **fields))
    assert all(word in str(error.value) for word in words)


def test_a_solver_without_a_rate_is_refused():
    with pytest.raises(SolverError, match="base_lr is missing"):
        check_solver(caffe_pb2.SolverParameter(lr_policy="fixed"))
    check_solver(solver("fixed"))


@pytest.mark.caffe
def test_rates_are_the_floats_of_real_caffe(run_caffe, tmp_path):
    params = {policy: solver(policy, **fields) for policy, fields in FIELDS.items()}
    texts = {policy: text_format.MessageToString(param) for policy, param in params.items()}
    real = run_caffe(REAL, json.dumps(texts), json.dumps(ITERATIONS), cwd=tmp_path)
    for policy, param in params.items():
        ours = [learning_rate(param, iteration) for iteration in ITERATIONS]
        assert np.array_equal(ours, real[policy], equal_nan=True), policy
