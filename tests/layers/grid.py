"""Seeded random single-layer nets over the options of every layer type.

A case is a row of CASES: layer type -> function of a Random that returns bottom shapes and the
layer's fields. About one net in three is meant to be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from netbuilder.layer import Shape
from netbuilder.proto import caffe_pb2
from netbuilder.proto.assign import assign

Case = tuple[list[Shape], dict[str, Any]]


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
    return [build(type_name, *CASES[type_name](random)) for _ in range(count)]


def maybe(random: Random, chance: float = 0.5, **choices: Callable[[], Any]) -> dict[str, Any]:
    """Each field with that chance."""
    return {name: draw() for name, draw in choices.items() if random.random() < chance}


def shape_of(random: Random, axes: int | None = None, low: int = 1, high: int = 8) -> Shape:
    axes = random.choice((0, 1, 2, 3, 4, 4, 5)) if axes is None else axes
    return tuple(random.randint(low, high) for _ in range(axes))


def axis_of(random: Random, shape: Shape, beyond: int = 1) -> int:
    """An axis, negative or not, sometimes one that does not exist."""
    return random.randint(-len(shape) - beyond, len(shape) - 1 + beyond)


def usual(random: Random, *values: Any) -> Any:
    """The first value in seven of ten draws, else any."""
    return values[0] if random.random() < 0.7 else random.choice(values)


def filler(random: Random) -> dict[str, Any]:
    """A filler; one in twenty does not exist."""
    kinds = ("constant", "gaussian", "msra", "positive_unitball", "uniform", "xavier")
    return {"type": "xaviar" if random.random() < 0.05 else random.choice(kinds)}


# Windows.


def image(random: Random, size: int = 14) -> Shape:
    return (random.randint(1, 3), random.choice((1, 2, 3, 4, 6, 8)), random.randint(1, size),
            random.randint(1, size))


def window(random: Random, stem: str, values: Sequence[int], axes: int) -> dict[str, Any]:
    """``stride: 2`` / ``stride: [2, 3]`` / ``stride_h, stride_w``, or a wrong mix of them."""
    listed = "kernel_size" if stem == "kernel" else stem
    draw = [random.choice(values) for _ in range(axes)]
    form = random.random()
    if form < 0.45:
        return {listed: draw[:1]}
    if form < 0.65:
        return {listed: draw}
    if form < 0.85 and axes == 2:
        return {f"{stem}_h": draw[0], f"{stem}_w": draw[1]}
    return wrong_window(random, stem, draw, values)


def wrong_window(
    random: Random, stem: str, draw: list[int], values: Sequence[int]
) -> dict[str, Any]:
    listed, wrong = "kernel_size" if stem == "kernel" else stem, random.random()
    if wrong < 0.2 and stem != "stride":  # stride_w would be 0: Caffe may load that, then dies
        return {f"{stem}_h": random.choice(values)}
    if wrong < 0.3:
        return {listed: draw, f"{stem}_w": random.choice(values)}
    if wrong < 0.4:
        return {listed: [*draw, 1]}
    return {} if stem != "kernel" else {listed: draw[:1]}


def convolution(random: Random) -> Case:
    axes = usual(random, 2, 1, 3, 0)
    shape = image(random)[:2] + shape_of(random, axes, 1, 14)
    fields = {"num_output": usual(random, 8, 1, 3, 4, 6, 12, 0)}
    fields |= window(random, "kernel", (1, 2, 3, 3, 5, 7), axes)
    fields |= window(random, "stride", (1, 1, 2, 3), axes)
    fields |= window(random, "pad", (0, 0, 1, 2, 3), axes)
    fields |= maybe(random, 0.3, dilation=lambda: random.choice([[1], [2], [3], [2] * axes]))
    fields |= maybe(random, 0.3, group=lambda: random.choice([1, 2, 3, 4, shape[1]]))
    fields |= maybe(random, 0.3, bias_term=lambda: random.random() < 0.5)
    fields |= maybe(random, 0.2, axis=lambda: random.choice([0, 1, 2, -1, -3, 5]))
    fields |= maybe(random, 0.1, force_nd_im2col=lambda: True)
    fields |= maybe(random, 0.3, weight_filler=lambda: filler(random),
                    bias_filler=lambda: filler(random))
    many = usual(random, 1, 2)
    bottoms = [shape] * many
    if random.random() < 0.05:
        bottoms = [shape, image(random)]
    return bottoms, {"convolution_param": fields, "tops": usual(random, len(bottoms), 1, 2)}


def im2col(random: Random) -> Case:
    bottoms, fields = convolution(random)
    fields["convolution_param"].pop("num_output")
    return bottoms[:1], {**fields, "tops": 1}


def pooling(random: Random) -> Case:
    fields: dict[str, Any] = {"pool": usual(random, "MAX", "AVE", "STOCHASTIC")}
    if random.random() < 0.15:
        fields["global_pooling"] = random.random() < 0.8
    kernel = random.random()
    if kernel < 0.6 and "global_pooling" not in fields:
        fields["kernel_size"] = random.choice((1, 2, 3, 3, 5, 7, 0))
    elif kernel < 0.9:
        fields |= maybe(random, 0.9, kernel_h=lambda: random.choice((1, 2, 3, 5)),
                        kernel_w=lambda: random.choice((1, 2, 3, 5)))
    for stem, values in (("stride", (1, 2, 2, 3, 4)), ("pad", (0, 0, 1, 1, 2))):
        if random.random() < 0.5:
            fields[stem] = random.choice(values)
        elif random.random() < 0.4:
            fields |= maybe(random, 0.9, **{f"{stem}_{side}": lambda v=values: random.choice(v)
                                            for side in "hw"})
    fields |= maybe(random, 0.3, round_mode=lambda: random.choice(("CEIL", "FLOOR")))
    shape = image(random) if random.random() < 0.92 else shape_of(random)
    return [shape], {"pooling_param": fields, "tops": usual(random, 1, 2)}


# Linear maps.


def inner_product(random: Random) -> Case:
    shape = shape_of(random)
    fields = {"num_output": usual(random, 7, 1, 3, 0)}
    fields |= maybe(random, 0.4, axis=lambda: axis_of(random, shape),
                    transpose=lambda: random.random() < 0.5,
                    bias_term=lambda: random.random() < 0.5,
                    weight_filler=lambda: filler(random), bias_filler=lambda: filler(random))
    return [shape], {"inner_product_param": fields}


def along_axes(param: str) -> Callable[[Random], Case]:
    """Scale and Bias."""

    def case(random: Random) -> Case:
        shape = shape_of(random, None, 1, 3)
        fields = maybe(random, 0.5, axis=lambda: axis_of(random, shape),
                       num_axes=lambda: random.choice((-1, 0, 1, 1, 2, 3, -2)))
        if param == "scale_param":
            fields |= maybe(random, 0.5, bias_term=lambda: random.random() < 0.7)
        if random.random() < 0.6:
            return [shape], {param: fields}
        start = random.randint(0, len(shape))
        second = shape[start: random.randint(start, len(shape))]
        if random.random() < 0.5:
            fields["axis"] = start
        return [shape, second], {param: fields}

    return case


def embed(random: Random) -> Case:
    fields = {"num_output": usual(random, 5, 1, 0), "input_dim": usual(random, 9, 1, 0)}
    fields |= maybe(random, 0.4, bias_term=lambda: random.random() < 0.5)
    return [shape_of(random)], {"embed_param": fields}


# Statistics.


def batch_norm(random: Random) -> Case:
    fields = maybe(random, 0.3, use_global_stats=lambda: random.random() < 0.5,
                   eps=lambda: 1e-3)
    extra = {}
    if random.random() < 0.4:
        amount = usual(random, 3, 1, 2, 4)
        extra["param"] = [{"lr_mult": usual(random, 0, 1)} if random.random() < 0.9 else {}
                          for _ in range(amount)]
    return [shape_of(random)], {"batch_norm_param": fields, **extra}


def lrn(random: Random) -> Case:
    fields = maybe(random, 0.5, local_size=lambda: random.randint(0, 6),
                   norm_region=lambda: random.choice(("ACROSS_CHANNELS", "WITHIN_CHANNEL")),
                   alpha=lambda: 0.1, k=lambda: 2)
    return [usual(random, image(random), shape_of(random))], {"lrn_param": fields}


def mvn(random: Random) -> Case:
    fields = maybe(random, 0.4, normalize_variance=lambda: False, across_channels=lambda: True)
    return [usual(random, image(random), shape_of(random))], {"mvn_param": fields}


# Values combined and moved.


def near(random: Random, shape: Shape, axis: int) -> Shape:
    """The shape with another size on one axis; sometimes on a wrong one, or of other length."""
    if not shape:
        return shape
    other = list(shape)
    place = random.randrange(len(shape)) if random.random() < 0.1 else axis % len(shape)
    other[place] = random.randint(1, 6)
    return tuple(other) if random.random() < 0.95 else (*other, 1)


def concat(random: Random) -> Case:
    shape = shape_of(random)
    axis = usual(random, 1, axis_of(random, shape))
    fields = {"axis": axis} if axis != 1 or random.random() < 0.3 else {}
    if random.random() < 0.15:
        fields = {**maybe(random, 0.2, axis=lambda: 1), "concat_dim": random.randint(0, 5)}
    count = usual(random, 2, 1, 3)
    return ([shape] + [near(random, shape, axis) for _ in range(count - 1)],
            {"concat_param": fields})


def slice_(random: Random) -> Case:
    shape = shape_of(random)
    axis = usual(random, 1, axis_of(random, shape))
    fields: dict[str, Any] = {"axis": axis} if axis != 1 or random.random() < 0.3 else {}
    if random.random() < 0.15:
        fields = {**maybe(random, 0.2, axis=lambda: 1), "slice_dim": random.randint(0, 5)}
    tops = usual(random, 2, 1, 3, 4)
    if random.random() < 0.5:
        points = [random.randint(0, 8) for _ in range(usual(random, tops - 1, tops))]
        fields["slice_point"] = sorted(points) if random.random() < 0.9 else points
    return [shape], {"slice_param": fields, "tops": tops}


def flatten(random: Random) -> Case:
    shape = shape_of(random)
    return [shape], {"flatten_param": maybe(
        random, 0.5, axis=lambda: axis_of(random, shape), end_axis=lambda: axis_of(random, shape))}


def reshape(random: Random) -> Case:
    shape = tuple(random.choice((1, 2, 3, 4, 6)) for _ in range(random.randint(0, 4)))
    dims = [random.choice((0, -1, 1, 2, 3, 4, 6, 12)) for _ in range(random.randint(0, 4))]
    if random.random() < 0.5 and -1 not in dims:
        dims.insert(random.randint(0, len(dims)), -1)
    fields: dict[str, Any] = {"shape": {"dim": dims}} if random.random() < 0.95 else {}
    fields |= maybe(random, 0.3, axis=lambda: axis_of(random, shape, 2),
                    num_axes=lambda: random.choice((-1, 0, 1, 2, -2)))
    return [shape], {"reshape_param": fields}


def eltwise(random: Random) -> Case:
    shape, count = shape_of(random), usual(random, 2, 1, 3)
    fields = maybe(random, 0.5, operation=lambda: random.choice(("SUM", "PROD", "MAX")))
    if random.random() < 0.3:
        fields["coeff"] = [random.choice((1, -1, 0.5)) for _ in range(usual(random, count, 1))]
    others = [usual(random, shape, near(random, shape, 1)) for _ in range(count - 1)]
    return [shape, *others], {"eltwise_param": fields}


def softmax(random: Random) -> Case:
    shape = shape_of(random)
    return [shape], {"softmax_param": maybe(random, 0.4, axis=lambda: axis_of(random, shape))}


def argmax(random: Random) -> Case:
    shape = shape_of(random)
    return [shape], {"argmax_param": maybe(
        random, 0.4, axis=lambda: axis_of(random, shape), top_k=lambda: random.randint(0, 4),
        out_max_val=lambda: random.random() < 0.5)}


# Losses.


def labels_for(random: Random, scores: Shape, axis: int) -> Shape:
    """Labels that number all axes but one, in one of several layouts, or that do not."""
    if not scores:
        return shape_of(random)
    axis %= len(scores)
    layouts = [scores[:axis] + scores[axis + 1:], scores[:axis] + (1,) + scores[axis + 1:],
               scores[:1], scores]
    return usual(random, *layouts)


def labelled(random: Random) -> tuple[list[Shape], dict[str, Any]]:
    scores = shape_of(random)
    axis = usual(random, 1, axis_of(random, scores))
    fields = {"axis": axis} if axis != 1 else {}
    return [scores, labels_for(random, scores, axis)], fields


def softmax_loss(random: Random) -> Case:
    bottoms, fields = labelled(random)
    extra: dict[str, Any] = {"tops": usual(random, 1, 0, 2)}
    extra |= maybe(random, 0.2, loss_weight=lambda: [random.choice((0, 1, 0.5))]
                   * usual(random, 1, 2))
    extra |= maybe(random, 0.3, loss_param=lambda: maybe(
        random, 0.5, ignore_label=lambda: 255, normalize=lambda: True,
        normalization=lambda: "BATCH_SIZE"))
    return bottoms, {"softmax_param": fields, **extra}


def euclidean(random: Random) -> Case:
    first = shape_of(random)
    second = usual(random, first, near(random, first, 1), near(random, first, 0), first[::-1])
    return [first, second], {"tops": usual(random, 1, 0, 2)}


def accuracy(random: Random) -> Case:
    bottoms, fields = labelled(random)
    fields |= maybe(random, 0.3, top_k=lambda: random.randint(0, 5), ignore_label=lambda: 255)
    return bottoms, {"accuracy_param": fields, "tops": usual(random, 1, 0, 2, 3)}


def class_labels(random: Random) -> Case:
    scores = shape_of(random)
    labels = usual(random, scores[:1], (*scores[:1], 1, 1, 1), labels_for(random, scores, 1))
    return [scores, labels], {"tops": usual(random, 1, 0, 2)}


def infogain(random: Random) -> Case:
    bottoms, fields = labelled(random)
    classes = bottoms[0][fields.get("axis", 1) % len(bottoms[0])] if bottoms[0] else 2
    matrix = usual(random, (1, 1, classes, classes), (classes, classes), (classes + 1, classes))
    weight = maybe(random, 0.2, loss_weight=lambda: [1] * usual(random, 1, 2))
    return ([*bottoms, matrix][: usual(random, 3, 2)],
            {"infogain_loss_param": fields, "tops": usual(random, 1, 0, 2), **weight})


def contrastive(random: Random) -> Case:
    first = usual(random, shape_of(random, 2), (*shape_of(random, 2), 1, 1), shape_of(random))
    same = usual(random, first[:1], (*first[:1], 1, 1, 1), first)
    second = usual(random, first, near(random, first, 1))
    return [first, second, same], {"tops": usual(random, 1, 0)}


# Picking, cutting and repeating.


def crop(random: Random) -> Case:
    data = shape_of(random, None, 2)
    size = tuple(max(1, dim - random.choice((0, 0, 1, 2, -1))) for dim in data)
    if random.random() < 0.1:
        size = shape_of(random)
    fields = maybe(random, 0.6, axis=lambda: axis_of(random, data))
    if random.random() < 0.5:
        many = usual(random, 1, 2, len(data) - fields.get("axis", 2) % max(len(data), 1))
        fields["offset"] = [random.randint(0, 2) for _ in range(max(many, 0))]
    return [data, size], {"crop_param": fields}


def tile(random: Random) -> Case:
    shape = shape_of(random)
    fields = maybe(random, 0.8, tiles=lambda: random.choice((1, 2, 3, 0, -1)))
    fields |= maybe(random, 0.5, axis=lambda: axis_of(random, shape))
    return [shape], {"tile_param": fields}


def batch_reindex(random: Random) -> Case:
    return [shape_of(random), usual(random, shape_of(random, 1), shape_of(random))], {}


def filter_(random: Random) -> Case:
    data = shape_of(random)
    selector = usual(random, data[:1], (*data[:1], 1, 1), (*data[:1], 2), shape_of(random))
    bottoms = [data] * usual(random, 1, 2) + [selector]
    return bottoms, {"tops": usual(random, len(bottoms) - 1, 1, 2)}


def reduction(random: Random) -> Case:
    shape = shape_of(random)
    fields = maybe(random, 0.5, axis=lambda: axis_of(random, shape), coeff=lambda: 2,
                   operation=lambda: random.choice(("SUM", "ASUM", "SUMSQ", "MEAN")))
    return [shape], {"reduction_param": fields}


def spp(random: Random) -> Case:
    fields = {"pyramid_height": usual(random, random.randint(1, 4), 0),
              **maybe(random, 0.5, pool=lambda: random.choice(("MAX", "AVE")))}
    return [usual(random, image(random, 20), shape_of(random))], {"spp_param": fields}


# Steps in time.


def recurrent(states: int) -> Callable[[Random], Case]:
    def case(random: Random) -> Case:
        steps, streams, width = (random.randint(1, 4) for _ in range(3))
        data = usual(random, (steps, streams, *shape_of(random, random.randint(1, 3))),
                     shape_of(random))
        fields = {"num_output": usual(random, width, 0),
                  **maybe(random, 0.3, expose_hidden=lambda: random.random() < 0.8)}
        bottoms = [data, usual(random, data[:2], data[:1], (*data[:2], 1))]
        if random.random() < 0.3:
            static = (streams, *shape_of(random, random.randint(0, 2)))
            bottoms.append(usual(random, static, data[1:]))
        exposed = states if fields.get("expose_hidden") else 0
        bottoms += [usual(random, (1, streams, width), (streams, width))] * usual(
            random, exposed, 1)
        return bottoms, {"recurrent_param": fields, "tops": usual(random, 1 + exposed, 1, 2)}

    return case


def lstm_unit(random: Random) -> Case:
    streams, width = random.randint(1, 4), random.randint(1, 4)
    cell = usual(random, (1, streams, width), (2, streams, width), (streams, width))
    gates = usual(random, (1, streams, 4 * width), (1, streams, width))
    marks = usual(random, (1, streams), (1, streams, 1), (streams,))
    return [cell, gates, marks], {"tops": usual(random, 2, 1)}


# Neurons: any shape through, plus the few fields that are checked.


def neuron(param: str = "", **choices: Sequence[Any]) -> Callable[[Random], Case]:
    def case(random: Random) -> Case:
        fields = {name: random.choice(values) for name, values in choices.items()
                  if random.random() < 0.5}
        bottoms = [shape_of(random)] * usual(random, 1, 0, 2)
        return bottoms, {**({param: fields} if param else {}), "tops": usual(random, 1, 0, 2)}

    return case


def clip(random: Random) -> Case:
    return [shape_of(random)], {"clip_param": maybe(random, 0.8, min=lambda: -1, max=lambda: 6)}


# Sources.


def declared(random: Random) -> list[dict[str, list[int]]]:
    return [{"dim": list(shape_of(random))} for _ in range(random.choice((1, 1, 2, 3)))]


def input_(random: Random) -> Case:
    shapes = declared(random)
    return [], {"input_param": {"shape": shapes}, "tops": usual(random, len(shapes), 1, 2, 0)}


def dummy(random: Random) -> Case:
    fields: dict[str, Any] = {}
    if random.random() < 0.6:
        fields["shape"] = declared(random)
    if "shape" not in fields or random.random() < 0.1:
        for name in ("num", "channels", "height", "width"):
            fields[name] = [random.randint(1, 5) for _ in range(usual(random, 1, 2, 0))]
    fields |= maybe(random, 0.3, data_filler=lambda: [
        filler(random)] * usual(random, 1, 2, 3))
    return [], {"dummy_data_param": fields, "tops": random.choice((1, 1, 2, 3))}


def memory(random: Random) -> Case:
    fields = {name: random.choice((1, 2, 3, 8, 0) if random.random() < 0.2 else (2, 3, 8))
              for name in ("batch_size", "channels", "height", "width")}
    extra = maybe(random, 0.2, transform_param=lambda: {"crop_size": random.randint(1, 4)})
    return [], {"memory_data_param": fields, "tops": usual(random, 2, 1, 3), **extra}


def parameter(random: Random) -> Case:
    return [], {"parameter_param": {"shape": {"dim": list(shape_of(random))}}}


def several(tops: Sequence[int]) -> Callable[[Random], Case]:
    def case(random: Random) -> Case:
        return [shape_of(random)] * usual(random, 1, 2), {"tops": random.choice(tops)}

    return case


CASES: dict[str, Callable[[Random], Case]] = {
    "AbsVal": neuron(),
    "Accuracy": accuracy,
    "ArgMax": argmax,
    "BNLL": neuron(),
    "BatchNorm": batch_norm,
    "BatchReindex": batch_reindex,
    "Bias": along_axes("bias_param"),
    "Clip": clip,
    "Concat": concat,
    "ContrastiveLoss": contrastive,
    "Convolution": convolution,
    "Crop": crop,
    "Deconvolution": convolution,
    "Dropout": neuron("dropout_param", dropout_ratio=(0.5, 0.2, 0, 1, 1.5, -0.1)),
    "DummyData": dummy,
    "ELU": neuron("elu_param", alpha=(1, 0.5, -1)),
    "Eltwise": eltwise,
    "Embed": embed,
    "EuclideanLoss": euclidean,
    "Exp": neuron("exp_param", base=(-1, 2, 10, 0, -2), scale=(1, 2), shift=(0, 1)),
    "Filter": filter_,
    "Flatten": flatten,
    "HingeLoss": class_labels,
    "Im2col": im2col,
    "InfogainLoss": infogain,
    "InnerProduct": inner_product,
    "Input": input_,
    "LRN": lrn,
    "LSTM": recurrent(2),
    "LSTMUnit": lstm_unit,
    "Log": neuron("log_param", base=(-1, 2, 10, 0, -2), scale=(1, 2), shift=(0, 1)),
    "MVN": mvn,
    "MemoryData": memory,
    "MultinomialLogisticLoss": class_labels,
    "PReLU": neuron("prelu_param", channel_shared=(True, False)),
    "Parameter": parameter,
    "Pooling": pooling,
    "Power": neuron("power_param", power=(1, 2, 0, -1), scale=(1, 0), shift=(0, 1)),
    "RNN": recurrent(1),
    "ReLU": neuron("relu_param", negative_slope=(0, 0.1, -1)),
    "Reduction": reduction,
    "Reshape": reshape,
    "SPP": spp,
    "Scale": along_axes("scale_param"),
    "Sigmoid": neuron(),
    "SigmoidCrossEntropyLoss": euclidean,
    "Silence": several((0, 1)),
    "Slice": slice_,
    "Softmax": softmax,
    "SoftmaxWithLoss": softmax_loss,
    "Split": several((0, 1, 2, 3)),
    "Swish": neuron("swish_param", beta=(1, 0.5, 0)),
    "TanH": neuron(),
    "Threshold": neuron("threshold_param", threshold=(0, 0.5)),
    "Tile": tile,
}
