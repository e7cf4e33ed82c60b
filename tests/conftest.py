"""What tests of all rooms share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from netbuilder.errors import EngineNotFound
from netbuilder.train.engines import Engine, find_engine, probe

# Tests run side by side, one process per core, on nets too small to share among threads. Set
# before anything loads a library that asks; processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def real_caffe() -> Engine:
    """Real Caffe, tried; without it a test is skipped, or fails where CI=true."""
    try:
        engine = find_engine("caffe")
        probe(engine)
    except EngineNotFound as error:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(str(error))
    return engine


@pytest.fixture(scope="session")
def run_caffe(real_caffe: Engine) -> Callable[..., Any]:
    """``run_caffe(script, *arguments, cwd=None, env=None)``: a script run in real Caffe's Python.

    ``script`` is source text, or the Path of a file; the arguments are its sys.argv[1:]. Returns
    its last line on stdout, parsed as JSON (None if it wrote none); large arrays are better
    written to a file in tmp_path. A crash is CaffeCrashed with Caffe's last words. Each call
    costs a process of about 0.6 s: give one script many jobs.
    """

    def run(
        script: str | Path, *arguments: object, cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Any:
        program = (str(script),) if isinstance(script, Path) else ("-c", script)
        quiet = {"GLOG_minloglevel": "1", "OPENBLAS_NUM_THREADS": "1", **(env or {})}
        out = real_caffe.run(*program, *map(str, arguments), cwd=cwd, env=quiet)
        return json.loads(out.splitlines()[-1]) if out.strip() else None

    return run
