"""Window files: images, and boxes in each (window_data_layer.cpp)."""

from __future__ import annotations

import os
from itertools import islice

from netbuilder.data.regular import lines
from netbuilder.errors import DataError


def first_channels(source: str | os.PathLike) -> int:
    """The channels that a window file states for its first image: ``# index path channels``.

    Caffe takes those of the last one; in a file of one kind of images it is the same. Raises
    DataError.
    """
    try:
        head = list(islice((word for line in lines(source) for word in line.split()), 4))
    except OSError as error:
        raise DataError(f"cannot read the window file {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the window file {source} is no text") from error
    if len(head) < 4 or head[0] != "#" or not head[3].isdecimal() or len(head[3]) > 9:
        raise DataError(f"the window file {source} does not start with "
                        "`# index path channels height width`")
    return int(head[3])
