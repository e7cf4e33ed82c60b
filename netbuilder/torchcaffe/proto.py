"""The messages where pycaffe has them: ``from netbuilder.torchcaffe.proto import caffe_pb2``."""

from netbuilder.proto import caffe_pb2

__all__ = ["caffe_pb2"]
