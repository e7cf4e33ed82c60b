"""Every layer's formula once more, on counting numbers. Of a choice, the longer way is walked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from counted_sums import (
    batch_norm,
    bn,
    convolution,
    deconvolution,
    inner_product,
    interp,
    lrn,
    lstm,
    mvn,
    normalize,
    pooling,
    rnn,
    sigmoid,
    spp,
    unit_of_lstm,
)
from counting_numbers import (
    KINDS,
    Given,
    Number,
    Shape,
    exp,
    larger,
    largest,
    log,
    more,
    root,
    smaller,
    tanh,
    total,
)

from netbuilder.proto import caffe_pb2

# Across blobs, and losses.


def softmax(given: Given, axis: int = 1) -> None:
    for line in given.lines(axis):
        values = list(line)
        largest(values)
        powers = [exp(x - "the largest") for x in values]
        sums = total(powers)
        [power / sums for power in powers]


def eltwise(given: Given) -> None:
    fields = given.message.eltwise_param
    coefficients = list(fields.coeff) or [1] * len(given.shapes)
    for _ in given.each():
        x, *others = (given.x if coeff == 1 else given.x * coeff for coeff in coefficients)
        for other in others:
            x = {fields.SUM: x.__add__, fields.PROD: x.__mul__,
                 fields.MAX: lambda other, x=x: larger(x, other)}[fields.operation](other)


def reduction(given: Given) -> None:
    fields = given.message.reduction_param
    term: Callable[[Number], Number] = {
        fields.ASUM: lambda x: larger(x, "-x"), fields.SUMSQ: lambda x: x * x,
    }.get(fields.operation, lambda x: x)
    shape, axis = given.shapes[0], fields.axis % len(given.shapes[0])
    for _ in given.each(shape[:axis]):
        result = total(term(x) for x in given.each(shape[axis:]))
        if fields.coeff != 1 or fields.operation == fields.MEAN:
            result * "coeff"


def log_loss(given: Given) -> None:
    """Of each label."""
    for p in given.each(given.shapes[1]):
        "loss" - log(larger(p, "tiny"))


def softmax_loss(given: Given) -> None:
    softmax(given, given.message.softmax_param.axis)
    log_loss(given)


def infogain_loss(given: Given) -> None:
    softmax(given)
    for p in given.each():
        "loss" - "gain" * log(larger(p, "tiny"))


def sigmoid_cross_entropy(given: Given) -> None:
    for x in given.each():
        positive = more(x, 0)
        "loss" - (x * ("target" - positive) - log(1 + exp(-x)))


def hinge_loss(given: Given) -> None:
    squared = given.message.hinge_loss_param.norm == caffe_pb2.HingeLossParameter.L2
    margins = (larger(1 + x, 0) for x in given.each())
    total(m * m if squared else m for m in margins)


def contrastive_loss(given: Given) -> None:
    legacy = given.message.contrastive_loss_param.legacy_version
    total((x - "the other") * "itself" for x in given.each())
    for distance in given.each(given.shapes[0][:1]):
        if legacy:
            larger("margin" - distance, 0) + "loss"
        else:
            gap = larger("margin" - root(distance), 0)
            gap * gap + "loss"


def argmax(given: Given) -> None:
    for _ in range(given.message.argmax_param.top_k):
        largest(given.each())


# Value by value.


def _exp(given: Given, x: Number) -> None:
    fields = given.message.exp_param
    if fields.base != -1 or fields.scale != 1:  # base ^ y = exp(log(base) y)
        x = x * "log(base) scale"
    x = exp(x)
    if fields.shift:
        x * "base ^ shift"


def _log(given: Given, x: Number) -> None:
    fields = given.message.log_param
    x = x * "scale" if fields.scale != 1 else x
    x = log(x + "shift" if fields.shift else x)
    if fields.base != -1:
        x * "1 / log(base)"


def _power(given: Given, x: Number) -> None:
    fields = given.message.power_param
    if fields.scale and fields.power:
        x = x * "scale" if fields.scale != 1 else x
        x = x + "shift" if fields.shift else x
        if fields.power != 1:
            x ** "power"


def _relu(given: Given, x: Number) -> None:
    if given.message.relu_param.negative_slope:
        _prelu(given, x)
    else:
        larger(x, 0)


def _prelu(given: Given, x: Number) -> None:
    larger(x, 0) + "slope" * smaller(x, 0)


def _dropout(given: Given, x: Number) -> None:
    if given.phase == caffe_pb2.TRAIN:
        x * "mask" * "scale"


def _scale(given: Given, x: Number) -> None:
    x = x * "scale"
    if given.message.scale_param.bias_term:
        x + "bias"


VALUES: dict[str, Callable[[Given, Number], Any]] = {
    "AbsVal": lambda given, x: larger(x, "-x"),
    "BNLL": lambda given, x: more(x, 0) + log(1 + exp(-x)),
    "Bias": lambda given, x: x + "bias",
    "Clip": lambda given, x: smaller(larger(x, "min"), "max"),
    "CReLU": lambda given, x: (larger(x, 0), larger(-x, 0)),
    "Dropout": _dropout,
    "ELU": lambda given, x: larger(x, 0) + "alpha" * (exp(smaller(x, 0)) - 1),
    "Exp": _exp,
    "Log": _log,
    "LSTMUnit": lambda given, x: unit_of_lstm(x),
    "Mean": lambda given, x: x - "mean",
    "Power": _power,
    "PReLU": _prelu,
    "ReLU": _relu,
    "ReLU6": lambda given, x: smaller(larger(x, 0), 6),
    "Scale": _scale,
    "Sigmoid": lambda given, x: sigmoid(x),
    "Swish": lambda given, x: x * sigmoid(x * "beta"),
    "TanH": lambda given, x: tanh(x),
    "Threshold": lambda given, x: more(x, "threshold"),
    "Accuracy": lambda given, x: more(x, "the label's"),
    "EuclideanLoss": lambda given, x: (x - "target") * "itself" + "loss",
    "CenterLoss": lambda given, x: (x - "centre") * "itself" + "loss",
}


def _embed(given: Given) -> None:
    fields = given.message.embed_param
    for value in given.each((*given.shapes[0], fields.num_output)):
        if fields.bias_term:
            value + "bias"


def _axpy(given: Given) -> None:
    for x in given.each(given.shapes[1]):
        "factor" * x + "y"


def _filter(given: Given) -> None:
    for selector in given.each(given.shapes[-1]):
        more(selector, 0)


def _smooth_l1(given: Given) -> None:
    sums = len(given.message.top)
    for x in given.each():
        shift = x - "target"
        for _ in given.shapes[2:]:
            shift = shift * "weight"
        more(larger(shift, "-x"), "1 / sigma^2")
        near = 0.5 * shift * shift * "sigma^2"
        for _ in range(sums):
            near + "loss"


def _channel_norm(given: Given) -> None:
    for line in given.lines(1):
        root(total(x * x for x in line))


WHOLE: dict[str, Callable[[Given], None]] = {
    "ArgMax": argmax,
    "Axpy": _axpy,
    "BN": bn,
    "BatchNorm": batch_norm,
    "ContrastiveLoss": contrastive_loss,
    "ChannelNorm": _channel_norm,
    "Convolution": convolution,
    "ConvolutionDepthwise": partial(convolution, depthwise=True),
    "Deconvolution": deconvolution,
    "DepthwiseConvolution": convolution,
    "Eltwise": eltwise,
    "Embed": _embed,
    "Filter": _filter,
    "HingeLoss": hinge_loss,
    "InfogainLoss": infogain_loss,
    "InnerProduct": inner_product,
    "Interp": interp,
    "LRN": lrn,
    "LSTM": lstm,
    "MVN": mvn,
    "MultinomialLogisticLoss": log_loss,
    "Normalize": normalize,
    "Pooling": pooling,
    "RNN": rnn,
    "Reduction": reduction,
    "SPP": spp,
    "SigmoidCrossEntropyLoss": sigmoid_cross_entropy,
    "SmoothL1Loss": _smooth_l1,
    "Softmax": softmax,
    "SoftmaxWithLoss": softmax_loss,
}


def counted(message: Any, shapes: Sequence[Shape], phase: int) -> tuple[int, ...]:
    """How many operations of each of KINDS a layer's formula does; none for a type without one."""
    given = Given(message, shapes, phase)
    if message.type in WHOLE:
        WHOLE[message.type](given)
    elif message.type in VALUES:
        for x in given.each():
            VALUES[message.type](given, x)
    return tuple(given.tally[kind] for kind in KINDS)
