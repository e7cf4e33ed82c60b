"""A net walked in one phase by a reader who does not stop at a mistake.

The steps are those of `graph.Builder`, so a net is wrong here exactly if `graph.resolve` raises.
Behind a layer with a mistake shapes are unknown: layers that need them are not judged by shape,
their wiring still is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netbuilder.analysis.lint.states import State
from netbuilder.errors import (
    GraphError,
    NetbuilderError,
    ShapeError,
    ShapeUnknown,
    UnknownLayerError,
)
from netbuilder.graph import Builder, Graph, check_shape_in_place, in_place
from netbuilder.layer import Layer, Shape, layer_types, show
from netbuilder.proto import caffe_pb2

# What a problem is about; each is one rule's (wiring.py).
UNKNOWN_TYPE, UNKNOWN_SHAPE, SHAPE, LABELS = "unknown type", "unknown shape", "shape", "labels"
BOTTOM, TOP, IN_PLACE, SHARING, RULES = "bottom", "top", "in place", "sharing", "rules"
DATA = "data"  # a top that two data layers make
_ABOUT = {UnknownLayerError: UNKNOWN_TYPE, ShapeUnknown: UNKNOWN_SHAPE, ShapeError: SHAPE}

MOST = 300  # mistakes of a net: a suggestion for each takes a millisecond


@dataclass(eq=False)
class Blob:
    """One version of a blob: in-place layers make a new one under the old name."""

    name: str
    shape: Shape | None  # None: unknown
    maker: Step
    index: int  # of the maker's tops
    takers: list[Step] = field(default_factory=list)


@dataclass(eq=False)
class Step:
    """A layer of the walk; ``layer`` is None where it could not be resolved.

    ``position`` counts the layers of the whole net. ``bottoms`` has None for a missing blob.
    ``phased`` is True if a rule of the layer names a phase; ``message`` has its rules no more.
    """

    position: int
    message: Any
    layer: Layer | None = None
    bottoms: list[Blob | None] = field(default_factory=list)
    tops: list[Blob] = field(default_factory=list)
    phased: bool = False

    @property
    def is_loss(self) -> bool:
        """True if the net is trained for it."""
        return "Loss" in self.message.type or any(self.message.loss_weight)

    @property
    def has_weights(self) -> bool:
        """True if the layer has parameter blobs, or its type has, if it could not be resolved."""
        if self.layer is not None:
            return bool(self.layer.blobs)
        kind = layer_types().get(self.message.type, Layer)
        return bool(self.message.blobs) or kind.parameters is not Layer.parameters

    @property
    def is_source(self) -> bool:
        """True for a layer that brings data in."""
        return not self.message.bottom and self.message.type != "Parameter"


@dataclass(frozen=True)
class Problem:
    """A mistake that the walk met: what it is about, at which step, in words."""

    about: str
    step: Step
    sentence: str


class _Unresolved:
    """Stands in for a Layer where only its wiring is checked."""

    def __init__(self, message: Any) -> None:
        self.message, self.name, self.type = message, message.name, message.type
        self.bottoms, self.tops = tuple(message.bottom), tuple(message.top)
        self.in_place_allowed = getattr(layer_types().get(message.type), "in_place_allowed", True)
        self.reshapes_in_place = True

    fail = Layer.fail


class Walk:
    """A net in one state: its ``steps``, and the ``problems`` that the walk met.

    ``net`` must be in today's format (`passes.upgrade`); its ``state`` is respected. ``idle``
    are the layers that no state has, each with the phase that it waits for.
    """

    def __init__(self, net: Any, state: State, inputs: Mapping[str, Shape] | None = None,
                 idle: Iterable[tuple[int, str]] = ()) -> None:
        self.state, self.phase = state, state.phase
        self.steps: list[Step] = []
        self.problems: list[Problem] = []
        self.skipped: list[Step] = []
        self.idle = [(Step(position, net.layer[position]), phase) for position, phase in idle]
        self._builder = Builder(Graph(net.name, self.phase), dict(inputs or {}))
        self._blobs: dict[str, Blob] = {}
        for step in self._chosen(net):
            self._take(step)
            if len(self.problems) >= MOST:
                self.problems[-1] = replace(self.problems[-1], sentence=(
                    f"{self.problems[-1].sentence}; layers below it are not looked at, since "
                    f"{MOST} mistakes are enough"))
                break
        self.shared = self._builder.graph.shared

    @property
    def trains(self) -> bool:
        """True if a solver would learn from this net."""
        return self.phase == caffe_pb2.TRAIN and any(step.is_loss for step in self.steps)

    def about(self, what: str) -> Iterable[tuple[Step, str]]:
        """The problems of one kind, as a rule yields them."""
        return ((one.step, one.sentence) for one in self.problems if one.about == what)

    def _chosen(self, net: Any) -> Iterable[Step]:
        for position, message in enumerate(net.layer):
            alone = caffe_pb2.NetParameter(state=net.state, layer=[message])
            try:
                kept = self.state.layers(alone)
            except GraphError as error:
                self._problem(RULES, Step(position, message), error)
                continue
            if kept:
                rules = *message.include, *message.exclude
                phased = any(rule.HasField("phase") for rule in rules)
                yield Step(position, kept[0], phased=phased)

    def _take(self, step: Step) -> None:
        self.steps.append(step)
        shapes = [self._bottom(step, name) for name in step.message.bottom]
        if None in shapes:
            self.skipped.append(step)
        else:
            step.layer = self._layer(step, shapes)
        for index, top in enumerate(step.message.top):
            self._top(step, index, top)
        if step.layer is not None:
            try:
                self._builder.share(step.layer)
            except ShapeError as error:
                self._problem(SHARING, step, error)
            self._builder.graph.layers.append(step.layer)

    def _bottom(self, step: Step, name: str) -> Shape | None:
        blob = self._blobs.get(name)
        step.bottoms.append(blob)
        if blob is not None:
            blob.takers.append(step)
        try:
            return self._builder.bottom(step.message, name)
        except GraphError as error:
            self._problem(BOTTOM, step, error)
            return None

    def _layer(self, step: Step, shapes: list[Shape]) -> Layer | None:
        try:
            layer = self._builder.layer(step.message, shapes)
            _ = layer.blobs  # parameters can be wrong too
            return layer
        except NetbuilderError as error:
            kind = next((_ABOUT[one] for one in type(error).__mro__ if one in _ABOUT), SHAPE)
            if kind == SHAPE and len(step.bottoms) > 1 and judges(step.message):
                kind = LABELS
            self._problem(kind, step, error, _origins(step) if kind in (SHAPE, LABELS) else "")
            return None

    def _top(self, step: Step, index: int, top: str) -> None:
        known = step.layer.top_shapes[index] if step.layer is not None else None
        works_in_place = in_place(step.message, index)
        blobs = self._builder.graph.blobs
        shape = blobs.get(top) if works_in_place and step.layer is None else known
        if not works_in_place or top in blobs:
            try:
                self._builder.check_top(step.layer or _Unresolved(step.message), index, shape)
                if step.layer is not None:
                    check_shape_in_place(step.layer, index)
            except NetbuilderError as error:
                if works_in_place:
                    self._problem(IN_PLACE, step, error)
                else:
                    self._twice(step, self._blobs[top], error)
        self._builder.record_top(step.message, index, known)
        blob = self._blobs[top] = Blob(top, known, step, index)
        step.tops.append(blob)

    def _twice(self, step: Step, former: Blob, error: NetbuilderError) -> None:
        pair = step, former.maker
        phases = former.maker is not step and all(one.is_source for one in pair) and not all(
            one.phased for one in pair)
        self._problem(DATA if phases else TOP, step, error)
        former.takers.append(step)  # nobody else can take it any more; one mistake will do

    def _problem(self, about: str, step: Step, error: Exception, more: str = "") -> None:
        self.problems.append(Problem(about, step, f"{error}{more}"))


def judges(message: Any) -> bool:
    """True for a layer that compares predictions with labels."""
    return message.type.endswith("Loss") or message.type == "Accuracy"


def _origins(step: Step) -> str:
    """Which layer each bottom comes from, and its shape."""
    told = [f'"{blob.name}" ({show(blob.shape)}) comes from layer "{blob.maker.message.name}" '
            f"({blob.maker.message.type})" for blob in step.bottoms]
    return f"; {', '.join(told)}" if told else ""
