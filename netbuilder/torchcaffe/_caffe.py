"""``caffe._caffe``: what is C++ in pycaffe, under its names."""

from netbuilder.proto.caffe_pb2 import LayerParameter, SolverParameter
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.logs import init_log, log
from netbuilder.torchcaffe.mode import (
    has_nccl,
    set_device,
    set_mode_cpu,
    set_mode_gpu,
    set_multiprocess,
    set_random_seed,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
from netbuilder.torchcaffe.nccl import NCCL
from netbuilder.torchcaffe.net import Net
from netbuilder.torchcaffe.ops.base import layer_type_list
from netbuilder.torchcaffe.solver import Solver
from netbuilder.torchcaffe.solvers import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    get_solver,
)
from netbuilder.torchcaffe.timer import Timer
from netbuilder.torchcaffe.vectors import (
    BlobVec,
    BoolVec,
    DtypeVec,
    IntVec,
    LayerVec,
    NetVec,
    RawBlobVec,
    StringVec,
)

__version__ = "1.0.0"  # of the pycaffe that this is like

__all__ = [
    "NCCL", "AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Blob", "BlobVec", "BoolVec",
    "DtypeVec", "IntVec", "LayerParameter", "LayerVec", "NesterovSolver", "Net", "NetVec",
    "RMSPropSolver", "RawBlobVec", "SGDSolver", "Solver", "SolverParameter", "StringVec", "Timer",
    "get_solver", "has_nccl", "init_log", "layer_type_list", "log", "set_device", "set_mode_cpu",
    "set_mode_gpu", "set_multiprocess", "set_random_seed", "set_solver_count", "set_solver_rank",
    "solver_count", "solver_rank",
]
