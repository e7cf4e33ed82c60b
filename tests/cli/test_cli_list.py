"""The list of networks: all of them, with the figures that building them gives."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from netbuilder.build import Order, plan
from netbuilder.cli import cli
from netbuilder.nets import networks


def listed(form: str) -> str:
    result = CliRunner().invoke(cli, ["list", "--format", form])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return json.loads(listed("json"))


def test_every_network_and_every_reported_result_is_there(rows):
    wanted = set(networks()) | {
        f"{name}: {row.name}" for name, one in networks().items() for row in one.reported
        if row is not one.result({})}
    assert len(rows) == len(wanted)
    assert {row["label"] for row in rows} == wanted
    assert all(row["source"].startswith("https://") and row["description"] for row in rows)


@pytest.mark.parametrize("name", ["resnet", "resnet_cifar10"])
def test_the_figures_are_those_of_the_built_network(rows, name):
    [row] = [row for row in rows if row["label"] == name]
    totals = plan(Order(networks()[name], data="dummy"), "out").costs.totals
    assert (row["learned_params"], row["macs"]) == (totals["learned_params"], totals["macs"])


def test_accuracies_are_those_reported(rows):
    found = {row["label"]: row["top1"] for row in rows}
    assert found["resnet"] == 0.7175
    assert found["resnet: Resnet 50 1by2"] == 0.6679
    assert found["resnet_cifar10"] is None


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_for_people(form):
    text = listed(form)
    assert "25,583,592" in text
    assert "71.75" in text
