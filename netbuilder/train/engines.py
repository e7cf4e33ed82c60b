"""Where an engine is: an interpreter command, and the module in it that speaks pycaffe.

Nothing of an engine is imported here. Real Caffe is looked for, in this order, at

1. the interpreter the caller names (``--caffe``),
2. the interpreter in the environment variable NETBUILDER_CAFFE,
3. the root folder that ``netbuilder caffe install`` makes,
4. ``python3`` on PATH and /usr/bin/python3, where a distribution's own package puts it.

An interpreter is a folder (a Debian root with python3-caffe, run through its own dynamic loader,
so that no rights and no container are needed and every path means what it means outside) or a
command line that ends in a Python which has caffe.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netbuilder.errors import CaffeCrashed, EngineError, EngineNotFound, one_of

ENGINES = ("torchcaffe", "caffe")
VARIABLE = "NETBUILDER_CAFFE"
REMEDY = (
    "`netbuilder caffe install` makes one in your cache folder; a Python that has caffe "
    f"can be named with --caffe or {VARIABLE}"
)
LIBRARIES = Path("usr/lib/x86_64-linux-gnu")

_HAS_CAFFE = "import importlib.util as u; s = u.find_spec('caffe'); print(bool(s and s.origin))"

# A CPU-only build aborts in set_device: what stands printed by then is the answer.
_PROBE = """
import importlib, json, platform, sys
caffe = importlib.import_module(sys.argv[1])
facts = {"file": caffe.__file__, "version": getattr(caffe, "__version__", "unknown"),
         "python": platform.python_version(), "layer_types": len(caffe.layer_type_list())}
print(json.dumps(facts), flush=True)
caffe.set_device(0)
caffe.set_mode_gpu()
print("gpu", flush=True)
"""


@dataclass(frozen=True)
class Engine:
    """A command that runs a Python, and the module in it that speaks pycaffe.

    ``env`` is what the command needs on top of the environment it is started in. A ``foreign``
    engine is somebody's own: it may accept nets that Caffe as it was released does not.
    """

    name: str
    command: tuple[str, ...]
    module: str
    env: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False

    def argv(self, *arguments: str) -> list[str]:
        """The whole command line; the arguments are Python's: ``-c source`` or a script."""
        return [*self.command, *arguments]

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen:
        """A started process; ``options`` go to Popen. Raises EngineNotFound if it cannot start."""
        environment = {**os.environ, **self.env, **(env or {})}
        try:
            return subprocess.Popen(self.argv(*arguments), env=environment, **options)
        except OSError as error:
            raise EngineNotFound(
                f"cannot start {shlex.join(self.command)}: {error.strerror}; {REMEDY}"
            ) from error

    def run(self, *arguments: str, timeout: float | None = None, **options: Any) -> str:
        """What the process wrote to stdout; raises what ``crash`` makes of a failure."""
        process = self.start(
            *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", **options,
        )
        out, log = _communicate(process, timeout)
        if process.returncode:
            raise self.crash(process.returncode, log)
        return out

    def crash(self, returncode: int, log: str) -> EngineError:
        """The error for a process that ended with ``returncode`` and wrote ``log`` to stderr."""
        end = f"died ({_ending(returncode)}): {last_words(log)}"
        if self.name == "caffe":
            return CaffeCrashed(f"real Caffe {end}")
        return EngineError(f"{self.name} {end}")


@dataclass(frozen=True)
class Facts:
    """What an engine says about itself."""

    file: str
    version: str
    python: str
    layer_types: int
    gpu: bool


def find_engine(name: str, interpreter: str | None = None) -> Engine:
    """The engine of that name, not yet tried; raises EngineNotFound with what to do.

    ``interpreter`` says where real Caffe is and comes before every other place.
    """
    if name == "torchcaffe":
        return _embedded()
    if name == "caffe":
        return _real(interpreter)
    raise EngineNotFound(f'no engine is called "{name}"{one_of(name, ENGINES)}')


def probe(engine: Engine, timeout: float = 120) -> Facts:
    """Imports the engine's module in its own process; raises EngineNotFound with the last words."""
    process = engine.start(
        "-c", _PROBE, engine.module, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors="replace", env={"GLOG_minloglevel": "1"},
    )
    out, log = _communicate(process, timeout)
    facts = [line for line in out.splitlines() if line.startswith("{")]
    if not facts:
        raise EngineNotFound(
            f"{shlex.join(engine.command)} does not run {engine.module} "
            f"({_ending(process.returncode)}): {last_words(log)}; {REMEDY}"
        )
    return Facts(**json.loads(facts[-1]), gpu=out.rstrip().endswith("gpu"))


def places(interpreter: str | None = None) -> Iterator[tuple[str, str | None]]:
    """Where real Caffe is looked for, first to last: the place in words, the interpreter there."""
    yield "--caffe", interpreter
    yield VARIABLE, os.environ.get(VARIABLE)
    root = caffe_root()
    yield f"installed in {root}", str(root) if root.is_dir() else None
    yield "a Python of this system", _system_python()


def interpreter_engine(interpreter: str) -> Engine:
    """Real Caffe in a root folder or behind a command line; raises EngineNotFound."""
    folder = Path(interpreter).expanduser()
    if folder.is_dir():
        return _root_engine(folder.resolve())
    command = tuple(shlex.split(interpreter))
    if not command or shutil.which(command[0]) is None:
        raise EngineNotFound(
            f'"{interpreter}" is neither a root folder nor a command that can be run; {REMEDY}'
        )
    return Engine("caffe", command, "caffe", foreign=True)


def cache_folder() -> Path:
    """Where this program keeps what it downloads."""
    if own := os.environ.get("NETBUILDER_CACHE"):
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "netbuilder").absolute()


def caffe_root() -> Path:
    """Where ``netbuilder caffe install`` puts real Caffe."""
    return cache_folder() / "caffe-bullseye"


def last_words(log: str) -> str:
    """The fatal line of a process's stderr, in one line; else its last line that says something.

    glog writes ``F1120 11:57:35.751462 16059 net.cpp:53] Check failed: ...`` before it aborts.
    Where a file could not be parsed the reason stands in libprotobuf's line before it.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    fatal = [line for line in lines if re.match(r"F\d{4} |\[libprotobuf (ERROR|FATAL)", line)]
    if fatal:
        return " / ".join(re.sub(r"^F\d{4} \S+ +\d+ ", "", line) for line in fatal[-2:])
    spoken = [line for line in lines if not re.match(r"@ +0x|\*\*\* .* \*\*\*$", line)]
    return spoken[-1] if spoken else "it said nothing"


def _embedded() -> Engine:
    if importlib.util.find_spec("torch") is None:
        raise EngineNotFound(
            f"the embedded engine needs PyTorch, which {sys.executable} does not have; "
            'install it with: pip install "netbuilder[train]"'
        )
    return Engine("torchcaffe", (sys.executable,), "netbuilder.torchcaffe", _own_path())


def _own_path() -> dict[str, str]:
    """What makes this very package importable from any folder, installed or used in place."""
    paths = (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _real(interpreter: str | None) -> Engine:
    tried = []
    for place, found in places(interpreter):
        if found:
            return interpreter_engine(found)
        tried.append(place)
    raise EngineNotFound(f"real Caffe was not found ({'; '.join(tried)}); {REMEDY}")


def _root_engine(root: Path) -> Engine:
    libraries = root / LIBRARIES
    loader, python = libraries / "ld-linux-x86-64.so.2", root / "usr/bin/python3"
    if not (loader.exists() and python.exists()):
        raise EngineNotFound(
            f"{root} is not a Debian root folder: it lacks {loader.relative_to(root)} or "
            f"{python.relative_to(root)} (for a Python environment, name its bin/python); {REMEDY}"
        )
    # The BLAS stands first: in a root made by debootstrap libblas.so.3 is a link through
    # /etc/alternatives, which from outside is this machine's. The host's cache of libraries is
    # another C library's.
    path = ":".join(map(str, (libraries / "openblas-pthread", libraries, root / "usr/lib")))
    command = (str(loader), "--inhibit-cache", "--library-path", path, str(python))
    env = {
        "PYTHONHOME": str(root / "usr"), "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1",
        "PYTHONPATH": "",  # of another Python; a second protobuf there keeps caffe from loading
        "LD_PRELOAD": "", "MPLCONFIGDIR": str(root / "tmp"),
    }
    return Engine("caffe", command, "caffe", env)


def _system_python() -> str | None:
    for program in filter(None, (shutil.which("python3"), shutil.which("/usr/bin/python3"))):
        done = subprocess.run(
            (program, "-c", _HAS_CAFFE), capture_output=True, text=True, check=False
        )
        if done.stdout.strip() == "True":
            return shlex.quote(program)
    return None


def _communicate(process: subprocess.Popen, timeout: float | None) -> tuple[str, str]:
    """Both outputs of a process that has ended, or that was ended when its time was up."""
    with process:
        try:
            return process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, log = process.communicate()
            return out, f"{log}\nno answer within {timeout:g} s"
        except BaseException:
            process.kill()
            raise


def _ending(returncode: int) -> str:
    """``SIGABRT`` or ``exit code 1``; a shell or container reports signal n as 128 + n."""
    number = -returncode if returncode < 0 else returncode - 128
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"exit code {returncode}"
