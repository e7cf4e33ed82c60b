"""The embedded engine: pycaffe's surface on PyTorch. ``import netbuilder.torchcaffe as caffe``."""

from netbuilder.proto.caffe_pb2 import TEST, TRAIN
from netbuilder.spec import NetSpec, layers, params, to_proto
from netbuilder.torchcaffe import proto
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.mode import (
    set_device,
    set_mode_cpu,
    set_mode_fast,
    set_mode_gpu,
    set_random_seed,
    synchronize,
)
from netbuilder.torchcaffe.net import Gait, Net
from netbuilder.torchcaffe.ops.base import op_types
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.solvers import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    get_solver,
)

__version__ = "1.0.0"  # of the pycaffe that this is like

__all__ = [
    "TEST", "TRAIN", "AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Blob", "Gait",
    "NesterovSolver", "Net", "NetSpec", "RMSPropSolver", "Rng", "SGDSolver", "get_solver",
    "layer_type_list", "layers", "params", "proto", "set_device", "set_mode_cpu",
    "set_mode_fast", "set_mode_gpu", "set_random_seed", "synchronize", "to_proto",
]


def layer_type_list() -> list[str]:
    """The layer types that this engine computes."""
    return sorted(op_types())
