"""caffe.io: messages and arrays, images, and what prepares them for a net (python/caffe/io.py)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from netbuilder.data import datum as datums
from netbuilder.data import resample
from netbuilder.data.picture import read_picture
from netbuilder.errors import ArrayError, DataError
from netbuilder.layer import show
from netbuilder.proto import caffe_pb2

_LEGACY = ("num", "channels", "height", "width")

# Messages.


def blobproto_to_array(blob: Any, return_diff: bool = False) -> np.ndarray:
    """A BlobProto's data, or its diff, as float64 in its shape (the old four dimensions, if set).

    Raises ArrayError where the shape holds another number of values.
    """
    values = np.array(blob.diff if return_diff else blob.data, dtype=float)
    old = any(blob.HasField(name) for name in _LEGACY)
    shape = tuple(getattr(blob, name) for name in _LEGACY) if old else tuple(blob.shape.dim)
    return _shaped(values, shape, "a BlobProto")


def array_to_blobproto(arr: np.ndarray, diff: np.ndarray | None = None) -> Any:
    """The BlobProto of an array of any dimensions; ``diff``, if given, has the same shape."""
    blob = caffe_pb2.BlobProto()
    blob.shape.dim.extend(arr.shape)
    blob.data.extend(arr.astype(float).ravel())
    if diff is not None:
        blob.diff.extend(diff.astype(float).ravel())
    return blob


def arraylist_to_blobprotovector_str(arraylist: Iterable[np.ndarray]) -> bytes:
    """Arrays as the bytes of one BlobProtoVector."""
    vector = caffe_pb2.BlobProtoVector(blobs=[array_to_blobproto(array) for array in arraylist])
    return vector.SerializeToString()


def blobprotovector_str_to_arraylist(str: bytes) -> list[np.ndarray]:
    """The arrays in the bytes of a BlobProtoVector."""
    return [blobproto_to_array(blob) for blob in caffe_pb2.BlobProtoVector.FromString(str).blobs]


def array_to_datum(arr: np.ndarray, label: int | None = None) -> Any:
    """The Datum of a (channels, height, width) array: uint8 as bytes, the rest as float_data.

    Raises ArrayError for other than three dimensions.
    """
    if arr.ndim != 3:
        raise ArrayError(f"Incorrect array shape. A Datum has channels, height and width, "
                         f"not {show(arr.shape)}")
    return datums.array_to_datum(arr, label)


def datum_to_array(datum: Any) -> np.ndarray:
    """A Datum's image as (channels, height, width): uint8 of its bytes, or float64 of float_data.

    An encoded image is not decoded, as in pycaffe. Raises ArrayError where the sizes do not fit.
    """
    values = (np.frombuffer(datum.data, np.uint8).copy() if datum.data
              else np.array(datum.float_data, dtype=float))
    return _shaped(values, (datum.channels, datum.height, datum.width), "a Datum")


def _shaped(values: np.ndarray, shape: tuple[int, ...], what: str) -> np.ndarray:
    if values.size != np.prod(shape, dtype=int):
        raise ArrayError(f"{what} says {show(shape)} but holds {values.size} values")
    return values.reshape(shape)


# Preparing.


class Transformer:
    """Makes images (height, width, channels) into a net's input, and back.

    ``inputs`` maps the name of each input blob to its shape. Of the steps below, those that were
    set happen in this order: transpose, channel_swap, raw_scale, mean, input_scale. All methods
    raise DataError for a name that is no input.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = inputs
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, np.ndarray] = {}
        self.input_scale: dict[str, float] = {}

    def preprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """An image as float32 in the input's size, (channels, height, width).

        As in pycaffe, a float32 image that needs no resizing and no channel_swap is changed in
        place by the scales and the mean.
        """
        image = data.astype(np.float32, copy=False)
        size = self._input(in_)[2:]
        if image.shape[:2] != size:
            image = resize_image(image, size)
        if in_ in self.transpose:
            image = image.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            image = image[self.channel_swap[in_], :, :]
        if self.raw_scale.get(in_) is not None:
            image *= self.raw_scale[in_]
        if in_ in self.mean:
            image -= self.mean[in_]
        if self.input_scale.get(in_) is not None:
            image *= self.input_scale[in_]
        return image

    def deprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """The image that ``preprocess`` made an input of, in the input's size."""
        self._input(in_)
        image = data.copy().squeeze()
        if self.input_scale.get(in_) is not None:
            image /= self.input_scale[in_]
        if in_ in self.mean:
            image += self.mean[in_]
        if self.raw_scale.get(in_) is not None:
            image /= self.raw_scale[in_]
        if in_ in self.channel_swap:
            image = image[np.argsort(self.channel_swap[in_]), :, :]
        if in_ in self.transpose:
            image = image.transpose(np.argsort(self.transpose[in_]))
        return image

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """The order of the image's axes; (2, 0, 1) puts the channels of (H, W, C) first."""
        if len(order) != len(self._input(in_)) - 1:
            raise DataError("Transpose order needs to have the same number of dimensions as the "
                            f"input. {in_} has, without the first, {show(self.inputs[in_][1:])}, "
                            f"and the order is {order}")
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """The order of the channels, once they are first; (2, 1, 0) makes BGR of RGB."""
        if len(order) != self._input(in_)[1]:
            raise DataError("Channel swap needs to have the same number of dimensions as the input "
                            f"channels. {in_} has {self.inputs[in_][1]}, and the order is {order}")
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """A factor before the mean is subtracted: 255 for nets that know images of 0 to 255."""
        self._input(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: np.ndarray) -> None:
        """What is subtracted: one number per channel, or an image, resized if need be.

        Raises ArrayError for a mean of other channels or dimensions.
        """
        shape = self._input(in_)[1:]
        if mean.ndim not in (1, 2, 3):
            raise ArrayError(f"Mean shape invalid: {show(mean.shape)}")
        if mean.ndim == 1 and len(mean) != shape[0]:
            raise ArrayError(f"Mean channels incompatible with input. {in_} has {shape[0]}, the "
                             f"mean {len(mean)}")
        if mean.ndim == 1:
            mean = mean[:, np.newaxis, np.newaxis]
        elif (1,) * (3 - mean.ndim) + mean.shape != shape:
            mean = _resized_mean(mean, shape[1:])
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """A factor after the mean is subtracted."""
        self._input(in_)
        self.input_scale[in_] = scale

    def _input(self, in_: str) -> Sequence[int]:
        if in_ not in self.inputs:
            raise DataError(f"{in_} is not one of the net inputs: {dict(self.inputs)}")
        return self.inputs[in_]


def _resized_mean(mean: np.ndarray, size: Sequence[int]) -> np.ndarray:
    low, high = float(mean.min()), float(mean.max())  # the result is float32
    image = ((mean - low) / (high - low)).transpose((1, 2, 0))
    return resize_image(image, size).transpose((2, 0, 1)) * (high - low) + low


# Images.


def load_image(filename: str | os.PathLike, color: bool = True) -> np.ndarray:
    """An image file as float32, 0 to 1: (height, width, 3) in RGB, or (height, width, 1) if not
    ``color``. Raises FileMissing and DataError."""
    image = read_picture(filename, gray=not color).astype(np.float32)
    if image.ndim == 2:
        return np.tile(image[:, :, np.newaxis], (1, 1, 3 if color else 1))
    return image[:, :, :3]


def resize_image(im: np.ndarray, new_dims: Sequence[int], interp_order: int = 1) -> np.ndarray:
    """An image (height, width, channels) as float32 in the size ``new_dims``, (height, width).

    With one or three channels as scikit-image 0.18 does, smoothed before it shrinks; else by
    splines of the given order, as scipy.ndimage.zoom does. Raises LibraryMissing without SciPy.
    """
    rows, cols = map(int, new_dims)
    if im.shape[-1] not in (1, 3):
        return resample.zoom(im, rows, cols, interp_order).astype(np.float32)
    low, high = im.min(), im.max()
    if not high > low:
        return np.full((rows, cols, im.shape[-1]), low, np.float32)
    resized = resample.resize((im - low) / (high - low), rows, cols, interp_order)
    return (resized * (high - low) + low).astype(np.float32)


def oversample(images: Sequence[np.ndarray], crop_dims: Sequence[int]) -> np.ndarray:
    """Ten crops of each image, (10 * images, height, width, channels) in float32.

    First the corners, top left, top right, bottom left, bottom right, and the centre; then the
    mirror images of those five.
    """
    height, width = crop_dims
    rows, cols, channels = images[0].shape
    corners = [(top, left) for top in (0, rows - height) for left in (0, cols - width)]
    places = [*corners, (int((rows - height) / 2), int((cols - width) / 2))]
    crops = np.empty((len(images), 2, 5, height, width, channels), np.float32)
    for image, found in zip(images, crops, strict=True):
        for index, (top, left) in enumerate(places):
            found[0, index] = image[top: top + height, left: left + width]
    crops[:, 1] = crops[:, 0, :, :, ::-1]
    return crops.reshape(-1, height, width, channels)
