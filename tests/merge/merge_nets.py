"""Nets with batch norms for merging: one row per neighbourhood, and random weights for any net."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netbuilder import weights
from netbuilder.graph import Graph, resolve
from netbuilder.proto import caffe_pb2, text

FACTORS = (1.0, 0.9997, 3.7, 0.0)  # the third blob of BatchNorm


def layer(name: str, type_: str, bottom: str = "", top: str = "", fields: str = "") -> str:
    """A layer as text; its bottoms and tops are separated by spaces, a top is named as it."""
    ends = [f'bottom: "{each}"' for each in bottom.split()]
    ends += [f'top: "{each}"' for each in (top or name).split()]
    return f'layer {{ name: "{name}" type: "{type_}" {" ".join(ends)} {fields} }}\n'


def source(*dims: int, name: str = "data") -> str:
    """An Input layer."""
    shape = " ".join(f"dim: {dim}" for dim in dims)
    return layer(name, "Input", fields=f"input_param {{ shape {{ {shape} }} }}")


def conv(name: str, bottom: str, fields: str = "num_output: 6 kernel_size: 3", *, top: str = "",
         type_: str = "Convolution", rest: str = "") -> str:
    """A convolution or deconvolution."""
    return layer(name, type_, bottom, top, f"convolution_param {{ {fields} }} {rest}")


def inner(name: str, bottom: str, fields: str = "") -> str:
    """An InnerProduct of five outputs."""
    return layer(name, "InnerProduct", bottom, name,
                 f"inner_product_param {{ num_output: 5 {fields} }}")


def norm(name: str, bottom: str, top: str = "", eps: float = 1e-3, rest: str = "") -> str:
    """A BatchNorm, in place unless it has a top."""
    return layer(name, "BatchNorm", bottom, top or bottom,
                 f"batch_norm_param {{ eps: {eps} }} {rest}")


def scale(name: str, bottom: str, top: str = "", fields: str = "bias_term: true", rest: str = ""
          ) -> str:
    """A Scale, in place unless it has a top."""
    return layer(name, "Scale", bottom, top or bottom, f"scale_param {{ {fields} }} {rest}")


def bias(name: str, bottom: str) -> str:
    """A Bias in place."""
    return layer(name, "Bias", bottom, bottom)


def relu(name: str, bottom: str, top: str = "") -> str:
    """A ReLU, in place unless it has a top."""
    return layer(name, "ReLU", bottom, top or bottom)


def both(name: str, bottom: str, top: str = "", **more: str) -> str:
    """A BatchNorm and a Scale behind it."""
    top = top or bottom
    return norm(f"{name}/bn", bottom, top, **more) + scale(f"{name}/scale", top)


def dropout(name: str, bottom: str, top: str = "", fields: str = "") -> str:
    """A Dropout, in place unless it has a top."""
    return layer(name, "Dropout", bottom, top or bottom, fields)


SHARED = 'param { name: "w" } param { name: "b" }'
SHARED_BN = "".join(f'param {{ name: "{each}" lr_mult: 0 }}' for each in "mvf")
D = source(2, 4, 7, 6)

# Name -> (net, the types that are left). Everything else is merged away.
MERGING: dict[str, str] = {
    "after_conv": D + conv("c", "data") + both("n", "c") + relu("r", "c"),
    "after_conv_apart": D + conv("c", "data") + norm("n", "c", "nn") + scale("s", "nn", "ss")
                        + relu("r", "ss", "rr"),
    "after_conv_without_bias": D + conv("c", "data", "num_output: 6 kernel_size: 3 "
                                        "bias_term: false") + both("n", "c"),
    "batch_norm_alone": D + conv("c", "data", "num_output: 3 kernel_size: 1 bias_term: false")
                        + norm("n", "c", "out"),
    "scale_alone": D + conv("c", "data") + scale("s", "c", fields=""),
    "scale_without_any_bias": D + conv("c", "data", "num_output: 3 kernel_size: 1 bias_term: false")
                              + scale("s", "c", fields=""),
    "scalar_scale": D + conv("c", "data") + scale("s", "c", fields="num_axes: 0 bias_term: true"),
    "bias_alone": D + conv("c", "data", "num_output: 3 kernel_size: 1 bias_term: false")
                  + bias("b", "c"),
    "long_chain": D + conv("c", "data") + scale("s0", "c") + both("n", "c") + bias("b", "c")
                  + both("m", "c", "out"),
    "grouped": D + conv("c", "data", "num_output: 6 group: 2 kernel_size: 3 pad: 1")
               + both("n", "c"),
    "depthwise": D + conv("c", "data", "num_output: 8 group: 4 kernel_h: 3 kernel_w: 2 pad_h: 1")
                 + both("n", "c"),
    "dilated": D + conv("c", "data", "num_output: 5 kernel_size: 3 dilation: 2 pad: 2 stride: 2")
               + both("n", "c"),
    "volume": source(2, 3, 4, 5, 6)
              + conv("c", "data", "num_output: 4 kernel_size: 2 pad: 1 pad: 0 pad: 2")
              + both("n", "c"),
    "line": source(2, 3, 9) + conv("c", "data", "num_output: 4 kernel_size: 3") + both("n", "c"),
    "deconv": D + conv("c", "data", "num_output: 6 kernel_size: 3 stride: 2 pad: 1",
                       type_="Deconvolution") + both("n", "c"),
    "deconv_grouped": D + conv("c", "data", "num_output: 6 group: 2 kernel_size: 2 stride: 2",
                               type_="Deconvolution") + both("n", "c"),
    "inner_product": D + inner("f", "data") + both("n", "f"),
    "inner_product_transposed": D + inner("f", "data", "transpose: true bias_term: false")
                                + both("n", "f"),
    "inner_product_axis": D + inner("f", "data", "axis: 3") + scale("s", "f",
                                                                    fields="axis: -1"),
    "before_conv": D + both("n", "data", "nn") + conv("c", "nn"),
    "before_conv_in_place": D + both("n", "data") + conv("c", "data", "num_output: 6 "
                                                         "kernel_size: 3 bias_term: false"),
    "before_grouped": D + both("n", "data") + conv("c", "data", "num_output: 6 group: 2 "
                                                   "kernel_size: 3 dilation: 2"),
    "before_two": D + both("n", "data", "nn") + conv("c", "nn")
                  + conv("e", "nn", "num_output: 2 kernel_size: 1 stride: 2"),
    "before_padded_without_shift": D + scale("s", "data", "ss", fields="")
                                   + conv("c", "ss", "num_output: 3 kernel_size: 3 pad: 1"),
    "before_deconv_1x1": D + both("n", "data") + conv("c", "data", "num_output: 6 group: 2 "
                                                      "kernel_size: 1", type_="Deconvolution"),
    "before_deconv_without_shift": D + scale("s", "data", fields="")
                                   + conv("c", "data", "num_output: 6 group: 2 kernel_size: 3 "
                                          "stride: 2 pad: 1", type_="Deconvolution"),
    "before_inner_product": D + both("n", "data") + inner("f", "data"),
    "before_inner_product_transposed": D + both("n", "data") + inner(
        "f", "data", "transpose: true bias_term: false"),
    "before_inner_product_of_an_axis": D + scale("s", "data", fields="axis: 2 bias_term: true")
                                       + inner("f", "data", "axis: 2"),
    "inner_product_of_the_batch": source(4, 3) + layer(
        "f", "InnerProduct", "data", "f", "inner_product_param { num_output: 5 axis: 0 }")
                                  + layer("b", "Bias", "f", "f", "bias_param { axis: 0 }"),
    "before_and_after": D + both("n", "data") + conv("c", "data", "num_output: 4 kernel_size: 2")
                        + both("m", "c") + relu("r", "c") + conv("e", "c") + both("k", "e"),
    "of_two_it_is_the_first": D + conv("c", "data") + both("n", "c") + conv("e", "c"),
    "branches": D + conv("c", "data") + both("n", "c", "nn") + relu("r", "nn", "rr")
                + layer("sum", "Eltwise", "nn rr"),
    "one_makes_room_for_another": D + both("n", "data") + norm("m", "data", "mm")
                                  + conv("c", "mm") + conv("e", "data"),
    "made_and_read_before": D + conv("c", "data") + relu("r", "c", "rr")
                            + both("n", "c", "nn") + inner("f", "nn"),
    "siamese": D + source(2, 4, 7, 6, name="other") + conv("c", "data", rest=SHARED)
               + norm("n", "c", rest=SHARED_BN)
               + conv("c_p", "other", rest=SHARED) + norm("n_p", "c_p", rest=SHARED_BN)
               + layer("sum", "Eltwise", "c c_p"),
    "shared_within_a_chain": D + conv("c", "data", "num_output: 4 kernel_size: 1", rest=SHARED)
                             + norm("n", "c", rest=SHARED_BN) + relu("r", "c")
                             + conv("e", "c", "num_output: 4 kernel_size: 1", rest=SHARED)
                             + norm("m", "e", rest=SHARED_BN),
    "behind_a_dropout": D + conv("c", "data") + dropout("d", "c") + both("n", "c") + relu("r", "c"),
    "behind_a_dropout_apart": D + inner("f", "data") + dropout("d", "f", "dd")
                              + both("n", "dd", "nn") + relu("r", "nn", "rr"),
    "behind_two_dropouts": D + conv("c", "data") + dropout("d", "c", "dd") + dropout("e", "dd")
                           + both("n", "dd", "nn"),
    "before_a_dropout": D + both("n", "data") + dropout("d", "data") + inner("f", "data"),
    "before_a_dropout_apart": D + both("n", "data", "nn") + relu("r", "data", "rr")
                              + dropout("d", "nn", "dd") + conv("c", "dd") + inner("f", "dd"),
    "before_a_dropout_and_beside": D + both("n", "data", "nn") + dropout("d", "nn", "dd")
                                   + conv("c", "dd") + inner("f", "nn"),
    "around_a_dropout": D + conv("c", "data") + norm("n", "c") + dropout("d", "c") + scale("s", "c")
                        + conv("e", "c"),
    "in_the_test_phase": D + conv("c", "data") + norm("n", "c", rest="include { phase: TEST }")
                         + layer("drop", "Dropout", "c", "c", "include { phase: TRAIN }"),
    "use_global_stats": D + conv("c", "data") + layer(
        "n", "BatchNorm", "c", "c", "batch_norm_param { use_global_stats: true }"),
}

# Name -> (net, layer, part of the reason). The chain becomes one Scale.
SCALES: dict[str, tuple[str, str, str]] = {
    "on_a_concat": (D + conv("c", "data", "num_output: 3 kernel_size: 1")
                    + layer("cat", "Concat", "c data") + both("n", "cat") + relu("r", "cat"),
                    "n/scale", 'its bottom is made by "cat" (Concat)'),
    "before_a_relu": (D + conv("c", "data") + relu("r", "c") + norm("n", "c") + relu("q", "c"),
                      "n", 'its top is read by "q" (ReLU)'),
    "an_output": (D + both("n", "data", "nn"), "n/scale", "its top is an output of the net"),
    "conv_read_by_others": (D + conv("c", "data") + both("n", "c", "nn") + relu("r", "c", "rr")
                            + relu("q", "nn"), "n/scale",
                            'what "c" (Convolution) makes is read by "r" (ReLU) too'),
    "dropout_read_by_others": (
        D + conv("c", "data") + dropout("d", "c", "dd") + both("n", "dd", "nn")
        + relu("r", "dd", "rr"), "n/scale",
        'what "d" (Dropout) makes is read by "r" (ReLU) too'),
    "conv_read_beside_its_dropout": (
        D + conv("c", "data") + dropout("d", "c", "dd") + both("n", "dd", "nn")
        + relu("r", "c", "rr"), "n/scale",
        'what "c" (Convolution) makes is read by "r" (ReLU) too'),
    "dropout_is_an_output": (D + both("n", "data", "nn") + dropout("d", "nn", "dd")
                             + inner("f", "nn"), "n/scale", "its top is an output of the net"),
    "weighted_dropout": (D + conv("c", "data")
                         + dropout("d", "c", "dd", "loss_weight: 1") + norm("n", "dd", "nn"), "n",
                         'its bottom is made by "d" (Dropout)'),
    "padding": (D + both("n", "data") + conv("c", "data", "num_output: 2 kernel_size: 3 pad: 1"),
                "n/scale", '"c" (Convolution): the zeros of its padding 1x1'),
    "kernel_beyond_the_image": (
        D + both("n", "data")
        + conv("c", "data", "num_output: 2 kernel_h: 8 kernel_w: 2 stride: 2"),
        "n/scale", '"c" (Convolution): its kernel reaches beyond its bottom 7x6'),
    "deconv_overlap": (D + both("n", "data") + conv("c", "data", "num_output: 2 kernel_size: 2 "
                                                    "stride: 2", type_="Deconvolution"),
                       "n/scale", '"c" (Deconvolution): not every place'),
    "deconv_gaps": (D + both("n", "data") + conv("c", "data", "num_output: 2 kernel_size: 1 "
                                                 "stride: 2", type_="Deconvolution"),
                    "n/scale", '"c" (Deconvolution): not every place'),
    "one_reader_is_no_filter": (D + both("n", "data", "nn") + conv("c", "nn")
                                + relu("r", "nn", "rr"), "n/scale",
                                'its top is read by "r" (ReLU)'),
    "two_bottoms": (D + both("n", "data", "nn") + source(2, 4, 7, 6, name="other")
                    + conv("c", "nn other", top="c d"), "n/scale",
                    '"c" (Convolution) works on 2 bottoms'),
    "after_two_bottoms": (D + source(2, 4, 7, 6, name="other")
                          + conv("c", "data other", top="c d") + norm("n", "c"), "n",
                          '"c" (Convolution) works on 2 bottoms'),
    "weighted": (D + conv("c", "data", rest="loss_weight: 1") + norm("n", "c", "nn"), "n",
                 'the top of "c" (Convolution) has a loss_weight'),
    "outputs_of_another_axis": (D + inner("f", "data", "axis: 2") + norm("n", "f"), "n",
                                '"f" (InnerProduct): its outputs lie along axis 2, not 1'),
    "inputs_of_another_axis": (D + norm("n", "data") + inner("f", "data", "axis: 2"), "n",
                               '"f" (InnerProduct): its inputs lie along axis 2, not 1'),
    "shared_but_normalised_once": (
        D + source(2, 4, 7, 6, name="other") + conv("c", "data", rest=SHARED)
        + norm("n", "c") + conv("c_p", "other", rest=SHARED), "n",
        '"c" (Convolution) shares a parameter with "c_p" (Convolution)'),
    "shared_but_normalised_otherwise": (
        D + source(2, 4, 7, 6, name="other") + conv("c", "data", rest=SHARED)
        + norm("n", "c") + conv("c_p", "other", rest=SHARED) + norm("m", "c_p"), "m",
        '"c_p" (Convolution) shares a parameter with "c" (Convolution)'),
}

# Name -> (net, layer, part of the reason). The layer is as it was.
LEFT: dict[str, tuple[str, str, str]] = {
    "batch_statistics": (
        D + conv("c", "data")
        + layer("n", "BatchNorm", "c", "c", "batch_norm_param { use_global_stats: false }"),
        "n", "use_global_stats: false, it normalises by the statistics of each batch"),
    "a_computed_scale": (D + conv("c", "data", "num_output: 4 kernel_h: 7 kernel_w: 6")
                         + layer("flat", "Flatten", "c")
                         + layer("pool", "Pooling", "data", "pool",
                                 "pooling_param { global_pooling: true }")
                         + layer("flat2", "Flatten", "pool")
                         + layer("s", "Scale", "flat flat2", "s",
                                 "scale_param { axis: 0 bias_term: true }"),
                         "s", "what it multiplies by is a blob of the net"),
    "several_axes": (D + conv("c", "data") + scale("s", "c", fields="num_axes: 2"), "s",
                     "its blob 6x5 differs along several axes"),
    "weighted_scale": (D + conv("c", "data") + scale("s", "c", rest="loss_weight: 2"), "s",
                       "its top has a loss_weight"),
    "a_scale_between_others": (D + relu("r", "data") + scale("s", "data") + relu("q", "data"), "s",
                               'its bottom is made by "r" (ReLU); its top is read by "q" (ReLU)'),
}


def parsed(net: str) -> caffe_pb2.NetParameter:
    """The message of a net."""
    return text.parse(net, caffe_pb2.NetParameter())


def values(graph: Graph, seed: int, factor: float) -> list[tuple[object, list[np.ndarray]]]:
    """Each layer's message with random parameters, shared ones alike."""
    random = np.random.RandomState(seed)
    made: dict[tuple[int, int], np.ndarray] = {}
    rows = []
    for position, layer_ in enumerate(graph.layers):
        own = []
        for index, spec in enumerate(layer_.blobs):
            owner = graph.shared.get((position, index))
            key = (id(owner.layer), owner.index) if owner else (id(layer_), index)
            if key not in made:
                made[key] = _value(random, layer_, index, spec, factor)
            own.append(made[key])
        rows.append((layer_.message, own))
    return rows


def _value(random: np.random.RandomState, layer_: object, index: int, spec: object, factor: float
           ) -> np.ndarray:
    if layer_.type == "BatchNorm" and index < 3:
        weight = factor or 2.0  # without a weight, what is there must not count
        value = (random.standard_normal(spec.shape) * weight,
                 random.uniform(0.2, 3.0, spec.shape) * weight, np.full(spec.shape, factor))[index]
    elif spec.name == "variance":
        value = random.uniform(0.2, 3.0, spec.shape)
    elif spec.name in ("scale", "slope"):
        value = random.uniform(0.3, 1.5, spec.shape) * random.choice([-1, 1], spec.shape)
    else:
        fan_in = max(int(np.prod(spec.shape[1:])), 1)
        value = random.standard_normal(spec.shape) / np.sqrt(fan_in)
    return np.asarray(value, np.float32)


def write(net: str, folder: Path, seed: int = 1, factor: float = 1.0, name: str = "net.caffemodel"
          ) -> tuple[Path, Path]:
    """The prototxt of a net and random weights for its TEST phase."""
    folder.mkdir(exist_ok=True)
    (folder / "net.prototxt").write_text(net)
    graph = resolve(parsed(net), caffe_pb2.TEST)
    weights.write_weights(folder / name, "net", values(graph, seed, factor))
    return folder / "net.prototxt", folder / name
