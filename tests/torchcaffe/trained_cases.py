"""The layers of the grid inside nets that learn: a learned blob below, a loss above.

Nothing is forced there, so gradients go where Caffe's own plan sends them.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from layer_cases import Arrays, Case, normal

from netbuilder import graph
from netbuilder.proto import caffe_pb2, text
from netbuilder.torchcaffe.ops.base import make_op
from netbuilder.torchcaffe.rng import Rng


def trained(case: Case) -> Case | None:
    """The case's layer between a Bias below each bottom that has a gradient and losses above.

    None where no bottom may have a gradient.
    """
    net = text.parse(case.net, caffe_pb2.NetParameter())
    net.ClearField("force_backward")
    resolved = graph.resolve(net, case.phase)
    first = next(layer for layer in resolved.layers if layer.type != "Input")
    op, random = make_op(resolved.layers[-1], Rng(0)), Random(case.name)
    number = len(first.bottoms)
    closed = {index % number for index in (*op.refuses_backward, *op.never_backward)}
    opened = [name for index, name in enumerate(first.bottoms)
              if index not in closed and first.bottom_shapes[index]]
    if not opened or not op.differentiable:
        return None
    arrays = {place: array for place, array in case.arrays.items() if place[:5] != "diff/"}
    _raise(net, opened, resolved, arrays, random)
    _judge(net, resolved.layers[-1].top_shapes)
    return Case(f"{case.name}-trained", text.dumps(net), arrays, case.phase, case.passes)


def _raise(net: Any, opened: list[str], resolved: graph.Graph, arrays: Arrays, random: Random
           ) -> None:
    """Puts a Bias with a learned value for each value below the bottoms."""
    layers = list(net.layer)
    del net.layer[:]
    inputs = [layer for layer in layers if layer.type == "Input"]
    net.layer.extend(inputs)
    for name in opened:
        learned = net.layer.add(name=f"learn_{name}", type="Bias", bottom=[name],
                                top=[f"learned_{name}"])
        learned.bias_param.axis, learned.bias_param.num_axes = 0, -1
        # Small, so that a value stays what it was drawn to be: positive, or far from a corner.
        arrays[f"param/{learned.name}/0"] = abs(normal(random, *resolved.blobs[name])) * 0.01
    for layer in layers[len(inputs):]:
        for index, bottom in enumerate(layer.bottom):
            if bottom in opened:
                layer.bottom[index] = f"learned_{bottom}"
        net.layer.append(layer)


def _judge(net: Any, shapes: Sequence[tuple[int, ...]]) -> None:
    """Adds each top that is no loss to the loss: itself if scalar, else the squares of its swish.

    Of plain squares a normalised top has no gradient.
    """
    last = net.layer[-1]
    if last.type.endswith("Loss") or last.loss_weight:
        return
    if () in shapes:
        last.loss_weight.append(0.3)
        return
    for top in list(last.top):
        net.layer.add(name=f"swish_{top}", type="Swish", bottom=[top], top=[f"swish_{top}"])
        judge = net.layer.add(name=f"judge_{top}", type="Reduction", bottom=[f"swish_{top}"],
                              top=[f"loss_{top}"], loss_weight=[0.3])
        judge.reduction_param.operation = caffe_pb2.ReductionParameter.SUMSQ


def all_trained(cases: dict[str, Case]) -> dict[str, Case]:
    """Those of the cases that can learn, by name."""
    found = {case.name: trained(case) for case in cases.values()}
    return {f"{name}-trained": case for name, case in found.items() if case}
