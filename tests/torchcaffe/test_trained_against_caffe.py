"""Every op inside a net that learns, against real Caffe, in both gaits."""

from __future__ import annotations

import numpy as np
import pytest
from against import Numbers, assert_near, by_caffe, by_us, far
from grid import all_cases
from trained_cases import all_trained

import netbuilder.torchcaffe as caffe
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.net import Gait

CASES = all_trained(all_cases())
TOLERANCE = 1e-5

pytestmark = [pytest.mark.caffe, pytest.mark.torch]


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    return by_caffe(run_caffe, CASES, tmp_path_factory.mktemp("trained"))


@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected, tmp_path):
    assert_near(by_us(CASES[name], tmp_path), expected[name], TOLERANCE, CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_the_fast_gait(name, expected):
    case = CASES[name]
    net = caffe.Net(text.parse(case.net, caffe_pb2.NetParameter()), case.phase)
    for place, array in case.arrays.items():
        kind, _, blob = place.partition("/")
        if kind == "data":
            net.blobs[blob].data[...] = array
        else:
            layer, index = blob.rsplit("/", 1)
            net.params[layer][int(index)].data[...] = array
    for _ in range(case.passes):
        net.train_pass(Gait.FAST)
    ours = {f"data/{name}": net.blobs[name].data for name in net.outputs}
    for layer, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            ours[f"param/{layer}/{index}"] = blob.data
            ours[f"grad/{layer}/{index}"] = blob.diff
    distances = {place: far(np.array(array), expected[name][place])
                 for place, array in ours.items()}
    assert not {place: far for place, far in distances.items() if not far <= TOLERANCE}, case.net
