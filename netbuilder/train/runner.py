"""The parent of a run: starts the engine's process, reads its events, reports its death.

Real Caffe ends its process at the slightest contradiction; here that is an exception with its
last words. See wire.py for what goes over the streams.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal

from netbuilder import errors
from netbuilder.errors import EngineError
from netbuilder.train.engines import Engine
from netbuilder.train.events import (
    Event,
    Failed,
    Finished,
    Iteration,
    Scored,
    Started,
    Timing,
    decode,
)
from netbuilder.train.job import Job
from netbuilder.train.log import lines, open_log
from netbuilder.train.model import Model

HERE = Path(__file__).parent
TASKS = {"train": ("worker",), "test": ("scoring",), "time": ("scoring", "timing")}
TAIL = 65536  # bytes of the log in which last words are looked for


def child_source(task: str) -> str:
    """The child's program: its files, one after the other, that import each other here."""
    files = (HERE / f"{name}.py" for name in ("figures", *TASKS[task], "wire"))
    source = "".join(file.read_text() for file in files)
    return re.sub(r"(?m)^from netbuilder\..*\n", "", source) + "\n\nmain(run)\n"


class Child:
    """An engine at a task, in its own process: enter it, iterate over its events.

    ``engine_log`` takes what the engine itself prints; without it nothing is left of that.

    The child is in a session of its own, so that signals of the terminal reach the parent only,
    and it ends when the parent does, however that happens.

    Iterating raises CaffeCrashed (or EngineError for the embedded engine) when the process dies,
    EngineError when it reports an exception.
    """

    def __init__(self, engine: Engine, task: str, job: Job | Model, engine_log: Path | None
                 ) -> None:
        self.engine, self.task, self.job, self.engine_log = engine, task, job, engine_log

    def __enter__(self) -> Child:
        with contextlib.ExitStack() as stack:
            self.engine_file = stack.enter_context(self._open())
            self.begin = self.engine_file.seek(0, os.SEEK_END)
            self.child = self.engine.start(
                "-c", child_source(self.task), start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.engine_file,
            )
            self.files = stack.pop_all()
        self._say(json.dumps(self.job.message(self.engine.module)))
        return self

    def _open(self) -> BinaryIO:
        if self.engine_log is None:
            return tempfile.TemporaryFile(buffering=0)
        return open_log(self.engine_log, False)

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
                event = self.complete(decode(line.decode(errors="replace")))
            except ValueError:  # a wrapper around the engine's Python talks too
                self.engine_file.write(line)
                continue
            if isinstance(event, Event):
                yield event
        code = self.child.wait()
        if isinstance(event, Failed):
            ours = hasattr(errors, event.type)  # then the text says it all
            words = event.text if ours else f"{event.type}: {event.text}"
            raise EngineError(words + self._where())
        if code or not isinstance(event, (Finished, Scored, Timing)):
            death = self.engine.crash(code, self._tail())
            raise type(death)(f"{death}{self._where()}")

    def complete(self, event: Event | Failed) -> Event | Failed:
        """Adds what the files say: the child knows nothing of policies and names."""
        if isinstance(event, Started):
            return replace(event, engine=self.engine.name)
        return event

    def _where(self) -> str:
        return f" (log: {self.engine_log})" if self.engine_log else ""

    def _tail(self) -> str:
        """The end of what the engine has printed in this run."""
        size = self.engine_file.seek(0, os.SEEK_END)
        self.engine_file.seek(max(self.begin, size - TAIL))
        return self.engine_file.read().decode(errors="replace")


class Run(Child):
    """A training run. The log gets Caffe's lines for the events; what the engine itself prints is
    in a file beside it, ``engine_log``. Both are begun anew, but go on where a run is resumed.
    """

    job: Job

    def __init__(self, engine: Engine, job: Job, log: Path) -> None:
        super().__init__(engine, "train", job, log.with_name(f"{log.stem}.engine.log"))
        self.log = log

    def __enter__(self) -> Run:
        with contextlib.ExitStack() as stack:
            self.log_file = stack.enter_context(open_log(self.log, bool(self.job.resume)))
            super().__enter__()
            self.files.push(stack.pop_all())
        return self

    def _open(self) -> BinaryIO:
        return open_log(self.engine_log, bool(self.job.resume))

    def engine_warnings(self) -> list[str]:
        """What the engine itself has warned of in this run, in glog's lines."""
        with self.engine_log.open("rb") as file:  # the child writes where its own file stands
            file.seek(self.begin)
            printed = file.read().decode(errors="replace")
        return re.findall(r"(?m)^W\d{4} \S+ +\d+ \S+\] (.*)$", printed)

    def __iter__(self) -> Iterator[Event]:
        for event in super().__iter__():
            self.log_file.write(lines(event, self.job.param.display).encode())
            yield event

    def complete(self, event: Event | Failed) -> Event | Failed:
        event, param = super().complete(event), self.job.param
        if isinstance(event, Started):
            return replace(event, net=self.job.net.name, lr_policy=param.lr_policy,
                           max_iter=param.max_iter, resumed=self.job.resume or "")
        if isinstance(event, Iteration) and event.speed is not None:
            return replace(event, lr=self.job.learning_rate(event.iteration))
        return event
