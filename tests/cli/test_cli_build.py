"""The commands that build: what they print, what they accept, and how they refuse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from netbuilder.cli import cli
from netbuilder.cli.build import network_command, spread
from netbuilder.nets import networks
from netbuilder.proto import caffe_pb2
from netbuilder.proto.io import read_net, read_text

ROOT = Path(__file__).parents[2]
QUICK = ("resnet_cifar10", "-n", "1")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, ["build", *map(str, args)], catch_exceptions=False)


def script(path: str, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "app" / path), *args], cwd=cwd, text=True,
                          capture_output=True, check=False)


def blocks(path: str) -> list[int]:
    """The number of blocks in each stage."""
    names = [layer.name for layer in read_net(path).layer if layer.type == "Eltwise"]
    stages = [int(name.removeprefix("eltwise_stage").split("_")[0]) for name in names]
    return [stages.count(stage) for stage in sorted(set(stages))]


# What is printed.


def test_the_documented_figures() -> None:
    done = run("resnet", "-m", "bottleneck", "-b", 3, 4, 6, 3, "-n", 256, "--no-fc_layers",
               "-o", "./out")
    assert done.exit_code == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "Number of params: 25.556032 Million",
        "Number of flops: 3858.026368 Million",
        "learned parameters: 25,583,592",
        "stored values: 25,636,765",
        "multiply-accumulates of one image: 3,857,973,248",
        "files in ./out: train.prototxt, test.prototxt, deploy.prototxt, solver.prototxt, "
        "train.sh, README.md",
        "to train: netbuilder train --solver out/solver.prototxt",
    ]
    assert read_text("out/solver.prototxt", caffe_pb2.SolverParameter).train_net == (
        "out/train.prototxt")


@pytest.mark.parametrize(("branch", "width"), [("bottleneck", 256), ("normal", 64)])
def test_a_width_that_was_not_given_is_told(branch: str, width: int) -> None:
    done = run("resnet", "-m", branch, "-b", 1)
    assert f"num_output_stage1 was not given: {width}, the paper's width" in done.stdout
    assert "was not given" not in run("resnet", "-m", branch, "-b", 1, "-n", 64).stdout


def test_the_command_stands_in_the_files() -> None:
    run(*QUICK, "-o", "a b", "--set", "max_iter=5")
    line = (r"^# Made with netbuilder \[\w{8}\]: "
            r"cli build resnet_cifar10 -n 1 -o 'a b' --set max_iter=5$")
    assert re.search(line, Path("a b/train.prototxt").read_text(), re.MULTILINE)


# What is accepted.


def test_blocks_take_any_number_of_values() -> None:
    for given in ([1], [1, 2], [1, 1, 1, 1, 2]):
        assert run("resnet", "-n", 16, "-b", *given).exit_code == 0
        assert blocks("train.prototxt") == given


@pytest.mark.parametrize(("typed", "plain"), [
    ("-b 3 4 -n 5", "-b 3 -b 4 -n 5"),
    ("-n 5 -b 3", "-n 5 -b 3"),
    ("--mean_value 1 2 -o x", "--mean_value 1 --mean_value 2 -o x"),
    ("--mean-value=7 8 -b3 4", "--mean-value=7 --mean-value 8 -b3 -b 4"),
    ("-b 3 -b 4 5", "-b 3 -b 4 -b 5"),
    ("-b 3 -1", "-b 3 -b -1"),
    ("-o a b", "-o a b"),
])
def test_several_values_after_one_flag(typed: str, plain: str) -> None:
    assert list(spread(typed.split(), {"-b", "--mean-value"})) == plain.split()


@pytest.mark.parametrize("flags", [
    "--main_branch normal --num_output_stage1 16 --fc_layers --crop_size 64 --output_folder x",
    "--main-branch normal --num-output-stage1 16 --fc-layers --crop-size 64 --output-folder x",
    "-m normal -n16 --no-fc_layers --fc-layers --crop_size=64 -o x",
])
def test_underscores_and_dashes(flags: str) -> None:
    assert run("resnet", "-b", 1, *flags.split()).exit_code == 0
    names = {layer.name for layer in read_net("x/deploy.prototxt").layer}
    assert {"conv_1by1_4096", "conv_stage0_block0_branch2b"} <= names


def test_without_a_folder_the_files_lie_here() -> None:
    assert run("resnet-cifar10", "--N", 1).exit_code == 0
    assert {path.name for path in Path().iterdir()} == {
        "train.prototxt", "test.prototxt", "deploy.prototxt", "solver.prototxt", "train.sh",
        "README.md"}


def test_data_and_solver_options() -> None:
    done = run(*QUICK, "--data", "image_list", "--train-source", "a", "--test-source", "b",
               "--batch-size", 3, "--test-batch-size", 4, "--mean-value", 1, 2, 3, "--no-mirror",
               "--scale", 0.5, "--resize", 48, "--train-val", "--recipe", "resnet",
               "--set", "max_iter=5", "base_lr=0.5")
    assert done.exit_code == 0
    train, test = read_net("train_val.prototxt").layer[:2]
    assert train.image_data_param.batch_size, test.image_data_param.batch_size == (3, 4)
    assert (train.image_data_param.new_height, train.image_data_param.source) == (48, "a")
    assert train.transform_param == caffe_pb2.TransformationParameter(
        crop_size=32, mean_value=[1, 2, 3], scale=0.5)
    solver = read_text("solver.prototxt", caffe_pb2.SolverParameter)
    assert (solver.max_iter, solver.base_lr, solver.iter_size) == (5, 0.5, 85)


def test_every_network_can_be_built_as_it_is() -> None:
    for name in networks():
        assert run(name, "-o", name).exit_code == 0


def test_help_tells_networks_and_options() -> None:
    listed = run("--help").stdout
    for name, one in networks().items():
        assert name in listed
        assert one.description in listed
        told = run(name, "--help").stdout
        for option in network_command(one).params:
            assert option.opts[-1].replace("_", "-") in told
            assert isinstance(option, click.Option)
            assert option.help


# What is refused.

REFUSED = {
    "-m foo": 'unknown main branch "foo"; known: normal, bottleneck, inception_trick',
    "-b 3 0 6 3": "stage 1 has 0 blocks; it needs at least 1",
    "-b -1": "stage 0 has -1 blocks",
    "-b": "requires an argument",
    "-b 3 x": "'x' is not a valid integer",
    "-n 1.5": "'1.5' is not a valid integer",
    "-n 130": "a width of 130 does not divide by 4",
    "-n 0": "num_output_stage1 is 0; it must be at least 1",
    "-n -4": "num_output_stage1 is -4",
    "-n 4000000000": "not possible",
    "--crop-size 0": "crop_size is 0",
    "--num-classes 0": "num_classes is 0",
    "--widht 3": "No such option",
    "stray": "unexpected extra argument",
    "--data db": "'db' is not one of",
    "--data dummy --train-source x": "dummy data takes no train_source",
    "--batch-size 0": "a batch has at least 1 image",
    "--set base_lr": "--set takes FIELD=VALUE",
    "--set base_rl=1": 'no field "base_rl"; did you mean "base_lr"',
    "--recipe none": 'unknown recipe "none"; known: ',
    "-o /proc/netbuilder": "cannot write into /proc/netbuilder",
    "-o taken": "cannot write into taken: it is not a folder",
    "-o taken/below": "cannot write into taken/below: it is not a folder",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_a_refusal_is_one_line(flags: str) -> None:
    Path("taken").write_text("mine")
    done = run("resnet", *flags.split())
    assert done.exit_code == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert REFUSED[flags] in line
    assert [path.name for path in Path().iterdir()] == ["taken"]
    assert Path("taken").read_text() == "mine"


def test_an_unknown_network_is_one_line_too() -> None:
    done = run("resnt")
    assert done.exit_code == 2
    assert done.stderr.startswith('error: unknown network "resnt"; did you mean "resnet"? Known: ')
    assert done.stderr.count("\n") == 1


# The scripts.


@pytest.mark.parametrize(("path", "flags", "figures"), [
    ("imagenet/build_resnet.py", "-m inception_trick -b 2 2 2 2 -n 64 --fc_layers -o out",
     ["Number of params: 21.585936 Million", "Number of flops: 1434.303312 Million"]),
    ("imagenet/build_inception_resnet.py", "--setting 1 -o out",
     ["Number of params: 31.57344 Million", "Number of flops: 9191.017152 Million"]),
    ("cifar10/build_resnet.py", "-m bottleneck -n 36 -o out",
     ["Number of params: 0.220944 Million", "Number of flops: 30.73296 Million"]),
    ("imagenet/build_alexnet.py", "--no-caffenet -o out",
     ["Number of params: 60.954656 Million", "Number of flops: 724.406816 Million"]),
    ("imagenet/build_vgg.py", "-b 2 2 3 3 3 -o out",
     ["Number of params: 138.344128 Million", "Number of flops: 15470.26432 Million"]),
    ("imagenet/build_squeezenet.py", "-s 16 -o out",
     ["Number of params: 1.244448 Million", "Number of flops: 861.339936 Million"]),
    ("imagenet/build_googlenet.py", "--no-aux -o out",
     ["Number of params: 6.990272 Million", "Number of flops: 1582.671872 Million"]),
])
def test_scripts_work_from_any_folder(
    path: str, flags: str, figures: list[str], tmp_path: Path
) -> None:
    done = script(path, *flags.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == figures
    header = (tmp_path / "out" / "train.prototxt").read_text().splitlines()[2]
    command = re.sub(r"^# Made with netbuilder \[\w{8}\]: ", "", header)
    assert command == f"python {ROOT / 'app' / path} {flags}"


def test_scripts_refuse_in_one_line() -> None:
    done = script("imagenet/build_resnet.py", "-m", "foo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: unknown main branch")
    assert len(done.stderr.splitlines()) == 1


def test_a_checkout_keeps_its_readme() -> None:
    """Without -o the files go to the current folder, but never over somebody's own."""
    before = (ROOT / "README.md").read_bytes() if (ROOT / "README.md").exists() else None
    if before is None:
        pytest.skip("this checkout has no README.md")
    done = script("imagenet/build_resnet.py", "-b", "1", cwd=ROOT)
    assert done.returncode == 2
    assert "README.md is there and was not made with netbuilder" in done.stderr
    assert (ROOT / "README.md").read_bytes() == before
    assert not (ROOT / "train.prototxt").exists()


def test_building_loads_no_numpy_and_no_torch() -> None:
    code = ("import sys; from netbuilder.cli import cli\n"
            "cli(['build', 'resnet', '-b', '1', '-o', 'out'], standalone_mode=False)\n"
            "print(sorted({'numpy', 'torch', 'lmdb', 'rich'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_script_without_its_packages_says_how_to_get_them(tmp_path: Path) -> None:
    bare = tmp_path / "checkout"
    shutil.copytree(ROOT / "app", bare / "app")
    done = subprocess.run(
        [sys.executable, "-S", str(bare / "app/imagenet/build_resnet.py"), "-b", "1"],
        capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 1
    assert done.stderr.startswith("error: this Python has no netbuilder; `make demo` sets up")
    assert done.stderr.count("\n") == 1


def test_a_script_finds_the_environment_of_its_checkout(tmp_path: Path) -> None:
    bare = tmp_path / "checkout"
    shutil.copytree(ROOT / "app", bare / "app")
    python = bare / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "again: $@"\n')
    python.chmod(0o755)
    script = str(bare / "app/cifar10/build_resnet.py")
    done = subprocess.run([sys.executable, "-S", script, "-n", "3"], capture_output=True,
                          text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert done.stdout == f"again: {script} -n 3\n"


@pytest.mark.parametrize(("kind", "ending"), [
    ("image_list", "to train: netbuilder train --solver out/solver.prototxt"),
    ("memory", "to train: a program of yours hands the images over with net.set_input_arrays; "
               "see README.md there"),
])
def test_the_way_to_train_fits_the_data(kind: str, ending: str) -> None:
    sources = ["--train-source", "a", "--test-source", "b"] if kind == "image_list" else []
    done = run(*QUICK, "-o", "out", "--data", kind, *sources)
    assert done.stdout.splitlines()[-1] == ending
    assert Path("out/train.sh").exists() == ("netbuilder train" in ending)
    assert "--engine caffe" not in Path("out/README.md").read_text()


def test_the_card_tells_what_was_set() -> None:
    run(*QUICK, "-o", "out", "--set", "max_iter=5", "stepvalue=2")
    assert "but for max_iter=5 stepvalue=2." in Path("out/README.md").read_text()
