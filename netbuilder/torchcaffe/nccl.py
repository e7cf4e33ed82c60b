"""NCCL: one process stands alone here, and needs nobody to share gradients with."""

from __future__ import annotations

import uuid
from typing import Any

from netbuilder.errors import EngineError
from netbuilder.torchcaffe import mode


class NCCL:
    """What pycaffe joins the solvers of several GPUs with.

    With one solver, ``caffe.set_solver_count(1)`` or nothing said, there is nothing to join, and a
    script written for several GPUs runs on one. With more than one, making an NCCL raises
    EngineError.
    """

    def __init__(self, solver: Any, uid: str | bytes) -> None:
        if not isinstance(uid, (str, bytes)):
            raise TypeError(f"NCCL(solver, uid): the uid is a string, not {type(uid).__name__}")
        if mode.current.solver_count > 1:
            raise EngineError(
                f"NCCL: the embedded engine trains on one GPU, not on {mode.current.solver_count}. "
                "Name one GPU (caffe.set_solver_count(1)), with iter_size for a larger batch")
        self.solver = solver

    @staticmethod
    def new_uid() -> bytes:
        """A name for a group of solvers."""
        return uuid.uuid4().bytes

    def bcast(self) -> None:
        """Gives the other solvers this one's weights; there are none."""

    def __call__(self, *_: int) -> None:
        """As a callback of a solver or a net: has nothing to do."""
