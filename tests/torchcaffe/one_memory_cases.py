"""Nets in which two layers write into one memory: a loss's weight, a factor that both set; and
windows and batches that torch lays out in its own way."""

from __future__ import annotations

from random import Random

import numpy as np
from layer_cases import TRAIN, Case, extras, normal
from whole_nets import BIASLESS, conv, full

from netbuilder import graph
from netbuilder.proto import caffe_pb2, text

HEAD = 'layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {} }} }} }}\n'
SHARED = 'param { name: "s" }'
ALONE = conv("a", "x", 3, f"kernel_size: 2 {BIASLESS}")


def layer(kind: str, bottom: str, top: str, rest: str = "") -> str:
    return (f'layer {{ name: "{kind}{top}" type: "{kind}" bottom: "{bottom}" top: "{top}" '
            f"{rest} }}\n")


def weighed(bottom: str) -> str:
    """A loss above: the squares of a blob."""
    return layer("Reduction", bottom, "loss", "reduction_param { operation: SUMSQ } loss_weight: 1")


def rows() -> dict[str, tuple[tuple[int, ...], str]]:
    """Shapes of the input, and the layers above it."""
    fc = full("fc", "x", 4)
    weight, wide = "loss_weight: 0.5", "scale_param { axis: 1 num_axes: 2 }"
    shape = "reshape_param { shape { dim: -1 } }"
    return {
        "nothing learned below": ((2, 3), layer("Slice", "x", "it", weight) + fc + weighed("fc")),
        "a view weighted over a ReLU": ((2, 3), fc + layer("ReLU", "fc", "fc") + layer(
            "Reshape", "fc", "it", f"{shape} {weight}")),
        "in place and weighted": ((4, 3), fc + layer("Sigmoid", "fc", "fc", weight)),
        "factor of two layers": ((1, 2, 3), layer("Scale", "x", "a", wide + SHARED) + layer(
            "TanH", "a", "b") + layer("Scale", "b", "c", wide + SHARED) + weighed("c")),
        "factor and bias in one": ((1, 2, 3), layer(
            "Scale", "x", "a", "scale_param { axis: 1 bias_term: true }" + SHARED * 2
        ) + weighed("a")),
        "one image normalised": ((1, 4, 3, 3), ALONE + layer("BatchNorm", "a", "b") + full(
            "fc", "b", 5) + weighed("fc")),
        "one image by global statistics": ((1, 4, 3, 3), ALONE + layer(
            "BatchNorm", "a", "b", "batch_norm_param { use_global_stats: true }")
            + full("fc", "b", 5) + weighed("fc")),
        "strided, dilated, padded": ((2, 3, 4, 1), layer(
            "Convolution", "x", "a", "convolution_param { num_output: 3 kernel_h: 2 kernel_w: 1 "
            "stride: 2 pad: 1 dilation: 1 dilation: 2 }") + weighed("a")),
    }


def chosen() -> Case:
    """A weighted top of a Filter, which has fewer values from pass to pass."""
    net = (HEAD.format("dim: 4 dim: 3") + full("fc", "x", 4)
           + 'layer { name: "on" type: "Input" top: "on" input_param { shape { dim: 4 } } }\n'
           + layer("Filter", 'fc" bottom: "on', "it", "loss_weight: 2"))
    given = {f"data/on@{number}": np.array(on, np.float32)
             for number, on in enumerate(([1, 1, 0, 1], [0, 0, 2, 0]))}
    return made("chosen", net, given | {"data/x": normal(Random("chosen"), 4, 3)}, 2)


def made(name: str, net: str, arrays: dict[str, np.ndarray], passes: int) -> Case:
    resolved = graph.resolve(text.parse(net, caffe_pb2.NetParameter()), TRAIN)
    params = {place: values for place, values in extras(resolved, Random(name)).items()
              if place.startswith("param/")}
    return Case(name, net, arrays | params, passes=passes)


def one_memory() -> dict[str, Case]:
    """The cases by name."""
    found = {"weighted and chosen": chosen()}
    for name, (shape, layers) in rows().items():
        net = HEAD.format(" ".join(f"dim: {dim}" for dim in shape)) + layers
        found[name] = made(name, net, {"data/x": normal(Random(name), *shape)}, 3)
    return found
