"""Every op against real Caffe: forward, the diffs of all bottoms, the diffs of all parameters."""

from __future__ import annotations

import json

import pytest
from against import Numbers, assert_near, by_caffe, by_us
from engine_grid import all_cases

CASES = all_cases()
TOLERANCE = 1e-5

pytestmark = [pytest.mark.caffe, pytest.mark.torch]


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    return by_caffe(run_caffe, CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected, tmp_path):
    assert_near(by_us(CASES[name], tmp_path), expected[name], TOLERANCE, CASES[name])


RESHAPED = """
import json, sys, numpy as np
engine = __import__(sys.argv[1], fromlist=["Net"])
net = engine.Net(sys.argv[2], engine.TEST)
shapes = [list(net.blobs["some"].data.shape)]
net.blobs["chosen"].data[...] = [0, 2, 1]
net.reshape()
shapes += [list(net.blobs[name].data.shape) for name in ("some", "fc")]
print(json.dumps(shapes))
"""
FILTERED = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 3 dim: 4 } } }
layer { name: "chosen" type: "Input" top: "chosen" input_param { shape { dim: 3 } } }
layer { name: "filter" type: "Filter" bottom: "x" bottom: "chosen" top: "some" }
layer { name: "fc" type: "InnerProduct" bottom: "some" top: "fc"
  inner_product_param { num_output: 2 } }
"""


def test_reshape_counts_what_a_filter_chooses(run_caffe, tmp_path, monkeypatch, capsys):
    file = tmp_path / "net.prototxt"
    file.write_text(FILTERED)
    theirs = run_caffe(RESHAPED, "caffe", file)
    assert theirs == [[3, 4], [2, 4], [2, 2]]
    monkeypatch.setattr("sys.argv", ["-", "netbuilder.torchcaffe", str(file)])
    exec(RESHAPED, {})
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == theirs
