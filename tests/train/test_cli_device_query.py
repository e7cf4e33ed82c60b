"""``netbuilder device-query``: what PyTorch says, and what is said where there is no GPU."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from netbuilder.cli import cli
from netbuilder.train.engines import Engine

TWO = [{"Device id": number, "Major revision number": 9, "Minor revision number": 0,
        "Name": f"card {number}", "Total global memory": 3 << 30, "Free global memory": 1 << 30,
        "Number of multiprocessors": 132} for number in range(2)]


def query(*arguments: str, command: str = "device-query") -> Result:
    return CliRunner().invoke(cli, [command, *arguments])


@pytest.fixture
def machine(monkeypatch):
    """``machine(devices, cuda)``: a machine whose PyTorch says that of itself."""

    def set_up(devices: list, cuda: str | None) -> None:
        said = json.dumps({"torch": "2.9", "cuda": cuda, "devices": devices})
        monkeypatch.setattr(Engine, "run", lambda *_, **__: f"chatter\n{said}\n")

    return set_up


def test_devices_with_caffes_names_of_the_figures(machine):
    machine(TWO, "13.0")
    lines = query().stdout.splitlines()
    assert len(lines) == 2 * len(TWO[0])
    assert "Device id:                     0" in lines
    assert "Name:                          card 1" in lines
    assert "Total global memory:           3221225472 (3.0 GiB)" in lines


@pytest.mark.parametrize("command", ["device-query", "device_query"])
def test_one_of_them(machine, command):
    machine(TWO, "13.0")
    out = query("-gpu", "1", command=command).stdout
    assert "card 1" in out
    assert "card 0" not in out


@pytest.mark.parametrize(("cuda", "why"), [
    (None, "this PyTorch (2.9) is built without CUDA"), ("13.0", "(for CUDA 13.0) finds none"),
])
def test_no_gpu(machine, cuda, why):
    machine([], cuda)
    result = query()
    assert result.exit_code == 0
    assert result.stdout.startswith("No GPU: ") and why in result.stdout
    result = query("--gpu", "0")
    assert result.exit_code == 2
    assert "--gpu: no GPU 0; PyTorch finds 0" in result.stderr and why in result.stderr


def test_a_number_that_is_not_there(machine):
    machine(TWO, "13.0")
    result = query("--gpu", "1,5")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no GPU 5; PyTorch finds 2" in result.stderr


@pytest.mark.torch
def test_this_very_machine():
    torch = pytest.importorskip("torch")
    out = query().stdout
    for number in range(torch.cuda.device_count()):
        assert torch.cuda.get_device_name(number) in out
    assert torch.cuda.is_available() or out.startswith("No GPU: ")
