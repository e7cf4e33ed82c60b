"""A small residual net and a database for it, to train in both engines."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from netbuilder.data.datum import array_to_datum
from netbuilder.data.db import write_lmdb

BATCH, IMAGES = 16, 128  # eight batches: after a multiple of 8 the data begins anew

DATA = """
layer { name: "data" type: "Data" top: "data" top: "label"
  data_param { source: "images_lmdb" batch_size: 16 backend: LMDB }
  transform_param { mean_value: 128 scale: 0.02 } }
"""
MEMORY = """
layer { name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 16 channels: 3 height: 12 width: 12 }
  transform_param { mean_value: 1 scale: 0.5 } }  # which Caffe does not apply to arrays
"""
CONV = """
layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}"
  convolution_param {{ num_output: {width} kernel_size: {kernel} stride: {stride} pad: {pad}
    bias_term: {bias} weight_filler {{ type: "msra" }} }} }}
layer {{ name: "{name}_bn" type: "BatchNorm" bottom: "{name}" top: "{name}" }}
layer {{ name: "{name}_scale" type: "Scale" bottom: "{name}" top: "{name}"
  scale_param {{ bias_term: true }} }}
"""
ADD = """
layer {{ name: "{name}" type: "Eltwise" bottom: "{one}" bottom: "{other}" top: "{name}" }}
"""
RELU = """
layer {{ name: "{name}_relu" type: "ReLU" bottom: "{name}" top: "{name}" }}
"""
HEAD = """
layer {{ name: "pool" type: "Pooling" bottom: "{bottom}" top: "pool"
  pooling_param {{ pool: AVE global_pooling: true }} }}
layer {{ name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  param {{ lr_mult: 1 decay_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
  inner_product_param {{ num_output: 4 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy"
  include {{ phase: TEST }} }}
"""
PLAIN = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 6 kernel_size: 5 stride: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
"""


def _conv(name: str, bottom: str, width: int, *, kernel: int = 3, stride: int = 1,
          bias: bool = False) -> str:
    return CONV.format(name=name, bottom=bottom, width=width, kernel=kernel, stride=stride,
                       pad=kernel // 2, bias=str(bias).lower())


def resnet() -> str:
    """Two residual blocks, one with a projection; conv1 has a bias under its BatchNorm."""
    block1 = [_conv("a1", "conv1", 8), RELU.format(name="a1"), _conv("a2", "a1", 8),
              ADD.format(name="a", one="conv1", other="a2"), RELU.format(name="a")]
    block2 = [_conv("b0", "a", 16, kernel=1, stride=2), _conv("b1", "a", 16, stride=2),
              RELU.format(name="b1"), _conv("b2", "b1", 16),
              ADD.format(name="b", one="b0", other="b2"), RELU.format(name="b")]
    first = [_conv("conv1", "data", 8, bias=True), RELU.format(name="conv1")]
    return "".join(['name: "tiny"', DATA, *first, *block1, *block2, HEAD.format(bottom="b")])


def plain(data: str = DATA) -> str:
    """One convolution and a classifier, for what does not depend on the net."""
    return 'name: "plain"' + data + PLAIN + HEAD.format(bottom="conv")


def write_images(folder: Path) -> None:
    """``images_lmdb``: noisy images of four classes, three channels of 12x12."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, IMAGES)
    classes = rng.integers(0, 160, (4, 3, 12, 12))
    noise = rng.integers(0, 96, (IMAGES, 3, 12, 12))
    images = (classes[labels] + noise).astype(np.uint8)
    write_lmdb(folder / "images_lmdb", (
        (f"{index}", array_to_datum(image, int(label)))
        for index, (image, label) in enumerate(zip(images, labels, strict=True))))


def write_solver(path: str | os.PathLike[str], net: str, **fields: object) -> str:
    """A solver file: the name of its net file, then fields, each a value or a list of them."""
    lines = [f'net: "{net}"']
    for name, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            quoted = f'"{value}"' if isinstance(value, str) else str(value).lower()
            lines.append(f"{name}: {quoted}")
    Path(path).write_text("\n".join(lines))
    return os.fspath(path)
