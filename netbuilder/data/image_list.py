"""Lists of image files with labels, a `path label` per line, as convert_imageset and ImageData."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from netbuilder.data.image import decoded_shape
from netbuilder.data.regular import check_regular, lines
from netbuilder.errors import DataError

_HEADER = 1 << 26  # bytes that are read of an image whose size is asked for


def read_list(source: str | os.PathLike) -> list[tuple[str, int]]:
    """The (path, label) pairs of a list; a path may contain spaces, the label is after the last.

    Source: image_data_layer.cpp. Raises DataError, naming the line, where there is no label:
    Caffe would take it for class 0.
    """
    return list(_entries(source))


def first_image_shape(
    source: str | os.PathLike, root_folder: str = "", is_color: bool = True
) -> tuple[int, int, int]:
    """Channels, height and width of the first image of a list, from the file's header alone."""
    path = root_folder + next(_entries(source))[0]  # joined as strings, as Caffe does
    try:
        check_regular(path)
        with open(path, "rb") as file:
            return decoded_shape(file.read(_HEADER), is_color, path)
    except OSError as error:
        raise DataError(f"cannot read the image {path} of {source}: {error.strerror}") from error


def _entries(source: str | os.PathLike) -> Iterator[tuple[str, int]]:
    number = 0
    try:
        for number, line in enumerate(lines(source, errors="surrogateescape"), 1):
            yield _entry(line.rstrip("\n"), f"{source}:{number}")
    except OSError as error:
        raise DataError(f"cannot read the image list {source}: {error.strerror}") from error
    if not number:
        raise DataError(f"the image list {source} is empty")


def _entry(line: str, where: str) -> tuple[str, int]:
    path, _, last = line.rpartition(" ")
    label = re.match(r"[+-]?\d+", last)  # as far as C's atoi reads
    if not path or not label:
        raise DataError(f"{where}: no `path label` but {line!r}")
    return path, int(label.group())
