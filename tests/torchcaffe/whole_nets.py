"""Small whole nets, each for some rules of how layers work together; as text for both engines."""

from __future__ import annotations

from random import Random

import numpy as np
from layer_cases import TEST, TRAIN, Arrays, Case, extras, labels, normal

from netbuilder import graph
from netbuilder.proto import caffe_pb2, text


def conv(name: str, bottom: str, outputs: int, more: str = "kernel_size: 3 pad: 1",
         rest: str = "") -> str:
    return (f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
            f"convolution_param {{ num_output: {outputs} {more} }} {rest} }}\n")


def norm(name: str, in_place: bool = True) -> str:
    """BatchNorm and Scale after ``name``; the Scale works on the BatchNorm's top."""
    top = name if in_place else f"{name}_bn"
    return (f'layer {{ name: "{name}_bn" type: "BatchNorm" bottom: "{name}" top: "{top}" }}\n'
            f'layer {{ name: "{name}_scale" type: "Scale" bottom: "{top}" top: "{top}" '
            f"scale_param {{ bias_term: true }} }}\n")


def relu(name: str, bottom: str) -> str:
    return f'layer {{ name: "{name}" type: "ReLU" bottom: "{bottom}" top: "{bottom}" }}\n'


def add(name: str, *bottoms: str) -> str:
    return f'layer {{ name: "{name}" type: "Eltwise" {named(bottoms)} top: "{name}" }}\n'


def pool(name: str, bottom: str, fields: str) -> str:
    return (f'layer {{ name: "{name}" type: "Pooling" bottom: "{bottom}" top: "{name}" '
            f"pooling_param {{ {fields} }} }}\n")


def full(name: str, bottom: str, outputs: int, rest: str = "") -> str:
    return (f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
            f"inner_product_param {{ num_output: {outputs} }} {rest} }}\n")


def loss(bottom: str, name: str = "loss", rest: str = "") -> str:
    return (f'layer {{ name: "{name}" type: "SoftmaxWithLoss" bottom: "{bottom}" '
            f'bottom: "label" top: "{name}" {rest} }}\n')


def accuracy(bottom: str) -> str:
    return (f'layer {{ name: "accuracy" type: "Accuracy" bottom: "{bottom}" bottom: "label" '
            f'top: "accuracy" }}\n')


def named(bottoms: tuple[str, ...]) -> str:
    return " ".join(f'bottom: "{bottom}"' for bottom in bottoms)


# The gradient of a bias under BatchNorm is zero but for rounding: nothing to compare.
BIASLESS = "bias_term: false"


def residual() -> str:
    """Identity and projection, in-place chains, BatchNorm fused with Scale and not."""
    return (
        conv("conv1", "data", 8, f"kernel_size: 5 stride: 2 pad: 2 {BIASLESS}")
        + norm("conv1") + relu("relu1", "conv1")
        + pool("pool1", "conv1", "kernel_size: 3 stride: 2")
        + conv("a1", "pool1", 8, f"kernel_size: 3 pad: 1 {BIASLESS}")
        + norm("a1") + relu("a1_relu", "a1")
        + conv("a2", "a1", 8, f"kernel_size: 3 pad: 1 {BIASLESS}") + norm("a2", in_place=False)
        + add("sum1", "pool1", "a2_bn") + relu("sum1_relu", "sum1")
        + conv("b1", "sum1", 12, f"kernel_size: 3 pad: 1 stride: 2 {BIASLESS}")
        + norm("b1") + relu("b1_relu", "b1")
        + conv("b2", "b1", 12, f"kernel_size: 3 pad: 1 {BIASLESS}") + norm("b2")
        + conv("proj", "sum1", 12, f"kernel_size: 1 stride: 2 {BIASLESS}") + norm("proj")
        + add("sum2", "b2", "proj") + relu("sum2_relu", "sum2")
        + pool("pool2", "sum2", "pool: AVE global_pooling: true")
        + full("fc", "pool2", 5) + loss("fc") + accuracy("fc")
    )


def inception() -> str:
    """Concat, Slice, LRN, groups, an auxiliary loss, weights on what is no loss layer."""
    return (
        conv("conv1", "data", 8, "kernel_size: 3 stride: 2 group: 1") + relu("relu1", "conv1")
        + 'layer { name: "lrn" type: "LRN" bottom: "conv1" top: "lrn" lrn_param { alpha: 0.1 } }\n'
        + conv("i1", "lrn", 4, "kernel_size: 1") + relu("i1_relu", "i1")
        + conv("i3", "lrn", 6, "kernel_size: 3 pad: 1 group: 2")
        + pool("ip", "lrn", "kernel_size: 3 stride: 1 pad: 1")
        + 'layer { name: "cat" type: "Concat" bottom: "i1" bottom: "i3" bottom: "ip" top: "cat" }\n'
        + 'layer { name: "cut" type: "Slice" bottom: "cat" top: "cut1" top: "cut2" }\n'
        + 'layer { name: "hush" type: "Silence" bottom: "cut2" }\n'
        + 'layer { name: "tanh" type: "TanH" bottom: "cut1" top: "tanh" loss_weight: 0.01 }\n'
        + full("aux", "cat", 5) + loss("aux", "aux_loss", "loss_weight: 0.3")
        + pool("p2", "tanh", "pool: AVE kernel_size: 3 stride: 2")
        + full("fc", "p2", 5) + loss("fc") + accuracy("fc")
    )


FIXED = "param { lr_mult: 0 } param { lr_mult: 0 }"


def rules() -> str:
    """Frozen layers, propagate_down, shared parameters, an unused branch, a loss inside."""
    shared = 'param { name: "w" lr_mult: 2 } param { name: "b" }'
    return (
        conv("frozen", "data", 4, rest=FIXED) + relu("relu0", "frozen")
        + conv("s1", "frozen", 4, rest=shared) + conv("s2", "s1", 4, rest=shared)
        + conv("half", "s2", 4, rest="param { lr_mult: 1 } param { lr_mult: 0 }")
        + conv("side", "s2", 3, rest="propagate_down: false")
        + conv("unused", "half", 2)
        + 'layer { name: "cat" type: "Concat" bottom: "half" bottom: "side" top: "cat" '
          "propagate_down: true propagate_down: true }\n"
        + full("fc", "cat", 5) + loss("fc", rest="loss_weight: 2")
        + 'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }\n'
    )


def data_norm() -> str:
    """A BatchNorm right on the data: Caffe writes the data's diff then, needed or not.

    Its Scale has a top of its own.
    """
    return ('layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" }\n'
            'layer { name: "scaled" type: "Scale" bottom: "bn" top: "scaled" }\n'
            + conv("conv", "scaled", 4) + full("fc", "conv", 5) + loss("fc"))


UNASKED = {"Softmax": "", "LRN": "lrn_param { alpha: 0.1 }", "Flatten": "", "TanH": ""}


def unasked() -> str:
    """Layers that write their bottom's diff against propagate_down, and one that does not."""
    branches = "".join(
        conv(f"c{kind}", "data", 3)
        + f'layer {{ name: "{kind}" type: "{kind}" bottom: "c{kind}" top: "{kind}" {fields} '
          "propagate_down: false }\n"
        + full(f"fc{kind}", kind, 5)
        for kind, fields in UNASKED.items())
    return branches + add("sum", *(f"fc{kind}" for kind in UNASKED)) + loss("sum")


def beside() -> str:
    """A layer that writes its bottom's diff unasked, beside another that is asked."""
    return (full("f", "data", 6)
            + 'layer { name: "cut" type: "Slice" bottom: "f" top: "cut1" top: "cut2" }\n'
            + 'layer { name: "prob" type: "Softmax" bottom: "cut1" top: "prob" '
              "propagate_down: false }\n"
            + full("fc1", "prob", 5) + full("fc2", "cut2", 5) + add("sum", "fc1", "fc2")
            + loss("sum"))


def quotient() -> str:
    """A product whose gradient needs its value, and a ReLU in place on it."""
    return (full("f", "data", 6) + full("g", "data", 6)
            + add("product", "f", "g").replace(
                "}", "eltwise_param { operation: PROD stable_prod_grad: false } }")
            + relu("relu", "product") + full("fc", "product", 5) + loss("fc"))


def nameless() -> str:
    """Losses without a top: Caffe adds one to each, all of one name."""
    return full("fc", "data", 5) + "".join(
        loss("fc", name, f"loss_weight: {weight}").replace(f'top: "{name}"', "")
        for name, weight in (("one", 1), ("two", 3)))


NETS = {"residual": residual, "inception": inception, "rules": rules, "data_norm": data_norm,
        "unasked": unasked, "beside": beside, "quotient": quotient, "nameless": nameless}


def head(batch: int = 4) -> str:
    """The inputs ``data`` and ``label``."""
    shapes = {"data": (batch, 3, 17, 17), "label": (batch,)}
    return "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ {' '.join(f'dim: {dim}' for dim in shape)} }} }} }}\n"
        for name, shape in shapes.items()
    )


def case(name: str, phase: int = TRAIN, force: bool = False, passes: int = 2) -> Case:
    """A net with random weights, data and labels."""
    random = Random(name)
    net = ("force_backward: true\n" if force else "") + head() + NETS[name]()
    arrays: Arrays = {"data/data": normal(random, 4, 3, 17, 17), "data/label": labels(random, 5, 4)}
    resolved = graph.resolve(text.parse(net, caffe_pb2.NetParameter()), phase)
    arrays.update((place, values * (0.2 if values.ndim > 1 else 1))
                  for place, values in extras(resolved, random).items()
                  if place.startswith("param/"))
    return Case(name, net, arrays, phase, passes)


def cases() -> dict[str, Case]:
    """Every net in both phases, and with force_backward where Caffe can."""
    found = {f"{name}-{'TRAIN' if phase == TRAIN else 'TEST'}": case(name, phase)
             for name in NETS for phase in (TRAIN, TEST)}
    found["rules-forced"] = case("rules", force=True)
    found["data_norm-forced"] = case("data_norm", TEST, force=True)
    return found


def weights(net: object) -> dict[str, np.ndarray]:
    """All parameters of a net, and their diffs."""
    return {f"{kind}/{layer}/{index}": getattr(blob, kind).copy()
            for layer, blobs in net.params.items() for index, blob in enumerate(blobs)
            for kind in ("data", "diff")}
