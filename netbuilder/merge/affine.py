"""Layers that multiply each channel by one number and add another: what can be merged away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from netbuilder.layer import Layer, show
from netbuilder.merge.steps import Step
from netbuilder.proto import caffe_pb2

BATCH_STATISTICS = "it normalises by the statistics of each batch"


class Unfoldable(Exception):
    """Why a layer stays; the text is for the user."""


@dataclass(frozen=True, eq=False)
class Affine:
    """``scale * x + shift``, one number of each for every index along ``axis``; in doubles."""

    axis: int
    scale: np.ndarray
    shift: np.ndarray

    def then(self, other: Affine) -> Affine:
        """This one, and another one on what it makes."""
        return Affine(self.axis, other.scale * self.scale, other.scale * self.shift + other.shift)


def _normalising(mean: np.ndarray, variance: np.ndarray, eps: float, gamma: np.ndarray | float,
                 beta: np.ndarray | float) -> Affine:
    with np.errstate(all="ignore"):  # whoever asks sees to what is not finite
        scale = gamma / np.sqrt(variance + eps)
        return Affine(1, scale, beta - mean * scale)


def _batch_norm(layer: Layer, blobs: Sequence[np.ndarray]) -> Affine:
    if not layer.use_global_stats:
        raise Unfoldable(f"use_global_stats: false, {BATCH_STATISTICS}")
    mean, variance, weight = blobs[:3]
    factor = 1 / weight[0] if weight[0] else 0.0  # as in batch_norm_layer.cpp
    own = dict(zip(layer.own_scale, blobs[3:], strict=True))
    return _normalising(mean * factor, variance * factor, layer.eps, own.get("scale", 1.0),
                        own.get("bias", 0.0))


def _fork_batch_norm(layer: Layer, blobs: Sequence[np.ndarray]) -> Affine:
    if layer.top_count > 1:
        raise Unfoldable("its other tops are the statistics of each batch")
    flat = [blob.ravel() for blob in blobs]
    if layer.blob_count == 4:  # PSPNet
        slope, bias, mean, variance = flat
        return _normalising(mean, variance, layer.fields.eps, slope, bias)
    if layer.fields.bn_mode != caffe_pb2.BNParameter.INFERENCE:
        raise Unfoldable(f"bn_mode: LEARN, {BATCH_STATISTICS} in every phase")
    return Affine(1, *flat)


def _scale(layer: Layer, blobs: Sequence[np.ndarray]) -> Affine:
    if not layer.learned:
        raise Unfoldable("what it multiplies by is a blob of the net")
    axis, scale = _channels(layer, blobs[0])
    shift = _channels(layer, blobs[1])[1] if layer.bias_term else np.zeros_like(scale)
    return Affine(axis, scale, shift)


def _bias(layer: Layer, blobs: Sequence[np.ndarray]) -> Affine:
    if not layer.learned:
        raise Unfoldable("what it adds is a blob of the net")
    axis, shift = _channels(layer, blobs[0])
    return Affine(axis, np.ones_like(shift), shift)


def _channels(layer: Layer, blob: np.ndarray) -> tuple[int, np.ndarray]:
    """The axis along which a blob of Scale or Bias differs, and its value at each place there."""
    bottom = layer.bottom_shapes[0]
    wide = [at for at, size in enumerate(layer.operand_shape) if size > 1]
    if len(wide) > 1:
        raise Unfoldable(f"its blob {show(layer.operand_shape)} differs along several axes")
    axis = layer.first_axis + wide[0] if wide else min(1, len(bottom) - 1)
    return axis, np.broadcast_to(blob.ravel(), bottom[axis: axis + 1]).copy()


STATISTICS = ("BatchNorm", "BN")  # what this is about; the others are theirs to come along
AFFINE: dict[str, Callable[[Layer, Sequence[np.ndarray]], Affine]] = {
    "BatchNorm": _batch_norm, "BN": _fork_batch_norm, "Scale": _scale, "Bias": _bias}


def affine_of(step: Step) -> Affine:
    """What a step of a type in AFFINE does; raises Unfoldable if it is more than that."""
    if any(step.layer.message.loss_weight):
        raise Unfoldable("its top has a loss_weight")
    affine = AFFINE[step.type](step.layer, [blob.astype(np.float64) for blob in step.blobs])
    if not (np.isfinite(affine.scale).all() and np.isfinite(affine.shift).all()):
        raise Unfoldable("its parameters give numbers that are not finite")
    return affine
