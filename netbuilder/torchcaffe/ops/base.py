"""What an op is: the values of one layer type, as differentiable torch code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, ClassVar

import torch

from netbuilder.errors import UnknownLayerError
from netbuilder.layer import Layer, Shape
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.vectors import BlobVec, StringVec

Tensors = Sequence[torch.Tensor]
EVERY = range(sys.maxsize)


class Op:
    """One layer of a net, able to compute.

    A subclass is named as Caffe's layer type and registered by ``@register``. It reads the
    normalised attributes of ``self.layer`` (netbuilder/layers, same file name) and returns tops of
    exactly ``layer.top_shapes``. Its tensors are differentiable torch code over the bottoms and
    parameters it is given; both gaits of the engine call nothing else. It may change the *values*
    of parameters that are no learned ones (BatchNorm's statistics), under ``torch.no_grad()``.
    """

    # Bottoms whose gradient Caffe refuses even under force_backward (labels).
    never_backward: ClassVar[tuple[int, ...]] = ()
    # True where Caffe's layer writes its bottoms' diffs without asking propagate_down.
    always_backward: bool = False
    # True where it writes its parameters' diffs with lr_mult: 0 as well.
    always_params: ClassVar[bool] = False
    # Bottoms whose gradient it dies of: asking for it is an error.
    refuses_backward: tuple[int, ...] = ()
    # False where Caffe's backward itself is NOT_IMPLEMENTED.
    differentiable: ClassVar[bool] = True
    # True if backward works on the net's blobs: the fast gait has none.
    needs_blobs: ClassVar[bool] = False
    # True if the tops' shapes follow from the bottoms' values as well: see ``shapes``.
    shaped_by_values: ClassVar[bool] = False

    # Bottoms whose values forward reads, None for all; and if it writes tops without values. Caffe
    # aborts where these are empty blobs.
    reads: ClassVar[tuple[int, ...] | None] = None
    writes_empty: ClassVar[bool] = True
    # True where it aborts of a bottom without values even if that once had some.
    needs_values: bool = False

    # True where the tops are the first bottom's memory, and where their diffs are as well.
    shares_data: bool = False
    shares_diff: bool = False
    # True where backward makes the first bottom's diff the top's memory, whatever it was before.
    gives_diff: ClassVar[bool] = False

    # True if the gradient needs the top's values, so that nothing may overwrite them.
    keeps_top: bool = True

    # What Caffe's backward reads again in memory, where a layer in place may have written over it
    # (overwritten.py): values of bottoms, by index, and of the first top. All else it put aside.
    rereads: Container[int] = EVERY
    reads_top: bool = False
    # True where forward makes something else of what is reread (classes of labels): autograd then
    # holds that, and forward runs again for the gradient.
    replays: ClassVar[bool] = False
    # True where Caffe's layer, in place, writes over values or diffs that it still has to read.
    clashes: bool = False

    # The bottoms that are one memory with the first top (mark_overwritten sets it).
    over: Container[int] = ()

    def __init__(self, layer: Layer, rng: Rng) -> None:
        self.layer = layer
        self.rng = rng

    def fit(self, layer: Layer) -> None:
        """Takes the layer as resolved for other bottom shapes."""
        self.layer = layer

    def forward(self, bottoms: Tensors, params: Tensors) -> Sequence[torch.Tensor | None]:
        """The tops. None for a top leaves its blob as it is (data that is not refilled)."""
        raise NotImplementedError

    def initial(self) -> Sequence[torch.Tensor | None]:
        """What the tops hold once the net is made; None for nothing in particular."""
        return [None] * self.layer.top_count

    def keeps(self, top: int) -> bool:
        """True if a pass leaves the values of this top as they are (data that stays)."""
        return False

    def shapes(self, bottoms: Tensors) -> Sequence[Shape]:
        """The tops' shapes for bottoms with these values."""
        return self.layer.top_shapes

    def leaves(self, bottoms: Tensors) -> Mapping[int, torch.Tensor]:
        """What Caffe's forward leaves in the diffs of bottoms, by their index."""
        return {}

    def spills(self, wanted: Sequence[bool], params: Sequence[bool]) -> bool:
        """True where Caffe's backward leaves something in the first bottom's diff, which nobody
        asked for: ``spilled``. The arguments say which bottoms and parameters are to get one."""
        return False

    def spilled(self, bottoms: Tensors, grad: torch.Tensor) -> torch.Tensor:
        """What is left there."""
        raise NotImplementedError

    def sets_grad(self, index: int) -> bool:
        """True where Caffe's layer sets the diff of a parameter instead of adding to it."""
        return False

    def made(self) -> BlobVec | None:
        """The parameter blobs, where the layer itself makes and fills them."""
        return None

    def fillers(self) -> Sequence[Any]:
        """A FillerParameter for each parameter blob; by default all zero."""
        return [caffe_pb2.FillerParameter() for _ in self.layer.blobs]

    def puts_aside(self, bottoms: Tensors) -> Tensors:
        """What Caffe's layer keeps of a forward pass for ``gradients``."""
        return ()

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        """The diffs of all bottoms as Caffe has them from what it put aside, from the values of
        bottoms and tops in memory, and from the tops' diffs; what is not ``wanted`` is ignored.

        An op has it where the derivative of ``forward`` is not that (overwritten.py).
        """
        raise NotImplementedError

    def survives(self, writer: Op) -> bool:
        """True if the gradient stays what it is when ``writer`` has worked in place on the top."""
        return 0 not in self.rereads if writer is self else writer.keeps_values

    @property
    def keeps_values(self) -> bool:
        """True if the layer does nothing, as a Dropout in TEST."""
        return False

    @property
    def in_place(self) -> bool:
        """True if the first top is the first bottom."""
        return self.layer.bottoms[:1] == self.layer.tops[:1] != ()

    @property
    def training(self) -> bool:
        """True in the phase TRAIN."""
        return self.layer.phase == caffe_pb2.TRAIN


class _Stand(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[None, torch.Tensor]:
        return None, grad


def with_gradient_of(other: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """``value`` with the gradient of ``other``, where Caffe's backward is not its derivative."""
    return _Stand.apply(value.detach(), other)


def over_itself(product: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """A product with ``x`` that BLAS writes over ``x``, and its diff over its top's.

    OpenBLAS clears what it writes into before it reads, so nothing of ``x`` counts, nor is there
    anything for its diff. The other factor's gradient is of what lies in ``x`` by then.
    """
    return with_gradient_of(product(x.detach()), product(torch.zeros_like(x)))


_OPS: dict[str, type[Op]] = {}


def register(cls: type[Op]) -> type[Op]:
    """Class decorator: makes an op known under its class name, Caffe's type name."""
    if cls.__name__ in _OPS:
        raise ValueError(f"op {cls.__name__} is registered twice")
    _OPS[cls.__name__] = cls
    return cls


def op_types() -> dict[str, type[Op]]:
    """Every registered op by type name."""
    import netbuilder.torchcaffe.ops  # noqa: F401  (registers them)

    return _OPS


def layer_type_list() -> StringVec:
    """The layer types that this engine computes."""
    return StringVec(sorted(op_types()))


def make_op(layer: Layer, rng: Rng) -> Op:
    """The op of a resolved layer; UnknownLayerError that says what can be done if there is none."""
    types = op_types()
    if layer.fork:
        raise UnknownLayerError(
            f'layer "{layer.name}": the type "{layer.type}" is one of {layer.fork}, not of real '
            f"Caffe: it can be analysed, but neither the embedded engine nor real Caffe runs it"
        )
    if layer.type not in types:
        raise UnknownLayerError(
            f'layer "{layer.name}": the embedded engine cannot compute the type "{layer.type}" '
            f"yet. It computes: {', '.join(sorted(types))}. Real Caffe may know it: "
            f"netbuilder train --engine caffe"
        )
    return types[layer.type](layer, rng)
