"""The solver types: how gradients become updates (Caffe's solvers/*.cpp)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import torch

from netbuilder.errors import SolverError, one_of
from netbuilder.solver.nets import read_solver
from netbuilder.solver.policies import check_regularization, step_taken
from netbuilder.torchcaffe.glog import log
from netbuilder.torchcaffe.solver import Solver

Tensors = list[torch.Tensor]


# Values of a part on a CPU: all steps of an update are done while they are in its cache.
PART = 1 << 18


@dataclass
class Group:
    """Parameters with the same multipliers, in lists as torch's foreach functions take them.

    ``data`` are the weights, ``diff`` first the gradients and at last the updates;
    ``history[k]`` is the k-th memory of each.
    """

    lr_mult: float
    decay_mult: float
    data: Tensors
    diff: Tensors
    history: list[Tensors]

    def parts(self) -> Iterator[Group]:
        """The same values in groups that a CPU's cache holds; on a GPU the group itself."""
        if self.data[0].device.type != "cpu":
            yield self
            return
        for data, diff, *history in zip(*map(_parts, [self.data, self.diff, *self.history]),
                                        strict=True):
            yield Group(self.lr_mult, self.decay_mult, data, diff, history)


def _parts(tensors: Tensors) -> Iterator[Tensors]:
    """Tensors of up to PART values together, and the pieces of larger ones each by itself."""
    together: Tensors = []
    room = PART
    for tensor in tensors:
        if tensor.numel() > PART:
            yield from ([piece] for piece in _flat(tensor).split(PART))
            continue
        if tensor.numel() > room:
            yield together
            together, room = [], PART
        together.append(tensor)
        room -= tensor.numel()
    if together:
        yield together


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """All values as they lie in memory: in order, or with channels last."""
    return tensor.view(-1) if tensor.is_contiguous() else tensor.permute(0, 2, 3, 1).view(-1)


class SGDSolver(Solver):
    """Stochastic gradient descent with momentum: V = momentum V + rate g; w = w - V.

    The rate lives inside V, so a change of it acts with a lag. A subclass of another type says
    only what ``compute_update_value`` is, and how many ``histories`` it needs.
    """

    type = "SGD"

    @torch.no_grad()
    def apply_update(self) -> None:
        rate = self.lr
        step = step_taken(self.param, self.iter)
        if step:
            log.info("MultiStep Status: Iteration %d, step = %d", self.iter, step)
        if self._due("display"):
            log.info("Iteration %d, lr = %g", self.iter, rate)
        groups = self._groups()
        self.clip_gradients(groups)
        for part in chain.from_iterable(group.parts() for group in groups):
            self.normalize(part)
            self.regularize(part)
            self.compute_update_value(part, rate * part.lr_mult)
            torch._foreach_sub_(part.data, part.diff)
        self.iter += 1

    def clip_gradients(self, groups: list[Group]) -> None:
        """Scales all gradients down together if their norm is above ``clip_gradients``."""
        limit, diffs = self.param.clip_gradients, [diff for group in groups for diff in group.diff]
        if limit < 0 or not diffs:
            return
        norm = float(torch.stack(torch._foreach_norm(diffs)).norm())
        if norm > limit:
            log.info("Gradient clipping: scaling down gradients (L2 norm %g > %g) by scale "
                     "factor %g", norm, limit, limit / norm)
            torch._foreach_mul_(diffs, limit / norm)

    def normalize(self, group: Group) -> None:
        """Makes a mean of the gradients that ``iter_size`` passes added up."""
        if self.param.iter_size != 1:
            torch._foreach_mul_(group.diff, 1 / self.param.iter_size)

    def regularize(self, group: Group) -> None:
        """Adds the gradient of weight decay: of the squared weights (L2) or their sizes (L1)."""
        decay = self.param.weight_decay * group.decay_mult
        if decay:
            check_regularization(self.param)
            l1 = self.param.regularization_type == "L1"
            slope = torch._foreach_sign(group.data) if l1 else group.data
            torch._foreach_add_(group.diff, slope, alpha=decay)

    def compute_update_value(self, group: Group, rate: float) -> None:
        """Turns the gradients in ``diff`` into what is subtracted from the weights."""
        (history,) = group.history
        torch._foreach_mul_(history, self.param.momentum)
        torch._foreach_add_(history, group.diff, alpha=rate)
        torch._foreach_copy_(group.diff, history)

    def _groups(self) -> list[Group]:
        params = self.net.learnable
        groups: dict[tuple[float, float], Group] = {}
        for index, param in enumerate(params):
            key = param.lr_mult, param.decay_mult
            group = groups.setdefault(key, Group(*key, [], [], [[] for _ in range(self.histories)]))
            data, diff = param.blob.in_step()
            group.data.append(data)
            group.diff.append(diff)
            for number, history in enumerate(group.history):
                history.append(self._history(number * len(params) + index, data))
        return list(groups.values())

    def _history(self, index: int, data: torch.Tensor) -> torch.Tensor:
        """A tensor of the history, from now on in the same order of memory as the weights."""
        if self.history[index].stride() != data.stride():
            self.history[index] = torch.empty_like(data).copy_(self.history[index])
        return self.history[index]


class NesterovSolver(SGDSolver):
    """SGD with Nesterov's momentum: w = w - ((1 + momentum) V_new - momentum V_old)."""

    type = "Nesterov"

    def compute_update_value(self, group: Group, rate: float) -> None:
        back = torch._foreach_mul(group.history[0], -self.param.momentum)
        super().compute_update_value(group, rate)
        torch._foreach_mul_(group.diff, 1 + self.param.momentum)
        torch._foreach_add_(group.diff, back)


class AdaGradSolver(SGDSolver):
    """Divides by the size of all gradients so far: H = H + g g; w = w - rate g / (sqrt H + delta).

    It takes no momentum.
    """

    type = "AdaGrad"

    def compute_update_value(self, group: Group, rate: float) -> None:
        self.remember_squares(group.history[0], group.diff)
        sizes = torch._foreach_sqrt(group.history[0])
        torch._foreach_add_(sizes, self.param.delta)
        torch._foreach_div_(group.diff, sizes)
        torch._foreach_mul_(group.diff, rate)

    def remember_squares(self, history: Tensors, diff: Tensors) -> None:
        """Brings the squares of the gradients into H."""
        torch._foreach_addcmul_(history, diff, diff)


class RMSPropSolver(AdaGradSolver):
    """AdaGrad that forgets: H = rms_decay H + (1 - rms_decay) g g."""

    type = "RMSProp"

    def remember_squares(self, history: Tensors, diff: Tensors) -> None:
        _average_squares(history, diff, self.param.rms_decay)


class AdaDeltaSolver(SGDSolver):
    """Steps as large as former ones were: u = g sqrt((U + delta) / (H + delta)); w = w - rate u.

    H and U are running means of g g and u u; ``momentum`` is how slowly they forget.
    """

    type = "AdaDelta"
    histories = 2

    def compute_update_value(self, group: Group, rate: float) -> None:
        gradients, updates = group.history
        _average_squares(gradients, group.diff, self.param.momentum)
        ratio = torch._foreach_add(updates, self.param.delta)
        torch._foreach_div_(ratio, torch._foreach_add(gradients, self.param.delta))
        torch._foreach_sqrt_(ratio)
        torch._foreach_mul_(group.diff, ratio)
        _average_squares(updates, group.diff, self.param.momentum)
        torch._foreach_mul_(group.diff, rate)


class AdamSolver(SGDSolver):
    """Adam: M and V are running means of g and g g; w = w - rate c M / (sqrt V + delta).

    ``momentum`` is beta1, ``momentum2`` beta2. The correction c = sqrt(1 - beta2^t) / (1 -
    beta1^t) counts from t = 1, and stands outside: delta is not corrected, as PyTorch's eps is.
    """

    type = "Adam"
    histories = 2

    def compute_update_value(self, group: Group, rate: float) -> None:
        means, squares = group.history
        torch._foreach_mul_(means, self.param.momentum)
        torch._foreach_add_(means, group.diff, alpha=1 - self.param.momentum)
        _average_squares(squares, group.diff, self.param.momentum2)
        sizes = torch._foreach_sqrt(squares)
        torch._foreach_add_(sizes, self.param.delta)
        torch._foreach_copy_(group.diff, means)
        torch._foreach_div_(group.diff, sizes)
        torch._foreach_mul_(group.diff, rate * self.correction())

    def correction(self) -> float:
        """What makes up for means that began at 0."""
        betas = torch.tensor([self.param.momentum, self.param.momentum2], dtype=torch.float64)
        first, second = 1 - betas ** (self.iter + 1)
        return float(second.sqrt() / first)


def _average_squares(history: Tensors, values: Tensors, decay: float) -> None:
    torch._foreach_mul_(history, decay)
    torch._foreach_addcmul_(history, values, values, value=1 - decay)


SOLVERS: dict[str, type[Solver]] = {cls.type: cls for cls in (
    SGDSolver, NesterovSolver, AdaGradSolver, RMSPropSolver, AdaDeltaSolver, AdamSolver)}


def get_solver(solver_file: str | os.PathLike[str]) -> Solver:
    """The solver of a solver file, of the ``type`` it names. Raises SolverError for an unknown."""
    kind = read_solver(solver_file).type
    if kind not in SOLVERS:
        raise SolverError(f'the embedded engine has no solver type "{kind}"'
                          f"{one_of(kind, SOLVERS)}. Real Caffe may know it: "
                          "netbuilder train --engine caffe")
    return SOLVERS[kind](solver_file)
