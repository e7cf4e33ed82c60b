"""Filters that lie with channels last between fast passes: whoever looks finds them in order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tinynet import DATA, write_solver

import netbuilder.torchcaffe as caffe
from netbuilder.torchcaffe import mode

pytestmark = pytest.mark.torch
CONV = "a1"  # 8 x 8 x 3 x 3


@pytest.fixture(autouse=True)
def fast(tiny, monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(mode, "current", mode.Mode())
    caffe.set_mode_fast()


def made(**fields: object) -> caffe.SGDSolver:
    given = {"base_lr": 0.1, "lr_policy": "fixed", "momentum": 0.9, "weight_decay": 0.01,
             "random_seed": 5, "snapshot_prefix": "s", **fields}
    return caffe.get_solver(write_solver("solver.prototxt", "resnet.prototxt", **given))


def filters(solver: caffe.SGDSolver):
    return solver.net.params[CONV][0]


def lies_laid(solver: caffe.SGDSolver) -> bool:
    blob = filters(solver)
    return blob._data.laid is not None and blob._diff.laid is not None


def inspected(iterations: int, **fields: object) -> caffe.SGDSolver:
    """The same training with every pass in the inspectable gait."""
    mode.current = mode.Mode()
    solver = made(**fields)
    solver.add_callback(lambda: None, lambda: None)
    solver.step(iterations)
    return solver


def assert_same(solver: caffe.SGDSolver, other: caffe.SGDSolver) -> None:
    for name, index in ((name, index) for name, blobs in other.net.params.items()
                        for index in range(len(blobs))):
        if (name, index) in (("conv1", 1), ("conv1_bn", 0)):
            continue  # a bias under batch norm has rounding noise for a gradient
        for what in ("data", "diff"):
            mine, theirs = (getattr(each.net.params[name][index], what)
                            for each in (solver, other))
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5,
                                       err_msg=f"{name} {index} {what}")


@pytest.mark.parametrize("fields", [
    {}, {"iter_size": 3}, {"clip_gradients": 0.5}, {"type": "Nesterov"},
    {"type": "Adam", "base_lr": 0.001}, {"type": "AdaDelta", "base_lr": 1, "delta": 1e-4},
], ids=str)
def test_training_is_that_of_the_other_gait(fields):
    solver = made(**fields)
    solver.step(4)
    assert lies_laid(solver)
    assert_same(solver, inspected(4, **fields))


def test_an_array_taken_before_shows_the_newest_values_and_is_read():
    solver, other = made(), made()
    array = filters(solver).data
    solver.step(2)
    other.step(2)
    assert lies_laid(other) and not lies_laid(solver)
    np.testing.assert_array_equal(array, filters(other).data)
    for each in (solver, other):
        filters(each).data[...] *= 2
        each.step(2)
    np.testing.assert_array_equal(array, filters(other).data)
    assert np.shares_memory(array, filters(solver).data)


def test_an_array_of_the_gradient_taken_before_shows_the_newest():
    solver, other = made(), made()
    array = filters(solver).diff
    solver.step(2)
    other.step(2)
    np.testing.assert_array_equal(array, filters(other).diff)


def test_a_gradient_written_by_hand_counts():
    solver = made(momentum=0, weight_decay=0)
    solver.step(2)
    assert lies_laid(solver)
    before = filters(solver).data.copy()
    filters(solver).diff[...] = np.arange(before.size).reshape(before.shape)
    solver.apply_update()
    np.testing.assert_allclose(filters(solver).data, before - 0.1 * np.arange(
        before.size).reshape(before.shape), rtol=1e-5, atol=1e-6)


def test_snapshots_hold_filters_and_history_in_order():
    solver = made()
    solver.step(3)
    assert lies_laid(solver)
    solver.snapshot()
    solver.step(2)
    resumed = made()
    resumed.step(3)  # through the same data
    assert lies_laid(resumed)
    resumed.restore("s_iter_3.solverstate")
    resumed.step(2)
    assert_same(resumed, solver)


def gradient_after_a_step(seen: bool) -> np.ndarray:
    """Of a net's backward, a step of the solver whose weights it shares after its forward."""
    mode.current = mode.Mode()
    net = caffe.Net("resnet.prototxt", caffe.TRAIN)
    caffe.set_mode_fast()
    solver = made()
    solver.share_weights(net)
    if seen:  # by numpy: then filters never lie otherwise
        filters(solver).data  # noqa: B018
    net.forward()
    solver.step(1)
    assert lies_laid(solver) != seen
    net.clear_param_diffs()
    net.backward()
    return net.params["conv1"][0].diff


def test_a_net_that_shares_the_weights_goes_backward_by_the_newest():
    gradient = gradient_after_a_step(seen=False)
    np.testing.assert_allclose(gradient, gradient_after_a_step(seen=True), rtol=1e-4, atol=1e-6)


CONVOLUTION = ('layer {{ name: "{0}" type: "Convolution" bottom: "{1}" top: "{0}" '
               'param {{ name: "w" share_mode: PERMISSIVE }} convolution_param {{ {2} '
               'bias_term: false weight_filler {{ type: "xavier" }} }} }}\n')
PRODUCT = ('layer {{ name: "{0}" type: "InnerProduct" bottom: "{1}" top: "{0}" '
           'param {{ name: "w" share_mode: PERMISSIVE }} inner_product_param {{ num_output: 6 '
           'bias_term: false axis: {2} weight_filler {{ type: "xavier" }} }} }}\n')
SHARED = {
    "by a convolution of another form": CONVOLUTION.format(
        "other", "data", "num_output: 6 kernel_h: 2 kernel_w: 6"),
    "by an inner product": 'layer { name: "part" type: "Slice" bottom: "data" top: "part" '
    'top: "rest" slice_param { axis: 2 slice_point: 1 } }\n'
    'layer { name: "gone" type: "Silence" bottom: "rest" }\n' + PRODUCT.format("other", "part", 1)
}


@pytest.mark.parametrize("other", SHARED)
def test_filters_are_shared_in_other_forms(tiny, other):
    first = CONVOLUTION.format("first", "data", "num_output: 8 kernel_size: 3")
    body = first + SHARED[other] + "".join(
        f'layer {{ name: "{name}_fc" type: "InnerProduct" bottom: "{name}" top: "{name}_fc" '
        'inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }\n'
        f'layer {{ name: "{name}_loss" type: "SoftmaxWithLoss" bottom: "{name}_fc" '
        f'bottom: "label" top: "{name}_loss" }}\n' for name in ("first", "other"))
    (tiny / "resnet.prototxt").unlink()
    (tiny / "resnet.prototxt").write_text(DATA + body)
    solver = made(iter_size=2)
    solver.step(3)
    assert_same(solver, inspected(3, iter_size=2))
