"""Files that a prototxt names: nobody vouches for what stands at such a path."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

_LONGEST_LINE = 1 << 20  # characters; /dev/zero and its like have no end of a line


def check_regular(path: str | os.PathLike) -> None:
    """Raises OSError for what is no regular file: a pipe may never answer, a device never end."""
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:  # a NUL, or a character that no path can have
        raise OSError(errno.EINVAL, str(error)) from None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, "not a regular file")


def lines(source: str | os.PathLike, errors: str = "strict") -> Iterator[str]:
    """The lines of a UTF-8 file, one at a time. Raises OSError, and UnicodeDecodeError."""
    check_regular(source)
    with open(source, encoding="utf-8", errors=errors) as file:
        while line := file.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise OSError(errno.EINVAL, f"a line of more than {_LONGEST_LINE} characters")
            yield line
