"""Image files as OpenCV hands them to Caffe: uint8, channels first, blue before red.

`color` says what OpenCV is asked for: True three channels, False one, None as stored
(imread's IMREAD_COLOR, IMREAD_GRAYSCALE and IMREAD_UNCHANGED).
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from netbuilder.data.regular import check_regular
from netbuilder.errors import DataError

if TYPE_CHECKING:
    import numpy as np

#: Pillow's mode of an image -> the mode that OpenCV decodes it to when nothing is asked for.
_AS_STORED = {
    "1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "CMYK": "RGB", "YCbCr": "RGB",
    "LA": "RGBA", "PA": "RGBA", "RGBA": "RGBA",
}
_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
_DEEP = {"I;16", "I"}  # gray of 16 bits, of which OpenCV keeps the upper 8 if asked for 8
_TURN, _TURNED = 0x0112, range(5, 9)  # EXIF's orientation, and those that swap the sides
_COEF_BITS = 11  # INTER_RESIZE_COEF_BITS of OpenCV's resize.cpp


def read_image(
    path: str | os.PathLike, height: int = 0, width: int = 0, color: bool | None = True
) -> np.ndarray:
    """An image file as uint8 (channels, height, width), resized if both sizes are given.

    Source: ReadImageToCVMat of Caffe's util/io.cpp. Raises DataError if it cannot be read.
    """
    image = decode(read_bytes(path), color, str(path))
    return resize(image, height, width) if height > 0 and width > 0 else image


def read_bytes(path: str | os.PathLike) -> bytes:
    """An image file as it is. Raises DataError if it cannot be read."""
    try:
        check_regular(path)
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DataError(f"cannot read the image {path}: {error.strerror}") from error


def decode(data: bytes, color: bool | None = None, where: str = "an encoded image") -> np.ndarray:
    """The encoded image `data` (JPEG, PNG ...) as uint8 (channels, height, width)."""
    import numpy as np

    with opened(data, where) as stored:
        mode = _mode(stored, color, where)
        image = _upper_bits(stored) if stored.mode in _DEEP else stored
        if color is False:
            return _gray(image)[None]
        array = np.asarray(oriented(image, color).convert(mode))
    if array.ndim == 2:
        return array[None]
    return np.ascontiguousarray(array.transpose(2, 0, 1)[[2, 1, 0, 3][: array.shape[2]]])


def decoded_shape(
    data: bytes, color: bool | None = None, where: str = "an encoded image"
) -> tuple[int, int, int]:
    """What `decode` would return the shape of, from the header alone and without NumPy."""
    with opened(data, where) as image:
        width, height = image.size
        # Not turned here: that would decode the image.
        if color is not None and image.format == "JPEG" and image.getexif().get(_TURN) in _TURNED:
            width, height = height, width
        return _CHANNELS[_mode(image, color, where)], height, width


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A uint8 (channels, height, width) image in another size, bit for bit as cv::resize.

    Bilinear between the four nearest pixels whatever the scale, so shrinking does not average;
    Pillow's bilinear does. The arithmetic is the fixed point of OpenCV's resize.cpp.
    """
    import numpy as np

    if image.shape[1:] == (height, width):
        return image.copy()
    top, bottom, to_top, to_bottom = _taps(image.shape[1], height, one_at_border=False)
    left, right, to_left, to_right = _taps(image.shape[2], width, one_at_border=True)
    rows = (image.take(left, 2) * to_left + image.take(right, 2) * to_right) >> 4
    above, below = rows[:, top] * to_top[:, None], rows[:, bottom] * to_bottom[:, None]
    return (((above >> 16) + (below >> 16) + 2) >> 2).clip(0, 255).astype(np.uint8)


def _taps(old: int, new: int, one_at_border: bool) -> tuple[np.ndarray, ...]:
    """Along one axis, for each new pixel: its two old neighbours and their weights times 2048.

    Beyond the border OpenCV takes the border's pixel once across, and down its two halves, each
    rounded.
    """
    import numpy as np

    places = ((np.arange(new) + 0.5) * (old / new) - 0.5).astype(np.float32)
    first = np.floor(places).astype(np.int64)
    outside = (first < 0) | (first >= old - 1)
    part = np.where(outside & one_at_border, 0, places - first).astype(np.float32)
    one = 1 << _COEF_BITS
    second_weight = np.rint(part * one).astype(np.int32)
    first_weight = np.rint((1 - part) * np.float32(one)).astype(np.int32)
    last = old - 1
    return first.clip(0, last), (first + 1).clip(0, last), first_weight, second_weight


@contextmanager
def opened(data: bytes, where: str) -> Iterator[Any]:
    """The image as Pillow opens it; what Pillow raises becomes a DataError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            yield image
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: neither JPEG nor PNG, nor another known format") from error
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: the image is damaged ({error})") from error


def _mode(image: Any, color: bool | None, where: str) -> str:
    """The Pillow mode to decode to."""
    if image.mode not in _AS_STORED and not (
            image.mode in _DEEP and image.format == "PNG" and color is not None):
        raise DataError(
            f"{where}: pixels of kind {image.mode}; Caffe takes images of 8 bits per channel only"
        )
    if color is not None:
        return "RGB" if color else "L"
    if "transparency" in image.info and _AS_STORED[image.mode] == "RGB":
        return "RGBA"
    return _AS_STORED[image.mode]


def _upper_bits(image: Any) -> Any:
    import numpy as np
    from PIL import Image

    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def oriented(image: Any, color: bool | None = True) -> Any:
    """Turned as a JPEG's EXIF says, which OpenCV does unless asked for the image as stored."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(image) if color is not None and image.format == "JPEG" else image


def _gray(image: Any) -> np.ndarray:
    """One channel: a JPEG's own luminance, otherwise libpng's truncating weighted sum."""
    import numpy as np

    if image.format == "JPEG":
        image.draft("L", image.size)
    if image.mode in ("1", "L", "LA") or image.format == "JPEG":
        return np.asarray(oriented(image, False).convert("L"))
    rgb = np.asarray(image.convert("RGB")).astype(np.int32)
    weighted = (rgb @ np.array([9797, 19234, 3737], np.int32)) >> 15
    same = (rgb[..., 0] == rgb[..., 1]) & (rgb[..., 1] == rgb[..., 2])
    return np.where(same, rgb[..., 0], weighted).astype(np.uint8)
