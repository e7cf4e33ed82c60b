"""The static half of every layer type, one module per family; importing it registers them."""

from netbuilder.layers import (  # noqa: F401
    convolution,
    data,
    elementwise,
    linear,
    loss,
    neuron,
    normalization,
    pooling,
    recurrent,
    shape,
)
