"""Net: pycaffe's Net on PyTorch (net.cpp, _caffe.cpp, pycaffe.py).

A solver works with ``learnable``, ``train_pass``, ``test_pass`` and ``clear_param_diffs``; it takes
``param.blob.grad`` anew after each pass. All else is pycaffe's.
"""

from __future__ import annotations

import operator
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import torch

from netbuilder import graph, passes
from netbuilder.errors import EngineError, ShapeError
from netbuilder.proto import caffe_pb2, io
from netbuilder.torchcaffe import debug, exchange, mode
from netbuilder.torchcaffe.build import build_nodes
from netbuilder.torchcaffe.frontend import Frontend
from netbuilder.torchcaffe.parameters import Param
from netbuilder.torchcaffe.plan import overwrites_others
from netbuilder.torchcaffe.program import Program
from netbuilder.torchcaffe.python_layer import PythonLayers
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.splits import insert_splits
from netbuilder.torchcaffe.unpickled import Unpickled


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


Callback = Callable[[int], Any]


class Net(Frontend, Unpickled):
    """A network of one phase with its blobs and parameters, able to run.

    ``network_file`` is the path of a prototxt, or a NetParameter. pycaffe's old order, (file,
    weights, phase), works too. ``rng``, ``device`` and ``bf16`` stand in for what
    ``set_random_seed``, ``set_mode_*`` and ``set_device`` say. Raises a NetbuilderError that names
    the layer, FileUnreadable for a file that is not there, TypeError for arguments of other kinds.
    """

    def __init__(
        self, network_file: str | os.PathLike[str] | Any, phase: int | str,
        level: int | None = None, stages: Iterable[str] | None = None,
        weights: str | os.PathLike[str] | None = None, *, rng: Rng | None = None,
        device: torch.device | str | None = None, bf16: bool | None = None,
    ) -> None:
        if isinstance(phase, (str, os.PathLike)):
            phase, weights, level = level, phase, None
        phase, level = operator.index(phase), operator.index(level or 0)
        weights, stages = None if weights is None else os.fspath(weights), list(stages or ())
        if not all(isinstance(stage, str) for stage in stages):
            raise TypeError(f"Net: stages are strings, not {stages}")
        message = network_file
        if not isinstance(message, caffe_pb2.NetParameter):
            message = io.read_net(os.fspath(network_file))
        chosen = passes.for_phase(passes.upgrade(message), phase, level, stages)
        self.rng = rng or mode.current.rng
        self.device = torch.device(device) if device else mode.current.device
        python = PythonLayers(self.device)
        resolved = _resolved(insert_splits(chosen), phase, python)
        for layer in resolved.layers:
            for index in range(len(layer.tops)):
                graph.check_shape_in_place(layer, index)
        self.name, self.phase = resolved.name, phase
        self.fast = mode.current.fast
        self.debug_info = bool(message.debug_info)  # prints means of all blobs as it runs
        self.bf16 = mode.current.bf16 if bf16 is None else bf16
        built = build_nodes(resolved, self.rng, self.device, chosen.force_backward,
                            python.take)
        self.nodes, self._output_names = built.nodes, resolved.outputs
        self.learnable: list[Param] = built.learnable
        # An output made in place has a diff of its own, on which each pass works again.
        self._all_blobs = built.all_blobs or any(
            node.reach.layer and (node.op.needs_blobs or (
                node.in_place and node.layer.tops[0] in resolved.outputs)) for node in built.nodes
        ) or overwrites_others(resolved.layers, [node.op for node in built.nodes])
        self._program: Program | None = None
        self._callbacks: dict[str, list[Callback]] = defaultdict(list)
        if weights is not None:
            self.copy_from(weights)

    @property
    def outputs(self) -> list[str]:
        """The blobs that no layer reads, in Caffe's order."""
        return self._output_names

    # Running, layer by layer.

    def before_forward(self, callback: Callback) -> None:
        """Has ``callback(index)`` called before each layer's forward pass.

        While a net has callbacks, all its passes are INSPECTABLE. Under ``set_mode_fast``, where
        layers are not run one by one, those of ``after_forward`` come when a pass is done, and
        the others never.
        """
        self._callbacks["before forward"].append(callback)

    def after_forward(self, callback: Callback) -> None:
        """Has ``callback(index)`` called after each layer's forward pass."""
        self._callbacks["after forward"].append(callback)

    def before_backward(self, callback: Callback) -> None:
        """Has ``callback(index)`` called before each layer's backward pass."""
        self._callbacks["before backward"].append(callback)

    def after_backward(self, callback: Callback) -> None:
        """Has ``callback(index)`` called after each layer's backward pass."""
        self._callbacks["after backward"].append(callback)

    def _call(self, when: str, *layers: int) -> None:
        for index in layers:
            for callback in self._callbacks[when]:
                callback(index)

    def _forward(self, start: int, end: int) -> float:
        """Runs layers by place, both ends included; their part of the loss."""
        start, end = self._existing(start, end)
        return float(self._run_inspectable(start, end))

    def _existing(self, *places: int) -> list[int]:
        """The places of layers as whole numbers; raises EngineError for one that does not exist."""
        found = [operator.index(place) for place in places]
        for place in found:
            if not 0 <= place < len(self.nodes):
                raise EngineError(f'net "{self.name}" has no layer {place}: its '
                                  f"{len(self.nodes)} layers begin at 0")
        return found

    def _run_layers(self, start: int, end: int) -> None:
        whole = (start, end) == (0, len(self.nodes) - 1)
        if whole and self.gait(seen=True) is Gait.FAST:
            self.test_pass(Gait.FAST)
        else:
            self._run_inspectable(start, end)

    def _run_inspectable(self, start: int, end: int) -> torch.Tensor:
        losses = []
        for number in range(start, end + 1):
            self._call("before forward", number)
            losses.append(self.nodes[number].forward())
            if self.debug_info:
                debug.forward(self.nodes[number])
            self._call("after forward", number)
        return torch.as_tensor(sum(losses), dtype=torch.float32, device=self.device)

    def _backward(self, start: int, end: int) -> None:
        start, end = self._existing(start, end)
        for number in range(start, end - 1, -1):
            self._call("before backward", number)
            self.nodes[number].backward()
            if self.debug_info:
                debug.backward(self.nodes[number])
            self._call("after backward", number)

    # Running, as a solver does it.

    def gait(self, seen: bool) -> Gait:
        """How to run a pass that somebody may look at afterwards, or not."""
        if self.debug_info or self._all_blobs:
            return Gait.INSPECTABLE
        seen = seen or any(self._callbacks.values())
        return Gait.INSPECTABLE if seen and not self.fast else Gait.FAST

    def train_pass(self, gait: Gait = Gait.INSPECTABLE) -> torch.Tensor:
        """One batch forward and backward; adds to the parameters' diffs.

        Returns the loss, a tensor without axes: the sum of all tops by their loss weights.
        """
        if gait == Gait.FAST and not self._all_blobs:
            return self._run_fast(backward=True)
        loss = self._run_inspectable(0, len(self.nodes) - 1)
        self._backward(len(self.nodes) - 1, 0)
        if self.debug_info:
            debug.all_params(self)
        return loss

    def test_pass(self, gait: Gait = Gait.INSPECTABLE) -> torch.Tensor:
        """One batch forward. Returns the loss."""
        if gait == Gait.FAST and not self._all_blobs:
            return self._run_fast(backward=False)
        return self._run_inspectable(0, len(self.nodes) - 1)

    def _run_fast(self, backward: bool) -> torch.Tensor:
        if self._program is None:
            self._program = Program(self.nodes, [self.blobs[name] for name in self.outputs],
                                    self.bf16)
        for node in self.nodes:
            node.forget()
        loss = self._program.run(backward).to(self.device)
        self._call("after forward", *range(len(self.nodes)))
        return loss

    def show_batch(self) -> None:
        """Puts the data of the last fast pass into its blobs, where a pass finds them."""
        for blob, values in (self._program.batch if self._program else {}).items():
            if blob.lost:
                blob.put(values)

    # Changing.

    def reshape(self) -> None:
        """Gives every blob the shape that follows from the inputs'."""
        for node in self.nodes:
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

    def save_hdf5(self, path: str | os.PathLike[str]) -> None:
        """Writes all layers with their parameters as HDF5, each shared parameter once."""
        exchange.save(self, path, hdf5=True)

    def share_with(self, other: Net) -> None:
        """From now on has the parameter values of another net's layers of the same names."""
        if not isinstance(other, Net):
            raise TypeError(f"share_with: a Net is expected, not {type(other).__name__}")
        exchange.share(self, other)


def _resolved(net: Any, phase: int, python: PythonLayers) -> graph.Graph:
    try:
        return graph.resolve(net, phase, makers={"Python": python})
    except ShapeError as error:
        problem, flag, _ = str(error).partition("--input ")
        if not flag:
            raise
        problem = problem.removesuffix(" Give it: ").removesuffix(", or give the shape: ")
        raise type(error)(f"{problem.rstrip('.')}. To run, a net needs its data: put it there, or "
                          "write an Input layer with a shape in the source's place and fill its "
                          "blobs: net.blobs[name].data[...] = values") from error
