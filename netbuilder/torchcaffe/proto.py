"""The messages where pycaffe has them: ``from netbuilder.torchcaffe.proto import caffe_pb2``."""

import sys

from netbuilder.proto import caffe_pb2

__all__ = ["caffe_pb2"]

# ``import netbuilder.torchcaffe.proto.caffe_pb2`` and such find it as well.
sys.modules[f"{__name__}.caffe_pb2"] = caffe_pb2
