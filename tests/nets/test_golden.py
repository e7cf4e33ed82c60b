"""Every network in numbers, and in both engines: the same files, passes and training steps."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import engine_driver
import numpy as np
import pytest
from golden import ROWS

from netbuilder.build import Built, Order, plan
from netbuilder.graph import resolve
from netbuilder.nets import find_network
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse

JUDGE = Path(__file__).parents[1] / "caffe_judge.py"
BATCH, STEPS = 2, 3
SOLVER = ('net: "%s" base_lr: %s lr_policy: "fixed" momentum: 0.9 max_iter: 100 display: 0 '
          "random_seed: 1")


def net(text: str) -> Any:
    return parse(text, caffe_pb2.NetParameter())


@cache
def built(row: str, small: bool = False) -> Built:
    golden = ROWS[row]
    options = {**golden.options, **(golden.small if small else {})}
    order = Order(find_network(golden.network), options, data="dummy",
                  data_options={"batch_size": BATCH, "test_batch_size": 1})
    return plan(order, "out")


@pytest.mark.parametrize("row", ROWS)
def test_figures(row: str) -> None:
    golden, found = ROWS[row], built(row)
    deploy = net(found.files["deploy.prototxt"])
    own = [layer for layer in deploy.layer if "data_normalized" not in layer.name
           and layer.name != "data_channels"]
    totals = found.costs.totals
    assert (len(own), totals["learned_params"], totals["stored_values"], totals["macs"]) == (
        golden.layers, golden.learned, golden.stored, golden.macs)
    blobs = resolve(deploy).blobs
    assert {name: blobs.get(name, ())[1:] for name in golden.blobs} == golden.blobs


@pytest.mark.slow
@pytest.mark.caffe
@pytest.mark.parametrize("row", ROWS)
def test_real_caffe_loads_its_files(run_caffe: Any, tmp_path: Path, row: str) -> None:
    files = built(row).files
    nets = [(net(files[f"{name}.prototxt"]), phase) for name, phase in
            (("train", caffe_pb2.TRAIN), ("test", caffe_pb2.TEST), ("deploy", caffe_pb2.TEST))]
    path = tmp_path / "nets.json"
    path.write_text(json.dumps([[dumps(message), phase] for message, phase in nets]))
    for (message, phase), answer in zip(nets, run_caffe(JUDGE, path), strict=True):
        graph = resolve(message, phase)
        assert "refused" not in answer, answer["refused"]
        assert answer["params"] == {layer.name: [list(blob.shape) for blob in layer.blobs]
                                    for layer in graph.layers if layer.blobs}
        assert {name: tuple(shape) for name, shape in answer["blobs"].items()
                if "_split_" not in name} == graph.blobs


# Both engines. Nothing is left to chance: Dropout draws nothing, images and weights are given.


def trained(row: str) -> Any:
    """The small train net, with Inputs in place of its data layer, and without Dropout."""
    message = net(built(row, small=True).files["train.prototxt"])
    shape = list(message.layer[0].dummy_data_param.shape[0].dim)
    layers = [layer for layer in message.layer if layer.name != "data"]
    del message.layer[:]
    for name, dims in (("data", shape), ("label", [BATCH])):
        made = message.layer.add(name=name, type="Input", top=[name])
        made.input_param.shape.add(dim=dims)
    message.layer.extend(layers)
    for layer in message.layer:
        if layer.type == "Dropout":
            layer.dropout_param.dropout_ratio = 0
    return message


def job(row: str, folder: Path, rate: float) -> dict[str, Any]:
    """What engine_driver.run takes; the weights are the engine's own first values."""
    import netbuilder.torchcaffe as caffe

    folder.mkdir()
    message = trained(row)
    (folder / "net.prototxt").write_text(dumps(message))
    (folder / "solver.prototxt").write_text(SOLVER % (folder / "net.prototxt", rate))
    random = np.random.default_rng(7)
    shape = list(message.layer[0].input_param.shape[0].dim)
    np.savez(folder / "in.npz", images=random.uniform(0, 255, shape).astype(np.float32),
             labels=random.integers(0, 5, BATCH).astype(np.float32))
    caffe.set_random_seed(3)
    caffe.Net(message, caffe.TRAIN).save(str(folder / "first.caffemodel"))
    names = {"net": "net.prototxt", "solver": "solver.prototxt", "arrays": "in.npz",
             "weights": "first.caffemodel"}
    return {**{key: str(folder / name) for key, name in names.items()}, "steps": STEPS,
            "out": str(folder / "out.npz")}


def distance(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    """Of all gradients, as a share of theirs: L2. A ReLU's input near zero may fall on either
    side of it in one engine, and changes single gradients much more than all of them."""
    names = [name for name in theirs if name.startswith("grad")]
    far = sum(float(np.square(ours[name] - theirs[name]).sum()) for name in names)
    return (far / sum(float(np.square(theirs[name]).sum()) for name in names)) ** 0.5


@pytest.mark.slow
@pytest.mark.caffe
@pytest.mark.torch
@pytest.mark.parametrize("row", ROWS)
def test_both_engines_pass_and_train_alike(run_caffe: Any, tmp_path: Path, row: str) -> None:
    import netbuilder.torchcaffe as caffe

    todo = job(row, tmp_path / "net", ROWS[row].rate)
    engine_driver.run(caffe, todo)
    ours = dict(np.load(todo["out"]))
    (tmp_path / "jobs.json").write_text(json.dumps([todo]))
    run_caffe(Path(engine_driver.__file__), "caffe", tmp_path / "jobs.json")
    theirs = dict(np.load(todo["out"]))
    assert ours.keys() == theirs.keys()
    for name in [name for name in theirs if name.startswith("out/")]:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4)
    assert distance(ours, theirs) < 1e-3
    for losses in (ours["losses"], theirs["losses"]):
        assert (np.diff(losses) < 0).all(), losses
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-3)
