"""Gradients of layers that find other values backward than they had forward.

Caffe's backward reads bottoms and tops where they were. After a ReLU and a BatchNorm in place on
one blob, the ReLU's backward finds what the BatchNorm made of it: that sign counts. The gradient
is not the derivative then, but it is Caffe's, and released nets were trained with it. Diffs in
place are one memory, too: Power and Log write their slope there before they read the top's diff,
so the bottom's becomes the slope squared, whatever came from above.

An op says what its backward reads again (``rereads``, ``reads_top``) and what it clears too early
(``clashes``). Autograd holds blobs' own memory where Caffe rereads it, and copies where Caffe's
layer puts something aside; what it makes itself, such as a layer's top, is not in the blobs.
Where that counts an op's ``gradients`` take the place of its derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from netbuilder.torchcaffe.ops.base import Op, Tensors
from netbuilder.torchcaffe.ops.neuron import Neuron

if TYPE_CHECKING:
    from netbuilder.torchcaffe.blob import Blob
    from netbuilder.torchcaffe.node import Node

# The values of bottoms and tops as they lie in memory when backward comes.
Memory = Callable[[], tuple[Tensors, Tensors]]
Writers = Callable[["Blob", int], "list[Node]"]


def mark_overwritten(nodes: Sequence[Node]) -> bool:
    """Sets what a Node knows of it; True if the fast gait cannot follow."""
    later = _writers(nodes)
    reached = {top for node in nodes if node.reach.layer for top in node.tops}
    beyond = False
    for place, node in enumerate(nodes):
        if node.in_place:
            node.op.over = {index for index, blob in enumerate(node.bottoms)
                            if node in later(blob, place)}
        if node.reach.layer:
            _mark(node, later, place)
            beyond |= not _fast_follows(node, later, place) or (
                node.op.spills(node.wanted, node.reach.params) and node.bottoms[0] in reached)
    return beyond


def _mark(node: Node, later: Writers, place: int) -> None:
    lost = {index for index, blob in enumerate(node.bottoms) if later(blob, place)}
    reread = {index for index in lost if index in node.op.rereads}
    meets = _meets(node, later, place)
    own = type(node.op).gradients is not Op.gradients
    node.overwritten = own and meets
    node.replays = node.op.replays and meets
    node.kept = lost if own and not meets else lost - reread


def _meets(node: Node, later: Writers, place: int) -> bool:
    """True if backward finds something else than what forward had."""
    others = enumerate(node.bottoms[1:], 1) if node.in_place else enumerate(node.bottoms)
    return _top_changed(node, later, place) or any(
        index in node.op.rereads and later(blob, place) for index, blob in others)


def _fast_follows(node: Node, later: Writers, place: int) -> bool:
    """True for what keeps its values, and for a neuron whose top is changed under its own name."""
    if not isinstance(node.op, Neuron) or (node.in_place and node.op.clashes):
        return not _meets(node, later, place)
    return not _meets(node, later, place) or (
        _top_changed(node, later, place)
        and all(node.tops[0] in one.tops for one in later(node.tops[0], place)))


def _top_changed(node: Node, later: Writers, place: int) -> bool:
    """True if backward would find another top, or in place another bottom or diff."""
    op = node.op
    if node.in_place and op.clashes:
        return True
    reads = node.tops and (op.reads_top or (node.in_place and 0 in op.rereads))
    return bool(reads) and not all(op.survives(one.op) for one in later(node.tops[0], place))


def _writers(nodes: Sequence[Node]) -> Writers:
    """Gives the nodes that write in place over the memory of a blob, from a place on."""
    owner: dict[Blob, Blob] = {}
    writers: dict[Blob, list[tuple[int, Node]]] = {}
    for place, node in enumerate(nodes):
        for top in node.tops:
            if top in node.bottoms:
                writers.setdefault(owner[top], []).append((place, node))
            else:
                owner[top] = owner[node.bottoms[0]] if node.op.shares_data and node.bottoms else top
    return lambda blob, place: [node for at, node in writers.get(owner[blob], ()) if at >= place]


class _FromMemory(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, op: Op, find: Memory, count: int, *tensors: torch.Tensor
                ) -> tuple[torch.Tensor, ...]:
        ctx.op, ctx.find, ctx.count = op, find, count
        ctx.put_aside = op.puts_aside(tensors[:count])
        return tuple(top.view_as(top) for top in tensors[count:])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        wanted = ctx.needs_input_grad[3: 3 + ctx.count]
        diffs = ctx.op.gradients(ctx.put_aside, *ctx.find(), grads, wanted)
        return (None, None, None, *(diff.to(grads[0].dtype) if asked else None
                                    for diff, asked in zip(diffs, wanted, strict=True)),
                *(None for _ in grads))


def from_memory(op: Op, bottoms: Tensors, tops: Tensors, find: Memory) -> Tensors:
    """``tops`` with the gradient that follows from what ``find`` gives in their place, later."""
    return _FromMemory.apply(op, find, len(bottoms), *bottoms, *(top.detach() for top in tops))
