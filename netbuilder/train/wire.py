"""The child's half of what parent and child say to each other; what it works on is another file.

The child is sent as text to the engine's own Python (``python -c``), which may be real Caffe's old
one in a container: figures.py, one task's file (worker.py, scoring.py, timing.py), this file, and a
call of ``main``. ``child_source`` in runner.py puts them together and takes out the lines by which
they import each other. All else that they import is the standard library, numpy and the engine, in
Python 3.6's syntax.

The parent talks over the standard streams: the first line in is the job (JSON), later lines are
``stop`` or ``snapshot``, and the end of the stream means that the parent is gone. Events go out as
JSON lines; whatever else is printed goes to stderr, which the parent has put into the log file.
"""

import importlib
import json
import os
import platform
import select
import signal
import sys
import traceback


class Parent:
    """The parent, as the child sees it: words come from it, events go to it."""

    def __init__(self):
        self.pending = b""
        self.events = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # whatever an engine prints belongs into the log

    def job(self):
        """The first line: what to do."""
        while b"\n" not in self.pending:
            self._read()
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line.decode())

    def requests(self):
        """The words that came since the last call."""
        while select.select([0], [], [], 0)[0]:
            self._read()
        words, self.pending = self.pending.decode().split(), b""
        return words

    def _read(self):
        data = os.read(0, 65536)
        if not data:
            os._exit(1)  # the parent is gone: nobody wants the rest
        self.pending += data

    def emit(self, **event):
        """Sends one event."""
        try:
            self.events.write(json.dumps(event) + "\n")
            self.events.flush()
        except OSError:
            os._exit(1)


def engine(job):
    """The engine's module, on the device that the job says.

    Modules of Python layers are found in the current folder, in what the engine's own Python has,
    and then in what the job adds.
    """
    caffe = importlib.import_module(job["module"])
    sys.path.extend(path for path in job["path"] if path not in sys.path)
    if job["gpu"] is None:
        caffe.set_mode_cpu()
    else:
        caffe.set_device(job["gpu"])
        caffe.set_mode_gpu()
    return caffe


def itself(caffe, job):
    """What an engine says of itself, for the event ``started``."""
    return {"version": str(caffe.__version__), "python": platform.python_version(),
            "device": "CPU" if job["gpu"] is None else "GPU {}".format(job["gpu"])}


def main(run):
    """Takes the job, imports the engine, runs the task; an exception becomes the last event."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent takes them and sends words
    parent = Parent()
    job = parent.job()
    try:
        caffe = engine(job)

        def emit(**event):
            facts = itself(caffe, job) if event["event"] == "started" else {}
            parent.emit(**event, **facts)

        run(caffe, job, emit, parent.requests)
    except Exception as error:
        traceback.print_exc()
        parent.emit(event="failed", type=type(error).__name__, text=str(error))
        sys.exit(1)
