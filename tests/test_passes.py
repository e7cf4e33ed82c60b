"""Passes: what they make of a net, and that they leave the given one alone."""

from __future__ import annotations

from typing import Any

import pytest

from netbuilder import passes
from netbuilder.errors import GraphError
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

TRAIN, TEST = caffe_pb2.TRAIN, caffe_pb2.TEST


def net(text: str) -> Any:
    return parse(text, caffe_pb2.NetParameter())


def layer(rules: str, name: str = "it", type_name: str = "ReLU") -> str:
    return f'layer {{ name: "{name}" type: "{type_name}" {rules} }}\n'


def kept(rules: str, *state: Any) -> bool:
    return bool(passes.for_phase(net(layer(rules)), *state).layer)


# Rule, then (phase, level, stages) that keep the layer, then those that do not.
RULES = [
    ("", [(TRAIN,), (TEST,)], []),
    ("include { phase: TEST }", [(TEST,)], [(TRAIN,)]),
    ("exclude { phase: TEST }", [(TRAIN,)], [(TEST,)]),
    ("include { }", [(TRAIN,), (TEST, 3)], []),
    ("exclude { }", [], [(TRAIN,), (TEST, 3)]),
    ("include { min_level: 2 }", [(TRAIN, 2), (TRAIN, 3)], [(TRAIN, 1), (TRAIN,)]),
    ("include { max_level: 2 }", [(TRAIN, 2), (TRAIN,)], [(TRAIN, 3)]),
    ("include { min_level: -1 max_level: 1 }", [(TEST, -1), (TEST, 1)], [(TEST, -2), (TEST, 2)]),
    ("include { stage: 'a' }", [(TRAIN, 0, ["a"]), (TRAIN, 0, ["b", "a"])], [(TRAIN,)]),
    ("include { stage: 'a' stage: 'b' }", [(TRAIN, 0, ["a", "b"])], [(TRAIN, 0, ["a"])]),
    ("include { not_stage: 'a' }", [(TRAIN,)], [(TRAIN, 0, ["a"])]),
    ("include { phase: TEST } include { stage: 'a' }", [(TEST,), (TRAIN, 0, ["a"])], [(TRAIN,)]),
    ("exclude { phase: TEST } exclude { stage: 'a' }", [(TRAIN,)], [(TEST,), (TRAIN, 0, ["a"])]),
]


@pytest.mark.parametrize("rules, keeping, dropping", RULES)
def test_rules(rules: str, keeping: list, dropping: list) -> None:
    assert all(kept(rules, *state) for state in keeping)
    assert not any(kept(rules, *state) for state in dropping)


def test_stages_that_the_net_states_count_too() -> None:
    stated = net("state { stage: 'a' level: 5 }" + layer("include { stage: 'a' stage: 'b' }"))
    assert len(passes.for_phase(stated, TRAIN, 0, ["b"]).layer) == 1
    assert not passes.for_phase(stated, TRAIN).layer


def test_include_and_exclude_together_are_refused() -> None:
    with pytest.raises(GraphError, match='"it": give include rules or exclude rules'):
        kept("include { phase: TEST } exclude { phase: TRAIN }", TRAIN)


def test_the_given_net_stays_as_it_was() -> None:
    given = net('input: "data" input_dim: [1, 2, 3, 4]' + layer("include { phase: TRAIN }")
                + layer("param { } param { } param { }", "bn", "BatchNorm"))
    before = passes.copy(given)
    chosen = passes.for_phase(passes.upgrade(given), TRAIN)
    chosen.layer[1].name = "changed"
    assert given == before
    assert passes.copy(given) == given and passes.copy(given) is not given


def test_rules_are_left_out_of_what_remains() -> None:
    assert not passes.for_phase(net(layer("include { phase: TRAIN }")), TRAIN).layer[0].include


def test_upgrade_makes_input_layers() -> None:
    new = passes.upgrade(net('input: "a" input: "b" input_shape { dim: 2 } input_shape { }'
                             + layer("")))
    assert [one.type for one in new.layer] == ["Input", "ReLU"]
    assert new.layer[0].top == ["a", "b"]
    assert [list(shape.dim) for shape in new.layer[0].input_param.shape] == [[2], []]
    assert not (new.input or new.input_shape or new.input_dim)


@pytest.mark.parametrize("rates, upgraded", [
    ((1, 1, 1), (0, 0, 0)), ((0, 0, 1), (0, 0, 0)), ((0, 0, 0), (0, 0, 0)), ((1, 1), (1, 1)),
])
def test_three_statistics_are_never_learned(rates: tuple, upgraded: tuple) -> None:
    specs = "".join(f"param {{ lr_mult: {rate} }}" for rate in rates)
    new = passes.upgrade(net(layer(specs, "bn", "BatchNorm") + layer(specs, "other", "PReLU")))
    assert tuple(spec.lr_mult for spec in new.layer[0].param) == upgraded
    assert tuple(spec.lr_mult for spec in new.layer[1].param) == rates


def test_inputs_without_shapes_can_be_asked_for() -> None:
    new = passes.upgrade(net('input: "a" input: "b"' + layer("")))
    assert [one.type for one in new.layer] == ["Input", "ReLU"]
    assert new.layer[0].top == ["a", "b"] and not new.layer[0].HasField("input_param")


def test_inputs_without_shapes_that_a_layer_makes_are_left_out() -> None:
    """As in cvjena's AlexNet: an Input layer beside a forgotten ``input``."""
    new = passes.upgrade(net('input: "a" input: "b"' + layer('top: "a"', type_name="Input")
                             + layer('bottom: "b" top: "b"')))
    assert [list(one.top) for one in new.layer] == [["b"], ["a"], ["b"]]


DATA = 'layer { name: "data" type: "Data" top: "data" %s }'
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "data" bottom: "data" }'
ANY = 'layer { name: "relu" type: "ReLU" bottom: "data" top: "x" }'


@pytest.mark.parametrize("text, phase", [
    (DATA % "" + LOSS, TRAIN),
    (DATA % "" + ANY, TEST),
    (DATA % "include { phase: TRAIN }" + ANY, TRAIN),
    (DATA % "include { phase: TEST }" + LOSS, TEST),
    (DATA % "exclude { phase: TRAIN }" + LOSS, TEST),
    ("state { phase: TEST }" + DATA % "" + LOSS, TEST),
    ("state { phase: TRAIN }" + DATA % "" + ANY, TRAIN),
    (DATA % "" + ANY.replace("top:", "loss_weight: 1 top:"), TRAIN),
    ('input: "data"' + ANY, TEST),
    (LOSS, TRAIN),  # hangs together in neither phase
    (DATA % "phase: TEST" + LOSS.replace("bottom", "phase: TEST bottom", 1), TEST),
    (DATA % "phase: TEST" + LOSS, TRAIN),  # states it for one layer only
])
def test_the_phase_a_file_is_for(text: str, phase: int) -> None:
    assert passes.default_phase(net(text)) == phase


def test_the_phase_depends_on_stages() -> None:
    text = DATA % "include { phase: TEST stage: 'a' }" + DATA % "include { phase: TRAIN }" + LOSS
    assert passes.default_phase(net(text)) == TRAIN
    only = DATA % "include { phase: TEST stage: 'a' }" + LOSS
    assert passes.default_phase(net(only), 0, ["a"]) == TEST


SPLIT = '''layer { name: "d_data_0_split" type: "Split" bottom: "d"
                   top: "d_data_0_split_0" top: "d_data_0_split_1" %s }'''
TAKERS = ('layer { name: "a" type: "ReLU" bottom: "d_data_0_split_0" top: "d" }'
          'layer { name: "b" type: "ReLU" bottom: "d_data_0_split_1" top: "x" }'
          'layer { name: "c" type: "ReLU" bottom: "d" top: "y" }')


def test_splits_of_caffe_are_undone() -> None:
    given = net('name: "n" force_backward: true ' + SPLIT % "" + TAKERS)
    before = given.SerializeToString()
    new = passes.without_splits(given)
    assert [(one.name, *one.bottom) for one in new.layer] == [("a", "d"), ("b", "d"), ("c", "d")]
    assert new.name == "n" and new.force_backward
    assert given.SerializeToString() == before


@pytest.mark.parametrize("split", [
    SPLIT % "loss_weight: 2", SPLIT.replace("_split_1", "_split_2") % "",
    SPLIT.replace("Split", "ReLU") % "", SPLIT.replace("0_split\"", "0\"") % "",
])
def test_a_split_that_somebody_wrote_stays(split: str) -> None:
    given = net(split + TAKERS)
    assert passes.without_splits(given) is given


def test_the_layers_that_lead_to_a_blob():
    branched = net("""
        layer { name: "data" type: "Input" top: "x" } layer { name: "a" bottom: "x" top: "a" }
        layer { name: "side" bottom: "a" top: "side" } layer { name: "it" bottom: "a" top: "a" }
        layer { name: "b" bottom: "a" top: "b" }""")
    alone = passes.leading_to(branched, "b")
    assert [each.name for each in alone.layer] == ["data", "a", "it", "b"]
    assert passes.leading_to(alone, "b") is alone  # so it is written once for all files
