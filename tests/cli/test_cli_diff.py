"""``netbuilder diff`` of a prototxt and the .caffemodel that real Caffe wrote of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from netbuilder.cli import cli

NET = """
name: "n"
layer { name: "data" type: "DummyData" top: "data" top: "label" include { phase: TRAIN }
  dummy_data_param { shape { dim: [4, 3, 6, 6] } shape { dim: 4 } } }
layer { name: "data" type: "DummyData" top: "data" top: "label" include { phase: TEST }
  dummy_data_param { shape { dim: [2, 3, 6, 6] } shape { dim: 2 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
  convolution_param { num_output: 3 kernel_size: 3 pad: 1 } }
layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }
layer { name: "sum" type: "Eltwise" bottom: "c" bottom: "data" top: "sum" }
layer { name: "relu" type: "ReLU" bottom: "sum" top: "sum" }
layer { name: "ip" type: "InnerProduct" bottom: "sum" top: "ip"
  inner_product_param { num_output: 5 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" }
"""
SAVE = """import caffe, sys
for phase in (caffe.TRAIN, caffe.TEST):
    caffe.Net(sys.argv[1], phase).save(f"{('TRAIN', 'TEST')[phase]}.caffemodel")
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


@pytest.fixture(scope="module")
def saved(run_caffe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    (folder / "net.prototxt").write_text(NET)
    run_caffe(SAVE, folder / "net.prototxt", cwd=folder)
    return folder


@pytest.mark.caffe
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_nothing_differs_from_what_caffe_wrote(saved: Path, phase: str) -> None:
    """Not the splits either, nor the phase and the weights that Caffe writes into each layer."""
    model = saved / f"{phase}.caffemodel"
    result = run("diff", saved / "net.prototxt", model, "--phase", phase)
    assert (result.exit_code, result.stdout.splitlines()[1:]) == (0, ["No layer differs."])
    if phase == "TRAIN":
        assert run("diff", saved / "net.prototxt", model).exit_code == 0
    summary = run("summary", model)
    assert f"phase {phase}: 8 layers" in summary.stdout and "split" not in summary.stdout


@pytest.mark.caffe
def test_an_edit_still_differs_from_what_caffe_wrote(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(NET.replace("num_output: 5", "num_output: 6"))
    result = run("diff", tmp_path / "net.prototxt", saved / "TRAIN.caffemodel")
    rows = [line.split()[:2] for line in result.stdout.splitlines() if "num_output" in line]
    assert result.exit_code == 1 and rows == [["changed", "ip"]]
