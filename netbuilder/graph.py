"""A net resolved: its layers in order, each with all shapes (Net::Init, net.cpp)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from netbuilder import passes
from netbuilder.errors import GraphError, NetbuilderError, did_you_mean
from netbuilder.layer import AUTOMATIC, Layer, Shape, layer_class, show
from netbuilder.proto import caffe_pb2

# Makes a layer of its message, bottom shapes, phase and told shapes, as a Layer class does.
Maker = Callable[[Any, Sequence[Shape], int, Mapping[str, Shape]], Layer]
LOSS = "the loss"  # takes a top that has a loss_weight; told from a layer of that name by `is`


@dataclass(frozen=True)
class Owner:
    """The layer and index of the blob that a shared parameter lives in."""

    layer: Layer
    index: int


@dataclass
class Graph:
    """The layers of one phase in the order Caffe runs them, and every blob's shape.

    ``shared`` maps (position of the layer, blob index) of a parameter that lives in an earlier
    layer to its Owner. ``outputs`` are the losses and the blobs that no layer takes, sorted
    as in Caffe. Caffe does not mind two layers of one name, so names are no keys here.
    """

    name: str
    phase: int
    layers: list[Layer] = field(default_factory=list)
    blobs: dict[str, Shape] = field(default_factory=dict)
    shared: dict[tuple[int, int], Owner] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    @property
    def batch(self) -> int:
        """Images (or sequences) per pass, 1 where nothing tells.

        It is the first dimension of the first blob that a source makes, scalars left out; the
        second one, if a recurrent layer takes that blob's steps as they are: (T, N, ...).
        """
        sources = (layer for layer in self.layers if not layer.bottoms and not layer.blobs)
        named = ((top, shape) for layer in sources
                 for top, shape in zip(layer.tops, layer.top_shapes, strict=False) if shape)
        name, shape = next(named, ("", (1,)))
        return shape[1] if name in self._time_major() else shape[0]

    def _time_major(self) -> set[str]:
        """The blobs (T, N, ...) that recurrent layers take, and those that lead there unbroken."""
        found: set[str] = set()
        for layer in reversed(self.layers):
            if layer.time_major:
                found.update(layer.bottoms[:2])
            steps = {shape[:2] for top, shape in zip(layer.tops, layer.top_shapes, strict=False)
                     if top in found}
            found.update(name for name, shape in zip(layer.bottoms, layer.bottom_shapes,
                                                     strict=True) if shape[:2] in steps)
        return found


def resolve(
    net: Any,
    phase: int = caffe_pb2.TRAIN,
    level: int = 0,
    stages: Iterable[str] = (),
    inputs: Mapping[str, Shape] | None = None,
    *,
    makers: Mapping[str, Maker] | None = None,
) -> Graph:
    """The graph of a NetParameter in one phase.

    ``inputs`` gives the shapes of blobs that the file cannot tell. ``makers`` make the layers of
    some types instead of their classes: an engine's, which can run what the file only names.
    Raises a NetbuilderError that names the layer: ShapeError, ShapeUnknown, UnknownLayerError or
    GraphError.
    """
    chosen = passes.for_phase(passes.upgrade(net), phase, level, stages)
    _check_inputs(chosen, inputs or {})
    builder = Builder(Graph(chosen.name, phase), dict(inputs or {}), makers or {})
    for message in chosen.layer:
        builder.add(message)
    return builder.finish()


def _check_inputs(net: Any, inputs: Mapping[str, Shape]) -> None:
    tops = {top for layer in net.layer for top in layer.top} if inputs else set()
    for name in inputs:
        if name not in tops:
            raise GraphError(f'no blob is named "{name}"{did_you_mean(name, tops)}')


def in_place(message: Any, index: int) -> bool:
    """True if a layer's top of this index is its bottom of the same index."""
    return index < len(message.bottom) and message.bottom[index] == message.top[index]


def check_shape_in_place(layer: Layer, index: int) -> None:
    """Raises ShapeError if this top works in place on a bottom of another shape.

    Real Caffe loads most such layers, and so does `resolve`. But it shapes the blob anew in each
    pass, from what the last one left: it aborts, or the blob shrinks from pass to pass.
    """
    if in_place(layer.message, index) and layer.top_shapes[index] != layer.bottom_shapes[index]:
        layer.fail(f'cannot work in place: its bottom "{layer.tops[index]}" is '
                   f"{show(layer.bottom_shapes[index])}, its top {show(layer.top_shapes[index])}; "
                   "Caffe may load it, but shapes it anew in each pass")


class Builder:
    """Adds layers one by one, as Net::Init does.

    ``add`` is all of it; a linter, which does not stop at the first mistake, takes its steps.
    """

    def __init__(self, graph: Graph, inputs: dict[str, Shape],
                 layer_makers: Mapping[str, Maker] = MappingProxyType({})) -> None:
        self.graph, self.inputs, self.layer_makers = graph, inputs, layer_makers
        self.makers: dict[str, str] = {}  # blob -> the layer that made it
        self.takers: dict[str, list[str]] = {}  # blob -> the layers that take its last version
        self.owners: dict[str, Owner] = {}
        self.rates: dict[tuple[str, str], float] = {}  # (parameter name, field) -> multiplier

    def add(self, message: Any) -> None:
        bottoms = [self.bottom(message, name) for name in message.bottom]
        layer = self.layer(message, bottoms)
        for index, shape in enumerate(layer.top_shapes[: len(layer.tops)]):
            self.check_top(layer, index, shape)
            self.record_top(message, index, shape)
        for shape in layer.top_shapes[len(layer.tops): layer.top_count]:
            self.graph.blobs[AUTOMATIC] = shape
        self.share(layer)
        self.graph.layers.append(layer)

    def layer(self, message: Any, bottoms: list[Shape]) -> Layer:
        """The layer itself, its bottoms' shapes given."""
        phase = message.phase if message.HasField("phase") else self.graph.phase
        told = {top: self.inputs[top] for top in message.top if top in self.inputs}
        try:
            make = self.layer_makers.get(message.type) or layer_class(message.type)
            layer = make(message, bottoms, phase, told)
            layer.check_not_starved()
        except NetbuilderError as error:
            named = f'layer "{message.name}"'
            if not str(error).startswith(named):
                raise type(error)(f"{named}: {error}") from error
            raise
        for top, shape in told.items():
            if layer.top_shapes[layer.tops.index(top)] != tuple(shape):
                raise GraphError(f'blob "{top}" is not an input: layer "{layer.name}" '
                                 f"({layer.type}) makes it, so its shape cannot be given")
        return layer

    def bottom(self, message: Any, name: str) -> Shape:
        """The shape of a bottom; GraphError if no layer above makes it."""
        if name not in self.takers:
            known = did_you_mean(name, self.takers)
            raise GraphError(f'layer "{message.name}" ({message.type}): no layer above it makes '
                             f'its bottom "{name}"{known}')
        self.takers[name].append(message.name)
        return self.graph.blobs[name]

    def check_top(self, layer: Layer, index: int, shape: Shape) -> None:
        """Raises GraphError or ShapeError if the layer cannot make this top."""
        top = layer.message.top[index]  # not layer.tops: that is a new tuple each time
        if in_place(layer.message, index):
            self._check_in_place(layer, top, shape)
        elif top in self.makers:
            raise GraphError(f'blob "{top}" is made twice: by layer "{self.makers[top]}" and '
                             f'by layer "{layer.name}"')

    def record_top(self, message: Any, index: int, shape: Shape) -> None:
        """From here on the blob is what this layer made."""
        top = message.top[index]
        self.makers[top] = message.name
        self.takers[top] = [LOSS] * any(message.loss_weight[index: index + 1])
        self.graph.blobs[top] = shape

    def _check_in_place(self, layer: Layer, top: str, shape: Shape) -> None:
        if not layer.in_place_allowed:
            layer.fail(f'cannot work in place: give its top another name than "{top}"')
        if not layer.reshapes_in_place and shape != self.graph.blobs[top]:
            layer.fail(f'cannot work in place: its bottom "{top}" is '
                       f"{show(self.graph.blobs[top])}, its top {show(shape)}")
        if len(self.takers[top]) > 1:  # Caffe's splits give each taker a copy (insert_splits.cpp)
            others = " and ".join(self.takers[top][:-1][:3])
            raise GraphError(f'layer "{layer.name}" ({layer.type}): cannot work in place on '
                             f'"{top}", which {others} takes as well; give its top another name')

    def share(self, layer: Layer) -> None:
        """Parameters with a name live in the first layer that has it (Net::AppendParam)."""
        for index, (spec, blob) in enumerate(zip(layer.message.param, layer.blobs, strict=False)):
            if not spec.name:
                continue
            self._check_rates(layer, spec)
            owner = self.owners.setdefault(spec.name, Owner(layer, index))
            if owner.layer is layer and owner.index == index:
                continue
            theirs = owner.layer.blobs[owner.index]
            permissive = spec.share_mode == caffe_pb2.ParamSpec.PERMISSIVE
            same = theirs.count == blob.count if permissive else theirs.shape == blob.shape
            if not same:
                layer.fail(f'shares parameter "{spec.name}" of layer "{owner.layer.name}", but '
                           f"its shape is {show(blob.shape)} and theirs {show(theirs.shape)}")
            self.graph.shared[len(self.graph.layers), index] = owner

    def _check_rates(self, layer: Layer, spec: Any) -> None:
        for field_name in ("lr_mult", "decay_mult"):
            if spec.HasField(field_name):
                mine = getattr(spec, field_name)
                theirs = self.rates.setdefault((spec.name, field_name), mine)
                if mine != theirs:
                    layer.fail(f'{field_name} of the shared parameter "{spec.name}" is {mine:g} '
                               f"here, but {theirs:g} before; give it once, or the same value")

    def finish(self) -> Graph:
        """The graph, with the outputs sorted: they are a std::set in Caffe."""
        self.graph.outputs = sorted(name for name, takers in self.takers.items()
                                    if not takers or any(by is LOSS for by in takers))
        return self.graph
