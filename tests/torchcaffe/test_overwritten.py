"""Layers in place, and what they leave to the layers that read again: as real Caffe, to 1e-4."""

from __future__ import annotations

import numpy as np
import pytest
from against import Numbers, assert_near_by_kind, by_caffe, by_us, grads_by_the_fast_gait
from in_place_cases import alone, convolved, loss, named, nets, pairs
from in_place_chains import chains

import netbuilder.torchcaffe as embedded
from netbuilder.proto import caffe_pb2, text

pytestmark = [pytest.mark.caffe, pytest.mark.torch]

CASES = {case.name: case for case in (*named(), *alone(), *pairs(300), *nets(200),
                                   *chains(120))}


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    folder = tmp_path_factory.mktemp("overwritten")
    numbered = {str(number): case for number, case in enumerate(CASES.values())}
    return dict(zip(CASES, by_caffe(run_caffe, numbered, folder).values(), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected, tmp_path):
    ours = by_us(CASES[name], tmp_path)
    assert list(ours) == list(expected[name])
    assert_near_by_kind(ours, expected[name], CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_a_solver_may_run_it_fast(name, expected):
    assert_near_by_kind(grads_by_the_fast_gait(CASES[name]), expected[name], CASES[name])


INPUTS = """layer { name: "in" type: "Input" top: "x" top: "wanted" input_param {
  shape { dim: [3, 2, 4, 5] } shape { dim: [3, 4, 3, 4] } } }
"""


def test_a_maximum_over_itself_finds_nothing_and_has_no_gradient():
    """Caffe's backward writes before the diff's memory: no numbers to compare."""
    pool = """layer { name: "pool" type: "Pooling" bottom: "y" top: "y"
      pooling_param { kernel_size: 3 stride: 1 pad: 1 } }
    """
    net = embedded.Net(text.parse(INPUTS + convolved("y") + pool + loss("y"),
                                  caffe_pb2.NetParameter()), embedded.TRAIN)
    net.blobs["x"].data[...] = 1
    net.forward()
    net.backward()
    assert (net.blobs["y"].data == np.finfo(np.float32).min).all()
    assert not net.blobs["y"].diff.any()
