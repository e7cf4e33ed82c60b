"""Every op inside a net that learns, against real Caffe, in both gaits."""

from __future__ import annotations

import pytest
from against import Numbers, assert_near, by_caffe, by_us
from changing_cases import changing
from engine_grid import all_cases
from net_driver import put_blobs, put_params
from one_memory_cases import one_memory
from trained_cases import all_trained

import netbuilder.torchcaffe as caffe
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.net import Gait

CASES = {**all_trained(all_cases()), **changing(), **one_memory()}
TOLERANCE = 1e-5

pytestmark = [pytest.mark.caffe, pytest.mark.torch]


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    return by_caffe(run_caffe, CASES, tmp_path_factory.mktemp("trained"))


@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected, tmp_path):
    assert_near(by_us(CASES[name], tmp_path), expected[name], TOLERANCE, CASES[name])


def kept(net: caffe.Net) -> Numbers:
    """What the fast gait leaves: outputs, parameters and their diffs."""
    found = {f"data/{name}": net.blobs[name].data for name in net.outputs}
    for layer, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            found[f"param/{layer}/{index}"] = blob.data
            found[f"grad/{layer}/{index}"] = blob.diff
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_fast_gait(name, expected):
    case = CASES[name]
    net = caffe.Net(text.parse(case.net, caffe_pb2.NetParameter()), case.phase)
    put_params(net, case.arrays)
    for number in range(case.passes):
        put_blobs(net, case.arrays, number)
        net.train_pass(Gait.FAST)
    ours = kept(net)
    assert_near(ours, {place: expected[name][place] for place in ours}, TOLERANCE, case)
