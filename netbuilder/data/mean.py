"""The mean image of a database, and the .binaryproto file that Caffe keeps it in."""

from __future__ import annotations

import os
from math import prod
from typing import TYPE_CHECKING

from netbuilder.data.datum import datum_to_array
from netbuilder.data.db import Cursor
from netbuilder.errors import DataError
from netbuilder.layer import show
from netbuilder.proto import caffe_pb2
from netbuilder.proto.io import read_binary, write_binary
from netbuilder.weights import array_of

if TYPE_CHECKING:
    import numpy as np


def compute_mean(source: str | os.PathLike) -> np.ndarray:
    """The mean of all images of an LMDB, float32 (channels, height, width).

    As compute_image_mean.cpp, but summed exactly; Caffe's float32 sum rounds from 65 794 images
    on. Raises DataError if the images differ in size.
    """
    import numpy as np

    with Cursor(source) as cursor:
        total: np.ndarray | None = None
        for index, datum in enumerate(cursor):
            image = datum_to_array(datum)
            if total is None:
                total = np.zeros(image.shape, np.float64)
            if image.shape != total.shape:
                raise DataError(f"{source}: image {index} has the shape {image.shape} and those "
                                f"before it {total.shape}; a mean needs them all alike")
            total += image
        return total.astype(np.float32) / np.float32(len(cursor))


def write_mean(path: str | os.PathLike, mean: np.ndarray) -> None:
    """Writes a (channels, height, width) mean, byte for byte the file of compute_image_mean."""
    channels, height, width = mean.shape
    write_binary(path, caffe_pb2.BlobProto(
        num=1, channels=channels, height=height, width=width, data=mean.ravel().tolist()))


def read_mean(path: str | os.PathLike) -> np.ndarray:
    """A mean image, float32 (channels, height, width). Raises DataError if it is none."""
    if not os.path.exists(path):
        raise DataError(f"the mean file {os.path.abspath(path)} is not there; compute it from the "
                        "training images, or use mean_value")
    mean = array_of(read_binary(path, caffe_pb2.BlobProto), os.fspath(path))
    if mean.ndim < 3 or mean.size != prod(mean.shape[-3:]):
        raise DataError(f"{path} is no mean image: its shape is {show(mean.shape)}")
    return mean.reshape(mean.shape[-3:])
