"""What a log says, without times and threads."""

from __future__ import annotations

import re


def said(log: str) -> list[str]:
    """The lines of Caffe's tool itself: place and text."""
    return re.findall(r"caffe\.cpp:\d+\] .*", log)
