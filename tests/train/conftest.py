"""Caffe's own tool, and the flags that choose an engine, as fixtures."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def caffe_tool(real_caffe) -> Callable[..., str]:
    """``caffe_tool("test", "-model", ...)``: the log of real Caffe's own tool.

    ``code`` is the exit status it must end with.
    """
    tool = Path(real_caffe.command[-1]).with_name("caffe")
    if not tool.is_file():
        pytest.skip(f"no caffe tool beside {real_caffe.command[-1]}")

    def run(*arguments: object, code: int = 0) -> str:
        done = subprocess.run(
            [*real_caffe.command[:-1], tool, *map(str, arguments)], check=False, text=True,
            capture_output=True, env={**os.environ, **real_caffe.env, "GLOG_logtostderr": "1"})
        assert done.returncode == code, done.stderr
        return done.stderr

    return run


@pytest.fixture(params=[pytest.param([], marks=pytest.mark.torch),
                        pytest.param(["--engine", "caffe"], marks=pytest.mark.caffe)])
def engine(request) -> list[str]:
    """The flags that choose an engine."""
    if request.param:
        request.getfixturevalue("real_caffe")
    else:
        pytest.importorskip("torch")
    return request.param
