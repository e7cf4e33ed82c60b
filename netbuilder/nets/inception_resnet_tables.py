"""The two Inception-ResNet-v2 that were trained, as tables: kernels are (h, w) or one number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from netbuilder.errors import BuildError, one_of
from netbuilder.lego.base import BaseLego
from netbuilder.lego.conv import Conv, ConvBN, ConvBNReLU
from netbuilder.lego.inception_resnet import Convolution, Step, average_pool, halving_pool

Table = tuple[tuple[Step, ...], ...]

# A weight like any other: where all of the net learns and decays alike.
ALIKE = {"lr_mult": 1, "decay_mult": 1}


class Variant(NamedTuple):
    """A network's parts: ``stem`` and ``end`` are steps in a row, ``mixed`` are tables after the
    stem; ``residual`` has the table of each stage's blocks, ``reductions`` those between stages.
    ``aux`` are the auxiliary classifier's convolutions, the second as large as its map.

    ``scales`` are residual scales: one for all blocks, or one for each stage and, without
    ``last_relu``, for the very last block. ``unit`` makes the convolutions, ``up`` those at the
    end of blocks; ``filler`` gives a classifier's weight filler from its number of inputs.
    """

    stem: tuple[Step, ...]
    mixed: tuple[Table, ...]
    blocks: tuple[int, ...]
    scales: tuple[float, ...]
    residual: tuple[Table, Table, Table]
    reductions: tuple[Table, Table]
    end: tuple[Step, ...]
    aux: tuple[Convolution, ...]
    last_relu: bool
    unit: Callable[..., BaseLego]
    up: Callable[..., BaseLego]
    filler: Callable[[int], Mapping[str, Any]]

    def changed(self, change: Callable[[Convolution], Convolution]) -> Variant:
        """The variant with every convolution of its tables changed."""
        return self._replace(**{name: _changed(getattr(self, name), change) for name in _TABLES})


_TABLES = ("stem", "mixed", "residual", "reductions", "aux", "end")


def _changed(part: Any, change: Callable[[Convolution], Convolution]) -> Any:
    if isinstance(part, Convolution):
        return change(part)
    return tuple(_changed(one, change) for one in part) if isinstance(part, tuple) else part


C = Convolution
V = True  # valid: no padding

A: Table = ((C(32, 1),), (C(32, 1), C(32, 3)), (C(32, 1), C(48, 3), C(64, 3)))
B: Table = ((C(192, 1),), (C(128, 1), C(160, (1, 7)), C(192, (7, 1))))
BLOCK_C: Table = ((C(192, 1),), (C(192, 1), C(224, (1, 3)), C(256, (3, 1))))


def _torch_linear(inputs: int) -> Mapping[str, Any]:
    """Torch's first weights of a Linear layer."""
    bound = inputs**-0.5
    return {"type": "uniform", "min": -bound, "max": bound}


_MSRA = {"bias_term": False, "weight_filler": {"type": "msra", "variance_norm": "FAN_OUT"},
         "bn": {"moving_average_fraction": 0.9}}

# Figures 3 and 15 to 19 of the paper, with two misprints made good: the last convolution of B is
# as wide as its block's input (1152, not 1154), and the second reduction adds 256, 256 (not 288,
# 320) to 1152 and 384, which makes the 2048 of C. 7-tap and 3-tap kernels as the paper prints them.
SEED = Variant(
    stem=(C(32, 3, 2, V), C(32, 3, 1, V), C(64, 3)),
    mixed=(
        ((halving_pool,), (C(96, 3, 2, V),)),
        ((C(64, 1), C(96, 3, 1, V)), (C(64, 1), C(64, (7, 1)), C(64, (1, 7)), C(96, 3, 1, V))),
        ((C(192, 3, 2, V),), (halving_pool,)),
    ),
    blocks=(5, 10, 5),
    scales=(0.1,),
    residual=(A, B, BLOCK_C),
    reductions=(
        ((halving_pool,), (C(384, 3, 2, V),), (C(256, 1), C(256, 3), C(384, 3, 2, V))),
        ((halving_pool,), (C(256, 1), C(384, 3, 2, V)), (C(256, 1), C(256, 3, 2, V)),
         (C(256, 1), C(256, 3), C(256, 3, 2, V))),
    ),
    end=(),
    aux=(),
    last_relu=True,
    unit=partial(ConvBNReLU, **_MSRA),
    up=partial(ConvBN, **_MSRA),
    filler=_torch_linear,
)

_GLOROT = {"type": "xavier", "variance_norm": "AVERAGE"}

# TF-slim's batch norm has no factor; here it has one, as in the networks that were converted to
# Caffe, and neither it nor the shift decays. All biases of convolutions decay.
SLIM = Variant(
    stem=(C(32, 3, 2, V), C(32, 3, 1, V), C(64, 3), halving_pool, C(80, 1), C(192, 3, 1, V),
          halving_pool),
    mixed=(((C(96, 1),), (C(48, 1), C(64, 5)), (C(64, 1), C(96, 3), C(96, 3)),
            (average_pool, C(64, 1))),),
    blocks=(10, 20, 10),
    scales=(0.17, 0.10, 0.20, 1.0),
    residual=(A, B, BLOCK_C),
    reductions=(
        ((C(384, 3, 2, V),), (C(256, 1), C(256, 3), C(384, 3, 2, V)), (halving_pool,)),
        ((C(256, 1), C(384, 3, 2, V)), (C(256, 1), C(288, 3, 2, V)),
         (C(256, 1), C(288, 3), C(320, 3, 2, V)), (halving_pool,)),
    ),
    end=(C(1536, 1),),
    aux=(C(128, 1), C(768, 5, 1, V)),
    last_relu=False,
    unit=partial(ConvBNReLU, bias_term=False, weight_filler=_GLOROT,
                 bn={"eps": 1e-3, "moving_average_fraction": 0.9997},
                 scale={"param": [{"lr_mult": 1, "decay_mult": 0}] * 2}),
    up=partial(Conv, param=[ALIKE] * 2, weight_filler=_GLOROT),
    filler=lambda inputs: _GLOROT,
)

VARIANTS = {"seed": SEED, "slim": SLIM}


def one_variant(name: str) -> Variant:
    """The variant of that name; BuildError with the list of names if there is none."""
    if name not in VARIANTS:
        raise BuildError(f'unknown variant "{name}"{one_of(name, VARIANTS)}')
    return VARIANTS[name]
