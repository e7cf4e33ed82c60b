"""A network, a source of data and a head become files, for people to read and edit.

A prototxt is the sum of its parts, and the body of the network is the same in every file: each
part is written, and read back for comparison, once.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from netbuilder.analysis.costs import Costs, costs
from netbuilder.errors import BuildError, ShapeError, one_of
from netbuilder.files import write_folder
from netbuilder.graph import resolve
from netbuilder.layer import Shape, show
from netbuilder.lego.data import SOURCES, Source
from netbuilder.nets.registry import Dataset, Network
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse
from netbuilder.solver.recipes import Run, facts, solver_text
from netbuilder.solver.render import render
from netbuilder.spec import NetSpec

MADE = "Made with netbuilder"  # marks our files: one without it is never overwritten

USES = {
    "train.prototxt": "training: data, network, loss",
    "test.prototxt": "testing while training: data, network, loss, accuracy",
    "train_val.prototxt": "training and testing in one file, by include rules",
    "deploy.prototxt": "using the trained network: Input, network, Softmax",
    "solver.prototxt": "how to train",
    "train.sh": "the command that trains",
    "README.md": "this card",
}


class Order(NamedTuple):
    """What is to be built.

    ``options`` are the network's. ``data`` is a key of SOURCES, ``data_options`` are what its
    lego takes, with test_batch_size, train_source and test_source. ``settings`` are solver fields
    in place of the recipe's. ``command`` is what the user typed.
    """

    network: Network
    options: Mapping[str, Any] = {}
    data: str = "lmdb"
    data_options: Mapping[str, Any] = {}
    recipe: str | None = None
    settings: Mapping[str, Sequence[str]] = {}
    train_val: bool = False
    command: str = ""

    @property
    def dataset(self) -> Dataset:
        """The data that the network was made for."""
        return self.network.dataset(self.options)

    @property
    def made(self) -> str:
        """The line that marks our files."""
        return f"{MADE}: {self.command}" if self.command else MADE

    @property
    def summary(self) -> str:
        """The network's options, all of them, in words."""
        values = self.network.complete(self.options)
        return ", ".join(f"{name} {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


class Built(NamedTuple):
    """The files' texts by name, what the network costs, and the command that trains it: empty
    where a program has to."""

    files: dict[str, str]
    costs: Costs
    command: str


def build(order: Order, folder: str) -> Built:
    """Builds what is ordered into ``folder``: all files, or none.

    Raises a NetbuilderError for options that describe no network, and BuildError for a folder
    that cannot be written, or that holds other files of these names.
    """
    built = plan(order, folder)
    write_folder(folder, built.files, MADE)
    return built


def plan(order: Order, folder: str) -> Built:
    """The files as ``build`` would write them into ``folder``."""
    folder = os.path.normpath(folder)
    spec = order.network(**order.options)
    net = spec.to_proto()
    graph = resolve(net)
    train, test = _sources(order, graph.blobs["data"])
    files = _nets(order, net, spec.comments, train, test)
    run = Run(folder, order.network.name, train.batch_size, test.batch_size,
              order.dataset.test_images)
    solver = solver_text(order.recipe or order.network.recipe(order.options), run, order.settings)
    files["solver.prototxt"] = f"# {order.made}\n\n{solver}"
    command = _command(folder, train)
    if command:
        files["train.sh"] = render("job/train.sh", made=order.made, name=order.network.name,
                                   start=_start(folder), command=command)
    built = Built(files, costs(graph), command)
    files["README.md"] = _card(order, built, facts(solver))
    return built


# Data.


def _sources(order: Order, shape: Shape) -> tuple[Source, Source]:
    """The legos of the training and of the test data, for a network's input shape."""
    if order.data not in SOURCES:
        raise BuildError(f'unknown kind of data "{order.data}"{one_of(order.data, SOURCES)}')
    lego, dataset, given = SOURCES[order.data], order.dataset, dict(order.data_options)
    known = {field.name for field in fields(lego)}
    size = {"channels": shape[1], "crop_size": shape[2]}
    train = {**size, "train": True, "batch_size": given.pop("batch_size", dataset.batch_size)}
    test = {**size, "train": False,
            "batch_size": given.pop("test_batch_size", dataset.test_batch_size)}
    if "source" in known:
        train["source"], test["source"] = _paths(order.data, given, dataset)
    if "mirror" in known:
        train["mirror"] = given.pop("mirror", True)
    if "mean_value" in known and "mean_file" not in given:
        given.setdefault("mean_value", dataset.mean_value)
    if "resize" in known:
        given.setdefault("resize", dataset.stored_size)
    for name in given:
        if name not in known:
            raise BuildError(f"{order.data} data takes no {name}")
    return lego(**train, **given), lego(**test, **given)


def _paths(kind: str, given: dict[str, Any], dataset: Dataset) -> tuple[str, str]:
    default = (dataset.train_source, dataset.test_source) if kind == "lmdb" else (None, None)
    train = given.pop("train_source", default[0])
    test = given.pop("test_source", default[1])
    if train is None or test is None:
        raise BuildError(f"{kind} data needs train_source and test_source")
    return train, test


def _data_layer(source: Source, shape: Shape) -> Any:
    """The source's message; ShapeError if it is known to give other images than the net takes."""
    spec = NetSpec()
    images, _ = source.attach(spec, ())
    if images.shape is not None and images.shape[1:] != shape[1:]:
        raise ShapeError(f"the data gives images of {show(images.shape[1:])}, but the network "
                         f"takes {show(shape[1:])}")
    return spec.to_proto().layer[0]


# Nets.


def _nets(
    order: Order, net: Any, comments: Mapping[str, str], train: Source, test: Source
) -> dict[str, str]:
    """The prototxt files of the nets."""
    layers = list(net.layer)
    shape = tuple(layers[0].input_param.shape[0].dim)
    training, testing = _data_layer(train, shape), _data_layer(test, shape)
    about, body = {"data": train.ABOUT}, _written(layers[1:], comments)
    loss, accuracy = _head("SoftmaxWithLoss", "loss", layers), _head("Accuracy", "accuracy", layers)
    prob = _head("Softmax", "prob", layers)
    use = {"data": "The input: images prepared as transform_param in train.prototxt says."}
    parts = {
        "train.prototxt": [_written([training], about), body, _written([loss])],
        "test.prototxt": [_written([testing], about), body, _written([loss, accuracy])],
        "deploy.prototxt": [_written(layers[:1], use), body, _written([prob])],
    }
    if order.train_val:
        both = [_only(training, caffe_pb2.TRAIN), _only(testing, caffe_pb2.TEST)]
        ends = [loss, _only(accuracy, caffe_pb2.TEST)]
        parts["train_val.prototxt"] = [_written(both, about), body, _written(ends)]
    return {name: _file(order, name, texts) for name, texts in parts.items()}


def _head(type_name: str, name: str, layers: Sequence[Any]) -> Any:
    """A layer on the classifier's values (the last layer's top), and on labels if it compares."""
    bottoms = [layers[-1].top[0], *([] if type_name == "Softmax" else ["label"])]
    return caffe_pb2.LayerParameter(name=name, type=type_name, bottom=bottoms, top=[name])


def _only(layer: Any, phase: int) -> Any:
    twin = caffe_pb2.LayerParameter()
    twin.CopyFrom(layer)
    twin.include.add(phase=phase)
    return twin


def _written(layers: Sequence[Any], comments: Mapping[str, str] | None = None) -> str:
    """Layers as text that was read back and is the same."""
    net = caffe_pb2.NetParameter(layer=layers)
    text = dumps(net, comments)
    if parse(text, caffe_pb2.NetParameter()) != net:
        raise BuildError("the written network does not read back as it was; nothing was written")
    return text


def _file(order: Order, name: str, parts: Sequence[str]) -> str:
    header = (f"# {order.network.description}. For {USES[name]}.\n"
              f"# {order.summary}\n# {order.made}\n")
    return "\n".join([header, f'name: "{order.network.name}"\n', *parts])


# What stands around them.


def _command(folder: str, source: Source) -> str:
    """The command that trains, or nothing where no command can."""
    if source.HANDED_OVER:
        return ""
    solver = os.path.normpath(f"{folder}/solver.prototxt")
    return shlex.join(["netbuilder", "train", "--solver", solver])


def _start(folder: str) -> str:
    """The folder from which the paths count, as the script in ``folder`` can find it."""
    if os.path.isabs(folder):
        return shlex.quote(os.getcwd())
    return f'"$(dirname "$0")"/{shlex.quote(os.path.relpath(os.curdir, folder))}'


def _card(order: Order, built: Built, recipe_facts: str) -> str:
    return render(
        "report/model.md", made=order.made, name=order.network.name, summary=order.summary,
        description=order.network.description, source=order.network.source,
        totals=built.costs.totals, input=show(built.costs.blobs["data"][1:]),
        result=order.network.result(order.options), dataset=order.dataset,
        facts=recipe_facts, command=built.command,
        uses={name: USES[name] for name in [*built.files, "README.md"]},
        changed=shlex.join(f"{name}={value}" for name, values in order.settings.items()
                           for value in values),
    )
