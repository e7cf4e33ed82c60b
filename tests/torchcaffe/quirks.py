"""Places where Caffe's numbers are not those that PyTorch's defaults give, worked out by hand.

docs/caffe-semantics.md names them; each row is one layer (or a few) small enough to check on paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log, sqrt
from typing import Any, NamedTuple

import numpy as np
from layer_cases import TEST, TRAIN, Case, net_text


class Quirk(NamedTuple):
    """Layers, what is put into blobs and parameters, and what must come out of them."""

    layers: str
    given: Mapping[str, Any]
    expected: Mapping[str, Any]
    phase: int = TRAIN
    passes: int = 1
    force: bool = True  # that all bottoms get a gradient

    def case(self, name: str) -> Case:
        """The net as text, with arrays to put in."""
        arrays = {place: np.array(values, np.float32) for place, values in self.given.items()}
        inputs = {place.removeprefix("data/"): array for place, array in arrays.items()
                  if place.startswith("data/")}
        return Case(name, net_text(inputs, self.layers, self.force), arrays,
                    self.phase, self.passes)


def one(type_name: str, fields: str = "", bottoms: str = "x", tops: str = "out") -> str:
    """The layer ``it`` as text."""
    names = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    outs = " ".join(f'top: "{top}"' for top in tops.split())
    return f'layer {{ name: "it" type: "{type_name}" {names} {outs} {fields} }}\n'


def row(*values: float) -> list:
    """An image of one channel, one pixel high."""
    return [[[list(values)]]]


def pool(fields: str, tops: str = "out") -> str:
    return one("Pooling", f"pooling_param {{ kernel_h: 1 {fields} }}", tops=tops)


def power(name: str, bottom: str, scale: float) -> str:
    return (f'layer {{ name: "{name}" type: "Power" bottom: "{bottom}" top: "{name}" '
            f"power_param {{ scale: {scale} }} }}\n")


def class_loss(fields: str) -> str:
    return one("SoftmaxWithLoss", f"loss_param {{ {fields} }}", "x label", "loss")


POOLING = {
    # PyTorch rounds down: two windows.
    "pooling rounds up": Quirk(
        pool("kernel_w: 3 stride: 2"), {"data/x": row(1, 2, 3, 4, 5, 6)},
        {"data/out": row(3, 5, 6)}),
    # Rounding up gives three, but the third would begin at 5, where the image ends.
    "pooling clips with pad": Quirk(
        pool("kernel_w: 2 stride_h: 1 stride_w: 3 pad_h: 0 pad_w: 1"),
        {"data/x": row(1, 2, 3, 4, 5)}, {"data/out": row(1, 4)}),
    # Windows of 3, 3, and, since it would reach past the far pad, 2 values.
    "average pooling divides by the padded window": Quirk(
        pool("pool: AVE kernel_w: 3 stride_h: 1 stride_w: 2 pad_h: 0 pad_w: 1"),
        {"data/x": row(1, 1, 1, 1)}, {"data/out": row(2 / 3, 1, 1 / 2)}),
    "of equal values max pooling takes the first": Quirk(
        pool("kernel_w: 2", tops="out where"),
        {"data/x": row(2, 2), "diff/out": row(1), "diff/where": row(0)},
        {"data/where": row(0), "diff/x": row(1, 0)}),
}
X = [[[[1, 3]]], [[[5, 7]]]]  # mean 4, variance 5, unbiased 20 / 3
NORMALIZED = [[[[-3 / sqrt(5), -1 / sqrt(5)]]], [[[1 / sqrt(5), 3 / sqrt(5)]]]]
NORMALIZATION = {
    "batch norm keeps sums and their weight": Quirk(
        one("BatchNorm", "batch_norm_param { moving_average_fraction: 0.5 }"), {"data/x": X},
        {"data/out": NORMALIZED, "param/it/0": [0.5 * 4 + 4], "param/it/1": [0.5 * 20 / 3 + 20 / 3],
         "param/it/2": [0.5 * 1 + 1]}, passes=2),
    "batch norm divides the sums by their weight in TEST": Quirk(
        one("BatchNorm"), {"data/x": X, "param/it/0": [8], "param/it/1": [10], "param/it/2": [2]},
        {"data/out": NORMALIZED, "param/it/2": [2]}, TEST),
    "batch norm without statistics divides by eps only": Quirk(
        one("BatchNorm"), {"data/x": [[1]]}, {"data/out": [[1 / sqrt(1e-5)]]}, TEST),
    "the phase does not matter where use_global_stats is given": Quirk(
        one("BatchNorm", "batch_norm_param { use_global_stats: true }"),
        {"data/x": X, "param/it/0": [8], "param/it/1": [10], "param/it/2": [2]},
        {"data/out": NORMALIZED, "param/it/0": [8], "param/it/2": [2]}),
    "batch norm of one value without eps gives no number": Quirk(
        one("BatchNorm", "batch_norm_param { eps: 0 }"), {"data/x": [[5]]},
        {"data/out": [[float("nan")]]}),
    # With k it would be 2 / (2 + 4).
    "lrn within a channel ignores k": Quirk(
        one("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 1 alpha: 1 beta: 1 k: 2 }"),
        {"data/x": row(2)}, {"data/out": row(2 / (1 + 4))}),
}
SCORES = [[[[0, 0]], [[0, 0]]], [[[0, 0]], [[0, 0]]]]  # two images, two classes, two pixels
LABELS = [[[[0, 1]]], [[[1, 9]]]]


def normalized(mode: str, by: int) -> Quirk:
    """Three labels that count, one that does not, each costing log 2."""
    return Quirk(class_loss(f"ignore_label: 9 {mode}"), {"data/x": SCORES, "data/label": LABELS},
                 {"data/loss": 3 * log(2) / by})


LOSSES = {
    "a loss is divided by the labels that count": normalized("", 3),
    "normalization FULL": normalized("normalization: FULL", 4),
    "normalization BATCH_SIZE": normalized("normalization: BATCH_SIZE", 2),
    "normalization NONE": normalized("normalization: NONE", 1),
    "normalize: false of old files": normalized("normalize: false", 2),
    "a loss ends at 87.3, its gradient does not": Quirk(
        class_loss(""), {"data/x": [[1000, 0]], "data/label": [1]},
        {"data/loss": 126 * log(2), "diff/x": [[1, -1]]}),
    "euclidean loss is half the sum over the images' number": Quirk(
        one("EuclideanLoss", "loss_weight: 0.5", "x y", "loss"),
        {"data/x": [[1, 2, 3]], "data/y": [[0, 0, 0]]},
        {"data/loss": 7, "diff/loss": 0.5, "diff/x": [[0.5, 1, 1.5]]}),
    "accuracy counts a tie as a miss": Quirk(
        one("Accuracy", bottoms="x label"), {"data/x": [[1, 1], [2, 0]], "data/label": [0, 0]},
        {"data/out": 0.5}, force=False),
    "sigmoid cross entropy is divided by the images": Quirk(
        one("SigmoidCrossEntropyLoss", bottoms="x y"),
        {"data/x": [[0, 0, 0], [0, 0, 0]], "data/y": [[1, 0, 1], [1, 1, 0]]},
        {"data/out": 3 * log(2)}),
    "sigmoid cross entropy cuts a target off before it is ignored": Quirk(
        one("SigmoidCrossEntropyLoss", "loss_param { ignore_label: 0 }", "x y"),
        {"data/x": [[0, 0]], "data/y": [[0.5, 1]]}, {"data/out": log(2), "diff/x": [[0, -0.5]]}),
    "a probability is cut at 1e-20, its gradient too": Quirk(
        one("MultinomialLogisticLoss", bottoms="x label"),
        {"data/x": [[0, 1]], "data/label": [0]},
        {"data/out": 20 * log(10), "diff/x": [[-1e20, 0]]}),
    "infogain cuts at 1e-20, its gradient goes on": Quirk(
        one("InfogainLoss", bottoms="x label gain", tops="out odds").replace(
            '"InfogainLoss"', '"InfogainLoss" loss_weight: 1 loss_weight: 0'),
        {"data/x": [[1000, 0]], "data/label": [1], "data/gain": [[1, 0], [0, 1]]},
        {"data/out": 20 * log(10), "data/odds": [[1, 0]]}, force=False),
    "hinge loss leaves what margins lack in the diff": Quirk(
        one("HingeLoss", bottoms="x label"), {"data/x": [[0.25, -2]], "data/label": [0]},
        {"data/out": 0.75, "diff/x": [[0.75, 0]]}, force=False),
    # margin 1: (1 - 3e-4) / (3e-4 + 1e-4) * 3e-4
    "contrastive loss adds 1e-4 to a distance": Quirk(
        one("ContrastiveLoss", bottoms="x y same"),
        {"data/x": [[3e-4]], "data/y": [[0]], "data/same": [0]}, {"diff/x": [[-0.9997 * 0.75]]}),
}
GRADIENTS = {
    "parameter diffs add up, blob diffs do not": Quirk(
        one("InnerProduct", "inner_product_param { num_output: 1 bias_term: false }"),
        {"data/x": [[1, 2]], "param/it/0": [[3, 4]], "diff/out": [[1]]},
        {"grad/it/0": [[2, 4]], "diff/x": [[3, 4]]}, passes=2),
    "scale of one image sets its diff": Quirk(
        one("Scale", "scale_param { bias_term: true }"),
        {"data/x": [[3, 5]], "diff/out": [[1, 1]], "param/it/0": [1, 1], "param/it/1": [0, 0]},
        {"grad/it/0": [3, 5], "grad/it/1": [2, 2]}, passes=2),
    "scale of two images adds to it": Quirk(
        one("Scale"), {"data/x": [[3, 5], [1, 1]], "diff/out": [[1, 1], [1, 1]],
                       "param/it/0": [1, 1]}, {"grad/it/0": [8, 12]}, passes=2),
    "a blob of two readers is split and its diffs summed": Quirk(
        power("p", "x", 1) + power("a", "p", 2) + power("b", "p", 3),
        {"data/x": [[1, 2]], "diff/a": [[1, 1]], "diff/b": [[1, 10]]},
        {"data/p_p_0_split_1": [[1, 2]], "diff/p_p_0_split_0": [[2, 2]],
         "diff/p_p_0_split_1": [[3, 30]], "diff/p": [[5, 32]]}),
    "in place a blob shows its last version": Quirk(
        power("p", "x", 1) + one("ReLU", bottoms="p", tops="p"),
        {"data/x": [[-1, 2]], "diff/p": [[1, 1]]}, {"data/p": [[0, 2]], "diff/x": [[0, 1]]}),
    # A tie of the first two goes to the second, a tie with a later one does not.
    "eltwise max and ties": Quirk(
        one("Eltwise", "eltwise_param { operation: MAX }", "x y z"),
        {"data/x": [[2, 2, 1]], "data/y": [[2, 1, 1]], "data/z": [[1, 2, 1]],
         "diff/out": [[1, 1, 1]]},
        {"diff/x": [[0, 1, 0]], "diff/y": [[1, 0, 1]], "diff/z": [[0, 0, 0]]}),
}
OTHERS = {
    "stable_prod_grad: false divides by zero": Quirk(
        one("Eltwise", "eltwise_param { operation: PROD stable_prod_grad: false }", "x y"),
        {"data/x": [[0, 2]], "data/y": [[3, 4]], "diff/out": [[1, 1]]},
        {"diff/x": [[float("nan"), 4]], "diff/y": [[0, 2]]}),
    # Its derivative would be 1 / 8.
    "mvn takes eps for a part that grows": Quirk(
        one("MVN", "mvn_param { eps: 1 }"), {"data/x": row(1, 3), "diff/out": row(1, 0)},
        {"data/out": row(-0.5, 0.5), "diff/x": row(3 / 16, -3 / 16)}),
    "arg max of equal values takes the last": Quirk(
        one("ArgMax", "argmax_param { out_max_val: true top_k: 2 }"), {"data/x": [[5, 7, 7]]},
        {"data/out": [[[2, 1], [7, 7]]]}, force=False),
    "filter leaves what is chosen": Quirk(
        one("Filter", bottoms="x chosen"), {"data/x": [[1], [2], [3]], "data/chosen": [-1, 0, 0.5]},
        {"data/out": [[1], [3]]}, force=False),
    # (2 - 3) / 2 is 0 in C++ and -1 in Python.
    "a kernel may reach past the image by less than its stride": Quirk(
        one("Convolution", "convolution_param { num_output: 1 kernel_h: 1 kernel_w: 3 stride_h: 1 "
                           "stride_w: 2 bias_term: false }"),
        {"data/x": row(1, 2), "param/it/0": row(1, 10, 100)}, {"data/out": row(21)}),
    "weights without a filler are zero": Quirk(
        one("Convolution", "convolution_param { num_output: 1 kernel_size: 1 }"),
        {"data/x": row(1)}, {"param/it/0": row(0), "param/it/1": [0]}),
    "scale without a filler is one": Quirk(
        one("Scale", "scale_param { bias_term: true }"), {"data/x": [[1]]},
        {"param/it/0": [1], "param/it/1": [0]}),
    "of crossed bounds clip takes the lower": Quirk(
        one("Clip", "clip_param { min: 3 max: 1 }"), {"data/x": [[0, 2, 5]]},
        {"data/out": [[3, 3, 3]], "diff/x": [[0, 0, 0]]}),
    "prelu without a filler is a quarter": Quirk(
        one("PReLU"), {"data/x": [[1]]}, {"param/it/0": [0.25]}),
    "softmax works along axis 1": Quirk(
        one("Softmax"), {"data/x": [[[0, 5], [0, 5]]]}, {"data/out": [[[0.5, 0.5], [0.5, 0.5]]]}),
    "inner product flattens what it gets": Quirk(
        one("InnerProduct", "inner_product_param { num_output: 1 bias_term: false }"),
        {"data/x": [[[[1, 2]], [[3, 4]]]], "param/it/0": [[1, 10, 100, 1000]]},
        {"data/out": [[4321]]}),
    "dropout does nothing in TEST": Quirk(
        one("Dropout"), {"data/x": [[1, 2]]}, {"data/out": [[1, 2]]}, TEST),
}

QUIRKS = {**POOLING, **NORMALIZATION, **LOSSES, **GRADIENTS, **OTHERS}
