"""What pycaffe keeps for the whole process: the device and the random numbers.

This is the one place with global state, because pycaffe's ``set_mode_gpu``, ``set_device`` and
``set_random_seed`` are global by their meaning. A Net reads it once, when it is made; a Net that
is given its own ``rng`` or ``device`` does not look here.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field

import torch

from netbuilder.errors import EngineError
from netbuilder.torchcaffe.rng import Rng


@dataclass
class Mode:
    """The device number that ``set_device`` chose, whether it is used, whether only outputs will
    be looked at, whether the fast gait may compute in bfloat16, what a script for several GPUs
    said of its solvers, and the generator."""

    gpu: bool = False
    device_id: int = 0
    fast: bool = False
    bf16: bool = False
    solver_count: int = 1
    solver_rank: int = 0
    multiprocess: bool = False
    rng: Rng = field(default_factory=Rng)

    @property
    def device(self) -> torch.device:
        """Where a new net lives."""
        return torch.device("cuda", self.device_id) if self.gpu else torch.device("cpu")


current = Mode()


def set_mode_cpu() -> None:
    """New nets compute on the CPU."""
    current.gpu = False


def set_mode_gpu() -> None:
    """New nets compute on the GPU that ``set_device`` chose; EngineError if there is none."""
    if not torch.cuda.is_available():
        raise EngineError("set_mode_gpu: PyTorch finds no CUDA device; use set_mode_cpu "
                          "(netbuilder train: leave --gpu out)")
    current.gpu = True


def set_mode_fast(bf16: bool = False) -> None:
    """New nets run whole passes in the fast gait, and leave only outputs and weighted tops.

    With ``bf16`` they do so in bfloat16 where torch.autocast does. Real Caffe has no such thing;
    ``netbuilder train`` asks for it where it is there.
    """
    current.fast, current.bf16 = True, bf16


def set_device(device_id: int) -> None:
    """Chooses the GPU for nets made after this. Raises EngineError if there is no such GPU."""
    device_id, count = operator.index(device_id), torch.cuda.device_count()
    if not 0 <= device_id < count:
        raise EngineError(f"set_device: no GPU {device_id}; PyTorch finds {count}")
    current.device_id = device_id


def synchronize() -> None:
    """Waits until the GPU has done what it was given; for those who look at a clock."""
    if current.gpu:
        torch.cuda.synchronize(current.device)


def set_random_seed(seed: int) -> None:
    """Starts the random numbers of nets made after this anew; OverflowError beyond 32 bits."""
    seed = int(operator.index(seed))
    if not 0 <= seed < 2 ** 32:
        raise OverflowError(f"set_random_seed: {seed} is not between 0 and 2**32 - 1")
    current.rng.seed(seed)


# What a script for several GPUs asks and says. One solver is all that this engine has: see NCCL.


def has_nccl() -> bool:
    """Whether several GPUs can train together: no."""
    return False


def solver_count() -> int:
    """How many solvers a script said that there are; 1 if it said nothing."""
    return current.solver_count


def set_solver_count(count: int) -> None:
    """Says how many solvers there are."""
    current.solver_count = operator.index(count)


def solver_rank() -> int:
    """Which of the solvers this process has; 0 if nothing was said."""
    return current.solver_rank


def set_solver_rank(rank: int) -> None:
    """Says which of the solvers this process has."""
    current.solver_rank = operator.index(rank)


def set_multiprocess(multiprocess: bool) -> None:
    """Says whether each solver is a process of its own."""
    current.multiprocess = bool(multiprocess)
