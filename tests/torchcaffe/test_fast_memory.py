"""Nets whose layers meet in memory: asked for the fast gait they still give what Caffe gives."""

from __future__ import annotations

from random import Random

import net_driver
import numpy as np
import pytest
from against import Numbers, assert_near, by_caffe
from layer_cases import TRAIN, Case, normal
from whole_nets import add, full, head, loss

import netbuilder.torchcaffe as caffe
from netbuilder.proto import caffe_pb2, text

pytestmark = [pytest.mark.caffe, pytest.mark.torch]

TWICE = 'layer { name: "twice" type: "Power" bottom: "%s" top: "%s" power_param { scale: 2 } %s }\n'
CONSTANT = """layer { name: "given" type: "DummyData" top: "given" dummy_data_param {
  shape { dim: 4 dim: 6 } data_filler { type: "constant" value: 0.5 } } }
"""
FC = full("fc", "data", 5)
NETS = {
    "data that stays, in place": TWICE % ("data", "data", "") + FC + loss("fc"),
    "a constant, in place": (CONSTANT + TWICE % ("given", "given", "") + full("side", "given", 5)
                             + FC + add("sum", "fc", "side") + loss("sum")),
    "a view of data that stays": (
        'layer { name: "flat" type: "Flatten" bottom: "data" top: "flat" }\n'
        + TWICE % ("flat", "flat", "") + full("fc", "flat", 5) + loss("fc")),
    "a loss that is read": FC + loss("fc") + TWICE % ("loss", "more", "loss_weight: 1"),
    "in place without propagate_down": (
        FC + 'layer { name: "cut" type: "Slice" bottom: "fc" top: "cut1" top: "cut2" '
             "slice_param { slice_point: 2 } }\n"
        + TWICE % ("cut1", "cut1", "propagate_down: false")
        + 'layer { name: "join" type: "Concat" bottom: "cut1" bottom: "cut2" top: "join" }\n'
        + loss("join")),
    "a loss in place": FC + loss("fc") + TWICE % ("loss", "loss", ""),
}


def case(name: str) -> Case:
    """Three passes over data that is put in before the first one only."""
    random = Random(name)
    arrays = {"data/data@0": normal(random, 4, 3, 17, 17), "data/label@0": np.arange(4.0),
              "param/fc/0": 0.02 * normal(random, 5, 867)}
    return Case(name, head() + NETS[name], arrays, TRAIN, 3)


CASES = {name: case(name) for name in NETS}


@pytest.fixture(scope="module")
def expected(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    return by_caffe(run_caffe, CASES, tmp_path_factory.mktemp("nets"))


@pytest.mark.parametrize("name", CASES)
def test_numbers_of(name, expected):
    given, theirs = CASES[name], expected[name]
    net = caffe.Net(text.parse(given.net, caffe_pb2.NetParameter()), given.phase)
    net_driver.put_params(net, given.arrays)
    for number in range(given.passes):
        net_driver.put_blobs(net, given.arrays, number)
        net.train_pass(caffe.Gait.FAST)
    ours = {f"data/{blob}": net.blobs[blob].data for blob in net.outputs}
    for layer, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            ours[f"grad/{layer}/{index}"] = blob.diff
    assert_near(ours, {place: theirs[place] for place in ours}, 1e-5, given)
