"""Nets whose batch differs from pass to pass: by what Filter chooses, by how many are asked for."""

from __future__ import annotations

from random import Random

import numpy as np
from layer_cases import Case, labels, normal
from whole_nets import conv, full, loss

HEAD = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 4 dim: 2 dim: 5 dim: 5 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 4 } } }
"""
FILTER = """
layer { name: "chosen" type: "Input" top: "chosen" input_param { shape { dim: 4 } } }
layer { name: "filter" type: "Filter" bottom: "conv" bottom: "label" bottom: "chosen"
  top: "some" top: "their" }
"""
REINDEX = """
layer { name: "index" type: "Input" top: "index" input_param { shape { dim: 4 } } }
layer { name: "split" type: "Split" bottom: "index" top: "index1" top: "index2" }
layer { name: "pick" type: "BatchReindex" bottom: "conv" bottom: "index1" top: "some" }
layer { name: "pick_label" type: "BatchReindex" bottom: "label" bottom: "index2" top: "their" }
"""
# Filter's tops need a gradient, all of them, as soon as one bottom does: no label may.
TAIL = """
layer { name: "norm" type: "BatchNorm" bottom: "some" top: "some" }
layer { name: "pool" type: "Pooling" bottom: "some" top: "pool"
  pooling_param { kernel_size: 2 stride: 2 } }
""" + full("fc", "pool", 5) + loss("fc", rest="propagate_down: true propagate_down: false").replace(
    'bottom: "label"', 'bottom: "their"')


def changing() -> dict[str, Case]:
    """The cases by name: the last of three passes has other rows than the first."""
    random = Random("changing")
    body = HEAD + conv("conv", "data", 3, "kernel_size: 3 pad: 1 bias_term: false")
    fixed = {"data/data": normal(random, 4, 2, 5, 5), "data/label": labels(random, 5, 4),
             "param/conv/0": normal(random, 3, 2, 3, 3), "param/fc/0": normal(random, 5, 27) / 4}
    found = {}
    for name, layers, blob, rows in (
            ("fewer", FILTER, "chosen", ([1, 1, 0, 1], [0, 0, 0, 2], [0, 1, 0, -1])),
            ("more", FILTER, "chosen", ([0, 0, 1, 0], [1, 1, 1, 1], [1, 1, 0, 1])),
            ("shorter", REINDEX, "index", ([3, 3, 1, 0], [2], [0, 0])),
            ("longer", REINDEX, "index", ([1, 2, 3, 0], [1, 1], [0, 3, 2, 2, 1, 0]))):
        given = {f"data/{blob}@{number}": np.array(row, np.float32)
                 for number, row in enumerate(rows)}
        found[name] = Case(name, body + layers + TAIL, {**fixed, **given}, passes=3)
    return found
