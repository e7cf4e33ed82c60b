"""Resizing floating-point images as scikit-image 0.18 does, whose numbers pycaffe's scripts know.

Later versions of it (0.19 on) treat borders and the smoothing before shrinking in another way, so
their numbers differ. Debian 11's pycaffe has 0.18.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netbuilder.errors import LibraryMissing

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np


def resize(image: np.ndarray, rows: int, cols: int, order: int = 1) -> np.ndarray:
    """A float32 or float64 image (height, width, channels) in another size.

    Smoothed first where it shrinks, then interpolated: nearest (0), linear (1), Catmull-Rom (3),
    or by splines (2, 4, 5). All that is outside of the image counts as 0, so borders fade where
    it shrinks. The result keeps to the range of the smoothed image, except for order 0.
    Source: skimage.transform.resize with mode "constant". Raises LibraryMissing without SciPy.
    """
    import numpy as np

    shrinkage = [image.shape[0] / rows, image.shape[1] / cols]
    sigma = [max(0.0, (factor - 1) / 2) for factor in shrinkage]
    image = ndimage().gaussian_filter(image, [*sigma, 0], mode="constant")
    # Pixels have area: the first one's centre is half a pixel from the border.
    kind = image.dtype.type if order in _KERNELS else np.float64
    places = [np.arange(size, dtype=kind) * kind(factor) + kind(factor / 2 - 0.5)
              for size, factor in zip((rows, cols), shrinkage, strict=True)]
    if order in _KERNELS:
        resized = _along_rows(image.swapaxes(0, 1), places[1], order).swapaxes(0, 1)
        resized = _along_rows(resized, places[0], order)
    else:
        resized = _splines(image, places, order)
    return resized if order == 0 else _clipped(resized, image)


def zoom(image: np.ndarray, rows: int, cols: int, order: int = 1) -> np.ndarray:
    """An image (height, width, any channels) in another size by splines, corner on corner.

    Nothing is smoothed. Source: scipy.ndimage.zoom. Raises LibraryMissing without SciPy.
    """
    scale = rows / image.shape[0], cols / image.shape[1], 1
    return ndimage().zoom(image, scale, order=order)


def ndimage() -> ModuleType:
    """SciPy's image functions."""
    try:
        from scipy import ndimage as functions
    except ImportError as error:
        raise LibraryMissing(
            'resizing images needs SciPy: pip install "netbuilder[train]"') from error
    return functions


def _nearest(pixels: list[np.ndarray], _: np.ndarray) -> np.ndarray:
    return pixels[0]


def _linear(pixels: list[np.ndarray], part: np.ndarray) -> np.ndarray:
    return (1 - part) * pixels[0] + part * pixels[1]


def _catmull_rom(pixels: list[np.ndarray], part: np.ndarray) -> np.ndarray:
    before, first, second, after = pixels
    slope = second - before
    bend = 2 * before - 5 * first + 4 * second - after
    twist = 3 * (first - second) + after - before
    return first + part / 2 * (slope + part * (bend + part * twist))


#: Order -> the formula, the neighbours that it takes counting from the pixel at or before the
#: place, and what is added to the place to find that pixel.
_KERNELS: dict[int, tuple[Callable, tuple[int, ...], float]] = {
    0: (_nearest, (0,), 0.5),
    1: (_linear, (0, 1), 0.0),
    3: (_catmull_rom, (-1, 0, 1, 2), 0.0),
}


def _along_rows(image: np.ndarray, places: np.ndarray, order: int) -> np.ndarray:
    """New rows at the given places among the old ones; rows outside are 0."""
    import numpy as np

    formula, neighbours, shift = _KERNELS[order]
    first = np.floor(places + image.dtype.type(shift)).astype(np.int64)
    part = (places - first).astype(image.dtype)[:, None, None]
    pixels = []
    for offset in neighbours:
        index = first + offset
        inside = (index >= 0) & (index < len(image))
        pixels.append(image[index.clip(0, len(image) - 1)] * inside[:, None, None])
    return formula(pixels, part)


def _splines(image: np.ndarray, places: list[np.ndarray], order: int) -> np.ndarray:
    import numpy as np

    coordinates = np.meshgrid(*places, np.arange(image.shape[2]), indexing="ij")
    return ndimage().map_coordinates(image, coordinates, order=order, mode="constant")


def _clipped(resized: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Within the image's range, but zeros, which may be the outside, stay zeros."""
    import numpy as np

    low, high = image.min(), image.max()
    clipped = resized.clip(low, high)
    return clipped if low <= 0 <= high else np.where(resized == 0, resized, clipped)
