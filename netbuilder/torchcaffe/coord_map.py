"""Where a blob's coordinates lie in another blob, and cropping one to the other.

A map is (axis, scale, shift): the axis before the first mapped one (None where any will do), and
coordinate i of the layer's input is scale * i + shift of its top; one number per axis, or one for
all. Source: python/caffe/coord_map.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from netbuilder.errors import FieldError, GraphError
from netbuilder.spec import Function, Top
from netbuilder.torchcaffe.net_spec import layers

PASS_THROUGH_LAYERS = [
    "AbsVal", "BatchNorm", "Bias", "BNLL", "Dropout", "Eltwise", "ELU", "Log", "LRN", "Exp", "MVN",
    "Power", "ReLU", "PReLU", "Scale", "Sigmoid", "Split", "TanH", "Threshold",
]

CoordMap = tuple[Any, Any, Any]

_IDENTITY: CoordMap = (None, 1, 0)
_LEGACY = {"pad_h", "pad_w", "kernel_h", "kernel_w", "stride_h", "stride_w"}


class UndefinedMapException(GraphError):
    """A layer whose type maps no coordinates."""


class AxisMismatchException(GraphError):
    """Maps of different axes, which cannot follow each other."""


class UnconnectedTops(GraphError, RuntimeError):
    """Two tops without a common one to map through; a RuntimeError too, as pycaffe raises."""


class CannotCrop(GraphError, AssertionError):
    """A map that no Crop layer can undo; an AssertionError too, as pycaffe raises."""


class NoKernelSize(GraphError, KeyError):
    """A window of no told size; a KeyError too, as pycaffe raises."""

    __str__ = Exception.__str__  # KeyError's shows quotes


def conv_params(fn: Function) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """Axis, stride, extent of the dilated kernel, and pad of a layer that slides a window.

    Raises NoKernelSize (kernel_h, global_pooling), CannotCrop for stride_h, pad_w and so on.
    """
    params = fn.params.get("convolution_param", fn.params)
    if "kernel_size" not in params:
        raise NoKernelSize(f"cropping needs the kernel_size of this {fn.type_name}")
    if old := sorted(_LEGACY & set(fn.params)):
        raise CannotCrop(f"cropping does not support legacy _h/_w params, but this "
                         f"{fn.type_name} has {', '.join(old)}; use kernel_size, stride and pad")
    kernel = np.array(params["kernel_size"], ndmin=1)
    stride, dilation, pad = (np.array(params.get(name, default), ndmin=1) for name, default in (
        ("stride", 1), ("dilation", 1), ("pad", 0)))
    return params.get("axis", 1), stride, (kernel - 1) * dilation + 1, pad


def crop_params(fn: Function) -> tuple[int, np.ndarray]:
    """Axis and offset of a Crop layer."""
    params = fn.params.get("crop_param", fn.params)
    return params.get("axis", 2), np.array(params.get("offset", 0), ndmin=1)


def _sliding(fn: Function) -> CoordMap:
    axis, stride, extent, pad = conv_params(fn)
    return axis, 1 / stride, (pad - (extent - 1) / 2) / stride


def _spreading(fn: Function) -> CoordMap:
    axis, stride, extent, pad = conv_params(fn)
    return axis, stride, (extent - 1) / 2 - pad


def _cropping(fn: Function) -> CoordMap:
    axis, offset = crop_params(fn)
    return axis - 1, 1, -offset


_MAPS: dict[str, Callable[[Function], CoordMap]] = {
    "Convolution": _sliding, "Pooling": _sliding, "Im2col": _sliding,
    "Deconvolution": _spreading, "Crop": _cropping,
    **dict.fromkeys(PASS_THROUGH_LAYERS, lambda _: _IDENTITY),
}


def coord_map(fn: Function) -> CoordMap:
    """A layer's own map. Raises UndefinedMapException for a type without one."""
    if fn.type_name not in _MAPS:
        raise UndefinedMapException(f"a {fn.type_name} layer does not map coordinates")
    return _MAPS[fn.type_name](fn)


def compose(base_map: CoordMap, next_map: CoordMap) -> CoordMap:
    """One map after another. Raises AxisMismatchException."""
    (axis, scale, shift), (next_axis, next_scale, next_shift) = base_map, next_map
    if axis is not None and next_axis is not None and axis != next_axis:
        raise AxisMismatchException(f"coordinates of axis {axis} and of axis {next_axis} on")
    return (next_axis if axis is None else axis, scale * next_scale, scale * next_shift + shift)


def inverse(coord_map: CoordMap) -> CoordMap:
    """The map back."""
    axis, scale, shift = coord_map
    return axis, 1 / scale, -shift / scale


def coord_map_from_to(top_from: Top, top_to: Top) -> CoordMap:
    """The map between two tops, through the nearest one that both come from.

    Raises UnconnectedTops where there is none, and AxisMismatchException.
    """
    from_maps = dict(_walk(top_from))
    for top, to_map in _walk(top_to):
        if top in from_maps:
            return compose(to_map, inverse(from_maps[top]))
    raise UnconnectedTops("Could not compute map between tops; are they connected by spatial "
                          "layers?")


def _walk(top: Top) -> Iterator[tuple[Top, CoordMap]]:
    """A top and all that it comes from, each with the map from it; nearer ones first."""
    maps = {top: _IDENTITY}
    waiting = [top]
    for at in waiting:
        yield at, maps[at]
        if at.fn.type_name not in _MAPS:
            continue
        # What a Crop is cropped to only lends its size.
        mapped = at.fn.inputs[:1] if at.fn.type_name == "Crop" else at.fn.inputs
        for bottom in mapped:
            if bottom not in maps:
                maps[bottom] = compose(maps[at], coord_map(at.fn))
                waiting.append(bottom)


def crop(top_from: Top, top_to: Top) -> Top:
    """The Crop layer that cuts ``top_from`` to what lies over ``top_to``.

    Raises CannotCrop where they differ in scale, or the offset is negative or no whole number,
    FieldError where no axis tells what to crop, and what ``coord_map_from_to`` raises.
    """
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    if axis is None:  # pycaffe: AttributeError, 'bool' object has no attribute 'all'
        raise FieldError("nothing to crop: no layer between the tops moves coordinates")
    if not np.all(scale == 1):
        raise CannotCrop(f"scale mismatch on crop (a = {scale})")
    if not np.all(shift <= 0):
        raise CannotCrop(f"cannot crop negative offset (b = {shift})")
    if not np.all(np.round(shift) == shift):
        raise CannotCrop(f"cannot crop noninteger offset (b = {shift})")
    offset = (-np.atleast_1d(np.round(shift)).astype(int)).tolist()
    return layers.Crop(top_from, top_to, crop_param={"axis": axis + 1, "offset": offset})
