"""The embedded engine: pycaffe's surface on PyTorch. ``import netbuilder.torchcaffe as caffe``."""

from netbuilder.proto.caffe_pb2 import TEST, TRAIN
from netbuilder.torchcaffe.mode import set_device, set_mode_cpu, set_mode_gpu, set_random_seed
from netbuilder.torchcaffe.net import Gait, Net
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.solvers import NesterovSolver, SGDSolver, get_solver
