"""The fast gait: the whole net as one differentiable program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from netbuilder.layer import Shape
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.memory import keep_freed
from netbuilder.torchcaffe.node import Node
from netbuilder.torchcaffe.ops.neuron import ReLU
from netbuilder.torchcaffe.ops.normalization import BatchNorm
from netbuilder.torchcaffe.overwritten import from_memory

Tensors = Sequence[torch.Tensor]
_Compute = Callable[[Tensors, Sequence[Tensors]], Sequence[torch.Tensor | None]]


@dataclass
class _Leaf:
    """A parameter as it enters a pass: whose it is, and the tensor that gets a gradient."""

    node: Node
    index: int
    tensor: torch.Tensor

    def take(self, grad: torch.Tensor, keep: bool) -> None:
        """Brings a gradient into the parameter's diff."""
        blob = self.node.blobs[self.index]
        if self.node.op.sets_grad(self.index):
            blob.put_grad(grad)
        else:
            blob.add_grad(grad, keep)


@dataclass
class _Step:
    """One layer, or several computed as one: ``compute`` takes bottoms and a list of parameters
    per node, and gives the last node's tops. ``done`` are the blobs that no later step reads."""

    nodes: list[Node]
    compute: _Compute
    done: Sequence[Blob] = ()

    @property
    def bottoms(self) -> list[Blob]:
        return self.nodes[0].bottoms

    @property
    def tops(self) -> list[Blob]:
        return self.nodes[-1].tops


class Program:
    """A net's nodes run as one program of torch, values passed on without copies.

    It leaves behind the net's ``outputs``, tops with a loss weight, the parameters and their
    diffs. Of every other blob that it computes, data and diff are missing afterwards, and reading
    them is an error. Numbers are those of the inspectable gait up to rounding; with ``bf16`` what
    torch.autocast computes in bfloat16 is rounded to that, losses and parameters are not.
    """

    def __init__(self, nodes: Sequence[Node], outputs: Iterable[Blob], bf16: bool = False) -> None:
        keep_freed()
        self._steps = _steps(nodes)
        self._bf16 = bf16
        self.batch: dict[Blob, torch.Tensor] = {}  # what the last pass had from its sources
        # By blob, not by name: several losses without a top are all called "(automatic)".
        names = {blob: name for node in nodes
                 for blob, name in zip(node.tops, node.top_names, strict=True)}
        self._kept = {*outputs, *(blob for node in nodes
                                  for blob, weight in zip(node.tops, node.weights, strict=True)
                                  if weight)}
        for step, done in zip(self._steps, _last_readers(self._steps), strict=True):
            step.done = [blob for blob in done if blob not in self._kept]
        self._why = {blob: f'blob "{name}" was not kept: the last pass ran in the fast gait. Ask '
                           f'for the inspectable one to see it' for blob, name in names.items()}
        # The last values of blobs that a backward reads in memory: see overwritten.py.
        self._memory: dict[Blob, torch.Tensor] = {
            node.tops[0]: torch.empty(0) for node in nodes if node.overwritten}
        self._channels_last = any(node.type == "Convolution" for node in nodes)

    def run(self, backward: bool) -> torch.Tensor:
        """One pass over the next batch; adds to the parameters' diffs. Returns the loss."""
        values: dict[Blob, torch.Tensor] = {}
        leaves: list[_Leaf] = []
        ends: list[tuple[torch.Tensor, torch.Tensor]] = []
        for step in self._steps:
            params = [self._leaves(node, backward, leaves) for node in step.nodes]
            with torch.set_grad_enabled(backward and step.nodes[0].reach.layer):
                bottoms = self._bottoms(step, values)
                tops = self._compute(step, bottoms, params)
                if step.nodes[-1].overwritten:
                    tops = [self._slope_of_memory(step.nodes[-1], bottoms[0], tops[0])]
            self._store(step, tops, values, ends)
            for blob in step.done:
                values.pop(blob, None)
        for blob in self._kept & values.keys():
            blob.put(values[blob])
        if backward:
            self._check_backward()
            self._backward(ends, leaves)
        return torch.stack([(top.detach() * weight).sum() for top, weight in ends]).sum() \
            if ends else torch.zeros(())

    def _slope_of_memory(self, node: Node, bottom: torch.Tensor, top: torch.Tensor
                         ) -> torch.Tensor:
        def find() -> tuple[Tensors, Tensors]:
            now = self._memory[node.tops[0]]
            return [now if node.in_place else bottom.detach()], [now]

        return from_memory(node.op, [bottom], [top], find)[0]

    def _check_backward(self) -> None:
        for step in self._steps:
            for node in step.nodes:
                node.check_backward()

    def _bottoms(self, step: _Step, values: dict[Blob, torch.Tensor]) -> list[torch.Tensor]:
        bottoms = [values[blob] if needed else values[blob].detach()
                   for blob, needed in zip(step.bottoms, step.nodes[0].wanted, strict=True)]
        shapes: Sequence[Shape] = [tuple(bottom.shape) for bottom in bottoms]
        for node in step.nodes:
            node.fit(shapes)
            shapes = node.layer.top_shapes
        step.nodes[0].check_read(bottoms)
        return bottoms

    def _compute(self, step: _Step, bottoms: Tensors, params: Sequence[Tensors]
                 ) -> Sequence[torch.Tensor | None]:
        if not self._bf16 or not bottoms:
            return step.compute(bottoms, params)
        if any(step.nodes[-1].weights):
            return step.compute([bottom.float() for bottom in bottoms], params)
        with torch.autocast(bottoms[0].device.type, torch.bfloat16):
            return step.compute(bottoms, params)

    def _store(self, step: _Step, tops: Sequence[torch.Tensor | None],
               values: dict[Blob, torch.Tensor], ends: list[tuple[torch.Tensor, torch.Tensor]]
               ) -> None:
        step.nodes[-1].check_written(tops)
        for blob in (blob for node in step.nodes[:-1] for blob in node.tops):
            blob.lose(self._why[blob])
        weights = step.nodes[-1].weights
        for blob, top, weight in zip(step.tops, tops, weights, strict=True):
            if top is None:  # what the blob holds goes in, and stays there
                values[blob] = self._entering(blob.tensor.data)
                continue
            values[blob] = top if step.bottoms else self._entering(
                top.to(blob.device, non_blocking=True))
            blob.lose(self._why[blob])
            if blob in self._memory:
                self._memory[blob] = values[blob].detach()
            if not step.bottoms:
                self.batch[blob] = values[blob]
            if weight:
                blob.reshape(*values[blob].shape)
                ends.append((values[blob], blob.grad.clone()))

    def _entering(self, data: torch.Tensor) -> torch.Tensor:
        if self._channels_last and data.dim() == 4:
            return data.contiguous(memory_format=torch.channels_last)
        return data

    def _leaves(self, node: Node, backward: bool, leaves: list[_Leaf]) -> list[torch.Tensor]:
        params = [blob.filters().detach() if node.type == "Convolution" and len(blob.shape) == 4
                  else blob.tensor.data for blob in node.blobs]
        if backward and node.reach.layer:
            leaves.extend(_Leaf(node, index, tensor.requires_grad_())
                          for index, tensor in enumerate(params) if node.reach.params[index])
        return params

    def _backward(self, ends: Sequence[tuple[torch.Tensor, torch.Tensor]],
                  leaves: Sequence[_Leaf]) -> None:
        ends = [(top, weight) for top, weight in ends if top.requires_grad]
        if ends and leaves:
            grads = torch.autograd.grad(
                [top for top, _ in ends], [leaf.tensor for leaf in leaves],
                [weight for _, weight in ends], allow_unused=True)
            seen: set[int] = set()
            # The last first: of a shared factor that Caffe sets, the first layer's grad stays.
            for leaf, grad in zip(reversed(leaves), reversed(grads), strict=True):
                if grad is not None:  # torch may give one tensor to two leaves
                    leaf.take(grad, keep=grad.data_ptr() not in seen)
                    seen.add(grad.data_ptr())
        for step in self._steps:
            for node in step.nodes:
                for blob, needed in zip(node.bottoms, node.wanted, strict=True):
                    if needed:
                        blob.lose_grad(self._why[blob])


def _steps(nodes: Sequence[Node]) -> list[_Step]:
    """One step per node, but one for a BatchNorm, the Scale right after it, and the convolution
    right before it, of whose biases nothing is left."""
    steps: list[_Step] = []
    for node in nodes:
        if steps and (_scales(steps[-1].nodes[-1], node) or _centres(steps[-1].nodes[-1], node)):
            steps[-1] = _together([*steps[-1].nodes, node])
        else:
            steps.append(_Step([node], _overwriting(node) if steps and _overwrites(
                steps[-1].nodes[-1], node) else _alone(node)))
    return steps


def _alone(node: Node) -> _Compute:
    return lambda bottoms, params: node.op.forward(bottoms, params[0])


def _overwriting(node: Node) -> _Compute:
    op = node.op
    assert isinstance(op, ReLU)
    return lambda bottoms, params: [op.value_(bottoms[0])]


def _overwrites(before: Node, node: Node) -> bool:
    """True if ``node`` is a ReLU in place on a top that ``before`` has no more use for."""
    return (node.type == "ReLU" and node.bottoms == node.tops == before.tops
            and not node.overwritten and not before.op.keeps_top and not any(before.weights)
            and before.bottoms != []
            and node.reach.layer == before.reach.layer == all(node.reach.bottoms))


def _scales(norm: Node, scale: Node) -> bool:
    """True if ``scale`` multiplies each channel that ``norm`` has just normalised."""
    return (norm.type == "BatchNorm" and scale.type == "Scale" and scale.bottoms == norm.tops
            and scale.layer.learned and scale.layer.first_axis == 1
            and scale.layer.operand_shape == (norm.layer.channels,)
            and not any(norm.weights)
            and scale.reach.layer == norm.reach.layer == all(scale.reach.bottoms))


def _centres(conv: Node, norm: Node) -> bool:
    """True if ``norm`` takes away the mean of each of ``conv``'s channels, its bias with it."""
    return (conv.type in ("Convolution", "Deconvolution") and len(conv.blobs) == 2
            and conv.layer.channel_axis == 1
            and norm.type == "BatchNorm" and not norm.layer.use_global_stats
            and norm.bottoms == conv.tops
            and norm.reach.layer == conv.reach.layer == all(norm.reach.bottoms))


def _together(nodes: list[Node]) -> _Step:
    """Convolution, BatchNorm, Scale, without the first or the last, in one step."""
    conv = nodes[0].op if nodes[0].type != "BatchNorm" else None
    norm = nodes[1 if conv else 0].op
    assert isinstance(norm, BatchNorm)

    def compute(bottoms: Tensors, params: Sequence[Tensors]) -> Tensors:
        if not conv:
            return [norm.normalize(bottoms[0], params[0], *params[1])]
        (filters, shift), statistics, *scale = params
        top = conv.forward(bottoms, [filters])[0]
        return [norm.normalize(top, statistics, *(scale[0] if scale else (None, None)),
                               shift=shift.detach())]

    return _Step(nodes, compute)


def _last_readers(steps: Sequence[_Step]) -> list[list[Blob]]:
    """For each step the blobs that it is the last to read or to make."""
    last = {blob: index for index, step in enumerate(steps) for blob in step.bottoms + step.tops}
    done: list[list[Blob]] = [[] for _ in steps]
    for blob, index in last.items():
        done[index].append(blob)
    return done
