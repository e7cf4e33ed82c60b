"""The solver: its steps, the order of what it does and says, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from tinynet import write_solver

import netbuilder.torchcaffe as caffe
from netbuilder.errors import ParseError, SolverError

pytestmark = pytest.mark.torch

BASE = {"base_lr": 0.1, "lr_policy": "fixed", "max_iter": 6, "random_seed": 5}


def solver(net: str = "plain.prototxt", **fields):
    return caffe.get_solver(write_solver("solver.prototxt", net, **{**BASE, **fields}))


def weights(net) -> dict[str, np.ndarray]:
    return {f"{name}/{index}": blob.data.copy()
            for name, blobs in net.params.items() for index, blob in enumerate(blobs)}


def losses(made, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        made.step(1)
        found.append(float(made.net.blobs["loss"].data))
    return found


# Steps.

def test_a_frozen_parameter_stays(tiny):
    text = (tiny / "plain.prototxt").read_text()
    frozen = text.replace("lr_mult: 1 decay_mult: 1", "lr_mult: 0 decay_mult: 1", 1)
    (tiny / "frozen.prototxt").write_text(frozen)
    made = solver("frozen.prototxt", weight_decay=0.1, momentum=0.9)
    before = weights(made.net)
    made.step(2)
    after = weights(made.net)
    np.testing.assert_array_equal(after["conv/0"], before["conv/0"])
    assert not np.array_equal(after["conv/1"], before["conv/1"])


def test_many_steps_at_once_are_as_many_single_ones(tiny):
    one, many = solver("resnet.prototxt"), solver("resnet.prototxt")
    single = losses(one, 6)
    many.step(6)
    assert float(many.net.blobs["loss"].data) == pytest.approx(single[-1], rel=1e-5)
    assert many.iter == one.iter == 6
    for name, values in weights(one.net).items():
        if name != "conv1/1":  # a bias under BatchNorm: its gradient is rounding
            np.testing.assert_allclose(weights(many.net)[name], values, rtol=1e-4, atol=1e-5)
    assert many.net.blobs["a1"].data.any()  # the last iteration left everything to be seen


def test_gradients_of_iter_size_passes_are_averaged(tiny):
    text = (tiny / "plain.prototxt").read_text()
    (tiny / "small.prototxt").write_text(text.replace("batch_size: 16", "batch_size: 4"))
    whole, parts = solver(), solver("small.prototxt", iter_size=4)
    whole.step(3)
    parts.step(3)
    for name, values in weights(whole.net).items():
        np.testing.assert_allclose(weights(parts.net)[name], values, rtol=1e-4, atol=1e-6)


def test_a_seed_repeats_a_run_bit_for_bit(tiny):
    text = (tiny / "resnet.prototxt").read_text()
    noisy = text.replace("mean_value: 128", "mean_value: 128 mirror: true crop_size: 10")
    (tiny / "noisy.prototxt").write_text(noisy)

    def run(seed: int) -> bytes:
        torch.manual_seed(seed * 1000 + run.calls)  # nothing of it counts
        run.calls += 1
        made = solver("noisy.prototxt", random_seed=seed, momentum=0.9)
        made.step(4)
        return b"".join(values.tobytes() for values in weights(made.net).values())

    run.calls = 0
    assert run(1) == run(1)
    assert run(1) != run(2)


def test_callbacks_stand_around_the_passes(tiny):
    made, seen = solver(), []

    def note(word):
        fc = made.net.params["fc"][0]
        seen.append((word, made.iter, bool(fc.diff.any())))

    made.add_callback(lambda: note("start"), lambda: note("ready"))
    made.step(2)
    assert seen == [("start", 0, False), ("ready", 0, True), ("start", 1, False),
                    ("ready", 1, True)]


def test_the_rate_is_that_of_the_iteration(tiny):
    made = solver(lr_policy="step", gamma=0.5, stepsize=2)
    assert made.lr == pytest.approx(0.1)
    made.step(3)
    assert made.lr == pytest.approx(0.05)
    made.param.base_lr = 1.0  # as scripts do
    assert made.lr == pytest.approx(0.5)


# Solve, its order and its words.

def said(capfd) -> list[str]:
    return [re.sub(r"^[IW]\d{4} \S+ +\d+ \S+] ", "", line)
            for line in capfd.readouterr().err.splitlines()]


def test_solve_does_and_says_what_caffe_does(tiny, capfd):
    made = solver("resnet.prototxt", test_iter=2, test_interval=2, display=2, snapshot=3,
                  max_iter=4, snapshot_prefix="run", average_loss=2, test_compute_loss=True)
    said(capfd)
    made.solve()
    words = [line for line in said(capfd) if line]
    patterns = [
        r"Solving tiny", r"Learning Rate Policy: fixed",
        r"Iteration 0, Testing net \(#0\)", r"Test loss: \S+",
        r"    Test net output #0: accuracy = \S+",
        r"    Test net output #1: loss = (\S+) \(\* 1 = \1 loss\)",
        r"Iteration 0 \(0 iter/s, \S+s/2 iters\), loss = \S+",
        r"    Train net output #0: loss = (\S+) \(\* 1 = \1 loss\)", r"Iteration 0, lr = 0.1",
        r"Iteration 2, Testing net \(#0\)", r"Test loss: \S+",
        r"    Test net output #0.*", r"    Test net output #1.*",
        r"Iteration 2 \(\S+ iter/s, \S+s/2 iters\), loss = \S+",
        r"    Train net output #0.*", r"Iteration 2, lr = 0.1",
        r"Snapshotting to binary proto file run_iter_3.caffemodel",
        r"Snapshotting solver state to binary proto file run_iter_3.solverstate",
        r"Snapshotting to binary proto file run_iter_4.caffemodel",
        r"Snapshotting solver state to binary proto file run_iter_4.solverstate",
        r"Iteration 4, loss = \S+",
        r"Iteration 4, Testing net \(#0\)", r"Test loss: \S+",
        r"    Test net output #0.*", r"    Test net output #1.*",
        r"Optimization Done.",
    ]
    assert len(words) == len(patterns), words
    for line, pattern in zip(words, patterns, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)


def displayed(capfd) -> list[float]:
    return [float(line.rpartition(" = ")[2]) for line in said(capfd)
            if re.match(r"Iteration \d+ \(", line)]


def test_the_displayed_loss_is_smoothed(tiny, capfd):
    single = losses(solver(), 6)
    solver(display=1, average_loss=3).step(6)
    expected = [np.mean(single[max(0, i - 2): i + 1]) for i in range(6)]
    assert displayed(capfd) == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_iter_size_passes_is_their_mean(tiny, capfd):
    text = (tiny / "plain.prototxt").read_text()
    (tiny / "small.prototxt").write_text(text.replace("batch_size: 16", "batch_size: 4"))
    solver(display=1).step(1)
    whole = displayed(capfd)
    solver("small.prototxt", display=1, iter_size=4).step(1)
    assert displayed(capfd) == pytest.approx(whole, rel=1e-4)


def test_a_test_net_scores_the_weights_as_they_are_then(tiny, capfd):
    made = solver("resnet.prototxt", test_iter=[8, 0], test_interval=3, test_initialization=False,
                  momentum=0.9)
    assert len(made.test_nets) == 2
    said(capfd)
    made.step(4)
    words = said(capfd)
    assert [line for line in words if "Testing" in line] == [
        "Iteration 3, Testing net (#0)", "Iteration 3, Testing net (#1)"]
    twin = solver("resnet.prototxt", momentum=0.9)
    twin.step(3)
    twin.net.save("at3.caffemodel")
    net = caffe.Net("resnet.prototxt", caffe.TEST, weights="at3.caffemodel")
    accuracy = np.mean([float(net.forward()["accuracy"]) for _ in range(8)])
    assert words[1] == f"    Test net output #0: accuracy = {accuracy:g}"


def test_solve_goes_on_from_a_snapshot(tiny):
    # eight iterations are one round of the data, which begins anew when a run is resumed
    straight = solver("resnet.prototxt", max_iter=12, momentum=0.9, snapshot=8,
                      snapshot_prefix="run", snapshot_after_train=False)
    straight.solve()
    assert not (tiny / "run_iter_12.caffemodel").exists()
    again = solver("resnet.prototxt", max_iter=12, momentum=0.9, random_seed=99)
    again.solve("run_iter_8.solverstate")
    assert again.iter == 12
    for name, values in weights(straight.net).items():
        np.testing.assert_array_equal(weights(again.net)[name], values, err_msg=name)


def test_weights_of_the_solver_file_go_into_all_nets(tiny):
    solver("resnet.prototxt").net.save("a.caffemodel")
    made = solver("resnet.prototxt", random_seed=8, weights=" a.caffemodel", test_iter=1,
                  test_interval=1)
    expected = caffe.Net("resnet.prototxt", caffe.TEST, weights="a.caffemodel")
    for net in (made.net, *made.test_nets):
        for name, values in weights(expected).items():
            np.testing.assert_array_equal(weights(net)[name], values)


# What is refused.

def test_an_unknown_type_says_what_there_is(tiny):
    words = r'^the embedded engine has no solver type "Nestorov".*mean "Nesterov".*SGD'
    with pytest.raises(SolverError, match=words):
        solver(type="Nestorov")


@pytest.mark.parametrize("fields, words", [
    ({"lr_policy": "stepp", "gamma": 0.1}, 'unknown lr_policy "stepp"'),
    ({"lr_policy": "step", "gamma": 0.1}, "needs stepsize"),
    ({"weight_decay": 0.1, "regularization_type": "L3"}, 'unknown regularization_type "L3"'),
])
def test_a_solver_that_cannot_update_says_why(tiny, fields, words):
    for run in (lambda made: made.step(1), lambda made: made.solve()):
        with pytest.raises(SolverError, match=words):
            run(solver(**fields))


@pytest.mark.parametrize("fields, words", [
    ({"average_loss": 0}, "average_loss must be at least 1"),
    ({"iter_size": 0}, "iter_size must be at least 1"),
    ({"snapshot": 5, "snapshot_prefix": "none/run"}, "cannot write to snapshot_prefix 'none/run'"),
    ({"test_iter": 3}, "test_interval must be above 0"),
])
def test_a_bad_solver_is_refused_when_it_is_made(tiny, fields, words):
    with pytest.raises(SolverError, match=words):
        solver(**fields)


def test_a_missing_file_is_named(tiny):
    with pytest.raises(ParseError, match=r"none.prototxt: cannot be read"):
        caffe.get_solver("none.prototxt")
    with pytest.raises(ParseError, match=r"no_net.prototxt: cannot be read"):
        solver("no_net.prototxt")
