"""Where NaN or infinity comes from: the batch of the last pass once more, layer by layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from netbuilder.torchcaffe.node import Node

if TYPE_CHECKING:
    from netbuilder.torchcaffe.net import Net


def first_place(net: Net) -> str:
    """The first layer with a learned parameter or a top that is not finite, in words.

    Layers are run again on the data of the last pass, whichever gait that had; random numbers and
    the statistics of BatchNorm are afterwards as before. A Dropout draws another mask, so it may
    not happen again; then the words say so.
    """
    with torch.no_grad(), _undone(net):
        net.show_batch()
        for node in net.nodes:
            for index, blob in enumerate(node.blobs):
                if node.layer.learns(index) and not _finite(blob.tensor):
                    return f'{_called(node)} has {_what(blob.tensor)} in its parameter {index}'
            if node.bottoms and node.tops:  # data stays, and nothing is written twice
                node.forward()
            for name, blob in zip(node.top_names, node.tops, strict=True):
                if not _finite(blob.tensor):
                    return f'{_called(node)} gives {_what(blob.tensor)} in its top "{name}"'
    return "running the same batch again shows it in no layer"


def _finite(values: torch.Tensor) -> bool:
    return bool(values.isfinite().all())


def _what(values: torch.Tensor) -> str:
    return "NaN" if values.isnan().any() else "infinity"


def _called(node: Node) -> str:
    return f'layer "{node.name}" ({node.type})'


@contextlib.contextmanager
def _undone(net: Net) -> Iterator[None]:
    """Brings back what forward passes change beside the tops."""
    unlearned = [(blob, blob.tensor.clone()) for node in net.nodes
                 for index, blob in enumerate(node.blobs) if not node.layer.learns(index)]
    state = net.rng.state()
    try:
        yield
    finally:
        net.rng.restore(state)
        for blob, values in unlearned:
            blob.put(values)
