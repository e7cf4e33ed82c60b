"""Batch norms and convolutions of forks: merged, they equal what stock layers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from merge_nets import D, conv, dropout, layer, norm, parsed, relu, write

from netbuilder import weights
from netbuilder.graph import resolve
from netbuilder.merge.files import merge_files
from netbuilder.proto import caffe_pb2, io


def bn(fields: str, bottom: str = "c", top: str = "") -> str:
    return layer("n", "BN", bottom, top or bottom, f"bn_param {{ {fields} }}")


def stock(eps: float = 1e-5) -> str:
    """A BatchNorm and a Scale, named and shaped for a fork's blobs."""
    return (layer("m", "BatchNorm", "c", "c", f"batch_norm_param {{ eps: {eps} }}")
            + layer("s", "Scale", "c", "c", "scale_param { bias_term: true }"))


ONE = np.ones(1, np.float32)
C = D + conv("c", "data")
# Name -> (net, the same in stock types, a fork's blobs as the stock layers have them).
FORKS = {
    "pspnet": (C + bn("frozen: true eps: 0.01"), C + stock(0.01),
               lambda own: {"m": [own["n"][2], own["n"][3], ONE], "s": own["n"][:2]}),
    "segnet": (C + bn("bn_mode: INFERENCE"), C + layer("s", "Scale", "c", "c",
                                                       "scale_param { bias_term: true }"),
               lambda own: {"s": own["n"]}),
    "nvidia": (C + layer("n", "BatchNorm", "c", "c", "batch_norm_param { scale_bias: true }"),
               C + stock(), lambda own: {"m": own["n"][:3], "s": own["n"][3:]}),
    "intel": (C + layer("n", "BatchNorm", "c", "c",
                        "batch_norm_param { engine: MKL2017 bias_term: false }"),
              C + layer("m", "BatchNorm", "c", "c") + layer("s", "Scale", "c", "c"),
              lambda own: {"m": own["n"][:3], "s": own["n"][3:]}),
    "depthwise": (
        D + conv("c", "data", "num_output: 4 group: 4 kernel_size: 3 bias_term: false",
                 type_="DepthwiseConvolution") + bn("frozen: false"),
        D + conv("c", "data", "num_output: 4 group: 4 kernel_size: 3 bias_term: false") + stock(),
        lambda own: {"m": [own["n"][2], own["n"][3], ONE], "s": own["n"][:2], "c": own["c"]}),
    "conv_dw": (
        D + conv("c", "data", "kernel_size: 3 pad: 1", type_="ConvolutionDepthwise")
        + bn("frozen: false"),
        D + conv("c", "data", "num_output: 4 group: 4 kernel_size: 3 pad: 1") + stock(),
        lambda own: {"m": [own["n"][2], own["n"][3], ONE], "s": own["n"][:2], "c": own["c"]}),
    "before": (
        D + bn("frozen: false", "data") + conv("c", "data", "kernel_size: 3",
                                               type_="ConvolutionDepthwise"),
        D + layer("m", "BatchNorm", "data", "data")
        + layer("s", "Scale", "data", "data", "scale_param { bias_term: true }")
        + conv("c", "data", "num_output: 4 group: 4 kernel_size: 3"),
        lambda own: {"m": [own["n"][2], own["n"][3], ONE], "s": own["n"][:2], "c": own["c"]}),
}


def in_stock(net: str, path: Path) -> str:
    """The file's depthwise convolutions as Convolutions, so that an engine runs it."""
    message = io.read_net(net)
    for each in message.layer:
        if each.type in ("DepthwiseConvolution", "ConvolutionDepthwise"):
            each.type = "Convolution"
            each.convolution_param.num_output = each.convolution_param.group = 4
    io.write_text(path, message)
    return str(path)


@pytest.mark.parametrize("name", FORKS)
def test_a_fork_is_merged_as_its_stock_twin(name, tmp_path, by_us):
    net, twin, translate = FORKS[name]
    before = write(net, tmp_path / "fork", seed=5)
    outcome = merge_files(*map(str, before), str(tmp_path / "fork/merged"))
    assert not outcome.merged.scales and not outcome.merged.left
    own = weights.read_weights(before[1])
    arrays = {**own, **translate({key: [np.squeeze(a) if key == "n" else a for a in value]
                                  for key, value in own.items()})}
    stock_net = tmp_path / "stock.prototxt"
    stock_net.write_text(twin)
    graph = resolve(parsed(twin), caffe_pb2.TEST)
    weights.write_weights(tmp_path / "stock.caffemodel", "", [
        (each.message, [array.reshape(spec.shape) for array, spec in
                        zip(arrays.get(each.name, []), each.blobs, strict=True)])
        for each in graph.layers])
    merged = Path(in_stock(outcome.net, tmp_path / "fork/merged/stock.prototxt"))
    assert by_us((stock_net, tmp_path / "stock.caffemodel"),
                 (merged, Path(outcome.weights))) <= 1e-5


@pytest.mark.parametrize(("fields", "reason"), [
    ("bn_mode: LEARN", "bn_mode: LEARN, it normalises by the statistics of each batch in every "
                       "phase")])
def test_a_fork_that_normalises_by_the_batch_is_left(fields, reason, tmp_path):
    before = write(C + bn(fields) + relu("r", "c"), tmp_path)
    outcome = merge_files(*map(str, before), str(tmp_path / "merged"))
    assert outcome.merged.left == [('"n" (BN)', reason)]
    assert outcome.difference.apart == ("BN",) and outcome.difference.blob == "c"
    assert [each.type for each in io.read_net(outcome.net).layer][2] == "BN"


def test_a_bn_with_statistics_as_tops_is_left(tmp_path):
    net = C + layer("n", "BN", "c", "d mean variance", "bn_param { bn_mode: INFERENCE }")
    outcome = merge_files(*map(str, write(net, tmp_path)), str(tmp_path / "merged"))
    assert outcome.merged.left == [
        ('"n" (BN)', "its other tops are the statistics of each batch")]


def test_the_file_tells_which_bn_it_is(tmp_path):
    before = write(C + bn("frozen: false"), tmp_path)
    before[0].write_text(C + layer("n", "BN", "c", "c"))  # as PSPNet's own files have it
    outcome = merge_files(*map(str, before), str(tmp_path / "merged"))
    assert len(outcome.merged.folded) == 1


def test_what_the_engine_does_not_know_stands_apart(tmp_path):
    net = (C + bn("frozen: true") + layer("six", "ReLU6", "c", "c") + conv("e", "c")
           + layer("m", "BatchNorm", "e", "e"))
    outcome = merge_files(*map(str, write(net, tmp_path)), str(tmp_path / "merged"))
    assert len(outcome.merged.folded) == 2 and outcome.difference.apart == ("ReLU6",)


@pytest.mark.parametrize("fields", ["scale_train: false", "sample_weights_test: true"])
def test_what_a_fork_drops_in_test_is_not_passed_on(fields, tmp_path):
    net = C + dropout("d", "c", "dd", f"dropout_param {{ {fields} }}") + norm("n", "dd")
    outcome = merge_files(*map(str, write(net, tmp_path)), str(tmp_path / "merged"))
    (_, why), = outcome.merged.scales
    assert 'its bottom is made by "d" (Dropout)' in why
