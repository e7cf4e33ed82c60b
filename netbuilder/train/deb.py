"""A .deb file's contents, put into a root folder without Debian's tools and without rights.

The file is an ``ar`` archive; its member data.tar.* holds the files.
"""

from __future__ import annotations

import io
import lzma
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from netbuilder.errors import EngineError

# Text for people who would work inside the root; the licences (doc/*/copyright) stay.
_SKIPPED = ("doc", "doc-base", "info", "lintian", "locale", "man")
_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")


def unpack(deb: Path, root: Path) -> None:
    """Puts a package's files under ``root``, with lib/ and its like inside usr/ (merged usr).

    No owner, no maintainer script. Absolute links become relative ones, so that they hold
    wherever the root is.
    """
    try:
        data = io.BytesIO(_data_member(deb.read_bytes()))
        with tarfile.open(fileobj=data) as tar:
            for member in tar:
                if (place := _place(member.name)) and not _skipped(place):
                    _write(tar, member, root, place)
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError) as error:
        raise EngineError(f"cannot unpack {deb}: {error}") from error


def _data_member(archive: bytes) -> bytes:
    if archive[:8] != b"!<arch>\n":
        raise ValueError("not an ar archive")
    at = 8
    while at < len(archive):
        name, size = archive[at : at + 16].decode("ascii"), int(archive[at + 48 : at + 58])
        if name.startswith("data.tar"):
            return archive[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise ValueError("no data.tar in it")


def _place(name: str) -> PurePosixPath | None:
    """Where a path of a package lies in a root with merged usr; None outside usr/."""
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", ".")]
    if ".." in parts:
        raise ValueError(f"a path that leaves the root: {name}")
    if parts and parts[0] in _MERGED:
        parts.insert(0, "usr")
    return PurePosixPath(*parts) if parts and parts[0] == "usr" else None


def _skipped(place: PurePosixPath) -> bool:
    text = place.parts[1:2] == ("share",) and place.parts[2:3] and place.parts[2] in _SKIPPED
    return bool(text) and place.name != "copyright"


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path, place: PurePosixPath) -> None:
    target = root / place
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if member.issym():
        target.symlink_to(_link(member.linkname, place))
    elif member.islnk():
        os.link(root / str(_place(member.linkname)), target)
    elif source := tar.extractfile(member):
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _link(target: str, place: PurePosixPath) -> str:
    if not target.startswith("/"):
        return target
    return os.path.relpath(_place(target) or target.lstrip("/"), place.parent)
