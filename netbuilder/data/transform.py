"""Caffe's transformation of images on their way into a net: crop, mirror, mean, scale.

Source: data_transformer.cpp. One formula, (pixel - mean) * scale in float32, on a crop that is
random in TRAIN and central in TEST, mirrored with probability one half if asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from netbuilder.data.datum import datum_to_array
from netbuilder.data.mean import read_mean
from netbuilder.errors import DataError
from netbuilder.layer import show
from netbuilder.proto import caffe_pb2

Shape = tuple[int, int, int]
Window = tuple[slice, slice, slice]


def transformed_shape(param: Any, shape: Shape) -> Shape:
    """The (channels, height, width) that a TransformationParameter makes of an image's shape."""
    channels, height, width = shape
    crop = param.crop_size
    if channels < 1 or height < crop or width < crop:
        raise DataError(f"crop_size {crop} does not fit into an image of {show(shape)} "
                        "(channels x height x width)")
    return (channels, crop, crop) if crop else shape


class Transformer:
    """A TransformationParameter at work in one phase.

    `rng` decides crops and mirrors; it is not used in TEST without mirror. Raises DataError for
    parameters that contradict each other or the images.
    """

    def __init__(self, param: Any, phase: int, rng: np.random.Generator | None = None) -> None:
        if param.HasField("mean_file") and param.mean_value:
            raise DataError("transform_param has both mean_file and mean_value; give one of them")
        self.param = param
        self._rng = rng or np.random.default_rng()
        self._random_crop = bool(param.crop_size) and phase == caffe_pb2.TRAIN
        self._mean = read_mean(param.mean_file) if param.HasField("mean_file") else None
        self._scale = np.float32(param.scale)

    def from_datums(self, datums: Iterable[Any]) -> np.ndarray:
        """The blob of a batch of Datums: float32 (number, channels, height, width)."""
        return self([self.array(datum) for datum in datums])

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """The blob of a batch of (channels, height, width) images.

        Images may differ in size where crop_size makes them equal.
        """
        self._check({image.shape for image in images})
        windows = self._windows(images)
        mean = self._mean_of(images[0].shape)
        if mean is None:
            blob = np.stack([image[window] for image, window in zip(images, windows, strict=True)])
            return np.multiply(blob, self._scale, dtype=np.float32)
        blob = np.empty((len(images), *images[0][windows[0]].shape), np.float32)
        for row, image, window in zip(blob, images, windows, strict=True):
            np.subtract(image[window], mean[window], out=row)
        return blob if self._scale == 1 else np.multiply(blob, self._scale, out=blob)

    def array(self, datum: Any) -> np.ndarray:
        """The image of a Datum, decoded as the parameters say."""
        param = self.param
        if not datum.encoded:
            return datum_to_array(datum)
        if param.force_color and param.force_gray:
            raise DataError("transform_param has both force_color and force_gray; give one")
        forced = param.force_color or param.force_gray
        return datum_to_array(datum, param.force_color if forced else None)

    def _check(self, shapes: set[Shape]) -> None:
        results = {transformed_shape(self.param, shape) for shape in shapes}
        if len(results) != 1:
            sizes = ", ".join(map(show, sorted(shapes)))
            raise DataError(f"a batch of images of different sizes: {sizes}; give crop_size in "
                            "transform_param, or write them all in one size")
        for shape in shapes:
            self._check_mean(shape)

    def _check_mean(self, shape: Shape) -> None:
        if self._mean is not None and self._mean.shape != shape:
            raise DataError(f"mean_file {self.param.mean_file} is {show(self._mean.shape)} but "
                            f"the images are {show(shape)} (channels x height x width)")
        values = len(self.param.mean_value)
        if values > 1 and values != shape[0]:
            raise DataError(f"{values} mean_value for images of {shape[0]} channels; give one, or "
                            "one per channel")

    def _windows(self, images: Sequence[np.ndarray]) -> list[Window]:
        """For each image the view that crops and mirrors it."""
        mirrored = self._draw([2] * len(images)) if self.param.mirror else [0] * len(images)
        tops = self._starts([image.shape[1] for image in images])
        lefts = self._starts([image.shape[2] for image in images])
        return [
            _window(top, left, *transformed_shape(self.param, image.shape)[1:], mirror)
            for image, top, left, mirror in zip(images, tops, lefts, mirrored, strict=True)
        ]

    def _starts(self, sizes: list[int]) -> list[int]:
        """Where along one axis the crop of each image begins."""
        crop = self.param.crop_size
        if self._random_crop:
            return self._draw([size - crop + 1 for size in sizes])
        return [(size - crop) // 2 if crop else 0 for size in sizes]

    def _draw(self, ends: list[int]) -> list[int]:
        return self._rng.integers(0, ends).tolist()

    def _mean_of(self, shape: Shape) -> np.ndarray | None:
        """What is subtracted from an image of that shape before it is cropped."""
        if self._mean is not None or not self.param.mean_value:
            return self._mean
        values = np.array(self.param.mean_value, np.float32)[:, None, None]
        return np.broadcast_to(values, shape)


def _window(top: int, left: int, height: int, width: int, mirror: int) -> Window:
    columns = slice(left, left + width)
    if mirror:  # from the last column back to the first; slice(.., -1, -1) would be empty
        columns = slice(left + width - 1, left - 1 if left else None, -1)
    return slice(None), slice(top, top + height), columns
