"""Seeded random single-layer nets over the options of every layer type.

A row of CASES is a function of a Random that returns bottom shapes and the layer's fields. About
one net in three is meant to be refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import rows_learned as learned
import rows_other as other
from draws import Case

from netbuilder.layer import Shape
from netbuilder.proto import caffe_pb2
from netbuilder.proto.assign import assign


def build(type_name: str, bottoms: Sequence[Shape], fields: dict[str, Any]) -> Any:
    """A net: one DummyData with all bottoms, and the layer ``it``. ``tops`` is a number."""
    net = caffe_pb2.NetParameter(name=type_name)
    fields = dict(fields)
    tops = [f"out{n}" for n in range(fields.pop("tops", 1))]
    names = [f"in{n}" for n in range(len(bottoms))]
    if bottoms:
        data = net.layer.add(name="data", type="DummyData", top=names)
        for shape in bottoms:
            data.dummy_data_param.shape.add(dim=shape)
    layer = net.layer.add(name="it", type=type_name, bottom=names, top=tops)
    for name, value in fields.items():
        assign(layer, name, value)
    return net


def cases(type_name: str, count: int) -> list[Any]:
    """That many nets of a type; the same every time."""
    random = Random(type_name)
    nets = [build(type_name, *CASES[type_name](random)) for _ in range(count)]
    for net in nets:
        layer = net.layer[-1]
        if layer.bottom and layer.top and random.random() < 0.15:  # in place
            layer.top[0] = layer.bottom[0]
    return nets


CASES: dict[str, Callable[[Random], Case]] = {
    "AbsVal": other.neuron(),
    "Accuracy": other.accuracy,
    "ArgMax": other.argmax,
    "BNLL": other.neuron(),
    "BatchNorm": learned.batch_norm,
    "BatchReindex": other.batch_reindex,
    "Bias": learned.along_axes("bias_param"),
    "Clip": other.clip,
    "Concat": other.concat,
    "ContrastiveLoss": other.contrastive,
    "Convolution": learned.convolution,
    "Crop": other.crop,
    "Deconvolution": learned.convolution,
    "Dropout": other.neuron("dropout_param", dropout_ratio=(0.5, 0.2, 0, 1, 1.5, -0.1)),
    "DummyData": other.dummy,
    "ELU": other.neuron("elu_param", alpha=(1, 0.5, -1)),
    "Eltwise": other.eltwise,
    "Embed": learned.embed,
    "EuclideanLoss": other.euclidean,
    "Exp": other.neuron("exp_param", base=(-1, 2, 10, 1, 0, -2, math.inf, math.nan),
                        scale=(1, 2), shift=(0, 1)),
    "Filter": other.filter_,
    "Flatten": other.flatten,
    "HingeLoss": other.class_labels,
    "Im2col": learned.im2col,
    "InfogainLoss": other.infogain,
    "InnerProduct": learned.inner_product,
    "Input": other.input_,
    "LRN": learned.lrn,
    "LSTM": learned.recurrent(2),
    "LSTMUnit": learned.lstm_unit,
    "Log": other.neuron("log_param", base=(-1, 2, 10, 1, 0, -2, math.inf, math.nan),
                        scale=(1, 2), shift=(0, 1)),
    "MVN": learned.mvn,
    "MemoryData": other.memory,
    "MultinomialLogisticLoss": other.class_labels,
    "PReLU": other.neuron("prelu_param", channel_shared=(True, False)),
    "Parameter": other.parameter,
    "Pooling": learned.pooling,
    "Power": other.neuron("power_param", power=(1, 2, 0, -1), scale=(1, 0), shift=(0, 1)),
    "RNN": learned.recurrent(1),
    "ReLU": other.neuron("relu_param", negative_slope=(0, 0.1, -1)),
    "Reduction": other.reduction,
    "Reshape": other.reshape,
    "SPP": other.spp,
    "Scale": learned.along_axes("scale_param"),
    "Sigmoid": other.neuron(),
    "SigmoidCrossEntropyLoss": other.euclidean,
    "Silence": other.several((0, 1)),
    "Slice": other.slice_,
    "Softmax": other.softmax,
    "SoftmaxWithLoss": other.softmax_loss,
    "Split": other.several((0, 1, 2, 3)),
    "Swish": other.neuron("swish_param", beta=(1, 0.5, 0)),
    "TanH": other.neuron(),
    "Threshold": other.neuron("threshold_param", threshold=(0, 0.5)),
    "Tile": other.tile,
}
