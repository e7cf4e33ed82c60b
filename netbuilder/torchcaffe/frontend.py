"""The half of pycaffe's Net that is Python there too: arrays in, arrays out (pycaffe.py)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from netbuilder.errors import DataError, GraphError, NoSuchLayer, ShapeError, did_you_mean
from netbuilder.torchcaffe.vectors import BlobVec, DtypeVec, IntVec, LayerVec, StringVec

if TYPE_CHECKING:
    from netbuilder.torchcaffe.blob import Blob
    from netbuilder.torchcaffe.node import Node
    from netbuilder.torchcaffe.python_layer import Layer

Arrays = dict[str, np.ndarray]


class once(cached_property):
    """An attribute that is made when first asked for, and cannot be set."""

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError(f'"{self.attrname}" of a Net cannot be set')


class Frontend:
    """Names and arrays around what an engine does by number.

    A subclass has ``nodes``, ``outputs`` and ``_run_layers``; all else here follows.
    """

    nodes: list[Node]
    outputs: list[str]
    _run_layers: Callable[[int, int], Any]
    _backward: Callable[[int, int], None]

    # By place, as pycaffe's C++ half: losses without a top share one name, "(automatic)".

    @once
    def _layer_names(self) -> StringVec:
        return StringVec(node.name for node in self.nodes)

    @once
    def _tops(self) -> dict[Blob, str]:
        """Every blob with its name, in the order of forward."""
        named: dict[Blob, str] = {}
        for node in self.nodes:
            for blob, name in zip(node.tops, node.top_names, strict=True):
                named.setdefault(blob, name)
        return named

    @once
    def _blobs(self) -> BlobVec:
        return BlobVec(self._tops)

    @once
    def _blob_names(self) -> StringVec:
        return StringVec(self._tops.values())

    @once
    def _blob_loss_weights(self) -> DtypeVec:
        weights = dict.fromkeys(self._tops, 0.0)
        for node in self.nodes:
            weights.update(zip(node.tops, node.weights, strict=True))
        return DtypeVec(weights.values())

    @once
    def _inputs(self) -> IntVec:
        return self._places(blob for node in self.nodes if node.type == "Input"
                            for blob in node.tops)

    @once
    def _outputs(self) -> IntVec:
        return self._places(self.blobs[name] for name in self.outputs)

    def _top_ids(self, layer: int) -> IntVec:
        return self._places(self.nodes[layer].tops)

    def _bottom_ids(self, layer: int) -> IntVec:
        return self._places(self.nodes[layer].bottoms)

    def _places(self, blobs: Any) -> IntVec:
        place = {blob: index for index, blob in enumerate(self._tops)}
        return IntVec(place[blob] for blob in blobs)

    @once
    def layers(self) -> LayerVec:
        """The layers in the order of forward; a Python layer is the user's own object."""
        return LayerVec(node.shown for node in self.nodes)

    # By name.

    @once
    def blobs(self) -> OrderedDict[str, Blob]:
        """All blobs, from input to output."""
        return OrderedDict((name, blob) for blob, name in self._tops.items())

    @once
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """The weight of each blob in the loss."""
        return OrderedDict(zip(self._blob_names, self._blob_loss_weights, strict=True))

    @once
    def params(self) -> OrderedDict[str, BlobVec]:
        """The parameter blobs of each layer that has any."""
        return OrderedDict((node.name, node.blobs) for node in self.nodes if node.blobs)

    @once
    def layer_dict(self) -> OrderedDict[str, Layer]:
        """The layers by name."""
        return OrderedDict(zip(self._layer_names, self.layers, strict=True))

    @once
    def inputs(self) -> list[str]:
        """The blobs of Input layers, which the caller fills."""
        return [self._blob_names[index] for index in self._inputs]

    @once
    def top_names(self) -> OrderedDict[str, list[str]]:
        """The names of each layer's tops."""
        return OrderedDict((node.name, list(node.top_names)) for node in self.nodes)

    @once
    def bottom_names(self) -> OrderedDict[str, list[str]]:
        """The names of each layer's bottoms."""
        return OrderedDict((node.name, list(node.layer.bottoms)) for node in self.nodes)

    def loss_weight(self, blob: str) -> float:
        """The weight of a blob in the loss."""
        return self.blob_loss_weights[blob]

    # Passes over one batch.

    def forward(self, blobs: Sequence[str] | None = None, start: str | None = None,
                end: str | None = None, **kwargs: np.ndarray) -> Arrays:
        """Runs the layers from ``start`` to ``end``, both included, and gives the outputs' data.

        Keywords fill the net's inputs, and then all of them must be given. ``blobs`` names more
        data to return; with ``end``, the data is that layer's tops.
        """
        first, last = self._span(start, end)
        wanted = _names(self.outputs if end is None else self.top_names[end], blobs)
        self._fill(kwargs, self.inputs, "data", "Input blob arguments do not match net inputs")
        self._run_layers(first, last)
        return {name: self.blobs[name].data for name in wanted}

    def backward(self, diffs: Sequence[str] | None = None, start: str | None = None,
                 end: str | None = None, **kwargs: np.ndarray) -> Arrays:
        """Runs the layers from ``start`` back to ``end`` and gives the inputs' diffs.

        Keywords fill the diffs of the net's outputs. Diffs of parameters add up. With ``end``,
        what is returned are the diffs of that layer's bottoms.
        """
        last, first = self._span(end, start)
        wanted = _names(self.inputs if end is None else self.bottom_names[end], diffs)
        self._fill(kwargs, self.outputs, "diff", "Top diff arguments do not match net outputs")
        self._backward(first, last)
        return {name: self.blobs[name].diff for name in wanted}

    def _span(self, lower: str | None, upper: str | None) -> tuple[int, int]:
        return (0 if lower is None else self._index(lower),
                len(self.layers) - 1 if upper is None else self._index(upper))

    def _index(self, layer: str) -> int:
        names = list(self._layer_names)
        if layer not in names:
            raise NoSuchLayer(f'no layer is named "{layer}"{did_you_mean(str(layer), names)}')
        return names.index(layer)

    def _fill(self, arrays: Mapping[str, np.ndarray], names: list[str], what: str, mismatch: str
              ) -> None:
        if arrays and set(arrays) != set(names):
            raise GraphError(f"{mismatch}. Given are {sorted(arrays)}; the net has {sorted(names)}")
        for name, array in arrays.items():
            rows = self.blobs[name].shape[0]
            if array.shape[0] != rows:
                kind = "Input" if what == "data" else "Diff"
                raise ShapeError(f'{kind} is not batch sized: {array.shape[0]} rows, but blob '
                                 f'"{name}" has {rows}')
            getattr(self.blobs[name], what)[...] = array

    # Passes over many batches.

    def forward_all(self, blobs: Sequence[str] | None = None, **kwargs: np.ndarray) -> Arrays:
        """``forward`` over arrays of any length, batch by batch; the last is filled up with zeros.

        Returns arrays as long as the given ones.
        """
        found = [_copied(self.forward(blobs=blobs, **batch)) for batch in self._batch(kwargs)]
        return _joined(found, [*self.outputs, *(blobs or [])], _length(kwargs))

    def forward_backward_all(
        self, blobs: Sequence[str] | None = None, diffs: Sequence[str] | None = None,
        **kwargs: np.ndarray,
    ) -> tuple[Arrays, Arrays]:
        """``forward`` and ``backward`` over arrays of any length, batch by batch.

        Keywords are inputs, and outputs for their diffs. Returns data and diffs.
        """
        batches = [self._batch({name: kwargs[name] for name in names if name in kwargs})
                   for names in (self.inputs, self.outputs)]
        forwards, backwards = [], []
        for inputs, outputs in zip_longest(*batches, fillvalue={}):
            forwards.append(_copied(self.forward(blobs=blobs, **inputs)))
            backwards.append(_copied(self.backward(diffs=diffs, **outputs)))
        return (_joined(forwards, [*self.outputs, *(blobs or [])], _length(kwargs)),
                _joined(backwards, [*self.inputs, *(diffs or [])], _length(kwargs)))

    def _batch(self, blobs: Mapping[str, np.ndarray]) -> Iterator[Arrays]:
        """Arrays cut into the net's batches, the last one filled up with zeros."""
        size, length = next(iter(self.blobs.values())).shape[0], _length(blobs)
        for start in range(0, length, size):
            batch = {name: array[start:start + size] for name, array in blobs.items()}
            missing = start + size - length
            if missing > 0:
                batch = {name: np.concatenate([rows, np.zeros((missing, *blobs[name].shape[1:]))])
                         for name, rows in batch.items()}
            yield batch

    # Data in memory.

    def set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Hands images and labels to the net's first layer, a MemoryData layer.

        Their memory is used, not copied. Raises DataError for arrays that do not fit.
        """
        if labels.ndim == 1:
            labels = np.ascontiguousarray(labels[:, np.newaxis, np.newaxis, np.newaxis])
        self._set_input_arrays(data, labels)

    def _set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        if not self.nodes or self.nodes[0].type != "MemoryData":
            raise DataError("set_input_arrays: the net's first layer is no MemoryData layer")
        self.nodes[0].op.source.set_arrays(data, labels)


def _names(names: Sequence[str], more: Sequence[str] | None) -> list[str]:
    """Names of blobs and more of them, each once."""
    if isinstance(more, str):
        raise TypeError(f'a list of names is expected, not "{more}"')
    return list(dict.fromkeys([*names, *(more or [])]))


def _length(arrays: Mapping[str, np.ndarray]) -> int:
    if not arrays:
        raise DataError("arrays to cut into batches were expected, and none are given: name them "
                        "as the net's inputs, and for a backward pass its outputs too")
    return len(next(iter(arrays.values())))


def _copied(arrays: Arrays) -> Arrays:
    return {name: array.copy() for name, array in arrays.items()}


def _joined(batches: list[Arrays], names: list[str], length: int) -> Arrays:
    return {name: np.asarray([row for batch in batches for row in batch[name]])[:length]
            for name in names}
