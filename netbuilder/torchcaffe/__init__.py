"""The embedded engine: pycaffe's surface on PyTorch. ``import netbuilder.torchcaffe as caffe``."""

from netbuilder.proto.caffe_pb2 import TEST, TRAIN
from netbuilder.torchcaffe import _caffe, io, net_spec, proto, pycaffe
from netbuilder.torchcaffe._caffe import (
    NCCL,
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    Blob,
    NesterovSolver,
    Net,
    RMSPropSolver,
    SGDSolver,
    Timer,
    __version__,
    get_solver,
    has_nccl,
    init_log,
    layer_type_list,
    log,
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
from netbuilder.torchcaffe.classifier import Classifier
from netbuilder.torchcaffe.detector import Detector
from netbuilder.torchcaffe.install import install_as_caffe
from netbuilder.torchcaffe.mode import set_mode_fast, synchronize
from netbuilder.torchcaffe.net import Gait
from netbuilder.torchcaffe.net_spec import NetSpec, layers, params, to_proto
from netbuilder.torchcaffe.python_layer import Layer
from netbuilder.torchcaffe.rng import Rng

__all__ = [
    "NCCL", "TEST", "TRAIN", "AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Blob", "Classifier",
    "Detector", "Gait", "Layer", "NesterovSolver", "Net", "NetSpec", "RMSPropSolver", "Rng",
    "SGDSolver", "Timer", "__version__", "_caffe", "get_solver", "has_nccl", "init_log",
    "install_as_caffe", "io", "layer_type_list", "layers", "log", "net_spec", "params", "proto",
    "pycaffe", "set_device", "set_mode_cpu", "set_mode_fast", "set_mode_gpu", "set_multiprocess",
    "set_random_seed", "set_solver_count", "set_solver_rank", "solver_count", "solver_rank",
    "synchronize", "to_proto",
]
