"""Training: the order of Caffe's Solver::Step and Solve, and what they say (solver.cpp).

For pycaffe's users: net, test_nets, iter, param, lr, step, solve, snapshot, restore, add_callback,
apply_update, share_weights.
"""

from __future__ import annotations

import math
import operator
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch

from netbuilder.glog import output_line
from netbuilder.proto import text
from netbuilder.solver.nets import (
    check_snapshot_prefix,
    net_to_train,
    nets_to_test,
    read_solver,
    weight_files,
)
from netbuilder.solver.policies import (
    check_counts,
    check_momentum,
    check_solver,
    learning_rate,
)
from netbuilder.torchcaffe import mode, snapshot
from netbuilder.torchcaffe.glog import log
from netbuilder.torchcaffe.nccl import NCCL
from netbuilder.torchcaffe.net import Gait, Net
from netbuilder.torchcaffe.nonfinite import first_place
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.unpickled import Unpickled
from netbuilder.torchcaffe.vectors import NetVec

LOOK_EVERY = 20  # iterations: how often to wait for a GPU to see whether the loss is a number


class Solver(Unpickled):
    """Trains a net as a solver file says; a subclass turns gradients into updates.

    ``param`` is the SolverParameter, ``iter`` the updates done so far, ``net`` and ``test_nets``
    the nets, ``history`` what the updates remember: ``histories`` tensors for each learned
    parameter, first one of each, then the second of each. A ``random_seed`` gives the solver
    random numbers of its own, so that a run on a CPU can be repeated bit for bit.
    """

    type: ClassVar[str]
    histories: ClassVar[int] = 1

    def __init__(self, solver_file: str | os.PathLike[str]) -> None:
        self.param = read_solver(solver_file)
        check_counts(self.param)
        check_momentum(self.param, self.type)
        if self.param.snapshot:
            check_snapshot_prefix(self.param)
        if self.param.HasField("layer_wise_reduce"):
            log.info("layer_wise_reduce is for several GPUs: without effect here")
        log.info("Initializing solver from parameters: \n%s", text.dumps(self.param))
        seed = self.param.random_seed
        self._rng = Rng(seed) if seed >= 0 else mode.current.rng
        self.net = self._net(net_to_train(self.param))
        self.test_nets = NetVec(self._net(net) for net in nets_to_test(self.param))
        self.iter = 0
        self.history = [torch.zeros_like(param.blob.tensor)
                        for _ in range(self.histories) for param in self.net.learnable]
        self._callbacks: list[tuple[Callable[[], Any], Callable[[], Any]]] = []
        self._losses: deque[torch.Tensor] = deque(maxlen=self.param.average_loss)
        self._spoiled = False  # by NaN or infinity, and it was said
        self._shown, self._shown_at = 0.0, 0  # when, and at which iteration, a loss was displayed
        log.info("Solver scaffolding done.")

    def _net(self, message: Any) -> Net:
        state = message.state
        net = Net(message, state.phase, state.level, state.stage, rng=self._rng)
        net.debug_info = self.param.debug_info
        for file in weight_files(self.param.weights):
            log.info("Finetuning from %s", file)
            net.copy_from(file)
        return net

    # What pycaffe has.

    @property
    def lr(self) -> float:
        """The learning rate of this iteration."""
        return learning_rate(self.param, self.iter)

    def step(self, iterations: int) -> None:
        """Trains for some iterations; tests, displays and snapshots as the solver file says."""
        stop = self.iter + operator.index(iterations)
        self._losses.clear()
        self._shown = time.perf_counter()
        while self.iter < stop:
            self._iterate(last=self.iter + 1 == stop)

    def solve(self, resume_file: str | os.PathLike[str] | None = None) -> None:
        """Trains until ``max_iter``, from a .solverstate if one is given."""
        check_solver(self.param)
        log.info("Solving %s", self.net.name)
        log.info("Learning Rate Policy: %s", self.param.lr_policy)
        if resume_file is not None:
            log.info("Restoring previous solver status from %s", resume_file)
            self.restore(resume_file)
        self.step(self.param.max_iter - self.iter)
        if self.param.snapshot_after_train and not self._due("snapshot"):
            self.snapshot()
        if self._due("display"):  # the weights have changed since the last loss
            self._losses.append(self.net.test_pass())
            log.info("Iteration %d, loss = %g", self.iter, self._smoothed_loss())
        if self._due("test_interval"):
            self._test_all()
        log.info("Optimization Done.")

    def snapshot(self) -> None:
        """Writes ``<snapshot_prefix>_iter_<iter>.caffemodel`` and ``.solverstate``.

        Both end in ``.h5`` where the solver says ``snapshot_format: HDF5``.
        """
        snapshot.write(self)

    def restore(self, state_file: str | os.PathLike[str]) -> None:
        """Goes on where a .solverstate, ours or real Caffe's, was written."""
        snapshot.restore(self, state_file)

    def add_callback(
        self, on_start: Callable[[], Any] | NCCL,
        on_gradients_ready: Callable[[], Any] | None = None,
    ) -> None:
        """Has ``on_start()`` called before each iteration's passes, the other before its update.

        An NCCL may stand alone; it has nothing to do.
        """
        if on_gradients_ready is not None:
            self._callbacks.append((on_start, on_gradients_ready))
        elif not isinstance(on_start, NCCL):
            raise TypeError("add_callback: two functions are expected, or an NCCL")

    def share_weights(self, net: Net) -> None:
        """Makes another net use the weights of this solver's."""
        net.share_with(self.net)

    def apply_update(self) -> None:
        """Changes the weights by the gradients in their diffs, and counts the iteration."""
        raise NotImplementedError

    # One iteration.

    def _iterate(self, last: bool) -> None:
        self.net.clear_param_diffs()
        if self._due("test_interval") and (self.iter or self.param.test_initialization):
            self._test_all()
        for on_start, _ in self._callbacks:
            on_start()
        self.net.debug_info = self.param.debug_info and self._due("display")
        gait = self.net.gait(seen=last or bool(self._callbacks))
        losses = [self._pass(gait) for _ in range(self.param.iter_size)]
        self._losses.append(sum(losses) / self.param.iter_size)
        if self._due("display"):
            self._display()
        for _, on_gradients_ready in self._callbacks:
            on_gradients_ready()
        self.apply_update()
        if self._due("snapshot"):
            self.snapshot()

    def _pass(self, gait: Gait) -> torch.Tensor:
        """One pass; says once, where looking costs nothing, which layer spoils its loss."""
        loss = self.net.train_pass(gait)
        waits = loss.device.type == "cpu" or self._due("display") or self.iter % LOOK_EVERY == 0
        if waits and not self._spoiled and not math.isfinite(loss):
            self._spoiled = True
            log.warning("Iteration %d: the loss is %g; %s. Training goes on, as Caffe's does.",
                        self.iter, loss, first_place(self.net))
        return loss

    def _due(self, field: str) -> bool:
        """True if the iteration is a multiple of a field of the solver file that is not 0."""
        interval = getattr(self.param, field)
        return bool(interval) and self.iter % interval == 0

    def _smoothed_loss(self) -> float:
        return float(torch.stack(tuple(self._losses)).mean())

    def _display(self) -> None:
        loss = self._smoothed_loss()
        now = time.perf_counter()
        seconds = now - self._shown
        log.info("Iteration %d (%g iter/s, %gs/%d iters), loss = %g", self.iter,
                 (self.iter - self._shown_at) / seconds, seconds, self.param.display, loss)
        self._shown, self._shown_at = now, self.iter
        for line in _output_lines(self.net, "Train", _scores(self.net)):
            log.info(line)

    # Testing.

    def _test_all(self) -> None:
        for index in range(len(self.test_nets)):
            self._test(index)

    def _test(self, index: int) -> None:
        """The mean of a test net's outputs over test_iter passes."""
        log.info("Iteration %d, Testing net (#%d)", self.iter, index)
        net, passes = self.test_nets[index], self.param.test_iter[index]
        net.share_with(self.net)
        loss, scores = 0.0, 0.0
        for number in range(1, passes + 1):
            loss += net.test_pass(net.gait(seen=number == passes))
            scores += _scores(net)
        if not passes:
            return
        if self.param.test_compute_loss:
            log.info("Test loss: %g", loss / passes)
        for line in _output_lines(net, "Test", scores / passes):
            log.info(line)


def _scores(net: Net) -> torch.Tensor:
    """All values of the output blobs, flat, in Caffe's order."""
    return torch.cat([net.blobs[name].tensor.flatten() for name in net.outputs] or
                     [torch.zeros(0)])


def _output_lines(net: Net, phase: str, scores: torch.Tensor) -> Iterator[str]:
    names = [name for name in net.outputs for _ in range(net.blobs[name].count)]
    for index, (name, value) in enumerate(zip(names, scores.tolist(), strict=True)):
        yield output_line(phase, index, name, value, net.loss_weight(name))
