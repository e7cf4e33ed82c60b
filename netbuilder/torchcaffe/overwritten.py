"""Gradients of layers whose values a layer in place has written over.

Caffe's backward reads bottoms and tops where they were. After a ReLU and a BatchNorm in place on
one blob, the ReLU's backward finds what the BatchNorm made of it: that sign counts. The gradient
is not the derivative then, but it is Caffe's, and released nets were trained with it. Diffs in
place are one memory, too: Power and Log write their slope there before they read the top's diff,
so the bottom's becomes the slope squared, whatever came from above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from netbuilder.torchcaffe.ops.neuron import Neuron

if TYPE_CHECKING:
    from netbuilder.torchcaffe.node import Node


def mark_overwritten(nodes: Sequence[Node]) -> None:
    """Sets ``overwritten`` of the nodes that read other values backward than forward."""
    for place, node in enumerate(nodes):
        op = node.op
        if not isinstance(op, Neuron):
            continue
        if op.reads_top or (node.in_place and op.reads_bottom):
            node.overwritten = not all(
                op.survives(writer.op) for writer in nodes[place:]
                if writer.in_place and node.tops[0] in writer.tops)
        if node.in_place and op.writes_first:
            node.overwritten = True


class _FromMemory(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, bottom: torch.Tensor, top: torch.Tensor, node: Node,
                memory: Callable[[], torch.Tensor]) -> torch.Tensor:
        ctx.node, ctx.memory = node, memory
        ctx.save_for_backward(bottom)
        return top.view_as(top)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        top, node = ctx.memory(), ctx.node
        bottom = top if node.in_place else ctx.saved_tensors[0]
        slope = node.op.slope(bottom, top)
        above = slope if node.in_place and node.op.writes_first else grad
        return (above * slope).to(grad.dtype), None, None, None


def with_slope_of_memory(node: Node, bottom: torch.Tensor, top: torch.Tensor,
                         memory: Callable[[], torch.Tensor]) -> torch.Tensor:
    """``top`` with the gradient that follows from what ``memory`` gives in its place, later."""
    return _FromMemory.apply(bottom, top.detach(), node, memory)
