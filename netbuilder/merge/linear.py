"""Layers that take up what stands before or after them: the filters of each type, by channel.

Filters and vectors are in doubles. Adding a type is adding a row to LINEAR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from netbuilder.layer import Layer, Shape, show
from netbuilder.merge.affine import Affine, Unfoldable

Array = np.ndarray
Filters = tuple[Array, "Array | None"]  # weights, and the bias if there is one


@dataclass(frozen=True)
class Linear:
    """How a type's weights are laid out.

    ``along_outputs`` and ``along_inputs`` lay a vector, one number per output or input channel,
    so that it multiplies the weights; ``gather`` adds up what each output gets from weights;
    ``axes`` are those of the bottom that the inputs lie along, and the top's axis of the outputs;
    ``check_shift`` raises Unfoldable where a constant in the bottom is none in the top.
    """

    param: str
    along_outputs: Callable[[Layer, Array, Array], Array]
    along_inputs: Callable[[Layer, Array, Affine], Array]
    gather: Callable[[Layer, Array], Array]
    axes: Callable[[Layer], tuple[range, int]]
    check_shift: Callable[[Layer], None]


def _behind(vectors: Array, weight: Array) -> Array:
    """Numbers for the first axes of a weight, to be multiplied with it."""
    return vectors.reshape(vectors.shape + (1,) * (weight.ndim - vectors.ndim))


# Convolution: (outputs, inputs of the group, *kernel); a group has consecutive channels.


def _convolution_inputs(layer: Layer, weight: Array, affine: Array) -> Array:
    outputs, inputs = weight.shape[:2]
    groups = affine.size // inputs
    laid = np.repeat(affine.reshape(groups, inputs), outputs // groups, axis=0)
    return _behind(laid, weight)


def _window_axes(layer: Layer) -> tuple[range, int]:
    return range(layer.channel_axis, layer.channel_axis + 1), layer.channel_axis


def _check_padding(layer: Layer) -> None:
    if any(layer.pad):
        raise Unfoldable(f"the zeros of its padding {show(layer.pad)} would be shifted as well")
    extents = [dilation * (kernel - 1) + 1
               for kernel, dilation in zip(layer.kernel, layer.dilation, strict=True)]
    if any(extent > size for extent, size in zip(extents, layer.spatial, strict=True)):
        # conv_layer.cpp divides toward zero, and reads zeros beyond the image.
        raise Unfoldable(f"its kernel reaches beyond its bottom {show(layer.spatial)}")


_CONVOLUTION = Linear(
    "convolution_param",
    along_outputs=lambda layer, weight, vector: _behind(vector, weight),
    along_inputs=_convolution_inputs,
    gather=lambda layer, weight: weight.reshape(len(weight), -1).sum(1),
    axes=_window_axes,
    check_shift=_check_padding)


# Deconvolution: (inputs, outputs of the group, *kernel).


def _deconvolution_outputs(layer: Layer, weight: Array, vector: Array) -> Array:
    laid = np.repeat(vector.reshape(layer.group, -1), layer.channels // layer.group, axis=0)
    return _behind(laid, weight)


def _deconvolution_gather(layer: Layer, weight: Array) -> Array:
    groups = weight.reshape(layer.group, -1, weight.shape[1])  # its kernel is one place
    return groups.sum(1).ravel()


def _check_overlap(layer: Layer) -> None:
    if any(kernel > 1 for kernel in layer.kernel) or any(step != 1 for step in layer.stride):
        raise Unfoldable("not every place of its top gets the same share of a shift")


_DECONVOLUTION = Linear(
    "convolution_param",
    along_outputs=_deconvolution_outputs,
    along_inputs=lambda layer, weight, vector: _behind(vector, weight),
    gather=_deconvolution_gather,
    axes=_window_axes,
    check_shift=_check_overlap)


# InnerProduct: (outputs, inputs), or (inputs, outputs) with transpose.


def _product_inputs(layer: Layer, weight: Array, vector: Array) -> Array:
    return vector if not layer.transpose else vector[:, None]


_INNER_PRODUCT = Linear(
    "inner_product_param",
    along_outputs=lambda layer, weight, vector: vector if layer.transpose else vector[:, None],
    along_inputs=_product_inputs,
    gather=lambda layer, weight: weight.sum(0 if layer.transpose else 1),
    axes=lambda layer: (range(layer.first_axis, len(layer.bottom_shapes[0])), layer.first_axis),
    check_shift=lambda layer: None)

LINEAR: dict[str, Linear] = {
    "Convolution": _CONVOLUTION,
    "DepthwiseConvolution": _CONVOLUTION,
    "ConvolutionDepthwise": _CONVOLUTION,
    "Deconvolution": _DECONVOLUTION,
    "InnerProduct": _INNER_PRODUCT,
}


def scaled_after(layer: Layer, filters: Filters, affine: Affine) -> Filters:
    """The filters that do what an Affine does to the top."""
    weight, bias = filters
    shift = affine.shift if bias is None else affine.shift + affine.scale * bias
    laid = LINEAR[layer.type].along_outputs(layer, weight, affine.scale)
    return weight * laid, None if bias is None and not shift.any() else shift


def scaled_before(layer: Layer, filters: Filters, affine: Affine) -> Filters:
    """The filters that do what an Affine does to the bottom."""
    rule, (weight, bias) = LINEAR[layer.type], filters
    scale, shift = (_all_inputs(layer, affine, vector) for vector in (affine.scale, affine.shift))
    if shift.any():
        constant = rule.gather(layer, weight * rule.along_inputs(layer, weight, shift))
        bias = constant if bias is None else bias + constant
    return weight * rule.along_inputs(layer, weight, scale), bias


def _all_inputs(layer: Layer, affine: Affine, vector: Array) -> Array:
    """One number per input: of a channel's when an InnerProduct flattens several axes."""
    axes, _ = LINEAR[layer.type].axes(layer)
    shape: Shape = tuple(layer.bottom_shapes[0][axis] for axis in axes)
    lead = affine.axis - axes.start
    laid = vector.reshape((1,) * lead + (-1,) + (1,) * (len(shape) - lead - 1))
    return np.broadcast_to(laid, shape).reshape(-1)


def check_after(layer: Layer, affine: Affine) -> None:
    """Raises Unfoldable if an Affine on the top is not one of the outputs."""
    _, axis = LINEAR[layer.type].axes(layer)
    if affine.axis != axis:
        raise Unfoldable(f"its outputs lie along axis {axis}, not {affine.axis}")


def check_before(layer: Layer, affine: Affine) -> None:
    """Raises Unfoldable if an Affine on the bottom is not one of the inputs, or is seen."""
    axes, _ = LINEAR[layer.type].axes(layer)
    if affine.axis not in axes:
        raise Unfoldable(f"its inputs lie along axis {axes.start}, not {affine.axis}")
    if affine.shift.any():
        LINEAR[layer.type].check_shift(layer)


def with_bias(layer: Layer) -> Any:
    """The layer's message, with a bias."""
    message = type(layer.message)()
    message.CopyFrom(layer.message)
    getattr(message, LINEAR[layer.type].param).bias_term = True
    return message
