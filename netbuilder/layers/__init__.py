"""The static half of every layer type, one module per family; importing it registers them."""

from netbuilder.layers import (  # noqa: F401
    compact,
    convolution,
    data,
    detection,
    elementwise,
    fork_data,
    forks,
    linear,
    loss,
    neuron,
    normalization,
    pooling,
    python,
    recurrent,
    regions,
    shape,
)
