"""A layer of a net with its blobs, run by itself: the unit of the inspectable gait."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import torch

from netbuilder.errors import EngineError
from netbuilder.layer import Layer, Shape, show
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.ops.base import Op
from netbuilder.torchcaffe.overwritten import from_memory
from netbuilder.torchcaffe.plan import Reach
from netbuilder.torchcaffe.python_layer import Layer as PythonLayer
from netbuilder.torchcaffe.vectors import BlobVec


@dataclass
class _Record:
    """One forward under autograd: what went in and what came out."""

    bottoms: list[torch.Tensor]
    params: list[torch.Tensor]
    tops: Sequence[torch.Tensor | None]


@dataclass(eq=False, repr=False)
class Node(PythonLayer):
    """A layer, its op and its blobs. To users it is pycaffe's Layer: ``type`` and ``blobs``.

    ``blobs`` are the parameters; ``weights`` the loss weight of each top; ``reach`` says what a
    backward pass reaches of it. ``overwritten`` says that backward finds other values than forward
    left, ``replays`` that forward must run on them again, ``kept`` which bottoms' values are put
    aside from that (overwritten.py).
    """

    layer: Layer
    op: Op
    bottoms: list[Blob]
    tops: list[Blob]
    blobs: BlobVec
    weights: list[float]
    reach: Reach
    overwritten: bool = False
    replays: bool = False
    kept: Set[int] = frozenset()
    _record: _Record | None = field(default=None, repr=False)

    @property
    def shown(self) -> PythonLayer:
        """What ``net.layers`` shows of it."""
        return self

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def type(self) -> str:
        """Caffe's name of the layer type."""
        return self.layer.type

    @property
    def top_names(self) -> list[str]:
        """The names of the tops, with Caffe's name for one that it adds itself."""
        return self.layer.top_names

    @property
    def in_place(self) -> bool:
        """True if the first top is the first bottom."""
        return self.bottoms[:1] == self.tops[:1] != []

    def fit(self, shapes: Sequence[Shape]) -> None:
        """Resolves the layer anew if its bottoms changed their shapes since the last time.

        Raises ShapeError if the layer or its parameters do not fit them.
        """
        if tuple(shapes) == self.layer.bottom_shapes:
            return
        old = self.layer
        new = type(old)(old.message, shapes, old.phase, old.told)
        for before, now in zip(old.blobs, new.blobs, strict=True):
            if before.shape != now.shape:
                new.fail(f"bottoms of shape {', '.join(map(show, shapes))} need a parameter "
                         f'"{now.name}" of {show(now.shape)}, but it is {show(before.shape)}')
        self.layer = new
        self.op.fit(new)

    def reshape(self) -> None:
        """Gives the tops the shapes that follow from the bottoms (Layer::Reshape)."""
        if self.bottoms:  # sources and inputs shape their tops themselves
            self.fit([blob.shape for blob in self.bottoms])
            shapes = self.op.shapes([blob.tensor for blob in self.bottoms]) \
                if self.op.shaped_by_values else self.layer.top_shapes
            for blob, shape in zip(self.tops, shapes, strict=True):
                blob.reshape(*shape)

    def check_read(self, bottoms: Sequence[torch.Tensor]) -> None:
        """Raises ShapeError if a bottom is read, or a top known to be written, that is an empty
        blob: Caffe aborts there."""
        for index, (name, blob, values) in enumerate(zip(self.layer.bottoms, self.bottoms, bottoms,
                                                         strict=True)):
            if (blob.empty or self.op.needs_values) and not values.numel() and (
                    self.op.reads is None or index in self.op.reads):
                self.layer.fail(f'its bottom "{name}" is empty: {show(values.shape)}')
        if bottoms and not self.op.shaped_by_values:
            self._check_written(self.layer.top_shapes)

    def check_written(self, tops: Sequence[torch.Tensor | None]) -> None:
        """The same of tops that were written, of any shape."""
        self._check_written([(1,) if top is None else tuple(top.shape) for top in tops])

    def _check_written(self, shapes: Sequence[Shape]) -> None:
        for name, blob, shape in zip(self.top_names, self.tops, shapes, strict=True):
            if blob.empty and 0 in shape and self.op.writes_empty:
                self.layer.fail(f'its top "{name}" is empty: {show(shape)}')

    def share(self) -> None:
        """Makes tops that are no blobs of their own in Caffe views of the first bottom, or of the
        parameter of a layer without one."""
        for blob in self.tops:
            if self.op.shares_data:
                blob.borrow_data((self.bottoms or self.blobs)[0])
            if self.op.shares_diff:
                blob.borrow_diff((self.bottoms or self.blobs)[0])

    def forward(self) -> torch.Tensor | float:
        """Computes the tops from the bottoms' values and returns the layer's part of the loss."""
        tops = self._compute()
        self.share()
        for blob, top in zip(self.tops, tops, strict=True):
            if top is not None and not self.op.shares_data:
                blob.put(top)
            elif top is not None:
                blob.reshape(*top.shape)
        return self.loss()

    def _compute(self) -> Sequence[torch.Tensor | None]:
        self.fit([blob.shape for blob in self.bottoms])
        bottoms = [self._leaf(blob, wanted, index in self.kept) for index, (blob, wanted)
                   in enumerate(zip(self.bottoms, self.wanted, strict=True))]
        params = [self._leaf(blob, wanted and self.reach.layer)
                  for blob, wanted in zip(self.blobs, self.reach.params, strict=True)]
        self.check_read(bottoms)
        with torch.set_grad_enabled(self.reach.layer):
            tops = self.op.forward(bottoms, params)
            self.check_written(tops)
            left = self.op.leaves(bottoms)
            if self.overwritten:
                tops = from_memory(self.op, bottoms, tops, lambda: (
                    [blob.tensor.data for blob in self.bottoms],
                    [blob.tensor.data for blob in self.tops]))
        for index, diff in left.items():
            self.bottoms[index].put_grad(diff)
        self._record = _Record(bottoms, params, tops) if self.reach.layer else None
        return tops

    def loss(self) -> torch.Tensor | float:
        """The tops' values times the loss weights, which Caffe keeps in their diffs."""
        return sum((blob.tensor * blob.grad).sum()
                   for blob, weight in zip(self.tops, self.weights, strict=True) if weight)

    def weigh(self) -> None:
        """Writes the loss weights into the tops' diffs (Layer::SetLossWeights)."""
        for blob, weight in zip(self.tops, self.weights, strict=True):
            if weight:
                blob.put_grad(weight)

    def backward(self) -> None:
        """Sets the bottoms' diffs from the tops' diffs, and adds to the parameters'.

        Without a forward before, it is the derivative at what the blobs hold, as in Caffe. Raises
        EngineError where the layer has no backward.
        """
        if not self.reach.layer:
            return
        self.check_backward()
        if self.op.gives_diff:
            self.bottoms[0].borrow_diff(self.tops[0])
            return
        if self.op.shares_diff:
            return  # it is there
        if self._record is None:
            self._compute()
        record = self._record
        assert record is not None
        for blob in self.blobs:
            blob.settle()
        if self.replays:
            with torch.enable_grad():
                record.tops = self.op.forward(record.bottoms, record.params)
        leaves = [t for t in (*record.bottoms, *record.params) if t.requires_grad]
        grads = dict(zip(map(id, leaves), self._gradients(record, leaves), strict=True))
        # The last first, as Caffe: what a Scale sets is set over what its bias has added.
        for index in reversed(range(len(self.blobs))):
            blob, grad = self.blobs[index], grads.get(id(record.params[index]))
            if grad is not None:
                (blob.put_grad if self.op.sets_grad(index) else blob.add_grad)(grad)
        if self.op.spills(self.wanted, self.reach.params):
            self.bottoms[0].put_grad(self.op.spilled(record.bottoms, self.tops[0].grad))
        for blob, leaf in zip(self.bottoms, record.bottoms, strict=True):
            if leaf.requires_grad:
                grad = grads[id(leaf)]
                blob.put_grad(0.0 if grad is None else grad)

    def forget(self) -> None:
        """Lets the last forward go: its memory, and what a backward would take from it."""
        self._record = None

    def check_backward(self) -> None:
        """Raises EngineError where a backward pass asks for a gradient that Caffe dies of."""
        if not self.reach.layer:
            return
        if not self.op.differentiable:
            raise EngineError(f'layer "{self.name}" ({self.type}) has no backward: set '
                              "propagate_down: false above it, or leave force_backward out")
        for index in self.op.refuses_backward:
            if self.reach.bottoms[index]:
                raise EngineError(
                    f'layer "{self.name}" ({self.type}) has no gradient for its bottom '
                    f'"{self.layer.bottoms[index]}": set propagate_down: false for it, or leave '
                    f"force_backward out")

    @property
    def wanted(self) -> list[bool]:
        """The bottoms whose diffs a backward writes, and be it unasked, as some layers do."""
        always = self.reach.layer and self.op.always_backward
        return [always or (self.reach.layer and needed) for needed in self.reach.bottoms]

    def _gradients(self, record: _Record, leaves: Sequence[torch.Tensor]
                   ) -> Sequence[torch.Tensor | None]:
        ends = [(top, blob.grad) for blob, top in zip(self.tops, record.tops, strict=True)
                if top is not None and top.requires_grad]
        if not ends or not leaves:
            return [None] * len(leaves)
        # A second backward is as good as the first in Caffe: it reads what is there.
        return torch.autograd.grad([top for top, _ in ends], leaves, [grad for _, grad in ends],
                                   retain_graph=True, allow_unused=True)

    @staticmethod
    def _leaf(blob: Blob, wanted: bool, copy: bool = False) -> torch.Tensor:
        """The blob's memory as a leaf of autograd.

        ``.data`` cuts torch's count of changes as well: backward reads what is in the blob then,
        as Caffe does. What a layer puts aside from later changes is a copy.
        """
        tensor = blob.tensor.data
        return (tensor.clone() if copy else tensor).requires_grad_(wanted)
