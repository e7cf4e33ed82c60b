"""The comments of a prototxt that stand above its layers."""

from __future__ import annotations

from netbuilder.proto import caffe_pb2
from netbuilder.proto.parser import places


def above_layers(text: str) -> list[str]:
    """What is said above each layer of a NetParameter's text, in their order; without the ``#``.

    Empty lines between comments are no end of them. Raises ParseError.
    """
    lines = [line.strip() for line in text.split("\n")]
    found = places(text, caffe_pb2.NetParameter)
    starts = [line for line, _ in found.get("layer", [])]
    return ["\n".join(_above(lines, line - 1)) if line != before else ""
            for line, before in zip(starts, [0, *starts], strict=False)]


def _above(lines: list[str], end: int) -> list[str]:
    start = end
    while start and (not lines[start - 1] or lines[start - 1].startswith("#")):
        start -= 1
    return [line.removeprefix("#").removeprefix(" ") for line in lines[start:end] if line]
