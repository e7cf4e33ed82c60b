"""The parent of a training run: starts the engine's process, reads its events, reports its death.

Real Caffe ends its process at the slightest contradiction; here that is an exception with its
last words. See worker.py for what goes over the streams.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from netbuilder import errors
from netbuilder.errors import EngineError
from netbuilder.train.engines import Engine
from netbuilder.train.events import Event, Failed, Finished, Iteration, Started, decode
from netbuilder.train.job import Job
from netbuilder.train.log import lines, open_log

WORKER = Path(__file__).with_name("worker.py")
TAIL = 65536  # bytes of the log in which last words are looked for


class Run:
    """A training run in its own process: enter it, iterate over its events.

    The log gets Caffe's lines for the events; what the engine itself prints is in a file beside
    it, ``engine_log``. Both are begun anew, but go on where a run is resumed.

    The child is in a session of its own, so that signals of the terminal reach the parent only,
    and it ends when the parent does, however that happens.

    Iterating raises CaffeCrashed (or EngineError for the embedded engine) when the process dies,
    EngineError when it reports an exception.
    """

    def __init__(self, engine: Engine, job: Job, log: Path) -> None:
        self.engine, self.job, self.log = engine, job, log
        self.engine_log = log.with_name(f"{log.stem}.engine.log")

    def __enter__(self) -> Run:
        with contextlib.ExitStack() as stack:
            self.log_file = stack.enter_context(open_log(self.log, bool(self.job.resume)))
            self.engine_file = stack.enter_context(open_log(self.engine_log, bool(self.job.resume)))
            self.begin = self.engine_file.seek(0, os.SEEK_END)
            self.child = self.engine.start(
                "-c", WORKER.read_text(), start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.engine_file,
            )
            self.files = stack.pop_all()
        self._say(json.dumps(self.job.message(self.engine.module)))
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.close()
        self.child.stdout.close()
        self.files.close()

    def ask(self, request: Literal["stop", "snapshot"]) -> None:
        """Asks for a snapshot, or for a snapshot and the end, after the current iteration."""
        self._say(request)

    def _say(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # it died: iterating says why
            self.child.stdin.write(line.encode() + b"\n")
            self.child.stdin.flush()

    def __iter__(self) -> Iterator[Event]:
        event: Event | Failed | None = None
        for line in self.child.stdout:
            try:
                event = self._complete(decode(line.decode(errors="replace")))
            except ValueError:  # a wrapper around the engine's Python talks too
                self.engine_file.write(line)
                continue
            if isinstance(event, Event):
                self.log_file.write(lines(event, self.job.param.display).encode())
                yield event
        code = self.child.wait()
        if isinstance(event, Failed):
            ours = hasattr(errors, event.type)  # then the text says it all
            words = event.text if ours else f"{event.type}: {event.text}"
            raise EngineError(f"{words} (log: {self.engine_log})")
        if code or not isinstance(event, Finished):
            death = self.engine.crash(code, self._tail())
            raise type(death)(f"{death} (log: {self.engine_log})")

    def _complete(self, event: Event | Failed) -> Event | Failed:
        """Adds what the files say: the worker knows nothing of policies and names."""
        param = self.job.param
        if isinstance(event, Started):
            return replace(event, engine=self.engine.name, net=self.job.net.name,
                           lr_policy=param.lr_policy, max_iter=param.max_iter,
                           resumed=self.job.resume or "")
        if isinstance(event, Iteration) and event.speed is not None:
            return replace(event, lr=self.job.learning_rate(event.iteration))
        return event

    def _tail(self) -> str:
        """The end of what the engine has printed in this run."""
        with self.engine_log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self.begin, size - TAIL))
            return file.read().decode(errors="replace")
