"""Real Caffe's own upgrade tools, and random messages of its own schema."""

from __future__ import annotations

import os
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pool, message_factory

from netbuilder.proto import caffe_pb2, io

KINDS = {
    "upgrade_net_proto_text": (caffe_pb2.NetParameter, io.read_text),
    "upgrade_net_proto_binary": (caffe_pb2.NetParameter, io.read_binary),
    "upgrade_solver_proto_text": (caffe_pb2.SolverParameter, io.read_text),
}
UNKNOWN = re.compile(r"Unknown parameter (\w+) for layer type (\w*)")


@dataclass
class Verdict:
    """What a tool made of a file; ``message`` is None where it aborted."""

    message: Any
    code: int
    log: str

    @property
    def lost(self) -> list[tuple[str, ...]]:
        """(parameter, layer type) of each complaint."""
        return UNKNOWN.findall(self.log)


class Tools:
    """The tools beside real Caffe's Python, run as that is."""

    def __init__(self, engine: Any, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.bin = Path(engine.command[-1]).parent
        if not (self.bin / "upgrade_net_proto_text").is_file():
            pytest.skip(f"{self.bin} has no upgrade_net_proto_text")

    def __call__(self, name: str, content: bytes | str) -> Verdict:
        source, target = self.folder / "old", self.folder / "new"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        target.unlink(missing_ok=True)
        run = subprocess.run(
            [*self.engine.command[:-1], self.bin / name, source, target], check=False,
            capture_output=True, text=True, errors="replace",
            env={**os.environ, **self.engine.env, "GLOG_logtostderr": "1"},
        )
        assert run.returncode in (0, 1, -6), run.stderr
        kind, read = KINDS[name]
        return Verdict(read(target, kind) if run.returncode >= 0 else None, run.returncode,
                       run.stderr)


class Schema:
    """The messages of real Caffe's schema, which lacks the forks' fields of ours."""

    def __init__(self, serialized: bytes) -> None:
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(serialized)
        self.messages = pool.FindFileByName("caffe/proto/caffe.proto").message_types_by_name

    def new(self, name: str) -> Any:
        return message_factory.GetMessageClass(self.messages[name])()


def fill(message: Any, rng: random.Random, chance: float, skip: tuple[str, ...] = ()) -> Any:
    """Sets each field with that chance, repeated ones to one or two values."""
    for field in message.DESCRIPTOR.fields:
        if field.name in skip or rng.random() >= chance:
            continue
        values = getattr(message, field.name)
        repeated = hasattr(values, "extend") and not isinstance(values, str)
        for _ in range(rng.randint(1, 2) if repeated else 1):
            if field.message_type:
                part = values.add() if repeated else values
                part.SetInParent()
                fill(part, rng, chance)
            elif repeated:
                values.append(value(field, rng))
            else:
                setattr(message, field.name, value(field, rng))
    return message


def value(field: Any, rng: random.Random) -> Any:
    """A value that text can carry exactly."""
    if field.enum_type:
        return rng.choice(list(field.enum_type.values_by_number))
    return {
        field.CPPTYPE_BOOL: lambda: rng.random() < 0.5,
        field.CPPTYPE_STRING: lambda: (b"bytes" if field.type == field.TYPE_BYTES
                                       else rng.choice(["a", "b b", 'quo"te', ""])),
        field.CPPTYPE_FLOAT: lambda: rng.randint(-64, 64) / 8,
        field.CPPTYPE_DOUBLE: lambda: rng.randint(-64, 64) / 8,
    }.get(field.cpp_type, lambda: rng.randint(0, 9))()
