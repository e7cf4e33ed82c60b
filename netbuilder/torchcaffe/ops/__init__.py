"""The computing half of every layer type, one module per family, as in netbuilder/layers."""

from netbuilder.torchcaffe.ops import (  # noqa: F401
    convolution,
    data,
    elementwise,
    hdf5_output,
    linear,
    loss,
    neuron,
    normalization,
    pooling,
    python,
    recurrent,
    shape,
)
