"""Runs `netbuilder summary` on a file that wishes it ill."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from netbuilder.cli.main import cli
from netbuilder.errors import NetbuilderError

ROOT = Path(__file__).parent.parent.parent
LONGEST = 2500  # characters of an error, the path of the file included
INPUT = 'layer { name: "i" type: "Input" top: "d" input_param { shape { dim: [1, 3, 8, 8] } } }\n'


def outcome(path: Path | str, *arguments: str) -> str:
    """The error that a summary of the file ends with, checked; empty if it ends well.

    Whatever is no NetbuilderError is not caught here.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            cli.main(["summary", str(path), "--format", "json", *arguments],
                     standalone_mode=False)
    except NetbuilderError as error:
        text = str(error)
        assert text and text.isprintable(), ascii(text)
        assert len(text) <= LONGEST, f"{len(text)} characters: {text[:200]}"
        return text
    return ""


def process(path: Path | str, mib: int, seconds: float = 60) -> str:
    """The same in a process of its own that may use so much memory and processor time."""
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))

    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "netbuilder", "summary", str(path), "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=limit, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode in (0, 2), (done.returncode, done.stderr[-2000:],
                                       time.monotonic() - begin)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == (1 if done.returncode else 0), done.stderr[-2000:]
    return done.stderr
