"""``python -m netbuilder.torchcaffe script.py args``: runs a script for pycaffe as it is.

``import caffe`` in it finds the embedded engine; all else is as under ``python script.py args``.
``-m module args`` runs a module so.
"""

from __future__ import annotations

import builtins
import os
import runpy
import signal
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType

from netbuilder.torchcaffe.install import install_as_caffe

_USAGE = "usage: python -m netbuilder.torchcaffe [-m module | script.py] [argument ...]"


def main(arguments: list[str]) -> None:
    """Runs the script or module that the arguments begin with, and ends as it ends."""
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        asked = arguments[:1] in (["-h"], ["--help"])
        print(_USAGE, file=sys.stdout if asked else sys.stderr)
        sys.exit(0 if asked else 2)
    install_as_caffe()
    try:
        if arguments[0] == "-m":
            _run_module(arguments[1], arguments[2:])
        else:
            _run_script(arguments[0], arguments[1:])
    except SystemExit:
        raise
    except BaseException as error:
        _end(error)


def _run_module(name: str, arguments: list[str]) -> None:
    sys.argv = [name, *arguments]  # run_module puts the module's file first
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_script(path: str, arguments: list[str]) -> None:
    sys.argv = [path, *arguments]
    if not getattr(sys.flags, "safe_path", False):  # then it begins with the current folder
        del sys.path[0]
    if os.path.isdir(path):  # with a __main__.py in it
        runpy.run_path(path, run_name="__main__")
        return
    full = os.path.abspath(path)
    loader = SourceFileLoader("__main__", full)
    try:
        source = loader.get_data(full)
    except OSError as error:
        print(f"{sys.executable}: can't open file {full!r}: [Errno {error.errno}] "
              f"{error.strerror}", file=sys.stderr)
        sys.exit(2)
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    module = ModuleType("__main__")
    vars(module).update(__file__=full, __loader__=loader, __builtins__=builtins, __cached__=None,
                        __annotations__={})
    sys.modules["__main__"] = module
    exec(compile(source, full, "exec", dont_inherit=True), vars(module))


def _end(error: BaseException) -> None:
    """Prints an error without the frames above the script's, and ends as Python does."""
    trace = _below(error.__traceback__)
    sys.excepthook(type(error), error.with_traceback(trace), trace)
    sys.stdout.flush()
    if isinstance(error, KeyboardInterrupt):  # so that a shell sees what ended it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(1)


def _below(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback under this file and runpy."""
    while trace is not None and (trace.tb_frame.f_code.co_filename == __file__
                                 or trace.tb_frame.f_globals.get("__name__") == "runpy"):
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    main(sys.argv[1:])
