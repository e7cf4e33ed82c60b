"""Real Caffe in a folder of the user's: Debian 11's own packages, unpacked without rights.

Beside the target stand, while it is made, TARGET.debs (what was fetched and verified; an
interrupted installation goes on from there), TARGET.part (what becomes the target by one rename,
when real Caffe has run in it) and TARGET.lock (a second installation waits for the first).
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from netbuilder.errors import EngineError
from netbuilder.train import deb, debian
from netbuilder.train.engines import LIBRARIES, interpreter_engine, probe

Progress = Callable[[str, int, int], None]

WANTED = ("python3-caffe", "caffe", "libopenblas0-pthread")
THREADS = 6
# The list of what was unpacked; a folder without it is not ours to replace.
MANIFEST = "packages.txt"

# What Debian's installer and maintainer scripts would have set up: the merged usr/, the BLAS
# alternatives, and what Debian's matplotlib looks for under absolute paths (/usr/share, /etc).
_LINKS = {
    "bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin",
    **{
        str(LIBRARIES / name): f"openblas-pthread/{name}"
        for name in ("libblas.so.3", "liblapack.so.3", "libopenblas.so.0")
    },
    "usr/lib/python3/dist-packages/matplotlib/mpl-data": "../../../../share/matplotlib/mpl-data",
    "tmp/matplotlibrc": "../usr/share/matplotlib/mpl-data/matplotlibrc",
}


@dataclass(frozen=True)
class Installation:
    """A root folder made here. ``signed``: Debian's signature was checked, not only checksums."""

    root: Path
    packages: int
    signed: bool
    version: str


def is_installed(root: Path) -> bool:
    """Whether a finished installation lies there (it appears there by one rename)."""
    return (root / MANIFEST).is_file()


def install(
    root: Path, mirror: str | None, progress: Progress, force: bool = False
) -> Installation | None:
    """Makes ``root``; None if it is there already and ``force`` is not set.

    Raises EngineError: another kind of machine, no mirror, nothing fetched, a checksum or
    signature that is wrong, a folder that cannot be written or holds something else.
    """
    _check_machine()
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with _locked(_beside(root, "lock"), progress):
            _check_target(root)
            if is_installed(root) and not force:
                return None
            return _install(root, mirror or debian.find_mirror(), progress)
    except OSError as error:
        raise EngineError(f"cannot install into {root}: {error}") from error


def _install(root: Path, mirror: str, progress: Progress) -> Installation:
    progress(f"reading the package list of {mirror}", 0, 0)
    index, signed = debian.read_index(mirror)
    packages = debian.closure(index, WANTED)
    debs, part = _beside(root, "debs"), _beside(root, "part")
    debs.mkdir(exist_ok=True)
    shutil.rmtree(part, ignore_errors=True)
    try:
        _unpack_all(packages, mirror, debs, part, progress)
        _finish(part, packages)
        progress("trying real Caffe", 0, 0)
        version = probe(interpreter_engine(str(part))).version
        _replace(part, root)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(debs)
    return Installation(root, len(packages), signed, version)


def _unpack_all(
    packages: list[debian.Package], mirror: str, debs: Path, part: Path, progress: Progress
) -> None:
    total, done = sum(package.size for package in packages), 0
    label = f"fetching and unpacking {len(packages)} packages"
    pool = ThreadPoolExecutor(THREADS)
    try:
        jobs = {
            pool.submit(lambda one: deb.unpack(debian.download(one, mirror, debs), part), one): one
            for one in sorted(packages, key=lambda one: -one.size)
        }
        progress(label, 0, total)
        for job in as_completed(jobs):
            job.result()
            done += jobs[job].size
            progress(label, done, total)
    finally:
        pool.shutdown(cancel_futures=True)


def _finish(part: Path, packages: list[debian.Package]) -> None:
    (part / "tmp").mkdir()
    for place, target in _LINKS.items():
        if not os.path.lexists(part / place):
            (part / place).symlink_to(target)
    lines = (f"{one.name} {one.version} {one.sha256}\n" for one in packages)
    (part / MANIFEST).write_text("".join(lines))


def _replace(part: Path, root: Path) -> None:
    old = _beside(root, "old")
    shutil.rmtree(old, ignore_errors=True)
    if is_installed(root):
        os.rename(root, old)
    os.rename(part, root)
    shutil.rmtree(old, ignore_errors=True)


def _beside(root: Path, suffix: str) -> Path:
    return root.with_name(f"{root.name}.{suffix}")


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Holds a lock that ends with the process, however it ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another installation to end", 0, 0)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_machine() -> None:
    system, machine = platform.system(), platform.machine()
    if (system, machine) not in {("Linux", "x86_64"), ("Linux", "amd64")}:
        raise EngineError(
            f"Debian's Caffe is installed for Linux on x86-64 only, not for {system} on {machine}; "
            "the embedded engine (torchcaffe) trains without it, and --caffe takes a container's "
            "command line"
        )


def _check_target(root: Path) -> None:
    if root.exists() and not is_installed(root) and (not root.is_dir() or any(root.iterdir())):
        raise EngineError(f"{root} exists and is no installation of Caffe: name an empty folder")
