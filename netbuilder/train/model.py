"""A model to run as it is, by ``netbuilder test`` and ``netbuilder time``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netbuilder import passes
from netbuilder.errors import naming
from netbuilder.proto import caffe_pb2, io
from netbuilder.solver.nets import weight_files
from netbuilder.train.checks import check_files, check_net, doubting, module_path


@dataclass(frozen=True)
class Model:
    """What to run, and how often; ``phase`` is a number of caffe_pb2.Phase.

    ``name`` is the net's, ``path`` and ``warnings`` are as a Job's.
    """

    file: str
    name: str
    phase: int
    level: int
    stages: tuple[str, ...]
    weights: tuple[str, ...]
    iterations: int
    gpu: int | None
    bf16: bool
    path: tuple[str, ...]
    warnings: tuple[str, ...]

    def message(self, module: str) -> dict[str, Any]:
        """What the child gets: the keys that scoring.py and timing.py read."""
        return {
            "module": module, "path": self.path, "gpu": self.gpu, "bf16": self.bf16,
            "model": self.file, "phase": self.phase, "level": self.level,
            "stages": list(self.stages), "weights": list(self.weights),
            "iterations": self.iterations,
        }


def load(
    file: str | os.PathLike[str], phase: int, *, level: int = 0, stages: Sequence[str] = (),
    weights: Sequence[str] = (), iterations: int = 50, gpu: int | None = None, bf16: bool = False,
    foreign: bool = False,
) -> Model:
    """The checked model of a file; flags mean what the ``caffe`` tool's mean.

    For a ``foreign`` engine a mistake in the net is a warning. Raises ParseError,
    DataError, or what ``resolve`` raises for the net.
    """
    names, warnings = tuple(weight_files(weights)), []
    check_files(names)
    net = caffe_pb2.NetParameter()
    with doubting(foreign, warnings), naming(file):
        net = passes.upgrade(io.read_net(file))
        net.state.MergeFrom(caffe_pb2.NetState(phase=phase, level=level, stage=stages))
        check_net(net)
    return Model(os.fspath(file), net.name, phase, level, tuple(stages), names, iterations, gpu,
                 bf16, tuple(module_path(file)), tuple(warnings))
