"""Compiles ``caffe.proto`` to ``caffe.desc``: ``python -m netbuilder.proto.compile``.

Needs grpcio-tools (the ``dev`` extra); nobody else needs a protobuf compiler.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

FOLDER = Path(__file__).resolve().parent


def compiled() -> bytes:
    """The serialized FileDescriptorProto of ``caffe.proto``."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "set")
        if protoc.main(["", f"-I{FOLDER}", f"--descriptor_set_out={out}", "caffe.proto"]):
            raise SystemExit("protoc refused caffe.proto; its reasons stand above")
        (file,) = FileDescriptorSet.FromString(out.read_bytes()).file
    return file.SerializeToString(deterministic=True)


if __name__ == "__main__":
    (FOLDER / "caffe.desc").write_bytes(compiled())
