"""Seeded random losses: what they take as labels, which of them count, what divides them."""

from __future__ import annotations

from random import Random

import numpy as np
from layer_cases import Arrays, Draw, labels, layer, normal, size, some

MODES = ("FULL", "VALID", "BATCH_SIZE", "NONE")


def turned(random: Random, scores: np.ndarray) -> tuple[np.ndarray, int]:
    """Scores whose classes may lie along another axis than 1, and that axis.

    The first axis stays: a loss wants as many labels there.
    """
    axis = random.randrange(1, scores.ndim)
    named = random.choice((axis, axis - scores.ndim))
    return np.ascontiguousarray(np.moveaxis(scores, 1, axis)), named


def _scores(random: Random, scale: float = 1) -> tuple[np.ndarray, int, tuple[int, ...]]:
    shape = (size(random, 2, 4), size(random, 2, 6), *(size(random, 1, 4) for _ in
                                                       range(random.choice((0, 1, 2)))))
    return normal(random, *shape) * scale, shape[1], (shape[0], *shape[2:])


def softmax_loss(random: Random) -> tuple[Arrays, str]:
    scores, classes, where = _scores(random, random.choice((1, 10, 200)))
    ignored = random.choice((None, -1, 1, 255))
    settings = some(random, normalization=random.choice(MODES),
                    normalize=random.random() < 0.5)
    settings += f" ignore_label: {ignored}" if ignored is not None else ""
    scores, axis = turned(random, scores)
    arrays = {"x": scores, "label": labels(random, classes, *where, ignored=ignored)}
    return layer("SoftmaxWithLoss", arrays, f"softmax_param {{ axis: {axis} }} "
                 f"loss_param {{ {settings} }} "
                 + some(random, loss_weight=0.3), tops=random.choice((0, 1, 1)))


def euclidean(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 4) for _ in range(random.randint(1, 4))]
    other = [shape[0], int(np.prod(shape[1:]))] if random.random() < 0.3 else shape
    return layer("EuclideanLoss", {"x": normal(random, *shape), "y": normal(random, *other)},
                 some(random, loss_weight=2.5))


def accuracy(random: Random) -> tuple[Arrays, str]:
    scores, classes, where = _scores(random)
    ignored = random.choice((None, None, 1, -1))
    fields = f"top_k: {random.randint(1, classes)}"
    fields += f" ignore_label: {ignored}" if ignored is not None else ""
    scores, axis = turned(random, np.round(scores))
    fields += f" axis: {axis}"
    arrays = {"x": scores, "label": labels(random, classes, *where, ignored=ignored)}
    return layer("Accuracy", arrays, f"accuracy_param {{ {fields} }}",
                 tops=random.choice((1, 2)))


def hinge(random: Random) -> tuple[Arrays, str]:
    scores, classes, _ = _scores(random)
    fields = some(random, norm="L2")
    arrays = {"x": scores, "label": labels(random, classes, len(scores))}
    return layer("HingeLoss", arrays, f"hinge_loss_param {{ {fields} }} "
                 + some(random, loss_weight=0.3))


def multinomial(random: Random) -> tuple[Arrays, str]:
    number, classes = size(random, 1, 5), size(random, 2, 6)
    odds = np.exp(normal(random, number, classes))
    odds /= odds.sum(1, keepdims=True)
    odds[0] *= random.choice((1, 0, 1e-22, -1))
    shape = random.choice(((number,), (number, 1), (number, 1, 1, 1)))
    return layer("MultinomialLogisticLoss", {"x": odds, "label": labels(random, classes, *shape)},
                 some(random, loss_weight=0.3))


def sigmoid_cross_entropy(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 5) for _ in range(random.randint(1, 4))]
    ignored = random.choice((None, None, -1, 0, 1))
    targets = labels(random, 2, *shape, ignored=ignored)
    if random.random() < 0.4:  # what ignore_label is compared with is cut off
        targets = targets * random.choice((0.5, 1.5))
    settings = some(random, normalization=random.choice(MODES), normalize=random.random() < 0.5)
    settings += f" ignore_label: {ignored}" if ignored is not None else ""
    arrays = {"x": normal(random, *shape) * random.choice((1, 10)), "target": targets}
    return layer("SigmoidCrossEntropyLoss", arrays, f"loss_param {{ {settings} }} "
                 + some(random, loss_weight=0.3))


def infogain(random: Random) -> tuple[Arrays, str]:
    scores, classes, where = _scores(random, random.choice((1, 10, 100)))
    ignored = random.choice((None, None, -1, 1, 255))
    scores, axis = turned(random, scores)
    square = random.choice(((classes, classes), (1, 1, classes, classes), (classes * classes,)))
    arrays = {"x": scores, "label": labels(random, classes, *where, ignored=ignored),
              "gain": np.abs(normal(random, *square))}
    settings = some(random, normalization=random.choice(MODES))
    settings += f" ignore_label: {ignored}" if ignored is not None else ""
    tops = random.choice((1, 1, 2))
    weights = "loss_weight: 0.5 loss_weight: 0.25" if tops == 2 else some(random, loss_weight=0.3)
    return layer("InfogainLoss", arrays, f"infogain_loss_param {{ axis: {axis} }} "
                 f"loss_param {{ {settings} }} {weights}", tops)


def contrastive(random: Random) -> tuple[Arrays, str]:
    shape = (size(random, 1, 6), size(random, 1, 4), *random.choice(((), (1,), (1, 1))))
    first = normal(random, *shape)
    second = first + normal(random, *shape) * random.choice((0.3, 1))
    if random.random() < 0.3:
        second[0] = first[0]
    alike = labels(random, 2, shape[0]).reshape(random.choice(((-1,), (-1, 1))))
    if random.random() < 0.3:
        alike = alike * random.choice((0.5, 2))
    fields = some(random, margin=random.choice((0.5, 2)), legacy_version=True)
    return layer("ContrastiveLoss", {"x": first, "y": second, "alike": alike},
                 f"contrastive_loss_param {{ {fields} }} " + some(random, loss_weight=0.3))


LOSS_DRAWS: dict[str, tuple[int, Draw]] = {
    "Accuracy": (16, accuracy),
    "ContrastiveLoss": (16, contrastive),
    "EuclideanLoss": (6, euclidean),
    "HingeLoss": (10, hinge),
    "InfogainLoss": (24, infogain),
    "MultinomialLogisticLoss": (10, multinomial),
    "SigmoidCrossEntropyLoss": (16, sigmoid_cross_entropy),
    "SoftmaxWithLoss": (24, softmax_loss),
}
