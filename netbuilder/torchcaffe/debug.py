"""What ``debug_info`` prints of a net: mean sizes of values and gradients (Net::*DebugInfo)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from netbuilder.torchcaffe.glog import log
from netbuilder.torchcaffe.node import Node

if TYPE_CHECKING:
    from netbuilder.torchcaffe.net import Net


def forward(node: Node) -> None:
    """A layer's tops and parameters, right after its forward pass."""
    named = [("top", name, blob) for name, blob in zip(node.top_names, node.tops, strict=True)]
    named += [("param", _shown(node, index), blob) for index, blob in enumerate(node.blobs)]
    for kind, name, blob in named:
        log.info("    [Forward] Layer %s, %s blob %s data: %g", node.name, kind, name,
                 _size(blob.tensor))


def backward(node: Node) -> None:
    """The gradients of a layer's bottoms and parameters, right after its backward pass."""
    if not node.reach.layer:
        return
    named = [("bottom", name, blob) for name, blob, reached in zip(
        node.layer.bottoms, node.bottoms, node.reach.bottoms, strict=True) if reached]
    named += [("param", str(index), blob) for index, blob in enumerate(node.blobs)
              if node.reach.params[index]]
    for kind, name, blob in named:
        log.info("    [Backward] Layer %s, %s blob %s diff: %g", node.name, kind, name,
                 _size(blob.grad))


def all_params(net: Net) -> None:
    """Norms over all parameters, after a whole backward pass; an error by Caffe's severity."""
    data = [param.blob.tensor.flatten() for param in net.learnable] or [torch.zeros(0)]
    diff = [param.blob.grad.flatten() for param in net.learnable] or [torch.zeros(0)]
    norms = [float(torch.cat(values).norm(p)) for p in (1, 2) for values in (data, diff)]
    log.error("    [Backward] All net params (data, diff): L1 norm = (%g, %g); L2 norm = (%g, %g)",
              *norms)


def _shown(node: Node, index: int) -> str:
    given = node.layer.message.param
    return (given[index].name if index < len(given) else "") or str(index)


def _size(values: torch.Tensor) -> float:
    return float(values.abs().mean())
