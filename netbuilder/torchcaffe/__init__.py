"""The embedded engine: pycaffe's surface on PyTorch. ``import netbuilder.torchcaffe as caffe``."""
