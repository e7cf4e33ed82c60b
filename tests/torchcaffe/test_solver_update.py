"""The update of each solver type, checked by hand from gradients written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tinynet import write_solver

import netbuilder.torchcaffe as caffe
from netbuilder.torchcaffe import solvers

pytestmark = pytest.mark.torch

LR_MULT = {"conv/0": 1, "conv/1": 2, "fc/0": 1, "fc/1": 2}
DECAY_MULT = {"conv/0": 1, "conv/1": 0, "fc/0": 1, "fc/1": 0}


def values(made) -> dict[str, np.ndarray]:
    return {f"{name}/{index}": blob.data.copy()
            for name, blobs in made.net.params.items() for index, blob in enumerate(blobs)}


def updates(fields: dict, expected) -> None:
    """Checks two updates; ``expected(w, g, v, rate, decay)`` gives the history and the update."""
    made = caffe.get_solver(write_solver("solver.prototxt", "plain.prototxt", base_lr=0.1,
                                         lr_policy="fixed", random_seed=5, **fields))
    rng = np.random.default_rng(1)
    history = {name: np.zeros_like(w) for name, w in values(made).items()}
    for iteration in range(2):
        before = values(made)
        gradients = {name: rng.normal(size=w.shape).astype(np.float32)
                     for name, w in before.items()}
        for name, gradient in gradients.items():
            layer, index = name.split("/")
            made.net.params[layer][int(index)].diff[...] = gradient
        norm = np.sqrt(sum(float((g**2).sum()) for g in gradients.values()))
        made.apply_update()
        assert made.iter == iteration + 1
        after = values(made)
        for name, w in before.items():
            history[name], update = expected(
                w, gradients[name], history[name], 0.1 * LR_MULT[name], DECAY_MULT[name], norm)
            np.testing.assert_allclose(after[name], w - update, rtol=1e-5, atol=1e-6)
            layer, index = name.split("/")
            np.testing.assert_allclose(made.net.params[layer][int(index)].diff, update,
                                       rtol=1e-5, atol=1e-6)


def momentum(v, g, rate):
    v = 0.9 * v + rate * g
    return v, v


def nesterov(v, g, rate):
    new = 0.9 * v + rate * g
    return new, 1.9 * new - 0.9 * v


@pytest.mark.parametrize("fields, expected", [
    ({"momentum": 0.9}, lambda w, g, v, rate, decay, norm: momentum(v, g, rate)),
    ({"momentum": 0.9, "weight_decay": 0.05},
     lambda w, g, v, rate, decay, norm: momentum(v, g + 0.05 * decay * w, rate)),
    ({"momentum": 0.9, "weight_decay": 0.05, "regularization_type": "L1"},
     lambda w, g, v, rate, decay, norm: momentum(v, g + 0.05 * decay * np.sign(w), rate)),
    ({"momentum": 0.9, "weight_decay": 0.05, "iter_size": 4},
     lambda w, g, v, rate, decay, norm: momentum(v, g / 4 + 0.05 * decay * w, rate)),
    ({"momentum": 0.9, "weight_decay": 0.05, "clip_gradients": 3.0},
     lambda w, g, v, rate, decay, norm: momentum(v, g * 3 / norm + 0.05 * decay * w, rate)),
    ({"momentum": 0.9, "clip_gradients": 1000.0},
     lambda w, g, v, rate, decay, norm: momentum(v, g, rate)),
    ({"momentum": 0.9, "type": "Nesterov"},
     lambda w, g, v, rate, decay, norm: nesterov(v, g, rate)),
])
def test_update(tiny, fields, expected):
    updates(fields, expected)


@pytest.mark.parametrize("fields", [
    {"momentum": 0.9}, {"type": "Nesterov", "momentum": 0.9}, {"type": "AdaGrad"},
    {"type": "RMSProp", "rms_decay": 0.9}, {"type": "AdaDelta", "momentum": 0.9, "delta": 1e-4},
    {"type": "Adam", "momentum": 0.9, "delta": 1e-4},
])
def test_values_are_updated_alike_however_they_are_cut(tiny, monkeypatch, fields):
    def run(part: int) -> dict[str, np.ndarray]:
        monkeypatch.setattr(solvers, "PART", part)
        made = caffe.get_solver(write_solver(
            "solver.prototxt", "plain.prototxt", base_lr=0.1, lr_policy="fixed", random_seed=5,
            weight_decay=0.05, clip_gradients=1.0, iter_size=2, **fields))
        made.step(3)
        return values(made)

    whole = run(1 << 40)
    for part in (7, 450, 451):  # conv has 450 weights
        for name, array in run(part).items():
            np.testing.assert_allclose(array, whole[name], rtol=1e-5, atol=1e-7, err_msg=name)


def by_hand(kind: str, g: np.ndarray, memory: list[np.ndarray], t: int) -> np.ndarray:
    """The update of a type from its gradient, in float64; ``memory`` is changed."""
    h, u = memory
    if kind == "AdaGrad":
        h += g * g
        return 0.1 * g / (np.sqrt(h) + 1e-8)
    if kind == "RMSProp":
        h[...] = 0.9 * h + 0.1 * g * g
        return 0.1 * g / (np.sqrt(h) + 1e-8)
    if kind == "AdaDelta":
        h[...] = 0.9 * h + 0.1 * g * g
        step = g * np.sqrt((u + 1e-8) / (h + 1e-8))
        u[...] = 0.9 * u + 0.1 * step * step
        return 0.1 * step
    h[...], u[...] = 0.9 * h + 0.1 * g, 0.99 * u + 0.01 * g * g
    return 0.1 * np.sqrt(1 - 0.99**t) / (1 - 0.9**t) * h / (np.sqrt(u) + 1e-8)


@pytest.mark.parametrize("fields", [
    {"type": "AdaGrad"}, {"type": "RMSProp", "rms_decay": 0.9},
    {"type": "AdaDelta", "momentum": 0.9}, {"type": "Adam", "momentum": 0.9, "momentum2": 0.99},
])
def test_adaptive_update(tiny, fields):
    made = caffe.get_solver(write_solver("solver.prototxt", "plain.prototxt", base_lr=0.1,
                                         lr_policy="fixed", random_seed=5, **fields))
    weight, rng = made.net.params["fc"][0], np.random.default_rng(1)
    memory = [np.zeros(weight.shape) for _ in range(2)]
    for t in range(1, 4):
        before, g = weight.data.astype(np.float64), rng.normal(size=weight.shape)
        made.net.clear_param_diffs()
        weight.diff[...] = g
        made.apply_update()
        update = by_hand(fields["type"], g, memory, t)
        np.testing.assert_allclose(weight.diff, update, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(weight.data, before - update, rtol=1e-4, atol=1e-6)
