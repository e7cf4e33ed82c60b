"""Rows and totals: what counts, where, and how often."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from netbuilder.analysis import COUNTS, Costs, costs, get_complexity
from netbuilder.analysis.export import to_csv, to_json
from netbuilder.errors import ParseError, ShapeUnknown
from netbuilder.graph import resolve
from netbuilder.nets.resnet import resnet
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse
from netbuilder.spec import L, NetSpec

NET = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [BATCH, 3, 8, 8] } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { lr_mult: 1 } param { lr_mult: 0 }
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 group: 1 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "up" type: "Deconvolution" bottom: "conv" top: "up"
  convolution_param { num_output: 4 kernel_size: 2 stride: 2 group: 4 bias_term: false } }
layer { name: "one" type: "InnerProduct" bottom: "up" top: "one" param { name: "w" }
  inner_product_param { num_output: 5 } }
layer { name: "two" type: "InnerProduct" bottom: "up" top: "two" param { name: "w" }
  inner_product_param { num_output: 5 } }
"""


def small(batch: int = 2, phase: int = caffe_pb2.TRAIN) -> Costs:
    net = parse(NET.replace("BATCH", str(batch)), caffe_pb2.NetParameter())
    return costs(resolve(net, phase))


# By hand: conv maps 8x8 to 3x3 with 4x3x3x3 weights, up maps 3x3 to 6x6 with 4x1x2x2 weights,
# the classifiers have 144 inputs.
FIGURES = ("learned_params", "stored_values", "macs", "documented_params", "documented_flops")
EXPECTED = {
    #        learned  stored    macs  params  flops
    "data": (0, 0, 0, 0, 0),
    "conv": (108, 112, 108 * 9, 108, 108 * 9),
    "bn": (0, 9, 0, 4, 4),
    "scale": (8, 8, 0, 4, 4),
    "up": (16, 16, 16 * 9, 16, 16),
    "one": (725, 725, 720, 720, 720),
    "two": (5, 5, 720, 720, 720),
}


def test_every_count_of_every_layer() -> None:
    found = {row.name: tuple(map(row.counts.get, FIGURES)) for row in small().layers}
    assert found == EXPECTED


def test_totals_are_the_sums_of_the_rows() -> None:
    rows = [row.counts for row in small().layers]
    assert small().totals == {name: sum(row[name] for row in rows) for name in COUNTS}
    sums = map(sum, zip(*EXPECTED.values(), strict=True))
    assert tuple(map(small().totals.get, FIGURES)) == tuple(sums)


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_batch_size_never_enters(batch: int) -> None:
    assert small(batch).totals == small(1).totals
    assert small(batch).batch == batch


def test_a_shared_parameter_names_its_owner() -> None:
    one, two = small().layers[-2:]
    assert [param.shared_with for param in one.params] == [None, None]
    assert [param.shared_with for param in two.params] == ["one", None]


@pytest.mark.parametrize("phase, name", [(caffe_pb2.TRAIN, "TRAIN"), (caffe_pb2.TEST, "TEST")])
def test_the_phase_has_its_name(phase: int, name: str) -> None:
    assert small(phase=phase).phase == name


def test_every_named_top_has_its_shape_and_no_other() -> None:
    n = NetSpec()
    n.data = L.Input(shape={"dim": [2, 6]})
    n.left, n.right = L.Slice(n.data, ntop=2, slice_point=2)
    net = n.to_proto()
    net.layer.add(name="loss", type="EuclideanLoss", bottom=["left", "left"])  # names no top
    rows = costs(resolve(net)).layers
    assert rows[1].top_shapes == ((2, 2), (2, 4))
    assert (rows[2].tops, rows[2].top_shapes) == ((), ())


# For programs.


def test_json() -> None:
    read = json.loads(to_json(small()))
    assert (read["name"], read["phase"]) == ("small", "TRAIN")
    assert read["blobs"] == {"data": [2, 3, 8, 8], "conv": [2, 4, 3, 3], "up": [2, 4, 6, 6],
                             "one": [2, 5], "two": [2, 5]}
    moved = sum(layer["bytes_moved"] for layer in read["layers"])
    flops = 2 * sum(layer["flops"] for layer in read["layers"])  # of two images
    assert read["totals"] == {"layers": 7, **small().totals, "bytes_moved": moved,
                              "intensity": pytest.approx(flops / moved)}
    conv, two = read["layers"][1], read["layers"][-1]
    assert conv["bottoms"] == ["data"] and conv["tops"] == ["conv"]
    assert conv["type"] == "Convolution" and conv["top_shapes"] == [[2, 4, 3, 3]]
    assert conv["params"] == [
        {"name": "weight", "shape": [4, 3, 3, 3], "count": 108, "learned": True},
        {"name": "bias", "shape": [4], "count": 4, "learned": False},
    ]
    assert conv["macs"] == 972
    assert two["params"][0]["shared_with"] == "one"
    assert conv["counted"] is True
    assert conv["bytes_moved"] == 4 * (2 * 192 + 2 * 36 + 112)
    assert conv["intensity"] == 2 * (2 * 972 + 36) / conv["bytes_moved"]


def test_json_is_as_its_page_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "counting.md").read_text().split("## JSON")[1]
    file, rest = page.split("```json")
    net = parse("\n".join(line for line in file.splitlines() if line.startswith("    ")),
                caffe_pb2.NetParameter())
    shown = json.loads(rest.split("```")[0])
    assert json.loads(to_json(costs(resolve(net, caffe_pb2.TEST)))) == shown


def test_json_of_every_kind_of_value() -> None:
    n = NetSpec()
    n.data = L.Input(shape={"dim": [2, 3, 4, 4]})
    n.up = L.Deconvolution(n.data, convolution_param={"num_output": 1, "kernel_size": 2,
                                                      "stride": 2})
    n.flat = L.Flatten(n.up)
    net = n.to_proto()
    net.layer.add(name="own", type="Python", bottom=["flat"], top=["own"])
    net.layer.add(name="loss", type="EuclideanLoss", bottom=["flat", "flat"])
    whole = costs(resolve(net, inputs={"own": (2, 7)}))
    read = json.loads(to_json(whole))
    assert read["receptive_fields"]["up"]["axes"] == [
        {"size": 1, "stride": 0.5, "offset": -0.25}] * 2
    assert read["receptive_fields"]["flat"] is None
    assert read["blobs"]["(automatic)"] == [] and read["name"] == ""
    assert read["receptive_fields"].keys() == read["blobs"].keys()
    up, flat, own = read["layers"][1:4]
    assert (flat["bytes_moved"], flat["intensity"]) == (0, 0.0)
    assert (own["counted"], own["intensity"]) == (False, None)
    assert (read["free"], read["uncounted"]) == (["Flatten", "Input"], ["Python"])
    known = [layer for layer in read["layers"] if layer["counted"]]
    assert read["totals"]["intensity"] == pytest.approx(
        2 * sum(layer["flops"] for layer in known) / sum(layer["bytes_moved"] for layer in known))
    assert up["flops"] == 2 * 3 * 16 * 4 + 64


def test_csv_sums_up_to_the_totals() -> None:
    header, *lines = (line.split(",") for line in to_csv(small()).splitlines())
    assert header[:5] == ["name", "type", "bottoms", "tops", "top_shapes"]
    columns = dict(zip(header, zip(*lines, strict=True), strict=True))
    assert columns["top_shapes"][1] == "2x4x3x3"
    assert {name: sum(map(int, columns[name])) for name in COUNTS} == small().totals


NAMES = ['a,b', 'a "quote"', "two\nlines", "a\rb", "a|b", "=1+1", "ä", ""]


def test_csv_quotes_what_it_must() -> None:
    net = caffe_pb2.NetParameter()
    for index, name in enumerate(NAMES):
        net.layer.add(name=name, type="Input", top=[str(index)], input_param={"shape": [{}]})
    text = to_csv(costs(resolve(net)))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[0] for row in rows[1:]] == NAMES
    assert {len(row) for row in rows} == {5 + len(COUNTS)}


# pynetbuilder's function.

DOCUMENTED = {
    "Resnet 50": ({}, 25_556_032, 3_858_026_368),
    "Resnet 50 1by2": ({"num_output_stage1": 128}, 6_926_528, 1_069_598_720),
    "resnet 34": ({"main_branch": "normal"}, 21_796_672, 3_663_778_432),
    "with FC stage": ({"fc_layers": True}, 40_201_232, 4_073_998_160),
}


@pytest.mark.parametrize("row", DOCUMENTED)
def test_get_complexity_gives_the_documented_figures(row: str) -> None:
    options, params, flops = DOCUMENTED[row]
    assert get_complexity(netspec=resnet(**options)) == (params, flops)


def test_resnet_50_by_layer_type() -> None:
    rows = costs(resolve(resnet().to_proto())).layers
    split = {kind: sum(row.documented_params for row in rows if row.type == kind)
             for kind in ("Convolution", "BatchNorm", "Scale", "InnerProduct")}
    assert split == {"Convolution": 23_454_912, "BatchNorm": 26_560, "Scale": 26_560,
                     "InnerProduct": 2_048_000}
    totals = costs(resolve(resnet().to_proto())).totals
    assert totals["learned_params"] == 25_583_592
    assert totals["stored_values"] == 25_636_765
    assert totals["macs"] == 3_857_973_248


def test_get_complexity_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(NET.replace("BATCH", "2"))
    assert get_complexity(prototxt_file=path) == (1572, 2436)
    assert get_complexity(prototxt_file=str(path)) == (1572, 2436)


def test_get_complexity_is_told_what_the_file_cannot_tell() -> None:
    n = NetSpec()
    n.data, n.label = L.Data(source="not/there", batch_size=8, ntop=2)
    n.fc = L.InnerProduct(n.data, num_output=2)
    with pytest.raises(ShapeUnknown):
        get_complexity(netspec=n)
    assert get_complexity(netspec=n, inputs={"data": (8, 1, 2, 2)}) == (8, 8)


def test_get_complexity_takes_one_net(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="either"):
        get_complexity()
    with pytest.raises(ParseError, match="cannot be read"):
        get_complexity(prototxt_file=tmp_path / "none.prototxt")
