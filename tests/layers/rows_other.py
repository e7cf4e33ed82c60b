"""Rows of the grid: values combined, moved and compared, neurons, and sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from draws import Case, axis_of, filler, maybe, near, shape_of, usual
from rows_learned import image

from netbuilder.layer import Shape

# Values combined and moved.


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
    weight = maybe(random, 0.2, loss_weight=lambda: [1] * usual(random, 1, 2),
                   loss_param=lambda: random.choice(({"normalize": True}, {"ignore_label": 0})))
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
              **maybe(random, 0.5, pool=lambda: random.choice(("MAX", "AVE", "STOCHASTIC")))}
    return [usual(random, image(random, 20), shape_of(random))], {"spp_param": fields}


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
    extra = maybe(random, 0.2, transform_param=lambda: random.choice((
        {"crop_size": random.randint(1, 4)}, {"mean_file": "none", "mean_value": [1]})))
    return [], {"memory_data_param": fields, "tops": usual(random, 2, 1, 3), **extra}


def parameter(random: Random) -> Case:
    return [], {"parameter_param": {"shape": {"dim": list(shape_of(random))}}}


def several(tops: Sequence[int]) -> Callable[[Random], Case]:
    def case(random: Random) -> Case:
        return [shape_of(random)] * usual(random, 1, 2), {"tops": random.choice(tops)}

    return case
