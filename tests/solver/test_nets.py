"""Which nets a solver file names, in which state."""

from __future__ import annotations

import pytest

from netbuilder.errors import ParseError, SolverError
from netbuilder.proto import caffe_pb2, text
from netbuilder.solver.nets import net_to_train, nets_to_test, read_solver

TRAIN, TEST = caffe_pb2.TRAIN, caffe_pb2.TEST


def solver(source: str):
    return text.parse(source, caffe_pb2.SolverParameter())


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.prototxt").write_text('name: "a" state { stage: "own" level: 2 }')
    (tmp_path / "b.prototxt").write_text('name: "b"')
    return tmp_path


@pytest.mark.parametrize("field", [
    'net: "b.prototxt"', 'train_net: "b.prototxt"', 'net_param { name: "b" }',
    'train_net_param { name: "b" }',
])
def test_a_train_net_is_named_in_four_ways(here, field):
    net = net_to_train(solver(field))
    assert (net.name, net.state.phase) == ("b", TRAIN)


def test_states_merge_default_then_net_then_solver(here):
    param = solver('net: "a.prototxt" train_state { stage: "more" level: 5 } test_iter: 1 '
                   'test_interval: 9 test_state { stage: "quick" phase: TRAIN }')
    state = net_to_train(param).state
    assert (state.phase, state.level, list(state.stage)) == (TRAIN, 5, ["own", "more"])
    state = nets_to_test(param)[0].state
    assert (state.phase, state.level, list(state.stage)) == (TRAIN, 2, ["own", "quick"])


def test_test_nets_come_in_caffes_order(here):
    param = solver('net: "a.prototxt" test_net: "b.prototxt" test_net_param { name: "c" } '
                   "test_iter: [1, 2, 3, 4] test_interval: 5")
    nets = nets_to_test(param)
    assert [net.name for net in nets] == ["c", "b", "a", "a"]
    assert all(net.state.phase == TEST for net in nets)
    nets[2].name = "changed"
    assert nets[3].name == "a"


@pytest.mark.parametrize("source, words", [
    ("", "here it gives none of them"),
    ('net: "a.prototxt" train_net: "b.prototxt"', "here it gives net and train_net"),
])
def test_exactly_one_train_net(here, source, words):
    with pytest.raises(SolverError, match=words):
        net_to_train(solver(source))


@pytest.mark.parametrize("source, words", [
    ('train_net: "a.prototxt" test_iter: 1 test_interval: 1', "1 test_iter for 0 test nets"),
    ('net: "a.prototxt" test_net: "b.prototxt"', "0 test_iter for 1 test nets"),
    ('net: "a.prototxt" test_iter: 1 test_state { } test_state { } test_interval: 1',
     "2 test_state for 1 test nets"),
    ('net: "a.prototxt" test_iter: 1', "test_interval must be above 0"),
])
def test_numbers_of_test_nets_agree(here, source, words):
    with pytest.raises(SolverError, match=words):
        nets_to_test(solver(source))


def test_a_missing_net_names_the_file(here):
    with pytest.raises(ParseError, match=r"none.prototxt: cannot be read"):
        net_to_train(solver('net: "none.prototxt"'))


def test_snapshots_go_beside_the_solver_or_into_a_folder(here):
    (here / "sub").mkdir()

    def prefix(content: str) -> str:
        (here / "sub" / "my.solver.prototxt").write_text(content)
        return read_solver("sub/my.solver.prototxt").snapshot_prefix

    assert prefix("") == "sub/my.solver"
    assert prefix('snapshot_prefix: "sub"') == "sub/my.solver"
    assert prefix('snapshot_prefix: "sub/run"') == "sub/run"


def test_the_old_enum_of_types(here):
    (here / "s").write_text("solver_type: ADAGRAD")
    param = read_solver("s")
    assert param.type == "AdaGrad" and not param.HasField("solver_type")
    (here / "s").write_text('solver_type: SGD type: "SGD"')
    with pytest.raises(SolverError, match="not both"):
        read_solver("s")
