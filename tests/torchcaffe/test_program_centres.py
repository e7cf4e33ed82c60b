"""A convolution under the batch's own BatchNorm: the fast gait leaves its bias out of the pass."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from against import far
from layer_cases import TEST, TRAIN, Case, labels, normal
from test_program import FAST, INSPECTABLE, filled
from whole_nets import conv, full, head, loss, norm, weights

pytestmark = pytest.mark.torch
FILLERS = 'weight_filler { type: "msra" } bias_filler { type: "uniform" min: -3 max: 3 }'
SIZE = "kernel_size: 3 " + FILLERS
BARE_NORM = 'layer { name: "c_bn" type: "BatchNorm" bottom: "c" top: "c" %s }\n'
FROZEN = "param { lr_mult: 0 } param { lr_mult: 0 }"

TOGETHER = {
    "scaled": conv("c", "data", 6, SIZE) + norm("c"),
    "not scaled": conv("c", "data", 6, SIZE) + BARE_NORM % "",
    "grouped": conv("c", "data", 6, SIZE + " group: 3") + norm("c"),
    "deconvolution": conv("c", "data", 6, SIZE).replace("Convolution", "Deconvolution").replace(
        "deConvolution_param", "convolution_param") + norm("c"),
    "one value a channel": conv("c", "data", 6, "kernel_size: 17 " + FILLERS) + norm("c"),
}
APART = {
    "no bias": conv("c", "data", 6, SIZE + " bias_term: false") + norm("c"),
    "global statistics": conv("c", "data", 6, SIZE)
    + BARE_NORM % "batch_norm_param { use_global_stats: true }",
    "another reader": conv("c", "data", 6, SIZE) + norm("c", in_place=False)
    + full("other", "c", 4) + full("more", "other", 3, "loss_weight: 0.1"),
    "frozen under what learns": conv("c", "data", 6, SIZE, FROZEN) + norm("c"),
}


def case(body: str, phase: int = TRAIN) -> Case:
    rng = Random(3)
    data = {"data/data": normal(rng, 4, 3, 17, 17), "data/label": labels(rng, 5, 4)}
    return Case("centres", head() + body + full("fc", "c", 5) + loss("fc"), data, phase)


def passes(body: str, gait: object) -> tuple[dict[str, np.ndarray], list[list[str]]]:
    """Losses, parameters and their diffs after two passes, and which layers ran together."""
    net = filled(case(body))
    rng = Random(5)
    net.params["fc"][0].data[...] = normal(rng, *net.params["fc"][0].shape)
    net.clear_param_diffs()
    losses = np.array([float(net.train_pass(gait)) for _ in range(2)])
    steps = net._program._steps if net._program else []
    return ({**weights(net), "losses": losses},
            [[node.name for node in step.nodes] for step in steps])


@pytest.mark.parametrize("name", [*TOGETHER, *APART])
def test_both_gaits_agree_but_for_the_rounding_in_the_bias(name):
    fast, steps = passes({**TOGETHER, **APART}[name], FAST)
    slow, _ = passes({**TOGETHER, **APART}[name], INSPECTABLE)
    assert any(step[:2] == ["c", "c_bn"] for step in steps) == (name in TOGETHER)
    noise = [key for key in slow if key.startswith("diff") and "/c/1" in f"/{key}"]
    if name in TOGETHER:
        assert len(noise) == 1
        assert not fast[noise[0]].any()
        del slow[noise[0]]
    assert {key: far(fast[key], slow[key]) for key in slow} == {
        key: pytest.approx(0, abs=1e-5) for key in slow}


def test_the_statistics_have_the_bias_in_them():
    net = filled(case(TOGETHER["scaled"]))
    net.params["c"][1].data[...] = 100
    net.train_pass(FAST)
    mean = net.params["c_bn"][0].data / net.params["c_bn"][2].data
    np.testing.assert_allclose(mean, 100, atol=3)


def test_in_test_the_bias_counts():
    found = []
    for shift in (0, 2):
        net = filled(case(TOGETHER["scaled"], TEST))
        net.params["c_bn"][1].data[...] = net.params["c_bn"][2].data[...] = 1
        net.params["c"][1].data[...] += shift
        net.params["fc"][0].data[...] = normal(Random(1), *net.params["fc"][0].shape)
        found.append(float(net.test_pass(FAST)))
    assert found[0] != pytest.approx(found[1], rel=1e-3)
