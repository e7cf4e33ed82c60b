"""The layer types of Caffe's forks; importing it registers them. Stock nets never need it."""

from netbuilder.layers import (  # noqa: F401
    compact,
    detection,
    flow,
    fork_data,
    forks,
    regions,
    scores,
    yolo,
)
