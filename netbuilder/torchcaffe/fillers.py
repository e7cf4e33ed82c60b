"""Fillers: the first values of parameters and of dummy data (filler.hpp)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from netbuilder.errors import ShapeError
from netbuilder.layer import show
from netbuilder.proto import caffe_pb2

_Filler = caffe_pb2.FillerParameter


def fill(tensor: torch.Tensor, filler: Any, generator: torch.Generator, where: str) -> None:
    """Fills a contiguous CPU tensor as a FillerParameter of a known type says.

    ``where`` names the layer in a ShapeError for values that the filler cannot work with.
    """
    kind = FILLERS[filler.type]
    try:
        if filler.sparse != -1 and kind is not gaussian:
            raise ValueError("sparse is for the gaussian filler only")
        if tensor.numel():
            kind(tensor, filler, generator)
    except ValueError as error:
        raise ShapeError(f"{where}: {error}") from None


def constant(tensor: torch.Tensor, filler: Any, _: torch.Generator) -> None:
    """``value`` everywhere."""
    tensor.fill_(filler.value)


def uniform(tensor: torch.Tensor, filler: Any, generator: torch.Generator) -> None:
    """Evenly between ``min`` and ``max``."""
    if filler.min > filler.max:
        raise ValueError(f"uniform filler: min {filler.min:g} is above max {filler.max:g}")
    tensor.uniform_(filler.min, filler.max, generator=generator)


def gaussian(tensor: torch.Tensor, filler: Any, generator: torch.Generator) -> None:
    """Normal with ``mean`` and ``std``; ``sparse``: about that many values per input are kept."""
    if filler.std <= 0:
        raise ValueError(f"gaussian filler: std must be positive, not {filler.std:g}")
    tensor.normal_(filler.mean, filler.std, generator=generator)
    if filler.sparse < -1:
        raise ValueError(f"gaussian filler: sparse must be -1 or more, not {filler.sparse}")
    if filler.sparse >= 0:
        chance = filler.sparse / tensor.shape[0]
        if chance > 1:
            raise ValueError(f"gaussian filler: sparse {filler.sparse} is more than the "
                             f"{tensor.shape[0]} outputs")
        tensor.mul_(torch.empty_like(tensor).bernoulli_(chance, generator=generator))


def positive_unitball(tensor: torch.Tensor, _: Any, generator: torch.Generator) -> None:
    """Evenly from 0 to 1, then each row divided by its sum."""
    rows = tensor.uniform_(0, 1, generator=generator).view(tensor.shape[0], -1)
    rows.div_(rows.sum(1, keepdim=True))


def xavier(tensor: torch.Tensor, filler: Any, generator: torch.Generator) -> None:
    """Evenly with variance 1 / fan."""
    bound = math.sqrt(3 / fan(tensor, filler))
    tensor.uniform_(-bound, bound, generator=generator)


def msra(tensor: torch.Tensor, filler: Any, generator: torch.Generator) -> None:
    """Normal with variance 2 / fan."""
    tensor.normal_(0, math.sqrt(2 / fan(tensor, filler)), generator=generator)


def bilinear(tensor: torch.Tensor, _: Any, __: torch.Generator) -> None:
    """The kernel of a bilinear upsampling, in every channel."""
    if tensor.dim() != 4 or tensor.shape[2] != tensor.shape[3]:
        raise ValueError(f"bilinear filler: needs four axes and a square kernel, not "
                         f"{show(tensor.shape)}")
    half = math.ceil(tensor.shape[3] / 2)
    centre = (tensor.shape[3] - 1) / (2 * half)
    line = 1 - (torch.arange(tensor.shape[3]) / half - centre).abs()
    tensor.copy_(torch.outer(line, line))


def fan(tensor: torch.Tensor, filler: Any) -> float:
    """How many values the filler's ``variance_norm`` divides by."""
    incoming = tensor.numel() / (tensor.shape[0] if tensor.dim() else 1)
    outgoing = tensor.numel() / (tensor.shape[1] if tensor.dim() > 1 else 1)
    return {_Filler.FAN_IN: incoming, _Filler.FAN_OUT: outgoing,
            _Filler.AVERAGE: (incoming + outgoing) / 2}[filler.variance_norm]


FILLERS: dict[str, Callable[[torch.Tensor, Any, torch.Generator], None]] = {
    kind.__name__: kind
    for kind in (constant, uniform, gaussian, positive_unitball, xavier, msra, bilinear)
}
