"""``caffe.pycaffe``: the names of that module."""

from collections import OrderedDict

import numpy as np

from netbuilder.torchcaffe.nccl import NCCL
from netbuilder.torchcaffe.net import Net
from netbuilder.torchcaffe.solvers import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
)
from netbuilder.torchcaffe.timer import Timer

__all__ = [
    "NCCL", "AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "NesterovSolver", "Net", "OrderedDict",
    "RMSPropSolver", "SGDSolver", "Timer", "np",
]
