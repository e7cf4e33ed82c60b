"""Datum, the message in which Caffe's databases hold an image and its label, and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netbuilder.data.image import decode, decoded_shape
from netbuilder.errors import DataError
from netbuilder.layer import show
from netbuilder.proto import caffe_pb2

if TYPE_CHECKING:
    import numpy as np


def array_to_datum(array: np.ndarray, label: int | None = None) -> Any:
    """The Datum of a (channels, height, width) array: uint8 as bytes, the rest as float_data."""
    if array.ndim != 3:
        raise DataError(f"an image has channels, height and width, not the shape {array.shape}")
    datum = caffe_pb2.Datum()
    datum.channels, datum.height, datum.width = array.shape
    if array.dtype == "uint8":
        datum.data = array.tobytes()
    else:
        datum.float_data.extend(array.astype("float32").ravel())
    if label is not None:
        datum.label = label
    return datum


def encoded_datum(data: bytes, label: int | None = None) -> Any:
    """The Datum that holds a JPEG or PNG as it is, as `convert_imageset --encoded` writes it."""
    datum = caffe_pb2.Datum(data=data, encoded=True)
    if label is not None:
        datum.label = label
    return datum


def datum_to_array(datum: Any, color: bool | None = None) -> np.ndarray:
    """The image of a Datum as (channels, height, width): uint8, or float32 for float_data.

    `color` acts on encoded images only, as in Caffe. The array may be read-only: it is the
    Datum's own memory. Raises DataError where the sizes do not fit or decoding fails.
    """
    import numpy as np

    if datum.encoded:
        return decode(datum.data, color, "an encoded Datum")
    # Caffe takes the bytes where there are any, and only then the floats (data_transformer.cpp).
    values = np.frombuffer(datum.data, np.uint8) if datum.data else np.array(
        datum.float_data, np.float32)
    shape = datum.channels, datum.height, datum.width
    if values.size != shape[0] * shape[1] * shape[2]:
        raise DataError(f"a Datum says {show(shape)} but holds {values.size} values")
    return values.reshape(shape)


def datum_shape(datum: Any, color: bool | None = None) -> tuple[int, int, int]:
    """The shape of what `datum_to_array` returns, without decoding it."""
    if datum.encoded:
        return decoded_shape(datum.data, color, "an encoded Datum")
    return datum.channels, datum.height, datum.width
