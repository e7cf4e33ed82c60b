"""Every op against real Caffe: forward, the diffs of all bottoms, the diffs of all parameters."""

from __future__ import annotations

import pytest
from against import Numbers, assert_near, by_caffe, by_us
from grid import all_cases

CASES = all_cases()
TOLERANCE = 1e-5

pytestmark = [pytest.mark.caffe, pytest.mark.torch]


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    return by_caffe(run_caffe, CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected, tmp_path):
    assert_near(by_us(CASES[name], tmp_path), expected[name], TOLERANCE, CASES[name])
