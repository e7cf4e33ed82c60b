"""An average that does not count padding: real Caffe makes of it what PyTorch and TensorFlow do."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netbuilder.lego import InnerAverage
from netbuilder.proto.text import dumps
from netbuilder.spec import L, NetSpec

SCRIPT = """
import json, sys
import caffe, numpy as np
with open(sys.argv[1]) as file:
    jobs = json.load(file)
for job in jobs:
    net = caffe.Net(job["net"], caffe.TRAIN)
    given = np.load(job["arrays"])
    net.blobs["data"].data[...] = given["data"]
    net.forward()
    net.blobs["mean"].diff[...] = given["diff"]
    net.backward()
    np.savez(job["out"], data=net.blobs["mean"].data, diff=net.blobs["data"].diff)
"""

# Height, width and kernel: maps smaller than the kernel, one row, even sizes.
CASES = [case for case in product((1, 2, 5, 8), (1, 3, 8), (1, 3, 5))]


def text(height: int, width: int, kernel: int) -> str:
    net = NetSpec()
    net.data = L.Input(shape={"dim": [2, 3, height, width]})
    InnerAverage(name="mean", kernel_size=kernel).attach(net, net.data)
    return "force_backward: true\n" + dumps(net.to_proto())


@pytest.mark.caffe
@pytest.mark.torch
def test_padding_is_not_counted(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    import torch
    from torch.nn.functional import avg_pool2d

    random, jobs = np.random.default_rng(1), []
    for number, (height, width, kernel) in enumerate(CASES):
        job = {key: str(tmp_path / f"{key}{number}{end}") for key, end in (
            ("net", ".prototxt"), ("arrays", ".npz"), ("out", ".npz"))}
        Path(job["net"]).write_text(text(height, width, kernel))
        np.savez(job["arrays"], **{key: random.normal(size=(2, 3, height, width)).astype("f4")
                                   for key in ("data", "diff")})
        jobs.append(job)
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    run_caffe(SCRIPT, tmp_path / "jobs.json")
    for (*_, kernel), job in zip(CASES, jobs, strict=True):
        given, found = np.load(job["arrays"]), np.load(job["out"])
        data = torch.tensor(given["data"], requires_grad=True)
        wanted = avg_pool2d(data, kernel, 1, kernel // 2, count_include_pad=False)
        wanted.backward(torch.tensor(given["diff"]))
        np.testing.assert_allclose(found["data"], wanted.detach(), atol=1e-5)
        np.testing.assert_allclose(found["diff"], data.grad, atol=1e-5)
