"""Window files: images, boxes in each, and how a box becomes an image (window_data_layer.cpp)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from netbuilder.data.image import resize
from netbuilder.data.regular import lines
from netbuilder.errors import DataError

if TYPE_CHECKING:
    import numpy as np

_COLUMNS = 6  # of a box: label, overlap, x1, y1, x2, y2


@dataclass
class Windows:
    """What a window file lists.

    ``paths`` are those of the images as written, ``channels`` those of the last, which is the one
    that Caffe looks at. ``boxes`` has a row per box:
    the position of its image in ``paths``, label, overlap, x1, y1, x2, y2, in float32 as Caffe
    keeps them; both ends belong to the box.
    """

    paths: list[str]
    channels: int
    boxes: np.ndarray


def first_channels(source: str | os.PathLike) -> int:
    """The channels that a window file states for its first image: ``# index path channels``.

    Caffe takes those of the last one; in a file of one kind of images it is the same. Raises
    DataError.
    """
    head = [word for _, word in islice(_words(source), 4)]
    if len(head) < 4 or head[0] != "#" or not head[3].isdecimal() or len(head[3]) > 9:
        raise DataError(f"the window file {source} does not start with "
                        "`# index path channels height width`")
    return int(head[3])


def read_windows(source: str | os.PathLike) -> Windows:
    """A whole window file. Raises DataError, naming the line, where it is none."""
    import numpy as np

    words, found, boxes = _words(source), Windows([], 0, np.empty(0)), []
    while head := list(islice(words, 7)):
        line = f"the window file {source}:{head[0][0]}"
        index, path, found.channels, count = _image([word for _, word in head], line)
        found.paths.append(path)
        rows = list(islice(words, count * _COLUMNS))
        boxes.append(_boxes(index, count, rows, line))
    if not found.paths:
        raise DataError(f"the window file {source} is empty")
    found.boxes = np.concatenate(boxes)
    return found


@dataclass(frozen=True)
class Crop:
    """How boxes are cut out: warped to ``size`` x ``size``, with ``context_pad`` pixels of the
    image around, and with ``square`` as the tightest square around the box."""

    size: int
    context_pad: int = 0
    square: bool = False

    def __call__(self, image: np.ndarray, box: Sequence[int], mirror: bool = False
                 ) -> tuple[np.ndarray, int, int]:
        """The pixels of a box (x1, y1, x2, y2), and the row and column where they begin.

        What the box needs beyond the image stays empty: the pixels are then fewer than ``size``.
        Raises DataError if nothing of the box lies in the image.
        """
        height, width = image.shape[1:]
        across, down = (box[0], box[2]), (box[1], box[3])
        if self.context_pad or self.square:
            across, down = self._expanded(across, down)
            left = self._fitted(*across, width, mirror)
            top = self._fitted(*down, height)
        else:
            left, top = _Span(*across, 0, self.size), _Span(*down, 0, self.size)
        for span, limit in ((left, width), (top, height)):
            if not 0 <= span.first <= span.last < limit or span.length < 1:
                raise DataError(f"the box {', '.join(map(str, box))} does not lie in its image "
                                f"of {width} x {height} (width x height)")
        part = image[:, top.first: top.last + 1, left.first: left.last + 1]
        pixels = resize(part, top.length, left.length)
        return pixels[:, :, ::-1] if mirror else pixels, top.start, left.start

    def _expanded(self, across: tuple[int, int], down: tuple[int, int]
                  ) -> tuple[tuple[int, int], tuple[int, int]]:
        """The box with its context, in Caffe's float32."""
        import numpy as np

        scale = np.float32(self.size) / np.float32(self.size - 2 * self.context_pad)
        halves = [np.float32((last - first + 1) / 2) for first, last in (across, down)]
        centers = [np.float32(first) + half
                   for (first, _), half in zip((across, down), halves, strict=True)]
        if self.square:
            halves = [max(halves)] * 2
        expanded = [(_rounded(center - half * scale), _rounded(center + half * scale))
                    for center, half in zip(centers, halves, strict=True)]
        return expanded[0], expanded[1]

    def _fitted(self, first: int, last: int, limit: int, mirror: bool = False) -> _Span:
        """Along one axis: the part inside the image, and where it goes among ``size`` pixels."""
        import numpy as np

        before, after = max(0, -first), max(0, last - limit + 1)
        scale = np.float32(self.size) / np.float32(last - first + 1)
        inside = (last - after) - (first + before) + 1
        start = _rounded(np.float32(after if mirror else before) * scale)
        length = min(_rounded(np.float32(inside) * scale), self.size - start)
        return _Span(first + before, last - after, start, length)


@dataclass(frozen=True)
class _Span:
    """Pixels ``first`` to ``last`` of the image, as ``length`` pixels from ``start`` on."""

    first: int
    last: int
    start: int
    length: int


def _rounded(value: Any) -> int:
    """To the nearest whole number, halves away from zero, as C's round."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), value))


def _words(source: str | os.PathLike) -> Iterator[tuple[int, str]]:
    """The words of a file with the numbers of their lines."""
    try:
        for number, line in enumerate(lines(source), 1):
            for word in line.split():
                yield number, word
    except OSError as error:
        raise DataError(f"cannot read the window file {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the window file {source} is no text") from error


def _image(head: Sequence[str], line: str) -> tuple[int, str, int, int]:
    """Index, path, channels and number of boxes of an image's seven words."""
    numbers = [head[1], *head[3:]] if len(head) == 7 and head[0] == "#" else []
    if not numbers or not all(word.isdecimal() and len(word) < 10 for word in numbers):
        raise DataError(f"{line}: no `# index path channels height width number-of-boxes` but "
                        f"{' '.join(head)!r}")
    return int(head[1]), head[2], int(head[3]), int(head[6])


def _boxes(index: int, count: int, rows: Sequence[tuple[int, str]], line: str) -> np.ndarray:
    """The boxes of an image, each behind the image's index."""
    import numpy as np

    if len(rows) < count * _COLUMNS:
        raise DataError(f"{line}: the image has {count} boxes, but the file ends before them")
    try:
        values = np.array([word for _, word in rows], np.float32).reshape(count, _COLUMNS)
    except ValueError as error:
        wrong = next((number, word) for number, word in rows if not _is_number(word))
        raise DataError(f"{line.rpartition(':')[0]}:{wrong[0]}: no number of a box "
                        f"`label overlap x1 y1 x2 y2`: {wrong[1]!r}") from error
    return np.insert(values, 0, index, axis=1)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
