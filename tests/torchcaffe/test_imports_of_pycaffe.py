"""What scripts for pycaffe import is there when ``caffe`` becomes ``netbuilder.torchcaffe``."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.torch

SCRIPT = """
import caffe
from caffe import layers as L, params as P
from caffe.proto import caffe_pb2

n = caffe.NetSpec()
n.data = L.Input(shape=dict(dim=[1, 3, 8, 8]))
n.pool = L.Pooling(n.data, pool=P.Pooling.AVE, global_pooling=True)
solver = caffe_pb2.SolverParameter(base_lr=0.1, type="SGD")
assert isinstance(n.to_proto(), caffe.proto.caffe_pb2.NetParameter)
"""


def test_a_script_runs_with_its_imports_changed():
    script = SCRIPT.replace("import caffe\n", "import netbuilder.torchcaffe as caffe\n").replace(
        "from caffe", "from netbuilder.torchcaffe")
    exec(compile(script, "script", "exec"), {})
