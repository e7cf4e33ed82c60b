"""Files from an order: what they say (test_files.py: how they appear)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from netbuilder.build import MADE, Order, build, plan
from netbuilder.errors import BuildError, ShapeError, SolverError
from netbuilder.graph import Graph, resolve
from netbuilder.nets import find_network
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

JUDGE = Path(__file__).with_name("caffe_judge.py")
SMALL = {"blocks": (1, 1), "num_output_stage1": 16, "crop_size": 64, "num_classes": 5}
CIFAR = find_network("resnet_cifar10")
RESNET = find_network("resnet")
NETS = ("train.prototxt", "test.prototxt", "train_val.prototxt", "deploy.prototxt")


def files(network: str = "resnet_cifar10", options: Mapping[str, Any] | None = None,
          folder: str = "out", **order: Any) -> dict[str, str]:
    if options is None:
        options = {"n": 1} if network == "resnet_cifar10" else {}
    return plan(Order(find_network(network), options, **order), folder).files


def net(text: str) -> Any:
    return parse(text, caffe_pb2.NetParameter())


def solver(text: str) -> Any:
    return parse(text, caffe_pb2.SolverParameter())


def data_layers(made: Mapping[str, str]) -> tuple[Any, Any]:
    return net(made["train.prototxt"]).layer[0], net(made["test.prototxt"]).layer[0]


# Nets.


def test_the_files_there_are() -> None:
    plain = ["train.prototxt", "test.prototxt", "deploy.prototxt", "solver.prototxt", "train.sh",
             "README.md"]
    assert list(files()) == plain
    assert set(files(train_val=True)) == {*plain, "train_val.prototxt"}


def test_one_body_between_data_and_head() -> None:
    made = {name: net(text) for name, text in files(train_val=True).items() if name in NETS}
    body = find_network("resnet_cifar10")(n=1).to_proto().layer[1:]
    ends = {"train.prototxt": (1, ["loss"]), "test.prototxt": (1, ["loss", "accuracy"]),
            "deploy.prototxt": (1, ["prob"]), "train_val.prototxt": (2, ["loss", "accuracy"])}
    for name, (first, last) in ends.items():
        layers = list(made[name].layer)
        assert layers[first: first + len(body)] == list(body)
        assert [layer.name for layer in layers[first + len(body):]] == last
        assert {layer.name for layer in layers[:first]} == {"data"}
        assert made[name].name == "resnet_cifar10"


def test_train_val_is_train_and_test() -> None:
    made = files(train_val=True, data="dummy")
    both = net(made["train_val.prototxt"])
    for phase, name in ((caffe_pb2.TRAIN, "train"), (caffe_pb2.TEST, "test")):
        one, other = resolve(both, phase), resolve(net(made[f"{name}.prototxt"]), phase)
        assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
        assert one.blobs == other.blobs


def test_heads() -> None:
    made = files("resnet", {**SMALL, "fc_layers": True})
    test = {layer.name: layer for layer in net(made["test.prototxt"]).layer}
    assert list(test["loss"].bottom) == ["conv_1by1_5", "label"]
    assert list(test["accuracy"].bottom) == ["conv_1by1_5", "label"]
    deploy = net(made["deploy.prototxt"])
    assert list(deploy.layer[0].input_param.shape[0].dim) == [1, 3, 64, 64]
    assert (deploy.layer[-1].type, list(deploy.layer[-1].top)) == ("Softmax", ["prob"])


def test_the_text_is_for_people() -> None:
    made = files("resnet", command="netbuilder build resnet -o out")
    for name, text in made.items():
        assert text.count("\n\n\n") == 0, name
        assert f"{MADE}: netbuilder build resnet -o out" in text[:400]
        assert not [line for line in text.splitlines() if line != line.rstrip()], name
    train = made["train.prototxt"].splitlines()
    assert train[1] == ("# main_branch bottleneck, blocks 3 4 6 3, num_output_stage1 256, "
                        "fc_layers False, num_classes 1000, crop_size 224")
    comments = [line for line in train if line.startswith("# ")][3:]
    assert comments == [
        "# The data: an LMDB of Datum, as Caffe's convert_imageset writes it.",
        "# Put the folder of yours into `source`.",
        "# Images are stored with 256 on the shorter side; 224 are cropped out.",
        "# The stem: a wide convolution and pooling.",
        "# Stage 0: 3 x bottleneck, 256 outputs.", "# Stage 1: 4 x bottleneck, 512 outputs.",
        "# Stage 2: 6 x bottleneck, 1024 outputs.", "# Stage 3: 3 x bottleneck, 2048 outputs.",
        "# The classifier."]
    assert max(map(len, train)) <= 120


# Data.


def test_the_default_is_caffes_own_imagenet_example() -> None:
    train, test = data_layers(files("resnet"))
    assert (train.type, list(train.top)) == ("Data", ["data", "label"])
    assert train.data_param.source == "examples/imagenet/ilsvrc12_train_lmdb"
    assert test.data_param.source == "examples/imagenet/ilsvrc12_val_lmdb"
    assert train.data_param.backend == caffe_pb2.DataParameter.LMDB
    for layer, mirror in ((train, True), (test, False)):
        assert layer.transform_param == caffe_pb2.TransformationParameter(
            crop_size=224, mean_value=[104, 117, 123], **({"mirror": True} if mirror else {}))
    assert resolve(net(files("resnet")["train.prototxt"])).blobs["data"] == (32, 3, 224, 224)


def test_every_kind_of_data() -> None:
    source = {"train_source": "a", "test_source": "b"}
    batches = {"batch_size": 6, "test_batch_size": 7}
    types = {"lmdb": ("Data", source), "image_list": ("ImageData", source),
             "memory": ("MemoryData", {}), "dummy": ("DummyData", {}),
             "hdf5": ("HDF5Data", source)}
    for kind, (type_name, extra) in types.items():
        made = files(data=kind, data_options={**batches, **extra})
        train, test = data_layers(made)
        assert (train.type, test.type) == (type_name, type_name)
        told = {"data": (6, 3, 32, 32), "label": (6,)} if kind == "hdf5" else None
        graph = resolve(net(made["train.prototxt"]), inputs=told)
        assert (graph.blobs["data"], graph.blobs["label"]) == ((6, 3, 32, 32), (6,))
        assert "# The data: " in made["test.prototxt"] or kind == "dummy"
    assert set(types) == {"lmdb", "image_list", "memory", "dummy", "hdf5"}


def test_memory_data_as_the_old_tool_wrote_it() -> None:
    train, _ = data_layers(files(data="memory", data_options={"batch_size": 1}))
    assert train.transform_param == caffe_pb2.TransformationParameter(crop_size=32)
    assert train.memory_data_param == caffe_pb2.MemoryDataParameter(
        batch_size=1, channels=3, height=32, width=32)


def test_transformation_options() -> None:
    options = {"mean_file": "mean.binaryproto", "scale": 0.5, "mirror": False}
    train, test = data_layers(files(data_options=options))
    assert train.transform_param == test.transform_param == caffe_pb2.TransformationParameter(
        crop_size=32, mean_file="mean.binaryproto", scale=0.5, force_color=True)
    train, _ = data_layers(files(data_options={"mean_value": (7,)}))
    assert list(train.transform_param.mean_value) == [7]


def test_an_image_list_is_resized_and_shuffled_for_training_only() -> None:
    lists = {"train_source": "a.txt", "test_source": "b.txt", "resize": 40}
    train, test = data_layers(files(data="image_list", data_options=lists))
    assert (train.image_data_param.source, test.image_data_param.source) == ("a.txt", "b.txt")
    assert (train.image_data_param.shuffle, test.image_data_param.shuffle) == (True, False)
    assert (train.image_data_param.new_height, train.image_data_param.new_width) == (40, 40)


@pytest.mark.parametrize(("data", "options", "problem"), [
    ("lmbd", {}, 'unknown kind of data "lmbd"; did you mean "lmdb"? Known: lmdb, image_list'),
    ("dummy", {"train_source": "x"}, "dummy data takes no train_source"),
    ("memory", {"mirror": True}, "memory data takes no mirror"),
    ("lmdb", {"resize": 9}, "lmdb data takes no resize"),
    ("hdf5", {}, "hdf5 data needs train_source and test_source"),
    ("image_list", {"train_source": "x"}, "image_list data needs train_source and test_source"),
    ("lmdb", {"mean_file": "m", "mean_value": (1,)}, "a mean file or mean values, not both"),
    ("lmdb", {"mean_value": (1, 2)}, "one for each of the 3 channels, not 2"),
    ("dummy", {"batch_size": 0}, "a batch has at least 1 image, not 0"),
    ("dummy", {"test_batch_size": -1}, "a batch has at least 1 image, not -1"),
])
def test_data_that_cannot_be(data: str, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError) as caught:
        files(data=data, data_options=options)
    assert problem in str(caught.value)


def test_data_that_is_there_must_fit(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("lmdb")
    from netbuilder.data.datum import array_to_datum
    from netbuilder.data.db import write_lmdb

    gray = str(tmp_path / "gray")
    write_lmdb(gray, [("a", array_to_datum(np.zeros((1, 40, 40), np.uint8), 0))])
    options = {"train_source": gray, "test_source": gray, "mean_file": "mean.binaryproto"}
    with pytest.raises(ShapeError, match="images of 1x32x32, but the network takes 3x32x32"):
        files(data_options=options)


# Solver.


def test_the_solver_of_the_imagenet_runs() -> None:
    param = solver(files("resnet")["solver.prototxt"])
    assert param == caffe_pb2.SolverParameter(
        train_net="out/train.prototxt", test_net=["out/test.prototxt"], test_iter=[1000],
        test_interval=5000, test_initialization=False, iter_size=8, base_lr=0.1,
        lr_policy="multistep", gamma=0.1, stepvalue=[150_000, 300_000], max_iter=450_000,
        momentum=0.9, weight_decay=1e-4, display=20, snapshot=10_000,
        snapshot_prefix="out/resnet")


def test_the_solver_of_the_cifar_runs() -> None:
    param = solver(files()["solver.prototxt"])
    assert param == caffe_pb2.SolverParameter(
        train_net="out/train.prototxt", test_net=["out/test.prototxt"], test_iter=[100],
        test_interval=2000, test_initialization=False, iter_size=1, base_lr=0.1,
        lr_policy="multistep", gamma=0.1, stepvalue=[32_000, 48_000], max_iter=60_000,
        momentum=0.9, weight_decay=1e-4, display=100, snapshot=10_000,
        snapshot_prefix="out/resnet_cifar10")


@pytest.mark.parametrize(("batch", "iter_size", "max_iter", "test_iter"), [
    (16, 16, 450_000, 1000), (64, 4, 450_000, 1000), (256, 1, 450_000, 1000),
    (512, 1, 225_000, 1000), (100, 3, 384_000, 1000)])
def test_the_schedule_sees_as_many_images(
    batch: int, iter_size: int, max_iter: int, test_iter: int
) -> None:
    param = solver(files("resnet", SMALL, data_options={"batch_size": batch})["solver.prototxt"])
    assert (param.iter_size, param.max_iter) == (iter_size, max_iter)
    assert abs(param.max_iter * batch * iter_size - 450_000 * 256) <= batch * iter_size
    assert list(param.test_iter) == [test_iter]


def test_testing_covers_the_test_set() -> None:
    param = solver(files(data_options={"test_batch_size": 48})["solver.prototxt"])
    assert list(param.test_iter) == [209]  # 208.33 batches of 10,000 images


def test_settings_replace_the_recipes_lines() -> None:
    settings = {"max_iter": ["9"], "stepvalue": ["3", "6", "8"], "lr_policy": ["fixed"],
                "random_seed": ["1"], "type": ["Nesterov"]}
    text = files(settings=settings)["solver.prototxt"]
    param = solver(text)
    assert (param.max_iter, list(param.stepvalue), param.lr_policy) == (9, [3, 6, 8], "fixed")
    assert (param.random_seed, param.type) == (1, "Nesterov")
    assert text.count("stepvalue:") == 3
    assert "test_iter: 100  # batches of 100: all of the test set\n" in text
    assert "all of" not in files(settings={"test_iter": ["1"]})["solver.prototxt"]
    assert text.index("stepvalue: 8") < text.index("max_iter: 9") < text.index("random_seed: 1")


@pytest.mark.parametrize(("settings", "problem"), [
    ({"max_itr": ["3"]}, 'a solver has no field "max_itr"; did you mean "max_iter"?'),
    ({"max_iter": ["soon"]}, "these settings make no solver"),
    ({"max_iter": ["1", "2"]}, "these settings make no solver"),
    ({"lr_policy": ["stepp"]}, "stepp"),
])
def test_settings_that_make_no_solver(settings: dict[str, list[str]], problem: str) -> None:
    with pytest.raises(SolverError) as caught:
        files(settings=settings)
    assert problem in str(caught.value)


def test_an_unknown_recipe_is_refused_with_the_list() -> None:
    with pytest.raises(BuildError, match='"resnit"; did you mean "resnet"'):
        files(recipe="resnit")


def test_a_folder_with_quotes_in_its_name() -> None:
    assert solver(files(folder='a "b" \\c')["solver.prototxt"]).train_net == (
        'a "b" \\c/train.prototxt')


@pytest.mark.parametrize(("folder", "start"), [
    ("out", '"$(dirname "$0")"/..'), ("./a/b c/", '"$(dirname "$0")"/../..'),
    (".", '"$(dirname "$0")"/.')])
def test_the_script_starts_where_the_paths_count_from(folder: str, start: str) -> None:
    script = files(folder=folder)["train.sh"]
    assert f"cd {start} || exit" in script
    assert script.startswith("#!/bin/sh\n")


def test_the_script_runs_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work" / "bin").mkdir(parents=True)
    tool = tmp_path / "work" / "bin" / "netbuilder"
    tool.write_text('#!/bin/sh\npwd\nprintf "<%s>" "$@"\n')
    tool.chmod(0o755)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    build(Order(CIFAR, {"n": 1}), "my net/one")
    script = str(tmp_path / "work" / "my net" / "one" / "train.sh")
    done = subprocess.run([script, "--gpu", "0"], cwd="/", text=True, capture_output=True,
                          check=True)
    assert done.stdout.splitlines() == [
        str(tmp_path / "work"), "<train><--solver><my net/one/solver.prototxt><--gpu><0>"]


def test_paths_from_the_current_folder_are_short() -> None:
    made = files(folder=".")
    assert solver(made["solver.prototxt"]).train_net == "train.prototxt"
    assert "netbuilder train --solver solver.prototxt" in made["train.sh"]


# The card.


def test_the_card_has_the_figures_and_the_facts() -> None:
    card = files("resnet")["README.md"]
    for fact in ("25,583,592", "25,636,765", "3,857,973,248", "25,556,032", "3,858,026,368",
                 "top-1 accuracy 0.7175", "16 GPUs x 16 images", "pynetbuilder", "3x224x224",
                 "netbuilder train --solver out/solver.prototxt"):
        assert fact in card
    assert "Nothing for exactly these options." in files("resnet", SMALL)["README.md"]


# Real Caffe.


def seen(graph: Graph) -> dict[str, Any]:
    return {
        "blobs": {name: list(shape) for name, shape in graph.blobs.items()},
        "params": {layer.name: [list(blob.shape) for blob in layer.blobs]
                   for layer in graph.layers if layer.blobs},
        "layers": [layer.name for layer in graph.layers],
    }


BRANCHES = ("normal", "bottleneck", "inception_trick", "inception_trick_bottleneck",
            "1by1_normal", "inception")
# Network -> the options, and the kind of data, that real Caffe is to load.
LOADED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "resnet": [
        *(({**SMALL, "main_branch": branch}, "dummy") for branch in BRANCHES),
        ({**SMALL, "fc_layers": True}, "memory"),
        ({}, "dummy"),
    ],
    "resnet_cifar10": [({"main_branch": "bottleneck", "n": 1}, "memory"), ({"n": 2}, "dummy")],
}


@pytest.mark.caffe
def test_real_caffe_sees_the_same(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    """Train, test and deploy files, and train_val in both phases, for every network."""
    nets = [
        (net(text), phase)
        for network, rows in LOADED.items() for options, data in rows
        for name, text in files(network, options, data=data, train_val=True,
                                data_options={"batch_size": 2, "test_batch_size": 1}).items()
        if name in NETS
        for phase in ((caffe_pb2.TRAIN, caffe_pb2.TEST) if name == "train_val.prototxt"
                      else (caffe_pb2.TRAIN,) if name == "train.prototxt" else (caffe_pb2.TEST,))
    ]
    path = tmp_path / "nets.json"
    path.write_text(json.dumps([[str(message), phase] for message, phase in nets]))
    answers = run_caffe(JUDGE, path)
    assert len(answers) == len(nets) == 50
    for (message, phase), answer in zip(nets, answers, strict=True):
        assert "refused" not in answer, answer["refused"]
        ours = seen(resolve(message, phase))
        splits = {name for name in answer["blobs"] if "_split_" in name}
        theirs = {"blobs": {name: shape for name, shape in answer["blobs"].items()
                            if name not in splits},
                  "params": answer["params"],
                  "layers": [name for name in answer["layers"] if not name.endswith("_split")]}
        assert theirs == ours
