"""Layers of forks said in real Caffe's types, so that an engine can compute them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from netbuilder.merge.affine import Unfoldable, affine_of
from netbuilder.merge.steps import Step, Value
from netbuilder.proto import caffe_pb2

Arrays = tuple[np.ndarray, ...]


def _normalised(step: Step, statistics: Arrays, scale: Arrays, **fields: Any) -> list[Step]:
    """A BatchNorm and a Scale."""
    between = Value(step.tops[0].name, step.tops[0].shape)
    name = f"{step.name} (normalised)"
    first = caffe_pb2.LayerParameter(name=name, type="BatchNorm", batch_norm_param=fields)
    return [_remade(step, first, statistics, tops=(between,)),
            *_scaled(step, scale, bottoms=(between,))]


def _scaled(step: Step, blobs: Arrays, **ends: Any) -> list[Step]:
    message = caffe_pb2.LayerParameter(name=step.name, type="Scale")
    message.scale_param.bias_term = len(blobs) > 1
    return [_remade(step, message, blobs, **ends)]


def _remade(step: Step, message: Any, blobs: Arrays, **ends: Any) -> Step:
    message.bottom.extend(value.name for value in ends.get("bottoms", step.bottoms))
    message.top.extend(value.name for value in ends.get("tops", step.tops))
    return step.remade(message, blobs=blobs, keys=tuple(object() for _ in blobs), **ends)


def _own_scale(step: Step) -> list[Step]:
    layer = step.layer
    if not layer.own_scale:
        return [step]
    return _normalised(step, step.blobs[:3], step.blobs[3:], eps=layer.eps,
                       use_global_stats=layer.use_global_stats)


def _fork_batch_norm(step: Step) -> list[Step]:
    try:
        affine_of(step)
    except Unfoldable:  # nor does the engine know it
        return [step]
    flat = [blob.ravel() for blob in step.blobs]
    if step.layer.blob_count == 2:
        return _scaled(step, tuple(flat))
    slope, bias, mean, variance = flat
    return _normalised(step, (mean, variance, np.ones(1, np.float32)), (slope, bias),
                       eps=step.layer.fields.eps, use_global_stats=True)


def _depthwise(step: Step) -> list[Step]:
    message = step.message()
    message.type = "Convolution"
    if step.type == "ConvolutionDepthwise":  # which does not read them
        message.convolution_param.num_output = step.layer.channels
        message.convolution_param.group = step.layer.channels
    return [step.remade(message)]


STOCK: dict[str, Callable[[Step], list[Step]]] = {
    "BatchNorm": _own_scale, "BN": _fork_batch_norm,
    "DepthwiseConvolution": _depthwise, "ConvolutionDepthwise": _depthwise}


def in_stock_types(steps: list[Step]) -> list[Step]:
    """The same computation; layers without a stock equal stay."""
    return [part for step in steps for part in STOCK.get(step.type, lambda step: [step])(step)]
