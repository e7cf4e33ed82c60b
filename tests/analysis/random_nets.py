"""Nets drawn at random that branch, meet, work in place and give one memory several names."""

from __future__ import annotations

from random import Random
from typing import Any

from netbuilder.errors import NetbuilderError
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2

# Each type: how many bottoms and tops, and its fields.
TYPES: dict[str, tuple[tuple[int, int], tuple[int, int], dict[str, Any]]] = {
    "TanH": ((1, 1), (1, 1), {}),
    "Split": ((1, 1), (1, 3), {}),
    "Flatten": ((1, 1), (1, 1), {}),
    "Reshape": ((1, 1), (1, 1), {"reshape_param": {"shape": {"dim": [0, 2, -1]}}}),
    "Concat": ((1, 3), (1, 1), {}),
    "Slice": ((1, 1), (1, 2), {}),
    "Eltwise": ((2, 3), (1, 1), {}),
    "Pooling": ((1, 1), (1, 2), {"pooling_param": {"kernel_size": 2, "stride": 2}}),
    "InnerProduct": ((1, 1), (1, 1), {"inner_product_param": {"num_output": 6}}),
    "EuclideanLoss": ((2, 2), (0, 1), {}),
    "Silence": ((1, 2), (0, 0), {}),
}


def random_net(seed: int, layers: int = 14) -> Any:
    """A net that resolves; the same for the same seed."""
    random = Random(seed)
    net = caffe_pb2.NetParameter()
    net.layer.add(name="data", type="Input", top=["data"],
                  input_param={"shape": [{"dim": [2, 4, 4, 4]}]})
    while len(net.layer) < layers:
        longer = caffe_pb2.NetParameter()
        longer.CopyFrom(net)
        _add(longer, random)
        try:
            resolve(longer)
        except NetbuilderError:  # the bottoms do not fit: draw again
            continue
        net = longer
    return net


def _add(net: Any, random: Random) -> None:
    made = list(dict.fromkeys(top for layer in net.layer for top in layer.top))
    kind = random.choice(list(TYPES))
    bottoms, tops, fields = TYPES[kind]
    message = net.layer.add(name=f"{kind}{len(net.layer)}", type=kind, **fields)
    message.bottom.extend(random.choice(made) for _ in range(random.randint(*bottoms)))
    message.top.extend(f"b{len(net.layer)}_{index}" for index in range(random.randint(*tops)))
    if kind == "TanH" and random.random() < 0.5:
        message.top[0] = message.bottom[0]
    if message.top and random.random() < 0.1:
        message.loss_weight.extend([1] * len(message.top))
