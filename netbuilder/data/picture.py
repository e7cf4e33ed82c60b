"""Image files as scikit-image hands them to pycaffe: numbers from 0 to 1, channels last."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from netbuilder.data.image import opened, oriented
from netbuilder.errors import DataError, FileMissing

if TYPE_CHECKING:
    import numpy as np

_LUMINANCE = (0.2125, 0.7154, 0.0721)  # skimage.color.rgb2gray
_DEEP = ("I", "I;16", "I;16L", "I;16B")  # Pillow's modes of 16-bit PNG files


def read_picture(path: str | os.PathLike, gray: bool = False) -> np.ndarray:
    """The picture as float64 (height, width) or (height, width, channels), 0 to 1.

    Three channels are RGB and a fourth is alpha; with ``gray`` colours become one number, laid on
    white where alpha says so. A JPEG is turned as its EXIF says. Raises FileMissing, DataError.
    """
    pixels = _pixels(path)
    picture = pixels / 65535.0 if pixels.dtype == "uint16" else pixels / 255.0
    if gray and picture.ndim == 3:
        picture = _on_white(picture) @ _LUMINANCE
    return picture


def _on_white(picture: np.ndarray) -> np.ndarray:
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:]
    return (1 - alpha) + alpha * picture[..., :3]


def _pixels(path: str | os.PathLike) -> np.ndarray:
    import numpy as np

    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError as error:
        raise FileMissing(f"the image {path} is not there") from error
    except OSError as error:
        raise DataError(f"cannot read the image {path}: {error.strerror}") from error
    with opened(data, str(path)) as image:
        if image.mode in _DEEP:
            return np.asarray(image).astype(np.uint16)
        return np.asarray(oriented(image).convert(_mode(image)))


def _mode(image: Any) -> str:
    if image.mode in ("1", "L"):
        return "L"
    if image.mode == "P":
        return _mode_of_palette(image)
    return "RGBA" if "A" in image.mode else "RGB"


def _mode_of_palette(image: Any) -> str:
    colours = image.getpalette("RGB") or []
    if colours[::3] == colours[1::3] == colours[2::3]:
        return "L"
    return "RGBA"
