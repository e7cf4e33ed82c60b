"""Whatever a file says: a shape or one of our errors, in words, at once."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
from fork_layers import layer

from netbuilder.errors import NetbuilderError
from netbuilder.layer import layer_types
from netbuilder.proto import caffe_pb2
from netbuilder.proto.scalars import is_repeated

FORKS = {name: cls for name, cls in layer_types().items() if cls.fork}
SIZES = (0, 1, 1, 2, 3, 5, 7, 8, 20, 2**31 - 1)
WHOLE = ("0", "1", "2", "3", "7", "4294967295")
VALUES = {"uint32": WHOLE, "int32": ("-1", "0", "1", "2", "2147483647", "-2147483648"),
          "float": ("0", "1", "-1", "0.5", "1e30", "nan", "inf"), "bool": ("true", "false"),
          "string": ('"a"', '""')}
KINDS = {13: "uint32", 5: "int32", 2: "float", 8: "bool", 9: "string"}


def fields(random: Random, message) -> str:
    """Some of a message's plain fields, with odd values."""
    chosen = []
    for field in message.DESCRIPTOR.fields:
        if field.type in KINDS:
            times = random.choice((0, 0, 1, 1, 2)) if random.random() < 0.7 else 0
            limit = times if is_repeated(field) else min(times, 1)
            chosen += [f"{field.name}: {random.choice(VALUES[KINDS[field.type]])}"] * limit
    return " ".join(chosen)


@pytest.mark.parametrize("name", [*FORKS, "Python"])
def test_odd_fields_and_bottoms(name):
    random = Random(name)
    param = layer_types()[name].param
    message = getattr(caffe_pb2.LayerParameter(), param) if param else None
    for _ in range(150):
        shapes = [tuple(random.choice(SIZES) for _ in range(random.choice((0, 1, 2, 3, 4, 4, 5))))
                  for _ in range(random.randint(0, 4))]
        shapes = [shapes[0]] * len(shapes) if shapes and random.random() < 0.4 else shapes
        text = f"{param} {{ {fields(random, message)} }}" if param else ""
        with suppress(NetbuilderError):
            made = layer(f'type: "{name}" {text}', *shapes, tops=random.choice((0, 1, 1, 2, 5)))
            assert all(blob.count for blob in made.blobs)
            assert made.macs() >= 0
