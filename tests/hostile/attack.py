"""Runs the commands on a file that wishes them ill."""

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
KNOWN = Path(__file__).with_name("known.prototxt")
LONGEST = 2500  # characters of an error, the path of the file included
INPUT = 'layer { name: "i" type: "Input" top: "d" input_param { shape { dim: [1, 3, 8, 8] } } }\n'
COMMANDS = {  # every command that reads a file which somebody else wrote
    "summary": ("summary", "{}", "--format", "json"),
    "table": ("summary", "{}", "--phase", "TRAIN"),
    "check": ("check", "{}"),
    "diff": ("diff", "{}", str(KNOWN)),
    "diff back": ("diff", str(KNOWN), "{}", "--format", "json"),
    "compare": ("compare", "{}", str(KNOWN), "--format", "csv"),
    "upgrade": ("upgrade", "{}"),
}


class Output(io.TextIOWrapper):
    """A stream that takes what a real one takes: text that UTF-8 can hold, and bytes."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")


def outcome(path: Path | str, *arguments: str, command: str = "summary") -> str:
    """The error that a command on the file ends with, checked; empty if it ends well.

    Whatever is no NetbuilderError is not caught here.
    """
    given = [word.format(path) for word in COMMANDS[command]]
    try:
        with contextlib.redirect_stdout(Output()), contextlib.redirect_stderr(Output()):
            cli.main([*given, *arguments], standalone_mode=False)
    except NetbuilderError as error:
        text = str(error)
        assert text and text.isprintable(), ascii(text)
        assert len(text) <= LONGEST, f"{len(text)} characters: {text[:200]}"
        return text
    return ""


def process(path: Path | str, mib: int, seconds: float = 60, command: str = "summary") -> str:
    """The same in a process of its own that may use so much memory and processor time."""
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))

    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "netbuilder", *(word.format(path) for word in COMMANDS[command])],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=limit, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode in (0, 1, 2), (done.returncode, done.stderr[-2000:],
                                       time.monotonic() - begin)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == (1 if done.returncode == 2 else 0), done.stderr[-2000:]
    return done.stderr
