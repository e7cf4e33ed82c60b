"""Any net of these layers, merged, makes the same outputs of the same names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merge_nets import FACTORS, parsed, values, write
from random_merge_nets import random_net

from netbuilder.graph import resolve
from netbuilder.merge.check import largest_difference
from netbuilder.merge.files import merge_files
from netbuilder.merge.fold import fold
from netbuilder.merge.steps import steps_of
from netbuilder.proto import caffe_pb2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(FACTORS))
def test_outputs_stay(seed, factor):
    graph = resolve(parsed(random_net(seed)), caffe_pb2.TEST)
    steps = steps_of(graph, {message.name: own for message, own in values(graph, seed, factor)})
    merged = fold(steps)
    net = caffe_pb2.NetParameter(layer=[step.message() for step in merged.steps])
    again = resolve(net, caffe_pb2.TEST)
    assert again.outputs == graph.outputs
    assert not [layer for layer in net.layer if layer.type == "BatchNorm"]
    left = [layer.name for layer in net.layer]
    assert left == [layer.name for layer in graph.layers if layer.name in left]
    difference = largest_difference(steps, merged.steps)
    assert difference.difference <= difference.allowed
    assert not fold(merged.steps).folded  # all that could be is


@pytest.mark.caffe
def test_outputs_stay_in_real_caffe(tmp_path, by_caffe):
    pairs = []
    for seed in range(60):
        folder = tmp_path / str(seed)
        before = write(random_net(seed), folder, seed, FACTORS[seed % len(FACTORS)])
        outcome = merge_files(*map(str, before), str(folder / "merged"))
        pairs.append((before, (Path(outcome.net), Path(outcome.weights))))
    assert max(by_caffe(pairs)) <= 1e-4
