"""Files of an order: normalised images, auxiliary classifiers, regimes, devices and epochs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netbuilder.build import Order, build, plan
from netbuilder.errors import BuildError
from netbuilder.graph import resolve
from netbuilder.lego import Conv, EndPool, LayerLego
from netbuilder.nets import Network, find_network
from netbuilder.nets.datasets import IMAGENET
from netbuilder.nets.registry import Option, Reported
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse
from netbuilder.spec import NetSpec
from netbuilder.train import chain

MEAN, STD = (103.5, 116.3, 123.6), (57.4, 57.1, 58.4)
SETTINGS = {"slow": "resnet", "fast": "resnet_cifar10"}


def two_heads(
    *,
    num_classes: Annotated[int, Option("classes")] = 7,
    aux: Annotated[bool, Option("an auxiliary classifier")] = True,
) -> NetSpec:
    """Small network with two classifiers."""
    net = NetSpec()
    data = LayerLego("Input", name="data", shape={"dim": [1, 3, 8, 8]}).attach(net, ())
    below = Conv(name="1", num_output=4, kernel_size=3).attach(net, data)
    if aux:
        side = EndPool(name="aux_pool").attach(net, below)
        LayerLego("InnerProduct", name="aux_fc", num_output=num_classes).attach(net, side)
    above = Conv(name="2", num_output=4, kernel_size=3).attach(net, below)
    LayerLego("InnerProduct", name="fc", num_output=num_classes).attach(net, above)
    return net


NETWORK = Network(
    two_heads, "two_heads", recipe="resnet", source="https://example.org", settings=SETTINGS,
    dataset=IMAGENET._replace(mean_value=MEAN, std_value=STD), aux_weight=0.3,
    reported=[Reported("slow", {}, 0.5, 0.7, "ten crops", "slow"),
              Reported("fast", {}, 0.4, setting="fast")])


def files(folder: str = "out", **order: Any) -> dict[str, str]:
    return plan(Order(NETWORK, **order), folder).files


def net(text: str) -> Any:
    return parse(text, caffe_pb2.NetParameter())


def solver(text: str) -> Any:
    return parse(text, caffe_pb2.SolverParameter())


# Images of mean 0 and deviation 1.


def before_the_body(text: str) -> list[Any]:
    """The layers of a file that stand before the network's own."""
    layers = list(net(text).layer)
    return layers[: [layer.name for layer in layers].index("conv_1")]


def normalized(text: str, images: np.ndarray) -> np.ndarray:
    """What the network gets for these images, in the embedded engine."""
    caffe = pytest.importorskip("netbuilder.torchcaffe")
    data, *layers = before_the_body(text)
    made = caffe.Net(caffe_pb2.NetParameter(layer=[data, *layers]), caffe.TEST)
    made.blobs["data"].reshape(*images.shape)
    made.blobs["data"].data[...] = images
    return made.forward()["data_normalized"]


@pytest.mark.torch
@given(mean=st.lists(st.floats(0, 255), min_size=3, max_size=3),
       deviation=st.lists(st.floats(1, 100), min_size=3, max_size=3))
@settings(max_examples=20, deadline=None)
def test_images_are_normalised(mean: list[float], deviation: list[float]) -> None:
    text = files(data_options={"mean_value": mean, "std_value": deviation})["deploy.prototxt"]
    images = np.random.default_rng(1).uniform(0, 255, (2, 3, 8, 8)).astype(np.float32)
    shape = (1, 3, 1, 1)
    wanted = (images - np.reshape(mean, shape)) / np.reshape(deviation, shape)
    np.testing.assert_allclose(normalized(text, images), wanted, rtol=1e-5, atol=1e-4)


def test_in_every_file_and_for_every_kind_of_data() -> None:
    layers = [before_the_body(text)[1:] for kind in ("lmdb", "memory", "dummy")
              for name, text in files(data=kind).items()
              if name in ("train.prototxt", "test.prototxt", "deploy.prototxt")]
    assert len(layers) == 9
    assert all(one == layers[0] for one in layers)
    assert [layer.type for layer in layers[0]] == ["Slice", "Power", "Power", "Power", "Concat"]


def test_the_data_layer_leaves_to_the_layers_what_they_do() -> None:
    train = before_the_body(files()["train.prototxt"])[0].transform_param
    assert (list(train.mean_value), train.HasField("scale")) == ([], False)
    options = {"mean_file": "mean.binaryproto"}
    data, _, *powers, _ = before_the_body(files(data_options=options)["train.prototxt"])
    assert data.transform_param.mean_file == "mean.binaryproto"
    assert [layer.power_param.shift for layer in powers] == [0, 0, 0]


def test_a_scale_goes_without_the_layers() -> None:
    [data] = before_the_body(files(data_options={"scale": 0.017})["train.prototxt"])
    assert data.transform_param.scale == pytest.approx(0.017)
    assert list(data.transform_param.mean_value) == pytest.approx(MEAN)


@pytest.mark.parametrize(("options", "problem"), [
    ({"std_value": [1, 2]}, "one standard deviation, or one for each of the 3 channels, not 2"),
    ({"std_value": [0, 1, 1]}, "a standard deviation is more than 0, not 0 1 1"),
    ({"std_value": [57], "scale": 0.5}, "a scale or a standard deviation, not both"),
    ({"mean_value": [1, 2]}, "one mean value, or one for each of the 3 channels, not 2"),
])
def test_preparations_that_cannot_be(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError, match=problem):
        files(data_options=options)


@pytest.mark.caffe
def test_real_caffe_normalises_alike(run_caffe: Callable[..., Any], tmp_path: Any) -> None:
    text = files()["deploy.prototxt"]
    path = tmp_path / "deploy.prototxt"
    path.write_text(text)
    found = run_caffe(
        "import caffe, json, sys\n"
        "net = caffe.Net(sys.argv[1], caffe.TEST)\n"
        "net.blobs['data'].data[...] = 200\n"
        "net.forward()\n"
        "print(json.dumps(net.blobs['data_normalized'].data[0, :, 0, 0].tolist()))", path)
    assert found == pytest.approx([(200 - m) / s for m, s in zip(MEAN, STD, strict=True)])


# Auxiliary classifiers.


def test_an_auxiliary_classifier_has_a_loss_and_is_not_deployed() -> None:
    made = files(train_val=True)
    for name in ("train.prototxt", "test.prototxt", "train_val.prototxt"):
        layers = {layer.name: layer for layer in net(made[name]).layer}
        assert list(layers["loss_aux_fc"].loss_weight) == pytest.approx([0.3])
        assert list(layers["loss_aux_fc"].bottom) == ["aux_fc", "label"]
        assert list(layers["loss"].bottom) == ["fc", "label"]
    deploy = net(made["deploy.prototxt"])
    assert [layer.name for layer in deploy.layer if "normalized" not in layer.name][2:] == [
        "conv_1", "conv_2", "fc", "prob"]
    assert "loss_aux_fc" not in files(options={"aux": False})["train.prototxt"]


def test_costs_are_those_of_the_deployed_net() -> None:
    with_it, without = (plan(Order(NETWORK, {"aux": aux}), "out").costs.totals
                        for aux in (True, False))
    assert with_it == without


# How it was trained.


def test_the_setting_chooses_recipe_and_result() -> None:
    assert solver(files()["solver.prototxt"]).max_iter == 450_000
    fast = files(setting="fast")
    assert solver(fast["solver.prototxt"]).max_iter == 60_000
    assert "fast: top-1 accuracy 0.4 on" in fast["README.md"]
    slow = " ".join(files(setting="slow")["README.md"].split())
    assert "slow: top-1 accuracy 0.5, top-5 accuracy 0.7 on" in slow
    assert "validation set, ten crops." in slow
    with pytest.raises(BuildError, match='no training setting "fst"; did you mean "fast"'):
        files(setting="fst")


@pytest.mark.parametrize(("batch", "devices"), [(32, 1), (32, 2), (16, 4), (64, 8), (100, 3)])
def test_devices_share_the_images_of_an_iteration(batch: int, devices: int) -> None:
    text = files(devices=devices, data_options={"batch_size": batch})["solver.prototxt"]
    param, together = solver(text), batch * devices
    assert param.iter_size == max(1, round(256 / together))
    images = param.max_iter * param.iter_size * together
    assert abs(images - 450_000 * 256) <= param.iter_size * together
    assert (f"on each of {devices} devices" in text) == (devices > 1)


@pytest.mark.parametrize(("order", "problem"), [
    ({"devices": 0}, "devices is 0; it must be more than 0"),
    ({"epochs": -1}, "epochs is -1; it must be more than 0")])
def test_runs_that_cannot_be(order: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildError, match=problem):
        files(**order)


def test_regimes_are_solvers_of_their_own() -> None:
    built = plan(Order(find_network("enet_v3")), "out")
    solvers = {name: solver(text) for name, text in built.files.items() if "solver" in name}
    assert list(solvers) == [f"solver_{number}.prototxt" for number in range(1, 6)]
    assert [one.snapshot_prefix for one in solvers.values()] == [
        f"out/enet_v3_{number}" for number in range(1, 6)]
    assert [one.max_iter for one in solvers.values()] == [
        100_000, 50_000, 50_000, 100_000, 250_000]
    assert built.command == "netbuilder train --run out"
    assert built.command in built.files["train.sh"]
    assert "solver_5.prototxt | how to train, part 5 of 5" in built.files["README.md"]


@pytest.mark.parametrize(("epochs", "counts"), [
    (12, [100_000, 20_000]), (1, [10_000]), (60, [100_000, 50_000, 50_000, 100_000, 300_000])])
def test_a_run_ends_where_it_is_told(epochs: int, counts: list[int]) -> None:
    made = plan(Order(find_network("enet_v3"), epochs=epochs), "out").files
    found = [solver(text).max_iter for name, text in made.items() if "solver" in name]
    assert found == counts


def test_a_shorter_run_leaves_no_solver_of_a_longer_one(tmp_path: Path) -> None:
    """`train --run` trains all that the folder has."""
    for epochs, count in ((55, 5), (12, 2), (5, 1), (20, 3)):
        made = build(Order(find_network("enet_v3"), epochs=epochs), str(tmp_path))
        assert len(chain.solvers(tmp_path)) == count
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(made.files)


def test_an_edited_solver_of_a_longer_run_is_not_lost(tmp_path: Path) -> None:
    build(Order(find_network("enet_v3")), str(tmp_path))
    edited, before = tmp_path / "solver_4.prototxt", (tmp_path / "solver_1.prototxt").read_text()
    edited.write_text(edited.read_text() + "random_seed: 1\n")
    with pytest.raises(BuildError, match=r"solver_4\.prototxt was edited since"):
        build(Order(find_network("enet_v3"), epochs=5), str(tmp_path))
    assert (tmp_path / "solver_1.prototxt").read_text() == before


def test_every_net_of_it_hangs_together() -> None:
    for name, text in files(data="dummy").items():
        if name in ("train.prototxt", "test.prototxt", "deploy.prototxt"):
            graph = resolve(net(text), caffe_pb2.TRAIN if "train" in name else caffe_pb2.TEST)
            assert graph.blobs["data_normalized"] == graph.blobs["data"], json.dumps(name)
