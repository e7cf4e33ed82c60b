"""Receptive fields through layers that real Caffe lacks, and through several tops at once."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from test_receptive import conv, data, figures, layer, of

from netbuilder.analysis.receptive import Field

SAME = (1, 1, 0)
IMAGE = data(2, 8, 12, 12)
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


@pytest.mark.parametrize("line, expected", [
    (layer("ReLU6", "data", "y"), SAME), (layer("CReLU", "data", "y"), SAME),
    (layer("ShuffleChannel", "data", "y", "shuffle_channel_param { group: 2 }"), SAME),
    (layer("Normalize", "data", "y", "norm_param { across_spatial: false }"), SAME),
    (layer("BN", "data", "y", "bn_param { frozen: true }"), SAME),
    (layer("Reorg", "data", "y", "reorg_param { stride: 2 }"), (2, 2, HALF)),
    (layer("Reorg", "data", "y", "reorg_param { stride: 2 reverse: true }"),
     (1, HALF, -HALF / 2)),
    (layer("Upsample", "data", "y", "upsample_param { scale: 3 }"), (1, THIRD, -THIRD)),
    (layer("Interp", "data", "y", "interp_param { height: 34 width: 34 }"), (2, THIRD, 0)),
    (layer("Interp", "data", "y", "interp_param { pad_beg: -2 pad_end: -1 zoom_factor: 1 }"),
     (1, 1, 2)),
    (layer("Interp", "data", "y", "interp_param { height: 12 width: 12 }"), (1, 1, 0)),
    (layer("DepthwiseConvolution", "data", "y",
           "convolution_param { num_output: 8 group: 8 kernel_size: 3 stride: 2 }"), (3, 2, 1)),
    (layer("ArgMax", "data", "y", "argmax_param { axis: 1 }"), SAME),
])
def test_one_layer(line: str, expected: tuple[Any, Any, Any]) -> None:
    assert figures(of(IMAGE, line)["y"]) == [expected] * 2


@pytest.mark.parametrize("line", [
    layer("Permute", "data", "y", "permute_param { order: [0, 2, 3, 1] }"),
    layer("Normalize", "data", "y", "norm_param { across_spatial: true }"),
    layer("Upsample", "data data", "y", "upsample_param { scale: 2 }"),
    layer("Unpooling", "data", "y", "unpooling_param { unpool_size: 24 }"),
    layer("ArgMax", "data", "y", "argmax_param { axis: 2 }"), layer("ArgMax", "data", "y"),
])
def test_none_where_places_are_mixed_or_a_mask_tells(line: str) -> None:
    assert of(IMAGE, line)["y"] is None


def test_factors_of_axpy_are_no_branch() -> None:
    fields = of(IMAGE, data(2, 8, 1, 1, name="factors"), conv("data", "x", "kernel_size: 1"),
                layer("Pooling", "data", "g", "pooling_param { global_pooling: true }"),
                layer("Axpy", "g data data", "y"))
    assert figures(fields["y"]) == [SAME] * 2


def test_a_top_of_a_pair_sees_its_own_bottom_alone() -> None:
    names = 'bottom: "data" bottom: "wide" top: "left" top: "right"'
    both = (f'layer {{ name: "both" type: "Convolution" {names} '
            "convolution_param { num_output: 1 kernel_size: 3 } }")
    fields = of(IMAGE, layer("LRN", "data", "wide",
                             "lrn_param { norm_region: WITHIN_CHANNEL local_size: 5 }"), both)
    assert (figures(fields["left"]), figures(fields["right"])) == ([(3, 1, 1)] * 2, [(7, 1, 1)] * 2)
    names = 'bottom: "data" bottom: "other" bottom: "which" top: "left" top: "right"'
    fields = of(IMAGE, data(2, 1, 5, 5, name="other"), data(2, name="which"),
                f'layer {{ name: "it" type: "Filter" {names} }}')
    assert (fields["left"].source, fields["right"].source) == ("data", "other")


def test_picked_images_keep_their_places() -> None:
    fields = of(IMAGE, data(5, name="which"), layer("BatchReindex", "data which", "y"))
    assert figures(fields["y"]) == [SAME] * 2


def reads(size: int, resized: int) -> list[set[int]]:
    """Interp's loop: the places on both sides of where a place of the top lies."""
    found = []
    for place in range(resized):
        at = Fraction(place * (size - 1), resized - 1) if resized > 1 else Fraction(0)
        found.append({int(at)} | ({int(at) + 1} if at != int(at) else set()))
    return found


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("resized", range(1, 17))
def test_interpolation_by_brute_force(size: int, resized: int) -> None:
    line = layer("Interp", "data", "y", f"interp_param {{ height: {resized} width: 1 }}")
    field = of(data(1, 1, size, 1), line)["y"]
    assert isinstance(field, Field)
    axis, seen = field.axes[0], reads(size, resized)
    for place, pixels in enumerate(seen):
        low, high = axis.stride * place + axis.low, axis.stride * place + axis.high
        assert all(low <= pixel <= high for pixel in pixels)
    assert axis.size == max(map(len, seen))
