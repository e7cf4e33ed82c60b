"""The static half of every layer type, one module per family.

Importing it registers those of stock Caffe; ``of_forks`` has the rest.
"""

from netbuilder.layers import (  # noqa: F401
    convolution,
    data,
    elementwise,
    linear,
    loss,
    neuron,
    normalization,
    pooling,
    python,
    recurrent,
    shape,
)
