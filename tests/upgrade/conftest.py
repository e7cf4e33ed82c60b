"""Real Caffe's upgrade tools as fixtures."""

from __future__ import annotations

import pytest
from caffe_tools import Schema, Tools


@pytest.fixture(scope="session")
def tools(real_caffe, tmp_path_factory):
    return Tools(real_caffe, tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="session")
def schema(run_caffe):
    script = ("import json; from caffe.proto import caffe_pb2\n"
              "print(json.dumps(caffe_pb2.DESCRIPTOR.serialized_pb.hex()))")
    return Schema(bytes.fromhex(run_caffe(script)))
