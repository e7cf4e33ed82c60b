"""A layer of a network as its file tells it: message, bottom shapes, and what follows from them.

A layer type is a subclass named as in Caffe and registered by ``@register``. It answers, from
its message and the shapes of its bottoms alone: the shapes of its tops, its parameter blobs, and
its cost. Nothing here computes a value or allocates a tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any, ClassVar, NoReturn

from netbuilder import filler
from netbuilder.errors import ShapeError, UnknownLayerError, one_of
from netbuilder.proto import caffe_pb2

Shape = tuple[int, ...]
Reach = tuple[int | Fraction, int | Fraction, int | Fraction]

VALUE_BYTES = 4  # Caffe computes in float
MAX_COUNT = 2**31 - 1  # Blob::Reshape (blob.cpp) counts in int
AUTOMATIC = "(automatic)"  # a top that Caffe adds to a loss; no layer can take it
MAX_AXES = 32  # kMaxBlobAxes, blob.hpp


@dataclass(frozen=True)
class BlobSpec:
    """A parameter blob: what it holds (``weight``, ``bias``, ``mean`` ...) and its shape.

    ``learned`` is True if a solver changes it: its ``lr_mult`` is not 0 and it is no statistic.
    """

    name: str
    shape: Shape
    learned: bool

    @property
    def count(self) -> int:
        """How many values the blob stores."""
        return prod(self.shape)


@dataclass(frozen=True)
class Operations:
    """Arithmetic of a forward pass, by kind; docs/counting.md defines each.

    Subtractions are additions; logarithms, powers, roots and tanh are exponentials.
    """

    multiplications: int = 0
    additions: int = 0
    comparisons: int = 0
    divisions: int = 0
    exponentials: int = 0

    def __add__(self, other: Operations) -> Operations:
        return Operations(*(mine + theirs for mine, theirs in
                            zip(self.kinds.values(), other.kinds.values(), strict=True)))

    def __mul__(self, times: int) -> Operations:
        return Operations(*(count * times for count in self.kinds.values()))

    @property
    def kinds(self) -> dict[str, int]:
        """Each count by its name."""
        return vars(self)

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return self.multiplications + self.additions


class Layer:
    """One layer, resolved: its message, its phase, and the shapes of its bottoms and tops.

    Shapes are tuples of ints; a loss has the shape ``()``. ``told`` maps a top's name to a shape
    that the caller vouches for, where the file cannot tell (a database that is not here).
    Raises ShapeError when fields and bottoms contradict each other.
    """

    param: ClassVar[str] = ""  # the type's own message inside LayerParameter
    bottoms_wanted: ClassVar[tuple[int, int | None]] = (1, 1)  # at least, at most
    tops_wanted: ClassVar[tuple[int, int | None]] = (1, 1)
    auto_top: ClassVar[bool] = False  # Caffe adds the top of a loss that names none
    in_place_allowed: ClassVar[bool] = True  # where Caffe does not check it
    reshapes_in_place: ClassVar[bool] = True  # a top over a bottom of another shape loads
    fork: ClassVar[str] = ""  # who has the type, where real Caffe has not
    free: ClassVar[bool] = False  # moves values, computes none
    shares_data: ClassVar[bool] = False  # tops are the first bottom's memory (ShareData)
    pointwise: ClassVar[bool] = False  # each place of a top reads the same place of the bottoms
    paired: ClassVar[bool] = False  # a top is made of the bottom of its index alone
    time_major: ClassVar[bool] = False  # takes steps first: (T, N, ...) and the marks (T, N)

    def __init__(
        self,
        message: Any,
        bottom_shapes: Sequence[Shape] = (),
        phase: int = caffe_pb2.TRAIN,
        told: Mapping[str, Shape] | None = None,
    ) -> None:
        self.message = message
        self.name: str = message.name
        self.phase = phase
        self.told = told or {}
        self.bottom_shapes = tuple(tuple(shape) for shape in bottom_shapes)
        self.fields = getattr(message, self.param) if self.param else message
        self._check_counts()
        self.setup()
        self.top_shapes: tuple[Shape, ...] = tuple(self._checked(s) for s in self.shapes())

    @property
    def type(self) -> str:
        """Caffe's name of the layer type."""
        return type(self).__name__

    @cached_property
    def bottoms(self) -> tuple[str, ...]:
        """Names of the input blobs."""
        return tuple(self.message.bottom)

    @cached_property
    def tops(self) -> tuple[str, ...]:
        """Names of the output blobs."""
        return tuple(self.message.top)

    @property
    def top_names(self) -> list[str]:
        """Names of the output blobs, with Caffe's name for one that it adds to a loss itself."""
        return [*self.tops, *[AUTOMATIC] * (self.top_count - len(self.tops))]

    # What a layer type says of itself.

    def setup(self) -> None:
        """Reads the fields into attributes of plain Python values, and checks them."""

    def shapes(self) -> Sequence[Shape]:
        """The shapes of the tops; by default every top is shaped like the first bottom."""
        return [self.bottom_shapes[0]] * self.top_count

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        """Name and shape of each parameter blob, in Caffe's order."""
        return ()

    @property
    def starved(self) -> bool:
        """True if Caffe aborts as it makes the layer: it works with a blob that would be empty."""
        return False

    def macs(self) -> int:
        """Multiply-accumulates of one forward pass over the whole batch."""
        return 0

    def operations(self) -> Operations | None:
        """The arithmetic of one forward pass over the whole batch; None where no rule is known."""
        return Operations() if self.free else None

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        """Which places of a bottom the tops read, for each axis from the third on.

        (step, low, high): place o of a top reads the places from ``step * o + low`` to
        ``step * o + high``. None where that says nothing; () where the tops read none of it.
        """
        return [(1, 0, 0)] * (len(self.bottom_shapes[bottom]) - 2) if self.pointwise else None

    def documented_flops(self) -> int:
        """pynetbuilder's count (docs/counting.md): the first blob once, for one image."""
        return self.blobs[0].count if self.blobs else 0

    # What follows.

    @cached_property
    def blobs(self) -> tuple[BlobSpec, ...]:
        """The parameter blobs."""
        parameters = self.parameters()
        if len(self.message.param) > len(parameters):
            self.fail(f"has {len(parameters)} parameter blob(s), but {len(self.message.param)} "
                      f"param {{ }} entries")
        blobs = tuple(
            BlobSpec(name, self._checked(shape), self.learns(index))
            for index, (name, shape) in enumerate(parameters)
        )
        for blob in blobs:
            self._check_filler(blob)
        return blobs

    @property
    def count(self) -> int:
        """How many values the first bottom has."""
        return prod(self.bottom_shapes[0])

    @property
    def top_count(self) -> int:
        """How many tops the layer has, one that Caffe adds by itself included."""
        return max(len(self.message.top), self.tops_wanted[0] if self.auto_top else 0)

    def check_not_starved(self) -> None:
        """Raises ShapeError where Caffe aborts for want of values as it makes the layer.

        Else an empty blob loads; Caffe aborts when somebody reads it.
        """
        weighted = zip(self.message.loss_weight, self.top_shapes, strict=False)
        for index, (weight, shape) in enumerate(weighted):
            if weight and not prod(shape):
                name = self.top_names[index]
                self.fail(f'its top "{name}" is empty and has a loss_weight: {show(shape)}')
        if self.starved:
            self.fail(f"nothing is in its bottom {' and '.join(map(show, self.bottom_shapes))}")

    def learns(self, index: int) -> bool:
        """True if a solver changes parameter blob ``index``."""
        specs = self.message.param
        return index >= len(specs) or specs[index].lr_mult != 0

    def axis(self, value: int, bottom: int = 0) -> int:
        """An axis of a bottom as a non-negative int."""
        axes = len(self.bottom_shapes[bottom])
        if not -axes <= value < axes:
            self.fail(f"axis {value} does not exist in a bottom of shape "
                      f"{show(self.bottom_shapes[bottom])}")
        return value + axes if value < 0 else value

    def fail(self, problem: str) -> NoReturn:
        """Raises a ShapeError that names this layer and its type."""
        raise ShapeError(f'layer "{self.name}" ({self.type}): {problem}')

    def _check_counts(self) -> None:
        self._check_count("bottom", len(self.bottom_shapes), self.bottoms_wanted)
        self._check_count("top", self.top_count, self.tops_wanted)
        for field, count in (("loss_weight", self.top_count),
                             ("propagate_down", len(self.bottom_shapes))):
            given = len(getattr(self.message, field))
            if given not in (0, count):
                self.fail(f"{field} is given {given} times; give none, or {count}")

    def _check_count(self, what: str, count: int, wanted: tuple[int, int | None]) -> None:
        low, high = wanted
        if count < low or (high is not None and count > high):
            amount = f"{low}" if low == high else f"{low} to {high}" if high else f"at least {low}"
            self.fail(f"takes {amount} {what}(s), but has {count}")

    def _check_filler(self, blob: BlobSpec) -> None:
        if not blob.count:  # filled or not, Caffe cannot allocate it
            self.fail(f"its {blob.name} blob would be empty: {show(blob.shape)}")
        for name in (f"{blob.name.split()[-1]}_filler", "filler"):
            if name in self.fields.DESCRIPTOR.fields_by_name and not self.message.blobs:
                wrong = filler.problem(getattr(self.fields, name), blob.shape)
                if wrong:
                    self.fail(f"its {blob.name} blob: {wrong}")
                break

    def _checked(self, shape: Sequence[int]) -> Shape:
        shape = tuple(shape)
        if len(shape) > MAX_AXES:
            self.fail(f"a blob of {len(shape)} axes; Caffe's limit is {MAX_AXES}")
        if any(dim < 0 for dim in shape) or prod(shape) > MAX_COUNT:
            self.fail(f"a blob of shape {show(shape)} is not possible: "
                      f"dimensions must be >= 0 and their product below 2^31")
        return shape


def show(shape: Sequence[int]) -> str:
    """A shape as people write it: ``64x3x7x7``; ``scalar`` for no axes."""
    return "x".join(map(str, shape)) if len(shape) else "scalar"


_TYPES: dict[str, type[Layer]] = {}


def register(cls: type[Layer]) -> type[Layer]:
    """Class decorator: makes a layer type known under its class name. Doubles are refused."""
    if cls.__name__ in _TYPES:
        raise ValueError(f"layer type {cls.__name__} is registered twice")
    _TYPES[cls.__name__] = cls
    return cls


def layer_types() -> dict[str, type[Layer]]:
    """Every registered layer type by name."""
    import netbuilder.layers.of_forks  # noqa: F401  (registers them, and the stock ones)

    return _TYPES


def layer_class(type_name: str) -> type[Layer]:
    """The class of a layer type; UnknownLayerError with the nearest known name if none."""
    import netbuilder.layers  # noqa: F401  (registers the stock ones)

    if type_name not in _TYPES and type_name not in layer_types():
        raise UnknownLayerError(
            f'unknown layer type "{type_name}"{one_of(type_name, sorted(_TYPES))}. A type of your '
            "own: docs/adding.md"
        )
    return _TYPES[type_name]
