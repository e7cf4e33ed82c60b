"""`check` on files that would keep it busy: it looks at a bounded number of things."""

from attack import INPUT, outcome, process

from netbuilder.analysis.lint import lint


def test_a_solver_that_tests_a_net_twenty_thousand_times(tmp_path):
    """The net is read once, and judged in a bounded number of states."""
    (tmp_path / "net").write_text(INPUT + INPUT.replace('"i"', '"j"').replace('"d"', '"e"') * 200)
    (tmp_path / "solver").write_text(
        f'net: "{tmp_path / "net"}" test_interval: 1 base_lr: 1 lr_policy: "fixed" max_iter: 1 '
        + "".join(f'test_iter: 1 test_state {{ stage: "{i}" }} ' for i in range(20_000)))
    assert process(tmp_path / "solver", mib=2048, command="check", seconds=30) == ""


def test_a_solver_that_names_twenty_thousand_nets(tmp_path):
    (tmp_path / "net").write_text(INPUT)
    (tmp_path / "solver").write_text(
        'base_lr: 1 lr_policy: "fixed" max_iter: 1 test_interval: 1 '
        + "".join(f'test_iter: 1 test_net: "{tmp_path}/{"./" * (i % 1000)}net" '
                  for i in range(20_000)))
    assert process(tmp_path / "solver", mib=2048, command="check", seconds=20) == ""


def test_the_last_of_many_mistakes_says_that_no_more_are_looked_for(tmp_path):
    (tmp_path / "net").write_text(INPUT + "".join(
        f'layer {{ name: "r{i}" type: "ReLU" bottom: "q{i}" top: "t{i}" }}\n' for i in range(400)))
    found = [one for one in lint(tmp_path / "net") if "no layer above it makes" in one.sentence]
    assert len(found) == 300
    assert "layers below it are not looked at" in found[-1].sentence


def test_names_of_megabytes_make_no_wide_tables(tmp_path):
    """A row is as wide as the longest name, if nobody bounds it: these would need 100 GB."""
    (tmp_path / "net").write_text(INPUT + f'layer {{ name: "{"n" * 5_000_000}" type: "ReLU" '
                                  'bottom: "d" top: "d" }\n'
                                  + 'layer { type: "ReLU" bottom: "d" top: "d" }\n' * 20_000)
    assert process(tmp_path / "net", mib=1024, command="table") == ""
    assert not outcome(tmp_path / "net", "--no-fold", command="table")
