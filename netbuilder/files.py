"""A folder of files, written whole or not at all, over nothing that anybody edited.

Each file carries a mark with a checksum of the rest of it: ``Made with netbuilder [3f2a9c1b]``.
A file whose checksum no longer fits was edited, and is its editor's from then on.
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from netbuilder.errors import BuildError

_MARKED = 4096  # characters at the start of a file in which its mark must stand


def write_folder(
    folder: str, files: Mapping[str, str], mark: str, outdated: str = r"(?!)"
) -> None:
    """Writes texts into files of these names; scripts (.sh) can be executed.

    Behind the first ``mark`` of each text comes the checksum. A file that is there already is
    replaced only if it still is as this function wrote it; so goes one that is not written again
    and whose name matches ``outdated``. Raises BuildError, with nothing changed, if it is not,
    and for a folder that cannot be written.
    """
    old = [name for name in _names(folder) if name not in files and re.fullmatch(outdated, name)]
    for name in (*files, *old):
        _check(os.path.join(folder, name), mark)
    with staged(folder, old) as staging:
        _fill(staging, {name: _signed(text, mark) for name, text in files.items()})


@contextmanager
def staged(folder: str, outdated: Iterable[str] = ()) -> Iterator[str]:
    """A folder to write into; at the end what is there moves into ``folder``, and the outdated
    files of that go.

    Raises BuildError, with nothing changed, for a folder that cannot be written.
    """
    staging = os.path.join(folder, f".netbuilder-{os.urandom(4).hex()}")
    try:
        os.makedirs(staging)
        try:
            yield staging
            for name in os.listdir(staging):
                os.replace(os.path.join(staging, name), os.path.join(folder, name))
            for name in outdated:
                os.remove(os.path.join(folder, name))
        finally:
            shutil.rmtree(staging)
    except (FileExistsError, NotADirectoryError):
        raise BuildError(f"cannot write into {folder}: it is not a folder") from None
    except OSError as error:
        raise BuildError(f"cannot write into {folder}: {error.strerror}") from None


def _names(folder: str) -> list[str]:
    """What is in a folder; nothing where it cannot be read, as writing will tell."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _fill(folder: str, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if name.endswith(".sh"):
            os.chmod(path, os.stat(path).st_mode | 0o111)


def _signed(text: str, mark: str) -> str:
    return text.replace(mark, f"{mark} [{zlib.crc32(text.encode()):08x}]", 1)


def _check(path: str, mark: str) -> None:
    """Raises BuildError if something stands at ``path`` that is not ours to replace."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise BuildError(f"cannot replace {path}: {error.strerror}") from None
    found = re.search(re.escape(mark) + r" \[[0-9a-f]{8}\]", text[:_MARKED])
    if not found:
        raise BuildError(f"{path} is there and was not made with netbuilder; choose another folder "
                         f"or move that file away")
    if _signed(text.replace(found[0], mark, 1), mark) != text:
        raise BuildError(f"{path} was edited since netbuilder made it, and would be lost; choose "
                         f"another folder or move that file away")
