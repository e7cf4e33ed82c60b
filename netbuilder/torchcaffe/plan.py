"""Which layers, bottoms and parameters a backward pass reaches (the end of Net::Init, net.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netbuilder.layer import Layer
from netbuilder.torchcaffe.ops.base import Op


@dataclass
class Reach:
    """What of one layer a backward pass reaches: the layer at all, each bottom, each parameter."""

    layer: bool
    bottoms: list[bool]
    params: list[bool]


def loss_weights(layer: Layer) -> list[float]:
    """The weight of each top in the loss: as given, or 1 for the one top of a loss layer."""
    return list(layer.message.loss_weight) or [float(layer.auto_top)] * layer.top_count


def backward_reach(layers: Sequence[Layer], ops: Sequence[Op], force: bool) -> list[Reach]:
    """The Reach of each layer. ``force`` is the net's ``force_backward``."""
    reach = _from_parameters(layers)
    _only_under_loss(layers, reach)
    if force:
        for step, op in zip(reach, ops, strict=True):
            step.layer = True
            step.bottoms = [needed or index not in op.never_backward
                            for index, needed in enumerate(step.bottoms)]
            step.params = [True] * len(step.params)
    for step, op in zip(reach, ops, strict=True):
        if step.layer and op.always_params:
            step.params = [True] * len(step.params)
    return reach


def overwrites_others(layers: Sequence[Layer], ops: Sequence[Op]) -> bool:
    """True where a layer writes over what is read under another name, or by the next pass."""
    return _overwrites_values(layers, ops) or _overwrites_gradients(layers, ops)


def _overwrites_values(layers: Sequence[Layer], ops: Sequence[Op]) -> bool:
    """In place on a Split's top: all of them are the bottom's memory, and a Flatten's or Reshape's
    top is. In place on data that stays: the next pass finds what was written."""
    shared: set[str] = set()
    for layer, op in zip(layers, ops, strict=True):
        shared.update(name for index, name in enumerate(layer.tops) if op.keeps(index))
        if op.shares_data and not op.in_place and (
                layer.type == "Split" or shared.intersection(layer.bottoms)):
            shared.update(layer.tops)
        elif shared.intersection(layer.bottoms, layer.tops):
            return True
    return False


def _overwrites_gradients(layers: Sequence[Layer], ops: Sequence[Op]) -> bool:
    """Where a layer reads a loss, or works in place on its own: its gradient is written over the
    loss's weight, and so is the bottom's of a Reshape that is a loss. And in place without
    propagate_down: what stays there is the top's gradient, for the layer below. And a Flatten of
    a Reshape's top: it gives that top another diff, and the Reshape's bottom gets none.
    """
    weighted: set[str] = set()
    joined: set[str] = set()
    for layer, op in zip(layers, ops, strict=True):
        if op.gives_diff and joined.intersection(layer.bottoms):
            return True
        if op.shares_diff and not op.in_place:
            joined.update(layer.tops)
        stopped = {name for name, down in zip(layer.bottoms, layer.message.propagate_down,
                                              strict=False) if not down}
        own = {name for name, weight in zip(layer.top_names, loss_weights(layer), strict=True)
               if weight}
        if (own and op.shares_diff) or (weighted | own).intersection(layer.bottoms) or (
                stopped.intersection(layer.tops) and not op.always_backward):
            return True
        weighted |= own
    return False


def _from_parameters(layers: Sequence[Layer]) -> list[Reach]:
    """Downwards up: a blob needs a gradient if a parameter lies below it."""
    reach: list[Reach] = []
    needing: set[str] = set()
    for layer in layers:
        given = layer.message.propagate_down
        # Caffe looks at the file's lr_mult here, so BatchNorm's own zeros do not count.
        specs = layer.message.param
        params = [index >= len(specs) or specs[index].lr_mult != 0
                  for index in range(len(layer.blobs))]
        below = [name in needing for name in layer.bottoms]
        step = Reach(any(below) or any(params), list(given) or below, params)
        if step.layer:
            needing.update(layer.tops)
        reach.append(step)
    return reach


def _only_under_loss(layers: Sequence[Layer], reach: Sequence[Reach]) -> None:
    """From the top down: nothing that leads to no loss, or only past ``propagate_down: false``."""
    under_loss: set[str] = set()
    skipped: set[str] = set()
    for layer, step in zip(reversed(layers), reversed(reach), strict=True):
        names = layer.top_names
        contributes = any(loss_weights(layer)) or any(name in under_loss for name in names)
        if all(name in skipped for name in names) and step.layer:
            step.layer, step.bottoms = False, [False] * len(step.bottoms)
        if not contributes:
            step.layer, step.bottoms = False, [False] * len(step.bottoms)
        for name, needed in zip(layer.bottoms, step.bottoms, strict=True):
            if contributes:
                under_loss.add(name)
            if not needed:
                skipped.add(name)
