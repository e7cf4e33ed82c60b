"""From a resolved graph to nodes and blobs (Net::Init, net.cpp)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from netbuilder.graph import Graph
from netbuilder.layer import Shape
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.node import Node
from netbuilder.torchcaffe.ops.base import Op, make_op
from netbuilder.torchcaffe.overwritten import mark_overwritten
from netbuilder.torchcaffe.parameters import Param, make_blobs, share
from netbuilder.torchcaffe.plan import Reach, backward_reach, loss_weights
from netbuilder.torchcaffe.python_node import PythonNode
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.vectors import BlobVec

NODES = {"Python": PythonNode}


@dataclass
class Built:
    """The parts of a net: its nodes in order, its blobs by name, its parameters."""

    nodes: list[Node] = field(default_factory=list)
    blobs: OrderedDict[str, Blob] = field(default_factory=OrderedDict)
    learnable: list[Param] = field(default_factory=list)
    all_blobs: bool = False  # backward reads what others have left in them


def build_nodes(graph: Graph, rng: Rng, device: torch.device, force_backward: bool,
                blob: Callable[[str, Shape], Blob]) -> Built:
    """The nodes and blobs of a graph, parameters filled and loss weights set.

    ``blob`` makes the blob of a name, or has made it.
    """
    built = Built()
    ops = [make_op(layer, rng) for layer in graph.layers]
    params = [make_blobs(op, device) for op in ops]
    built.learnable = share(graph, params)
    for op, own, reach in zip(ops, params, backward_reach(graph.layers, ops, force_backward),
                              strict=True):
        built.nodes.append(_node(op, own, reach, built.blobs, blob))
    built.all_blobs = mark_overwritten(built.nodes)
    return built


def _node(op: Op, params: BlobVec, reach: Reach, blobs: OrderedDict[str, Blob],
          blob: Callable[[str, Shape], Blob]) -> Node:
    layer = op.layer
    bottoms = [blobs[name] for name in layer.bottoms]
    node = NODES.get(layer.type, Node)(
        layer, op, bottoms, [], params, loss_weights(layer), reach)
    for name, shape in zip(node.top_names, layer.top_shapes, strict=True):
        if name not in layer.bottoms:
            blobs[name] = blob(name, shape)
        node.tops.append(blobs[name])
    node.share()
    for top, values in zip(node.tops, op.initial(), strict=True):
        if values is not None:
            top.put(values)
    node.weigh()
    return node
