"""Nets merged: what remains, what is left and why, and that the numbers stay, in both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from merge_nets import (
    FACTORS,
    LEFT,
    MERGING,
    SCALES,
    D,
    both,
    conv,
    layer,
    norm,
    scale,
    source,
    write,
)

from netbuilder.analysis.costs import costs
from netbuilder.graph import resolve
from netbuilder.merge.files import Outcome, merge_files
from netbuilder.proto import caffe_pb2, io

ALL = {**MERGING, **{name: row[0] for name, row in {**SCALES, **LEFT}.items()}}
NEAR = 1e-4


def merge(net: str, folder: Path, seed: int = 1, factor: float = 1.0) -> tuple[tuple, Outcome]:
    """The pair of files that a net was written to, and what merging them gave."""
    before = write(net, folder, seed, factor)
    return before, merge_files(*map(str, before), str(folder / "merged"))


def after(outcome: Outcome) -> tuple[Path, Path]:
    return Path(outcome.net), Path(outcome.weights)


def types(outcome: Outcome) -> list[str]:
    return [each.type for each in io.read_net(outcome.net).layer]


@pytest.mark.parametrize("name", MERGING)
def test_all_is_merged(name, tmp_path, by_us):
    before, outcome = merge(MERGING[name], tmp_path)
    assert not outcome.merged.scales and not outcome.merged.left
    assert not {"BatchNorm", "Scale", "Bias"} & set(types(outcome))
    assert by_us(before, after(outcome)) <= NEAR


@pytest.mark.parametrize("name", SCALES)
def test_statistics_without_a_place_are_one_scale(name, tmp_path, by_us):
    net, named, reason = SCALES[name]
    before, outcome = merge(net, tmp_path)
    assert not outcome.merged.left and "BatchNorm" not in types(outcome)
    scales = {chain.steps[-1].name: why for chain, why in outcome.merged.scales}
    assert reason in scales[named]
    found = {each.name: each.type for each in io.read_net(outcome.net).layer}
    assert found[named] == "Scale"
    assert types(outcome).count("Scale") == len(scales)
    assert by_us(before, after(outcome)) <= NEAR


@pytest.mark.parametrize("name", LEFT)
def test_what_cannot_be_said_otherwise_is_left(name, tmp_path, by_us):
    net, named, reason = LEFT[name]
    before, outcome = merge(net, tmp_path)
    assert not outcome.merged.folded and not outcome.merged.scales
    (said, why), = outcome.merged.left
    assert said.startswith(f'"{named}" (') and reason in why
    kept, was = ([each.SerializeToString() for each in io.read_net(path).layer]
                 for path in (outcome.net, before[0]))
    assert kept == was
    assert by_us(before, after(outcome)) <= NEAR


def test_a_chain_ends_where_the_axis_changes(tmp_path, by_us):
    """Channels and rows are as many, so nothing but the axis tells them apart."""
    net = (source(2, 4, 7, 7) + conv("c", "data", "num_output: 7 kernel_size: 1")
           + norm("n", "c") + scale("s", "c", fields="axis: 2 bias_term: true"))
    before, outcome = merge(net, tmp_path)
    assert [str(chain) for chain, _ in outcome.merged.folded] == ['"n" (BatchNorm)']
    assert [said for said, _ in outcome.merged.left] == ['"s" (Scale)']
    assert by_us(before, after(outcome)) <= NEAR


def test_what_is_silenced_is_compared(tmp_path):
    net = D + conv("c", "data") + both("n", "c") + layer("s", "Silence", "c").replace(
        'top: "s"', "")
    _, outcome = merge(net, tmp_path)
    assert outcome.difference.blob == "c" and len(outcome.merged.folded) == 1


@pytest.mark.parametrize(("name", "factor"), [("siamese", 1.0), ("branches", 0.0)])
def test_merging_twice_changes_nothing_more(name, factor, tmp_path):
    _, outcome = merge(MERGING[name], tmp_path, factor=factor)
    again = merge_files(outcome.net, outcome.weights, str(tmp_path / "again"))
    assert not again.merged.folded and not again.merged.scales
    nets = [io.read_net(path) for path in (outcome.net, again.net)]
    assert nets[0] == nets[1]
    assert Path(again.weights).read_bytes() == Path(outcome.weights).read_bytes()


@pytest.mark.caffe
@pytest.mark.parametrize("factor", FACTORS)
def test_real_caffe_sees_no_difference(factor, tmp_path, by_caffe):
    pairs = []
    for seed, (name, net) in enumerate(ALL.items()):
        before, outcome = merge(net, tmp_path / name, seed, factor)
        pairs.append((before, after(outcome)))
    wrong = {name: distance for name, distance in zip(ALL, by_caffe(pairs), strict=True)
             if not distance <= NEAR}
    assert not wrong


@pytest.mark.parametrize("name", MERGING)
def test_nothing_is_left_of_the_batch_norms_in_the_counts(name, tmp_path):
    before, outcome = merge(MERGING[name], tmp_path)
    then, now = (costs(resolve(io.read_net(path), caffe_pb2.TEST)) for path in
                 (before[0], outcome.net))
    assert now.totals["macs"] == then.totals["macs"]
    assert outcome.after == now.totals["stored_values"]
