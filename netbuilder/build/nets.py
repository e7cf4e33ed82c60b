"""The prototxt files of a network: data, body and head, each written and read back once.

A prototxt is the sum of its parts, and the body of the network is the same in every file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netbuilder import passes
from netbuilder.build.images import Images, data_layer
from netbuilder.build.order import USES, Order
from netbuilder.errors import BuildError
from netbuilder.layer import Shape
from netbuilder.lego.data import Transformed
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import dumps, parse

NORMALIZES = ("Images of 0 to 255, their channels as stored: less the mean, by the standard\n"
              "deviation, of each channel.")


def main_net(net: Any) -> Any:
    """The network without auxiliary classifiers: what leads to the top of its last layer."""
    return passes.leading_to(net, net.layer[-1].top[0])


def net_files(
    order: Order, net: Any, main: Any, comments: Mapping[str, str], data: Images
) -> dict[str, str]:
    """The texts of the prototxt files by their names; ``main`` is the net's ``main_net``."""
    shape: Shape = tuple(net.layer[0].input_param.shape[0].dim)
    training, testing = data_layer(data.train, shape), data_layer(data.test, shape)
    loss, accuracy, prob = _heads(order, net)
    about = {"data": data.train.ABOUT + _stored(order, data, shape)}
    use = {"data": _use(data)}
    body = _body(net, comments, data)
    deployed = body if main is net else _body(main, comments, data)
    parts = {
        "train.prototxt": [_written([training], about), body, _written(loss)],
        "test.prototxt": [_written([testing], about), body, _written([*loss, accuracy])],
        "deploy.prototxt": [_written(list(net.layer)[:1], use), deployed, _written([prob])],
    }
    if order.train_val:
        both = [_only(training, caffe_pb2.TRAIN), _only(testing, caffe_pb2.TEST)]
        ends = [*loss, _only(accuracy, caffe_pb2.TEST)]
        parts["train_val.prototxt"] = [_written(both, about), body, _written(ends)]
    return {name: _file(order, name, texts) for name, texts in parts.items()}


def _stored(order: Order, data: Images, shape: Shape) -> str:
    """How large the stored images were, of which the network's size is cropped."""
    size = order.dataset.stored_size
    if not isinstance(data.train, Transformed) or size <= shape[2]:
        return ""
    return f"\nImages are stored with {size} on the shorter side; {shape[2]} are cropped out."


def _use(data: Images) -> str:
    if data.normalize:
        return "The input: images of the network's size, of values from 0 to 255."
    return "The input: images prepared as transform_param in train.prototxt says."


def _body(net: Any, comments: Mapping[str, str], data: Images) -> str:
    """The layers between data and head, the network's own after those that normalise."""
    if not data.normalize:
        return _written(net.layer[1:], comments)
    layers = [passes.copy(layer) for layer in net.layer[1:]]
    for layer in layers:
        layer.bottom[:] = [data.top if name == "data" else name for name in layer.bottom]
    first = _written(data.normalize, {data.normalize[0].name: NORMALIZES})
    return "\n".join([first, _written(layers, comments)])


def _heads(order: Order, net: Any) -> tuple[list[Any], Any, Any]:
    """The losses, the accuracy and the probabilities, on the classifiers' values."""
    main = net.layer[-1].top[0]
    auxiliary = [top for top in passes.unread(net) if top != main]
    losses = [_head("SoftmaxWithLoss", f"loss_{top}", top) for top in auxiliary]
    for loss in losses:
        loss.loss_weight.append(order.network.aux_weight)
    loss = _head("SoftmaxWithLoss", "loss", main)
    return [*losses, loss], _head("Accuracy", "accuracy", main), _head("Softmax", "prob", main)


def _head(type_name: str, name: str, values: str) -> Any:
    """A layer on a classifier's values, and on labels if it compares."""
    bottoms = [values, *([] if type_name == "Softmax" else ["label"])]
    return caffe_pb2.LayerParameter(name=name, type=type_name, bottom=bottoms, top=[name])


def _only(layer: Any, phase: int) -> Any:
    twin = passes.copy(layer)
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
