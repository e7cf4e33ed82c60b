"""Net: pycaffe's Net on PyTorch (net.cpp, _caffe.cpp, pycaffe.py).

A solver works with ``learnable``, ``train_pass``, ``test_pass`` and ``clear_param_diffs``; it takes
``param.blob.grad`` anew after each pass. All else is pycaffe's.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
import torch

from netbuilder import graph, passes
from netbuilder.errors import DataError, GraphError, ShapeError, did_you_mean
from netbuilder.proto import io
from netbuilder.torchcaffe import debug, exchange, mode
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.build import build_nodes
from netbuilder.torchcaffe.node import Node
from netbuilder.torchcaffe.parameters import Param
from netbuilder.torchcaffe.program import Program
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.splits import insert_splits


class Gait(str, Enum):
    """How a net runs a pass.

    INSPECTABLE leaves every blob and diff as real Caffe does. FAST computes the same numbers as one
    program and leaves only outputs, parameters and parameter diffs; reading another blob is an
    error. ``Net.gait`` chooses: of n iterations of a solver, or n passes of a test, the last one is
    INSPECTABLE, and all of them if somebody may look in between (callbacks); under
    ``set_mode_fast`` none is. Only FAST knows bfloat16.
    """

    INSPECTABLE = "inspectable"
    FAST = "fast"


class Net:
    """A network of one phase with its blobs and parameters, able to run.

    ``model`` is the path of a prototxt or a NetParameter. The old order (model, weights, phase)
    works too. ``rng`` and ``device`` stand in for what ``set_random_seed``, ``set_mode_*`` and
    ``set_device`` say. Raises a NetbuilderError that names the layer.
    """

    def __init__(
        self, model: str | os.PathLike[str] | Any, phase: int | str, level: int | str = 0,
        stages: Iterable[str] | None = None, weights: str | None = None, *,
        rng: Rng | None = None, device: torch.device | str | None = None,
        bf16: bool | None = None,
    ) -> None:
        if isinstance(phase, (str, os.PathLike)):
            phase, weights, level = int(level), os.fspath(phase), 0
        message = io.read_net(model) if isinstance(model, (str, os.PathLike)) else model
        chosen = passes.for_phase(passes.upgrade(message), phase, int(level), stages or ())
        resolved = graph.resolve(insert_splits(chosen), phase)
        for layer in resolved.layers:
            for index in range(len(layer.tops)):
                graph.check_shape_in_place(layer, index)
        self.name, self.phase = resolved.name, phase
        self.rng = rng or mode.current.rng
        self.device = torch.device(device) if device else mode.current.device
        self.fast = mode.current.fast
        self.debug_info = bool(message.debug_info)  # prints means of all blobs as it runs
        self.bf16 = mode.current.bf16 if bf16 is None else bf16
        built = build_nodes(resolved, self.rng, self.device, chosen.force_backward)
        self.layers: list[Node] = built.nodes
        self.blobs: OrderedDict[str, Blob] = built.blobs
        self.learnable: list[Param] = built.learnable
        self.outputs: list[str] = resolved.outputs
        self._program: Program | None = None
        self._after_forward: list[Callable[[int], Any]] = []
        if weights is not None:
            self.copy_from(weights)

    # The parts.

    @cached_property
    def params(self) -> OrderedDict[str, list[Blob]]:
        """The parameter blobs of each layer that has any."""
        return OrderedDict((node.name, node.blobs) for node in self.layers if node.blobs)

    @cached_property
    def layer_dict(self) -> OrderedDict[str, Node]:
        """The layers by name."""
        return OrderedDict((node.name, node) for node in self.layers)

    @cached_property
    def inputs(self) -> list[str]:
        """The blobs of Input layers, which the caller fills."""
        return [top for node in self.layers if node.type == "Input" for top in node.layer.tops]

    @cached_property
    def top_names(self) -> OrderedDict[str, list[str]]:
        """The names of each layer's tops."""
        return OrderedDict((node.name, node.top_names) for node in self.layers)

    @cached_property
    def bottom_names(self) -> OrderedDict[str, list[str]]:
        """The names of each layer's bottoms."""
        return OrderedDict((node.name, list(node.layer.bottoms)) for node in self.layers)

    # As lists, as pycaffe has them: several losses without a top have one name, "(automatic)".

    @cached_property
    def _layer_names(self) -> list[str]:
        return [node.name for node in self.layers]

    @cached_property
    def _blobs(self) -> list[Blob]:
        return list(dict.fromkeys(blob for node in self.layers for blob in node.tops))

    @cached_property
    def _blob_loss_weights(self) -> list[float]:
        weights = dict.fromkeys(self._blobs, 0.0)
        for node in self.layers:
            weights.update(zip(node.tops, node.weights, strict=True))
        return list(weights.values())

    @cached_property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """The weight of each blob in the loss."""
        weights = OrderedDict.fromkeys(self.blobs, 0.0)
        for node in self.layers:
            for name, weight in zip(node.top_names, node.weights, strict=True):
                weights[name] = weight or weights[name]
        return weights

    def loss_weight(self, blob: str) -> float:
        """The weight of a blob in the loss."""
        return self.blob_loss_weights[blob]

    # Running, as pycaffe does it.

    def forward(self, blobs: list[str] | None = None, start: str | None = None,
                end: str | None = None, **kwargs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the layers from ``start`` to ``end``, both included, and gives the outputs' data.

        Keywords fill the net's inputs, and then all of them must be given. ``blobs`` names more
        data to return.
        """
        wanted = self.outputs if end is None else self.top_names[self._known(end)]
        self._fill(kwargs, self.inputs, "data", "Input")
        first = 0 if start is None else self._index(start)
        if start is None and end is None and self.gait(seen=True) is Gait.FAST:
            self.test_pass(Gait.FAST)
        else:
            self._forward(first, len(self.layers) - 1 if end is None else self._index(end))
        return {name: self.blobs[name].data for name in {*wanted, *(blobs or [])}}

    def backward(self, diffs: list[str] | None = None, start: str | None = None,
                 end: str | None = None, **kwargs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the layers from ``start`` back to ``end`` and gives the inputs' diffs.

        Keywords fill the diffs of the net's outputs. Diffs of parameters add up.
        """
        wanted = self.inputs if end is None else self.bottom_names[self._known(end)]
        self._fill(kwargs, self.outputs, "diff", "Top diff")
        last = len(self.layers) - 1 if start is None else self._index(start)
        self._backward(last, 0 if end is None else self._index(end))
        return {name: self.blobs[name].diff for name in {*wanted, *(diffs or [])}}

    def _forward(self, start: int, end: int) -> torch.Tensor:
        losses = []
        for index in range(start, end + 1):
            losses.append(self.layers[index].forward())
            if self.debug_info:
                debug.forward(self.layers[index])
            self._passed(index)
        return torch.as_tensor(sum(losses), device=self.device)

    def after_forward(self, callback: Callable[[int], Any]) -> None:
        """Has ``callback(index)`` called after each layer's forward pass.

        In the fast gait layers are not run one by one: all calls come when the pass is done.
        """
        self._after_forward.append(callback)

    def _passed(self, *layers: int) -> None:
        for callback in self._after_forward:
            for index in layers:
                callback(index)

    def _backward(self, start: int, end: int) -> None:
        for node in reversed(self.layers[end: start + 1]):
            node.backward()
            if self.debug_info:
                debug.backward(node)

    def _fill(self, arrays: Mapping[str, np.ndarray], names: list[str], what: str, kind: str
              ) -> None:
        if arrays and set(arrays) != set(names):
            raise GraphError(f"{kind} arguments {sorted(arrays)} do not match the net's "
                             f"{sorted(names)}")
        for name, array in arrays.items():
            blob = self.blobs[name]
            if len(array) != blob.shape[0]:
                raise ShapeError(f'{kind} "{name}" is not batch sized: {len(array)} rows, but the '
                                 f"blob has {blob.shape[0]}")
            getattr(blob, what)[...] = array

    def _known(self, layer: str) -> str:
        if layer not in self.layer_dict:
            raise GraphError(f'no layer is named "{layer}"{did_you_mean(layer, self.layer_dict)}')
        return layer

    def _index(self, layer: str) -> int:
        return self.layers.index(self.layer_dict[self._known(layer)])

    # Running, as a solver does it.

    def gait(self, seen: bool) -> Gait:
        """How to run a pass that somebody may look at afterwards, or not."""
        return Gait.INSPECTABLE if self.debug_info or (seen and not self.fast) else Gait.FAST

    def train_pass(self, gait: Gait = Gait.INSPECTABLE) -> torch.Tensor:
        """One batch forward and backward; adds to the parameters' diffs.

        Returns the loss, a tensor without axes: the sum of all tops by their loss weights.
        """
        if gait == Gait.FAST:
            return self._run_fast(backward=True)
        loss = self._forward(0, len(self.layers) - 1)
        self._backward(len(self.layers) - 1, 0)
        if self.debug_info:
            debug.all_params(self)
        return loss

    def test_pass(self, gait: Gait = Gait.INSPECTABLE) -> torch.Tensor:
        """One batch forward. Returns the loss."""
        if gait == Gait.FAST:
            return self._run_fast(backward=False)
        return self._forward(0, len(self.layers) - 1)

    def _run_fast(self, backward: bool) -> torch.Tensor:
        if self._program is None:
            self._program = Program(self.layers, [self.blobs[name] for name in self.outputs],
                                    self.bf16)
        loss = self._program.run(backward)
        self._passed(*range(len(self.layers)))
        return loss

    # Changing.

    def reshape(self) -> None:
        """Gives every blob the shape that follows from the inputs'."""
        for node in self.layers:
            node.reshape()

    def clear_param_diffs(self) -> None:
        """Makes the diffs of all parameters zero."""
        for param in self.learnable:
            param.blob.clear_grad()

    def copy_from(self, path: str | os.PathLike[str]) -> None:
        """Takes parameters from a weight file, by layer name; layers not in it keep theirs.

        Raises ShapeError where a layer's parameters differ, ParseError or DataError for a broken
        file. As in Caffe the file's content tells its format.
        """
        exchange.copy_from(self, path)

    load_hdf5 = copy_from

    def save(self, path: str | os.PathLike[str], *, diffs: bool = False) -> None:
        """Writes all layers with their parameters, and their diffs too, as a .caffemodel."""
        exchange.save(self, path, diffs=diffs)

    def save_hdf5(self, path: str | os.PathLike[str], write_diff: bool = False) -> None:
        """The same as HDF5, each shared parameter once."""
        exchange.save(self, path, diffs=write_diff, hdf5=True)

    def share_with(self, other: Net) -> None:
        """From now on has the parameter values of another net's layers of the same names."""
        for theirs in other.layers:
            mine = self.layer_dict.get(theirs.name)
            if mine is None:
                continue
            if [blob.shape for blob in mine.blobs] != [blob.shape for blob in theirs.blobs]:
                mine.layer.fail("cannot share parameters: shapes differ from the other net's")
            for blob, source in zip(mine.blobs, theirs.blobs, strict=True):
                blob.share_data(source)

    def set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Hands images and labels to the net's first layer, a MemoryData layer."""
        if not self.layers or self.layers[0].type != "MemoryData":
            raise DataError("set_input_arrays: the net's first layer is no MemoryData layer")
        self.layers[0].op.source.set_arrays(data, labels)
