"""resolve(): which layers a phase keeps, how blobs are wired, which parameters are shared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from netbuilder.errors import (
    GraphError,
    NetbuilderError,
    ShapeError,
    ShapeUnknown,
    UnknownLayerError,
)
from netbuilder.graph import Graph, check_shape_in_place, resolve
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse

TRAIN, TEST = caffe_pb2.TRAIN, caffe_pb2.TEST
INPUT = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: [2, 3, 8, 8] } } }'


def graph(text: str, phase: int = TRAIN, **options: Any) -> Graph:
    return resolve(parse(text, caffe_pb2.NetParameter()), phase, **options)


def layer(name: str, type_name: str, bottom: str = "data", top: str = "", rest: str = "") -> str:
    return (f'layer {{ name: "{name}" type: "{type_name}" bottom: "{bottom}" top: "{top or name}" '
            f"{rest} }}\n")


def conv(name: str, bottom: str = "data", rest: str = "", num_output: int = 4) -> str:
    fields = f"convolution_param {{ num_output: {num_output} kernel_size: 3 }}"
    return layer(name, "Convolution", bottom, rest=f"{rest} {fields}")


def test_shapes_in_place_and_outputs() -> None:
    net = graph(INPUT + conv("conv") + layer("relu", "ReLU", "conv", "conv")
                + layer("pool", "Pooling", "conv", rest="pooling_param { global_pooling: true }"))
    assert net.blobs == {"data": (2, 3, 8, 8), "conv": (2, 4, 6, 6), "pool": (2, 4, 1, 1)}
    assert [layer.name for layer in net.layers] == ["in", "conv", "relu", "pool"]
    assert net.layers[2].bottoms == net.layers[2].tops == ("conv",)
    assert net.outputs == ["pool"]
    assert net.batch == 2


LABELS = INPUT.replace('"data"', '"labels"').replace("2, 3, 8, 8", "2, 8, 8")
OVER = conv("c").replace('top: "c"', 'top: "data"')


def test_what_reshapes_its_bottom_loads_as_in_caffe() -> None:
    net = graph(INPUT + OVER)
    assert net.blobs == {"data": (2, 4, 6, 6)}
    with pytest.raises(ShapeError, match='its bottom "data" is 2x3x8x8, its top 2x4x6x6;'):
        check_shape_in_place(net.layers[1], 0)


@pytest.mark.parametrize("text", [
    layer("e", "EuclideanLoss", top="data").replace('top:', 'bottom: "b" top:'),
    layer("s", "Slice", top="data", rest='top: "x" top: "y"'),
    layer("s", "SPP", top="data", rest="spp_param { pyramid_height: 2 }"),
    layer("a", "Accuracy", top="data", rest='top: "x" bottom: "labels"'),
])
def test_what_caffe_does_not_load_in_place(text: str) -> None:
    with pytest.raises(ShapeError, match='cannot work in place: its bottom "data" is 2x3x8x8'):
        graph(INPUT + INPUT.replace('"data"', '"b"') + LABELS + text)


def test_a_loss_is_an_output_even_if_a_layer_takes_it() -> None:
    loss = layer("loss", "ReLU", rest="loss_weight: 1") + layer("eye", "AbsVal", "loss")
    assert graph(INPUT + loss).outputs == ["eye", "loss"]
    assert graph(INPUT + loss.replace("weight: 1", "weight: 0")).outputs == ["eye"]


def test_phase_of_a_layer_follows_the_net_unless_it_has_its_own() -> None:
    text = INPUT + layer("a", "BatchNorm") + layer("b", "BatchNorm", rest="phase: TEST")
    assert [one.use_global_stats for one in graph(text).layers[1:]] == [False, True]
    assert [one.use_global_stats for one in graph(text, TEST).layers[1:]] == [True, True]


@pytest.mark.parametrize("text, words", [
    (conv("c"), 'no layer above it makes its bottom "data"'),
    (INPUT + conv("c", "dato"), 'did you mean "data"?'),
    (INPUT + conv("c") + conv("d") + layer("r", "ReLU", "d", "c"), '"c" is made twice: by layer '
     '"c" and by layer "r"'),
    (INPUT + layer("f", "Flatten", "data", "data"), "cannot work in place"),
    (INPUT + conv("c") + layer("p", "ReLU", "c") + layer("r", "ReLU", "c", "c"),
     'on "c", which p takes as well'),
])
def test_what_does_not_hang_together_is_named(text: str, words: str) -> None:
    with pytest.raises((GraphError, ShapeError)) as caught:
        graph(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["odd", "Conv", ""])  # also where its name stands in the words
def test_errors_name_the_layer(name: str) -> None:
    with pytest.raises(UnknownLayerError) as caught:
        graph(INPUT + layer(name, "Convolutoin"))
    assert str(caught.value).startswith(
        f'layer "{name}": unknown layer type "Convolutoin"; did you mean "Convolution"?')


def test_errors_of_a_layer_name_it() -> None:
    with pytest.raises(ShapeError, match=r'layer "fc" \(InnerProduct\): num_output'):
        graph(INPUT + layer("fc", "InnerProduct"))


# Shapes that the caller gives.


def test_an_input_without_shape_asks_for_it_by_name() -> None:
    text = 'layer { name: "in" type: "Input" top: "picture" }' + conv("c", "picture")
    with pytest.raises(ShapeUnknown, match="--input picture=N,C,H,W"):
        graph(text)
    assert graph(text, inputs={"picture": (1, 3, 9, 9)}).blobs["c"] == (1, 4, 7, 7)
    with pytest.raises(GraphError, match='no blob is named "pictures"; did you mean "picture"'):
        graph(text, inputs={"pictures": (1, 3, 9, 9)})


def test_a_given_shape_cannot_contradict_a_layer() -> None:
    with pytest.raises(GraphError, match='"c" is not an input'):
        graph(INPUT + conv("c"), inputs={"c": (1, 2)})


def test_declared_inputs_can_be_given_another_shape() -> None:
    assert graph(INPUT, inputs={"data": (7, 3, 2, 2)}).batch == 7


@pytest.mark.parametrize("fields", [
    'input: "data" input_dim: [2, 3, 8, 8]', 'input: "data" input_shape { dim: [2, 3, 8, 8] }',
])
def test_inputs_of_old_files(fields: str) -> None:
    net = graph(fields + conv("c"))
    assert (net.layers[0].type, net.blobs["c"]) == ("Input", (2, 4, 6, 6))


def test_two_inputs_of_old_files() -> None:
    net = graph('input: "a" input_dim: [1, 2, 3, 4] input: "b" input_dim: [5, 6, 7, 8]')
    assert net.blobs == {"a": (1, 2, 3, 4), "b": (5, 6, 7, 8)}
    with pytest.raises(GraphError, match="2 input"):
        graph('input: "a" input: "b" input_dim: [1, 2, 3]')
    with pytest.raises(GraphError, match="2 input"):
        graph('input: "a" input: "b" input_shape { dim: 1 }')


# Shared parameters.


def shared(name: str, rest: str = "", num_output: int = 4) -> str:
    return conv(name, rest=f'param {{ name: "w" {rest} }}', num_output=num_output)


def test_a_shared_parameter_lives_in_the_first_layer() -> None:
    net = graph(INPUT + shared("one") + shared("two"))
    assert list(net.shared) == [(2, 0)]
    owner = net.shared[2, 0]
    assert (owner.layer.name, owner.index) == ("one", 0)


@pytest.mark.parametrize("text, words", [
    (shared("one") + shared("two", num_output=5), "4x3x3x3"),
    (shared("one", "lr_mult: 1") + shared("two", "lr_mult: 2"), "lr_mult of the shared parameter"),
    (shared("one", "decay_mult: 1") + shared("two", "decay_mult: 0"), "decay_mult"),
])
def test_shared_parameters_must_agree(text: str, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        graph(INPUT + text)


def test_permissive_sharing_wants_equal_counts_only() -> None:
    one = layer("one", "InnerProduct", rest='param { name: "w" } inner_product_param {'
                ' num_output: 4 transpose: true bias_term: false }')
    two = one.replace("one", "two").replace("transpose: true", "")
    with pytest.raises(ShapeError, match="192x4"):
        graph(INPUT + one + two)
    permissive = two.replace('"w"', '"w" share_mode: PERMISSIVE')
    assert list(graph(INPUT + one + permissive).shared) == [(2, 0)]


# Everything at once, against real Caffe.


def random_net(random: Random) -> Any:
    """A few layers wired at random: about half of these nets are sound."""
    net = parse(INPUT.replace("8, 8", "4, 4"), caffe_pb2.NetParameter(name="wired"))
    blobs = ["data"]
    for number in range(random.randint(1, 6)):
        added = net.layer.add(name=f"layer{random.choice((number, number, number, 1))}")
        added.type = random.choice(("ReLU", "ReLU", "Eltwise", "Concat", "Scale", "InnerProduct",
                                    "BatchNorm", "Flatten", "Split", "Silence"))
        many = {"Eltwise": 2, "Concat": random.randint(1, 3)}.get(added.type, 1)
        added.bottom.extend(random.choice(blobs[-3:]) for _ in range(many))
        if added.type == "Silence":
            continue
        tops = random.randint(1, 2) if added.type == "Split" else 1
        in_place = random.random() < 0.4
        added.top.extend([added.bottom[0]] if in_place else
                         [f"blob{number}_{top}" for top in range(tops)])
        blobs += added.top
        decorate(random, added)
    return net


def decorate(random: Random, added: Any) -> None:
    """Rules, loss weights and shared parameters on some layers."""
    if random.random() < 0.1:
        added.loss_weight.extend([random.choice((0, 1))] * len(added.top))
    if random.random() < 0.1:
        rules = random.choice((added.include, added.exclude))
        rule = rules.add()
        for field, value in (("phase", TEST), ("min_level", 1), ("max_level", 1)):
            if random.random() < 0.3:
                setattr(rule, field, value)
        rule.stage.extend(["a"] * random.randint(0, 1))
        rule.not_stage.extend(["b"] * random.randint(0, 1))
    if added.type == "InnerProduct":
        added.inner_product_param.num_output = random.choice((48, 48, 5))
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            spec = added.param.add(**random.choice(({}, {"lr_mult": 0}, {"lr_mult": 1})))
            spec.name = random.choice(("", "w", "v"))


WRITTEN = (  # what chance does not meet
    'input: "a" input_dim: [1, 2, 3, 4] input: "b" input_dim: [5, 6, 7, 8]',
    'input: "a" input_shape { dim: 3 } ' + layer("relu", "ReLU", "a", "a"),
    'state { stage: "a" }' + INPUT + layer("relu", "ReLU", rest='include { stage: "a" }'),
    'state { level: 3 }' + INPUT + layer("relu", "ReLU", rest="include { min_level: 1 }"),
    INPUT + layer("bn", "BatchNorm", rest="param { } param { } param { }"),
    INPUT + layer("bn", "BatchNorm", rest="param { } param { }"),
    INPUT + shared("one", "lr_mult: 1") + shared("two") + shared("three", "lr_mult: 1"),
    INPUT + shared("one", "lr_mult: 1") + shared("two") + shared("three", "lr_mult: 0"),
    INPUT + shared("one") + shared("two", num_output=5),
    INPUT + conv("c", rest="propagate_down: true"),
    INPUT + conv("c", rest="propagate_down: true propagate_down: false"),
    INPUT + conv("c", rest="include { phase: TRAIN } exclude { phase: TEST }"),
    INPUT + layer("loss", "EuclideanLoss").replace('top: "loss"', 'bottom: "data"'),
    INPUT + layer("p", "Pooling", top="p", rest="pooling_param { kernel_size: 2 }"),
    INPUT + OVER,
    INPUT + LABELS + layer("a", "Accuracy", top="data", rest='top: "x" bottom: "labels"'),
    INPUT + LABELS + layer("a", "Accuracy", top="data", rest='bottom: "labels"'),
    INPUT + layer("s", "Slice", top="data", rest='top: "x" top: "y"'),
    INPUT + layer("s", "SPP", top="data", rest="spp_param { pyramid_height: 2 }"),
    INPUT + layer("s", "SPP", top="data", rest="spp_param { pyramid_height: 1 }"),
    INPUT + layer("up", "Deconvolution",
                  rest="convolution_param { num_output: 1 kernel_size: 2 stride_h: 2 }"),
    INPUT + layer("im", "Im2col", rest="convolution_param { kernel_size: 3 dilation: 0 }"),
)


def ours(net: Any, *state: Any) -> dict:
    try:
        resolved = resolve(net, *state)
    except NetbuilderError as error:
        return {"refused": str(error)}
    return {
        "blobs": {name: list(shape) for name, shape in resolved.blobs.items()},
        "layers": [layer.name for layer in resolved.layers],
        "outputs": resolved.outputs,
    }


def without_splits(answer: dict) -> dict:
    """Caffe's answer without the Split layers that it adds, and under the file's names.

    A top that has a loss_weight and is taken as well is an output under its split's name.
    """
    return {
        "blobs": {name: shape for name, shape in answer["blobs"].items()
                  if "_split_" not in name},
        "layers": [name for name in answer["layers"] if not name.endswith("_split")],
        "outputs": sorted(re.sub(r"_(in|layer\d)_\d_split_\d$", "", name)
                          for name in answer["outputs"]),
    }


@pytest.mark.caffe
def test_real_caffe_wires_alike(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    random = Random(4)
    nets = [(random_net(random), random.choice((TRAIN, TEST)), random.randint(0, 2),
             random.choice(([], ["a"], ["b"], ["a", "b"]))) for _ in range(200)]
    nets += [(parse(text, caffe_pb2.NetParameter()), TRAIN, 0, []) for text in WRITTEN]
    path = tmp_path / "nets.json"
    path.write_text(json.dumps([[dumps(net), *state] for net, *state in nets]))
    judge = Path(__file__).with_name("caffe_judge.py")
    accepted = 0
    for (net, *state), answer in zip(nets, run_caffe(judge, path), strict=True):
        mine, both = ours(net, *state), f"{dumps(net)}{state}\nCaffe: {answer}"
        assert ("refused" in answer) == ("refused" in mine), f"{both}\nours: {mine}"
        if "refused" not in answer:
            accepted += 1
            assert mine == without_splits(answer), both
    assert 40 < accepted < 160  # the nets must show both sides
