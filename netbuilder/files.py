"""A folder of files, written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from netbuilder.errors import BuildError

_MARKED = 4096  # characters at the start of a file in which its mark must stand


def write_folder(folder: str, files: Mapping[str, str], mark: str) -> None:
    """Writes texts into files of these names; scripts (.sh) can be executed.

    A file that is there already is replaced if ``mark`` stands at its beginning. Raises BuildError,
    with nothing changed, if it does not, and for a folder that cannot be written.
    """
    for name in files:
        _check(os.path.join(folder, name), mark)
    staging = os.path.join(folder, f".netbuilder-{os.urandom(4).hex()}")
    try:
        os.makedirs(folder, exist_ok=True)
        os.mkdir(staging)
        try:
            _fill(staging, files)
            for name in files:
                os.replace(os.path.join(staging, name), os.path.join(folder, name))
        finally:
            shutil.rmtree(staging)
    except (FileExistsError, NotADirectoryError):
        raise BuildError(f"cannot write into {folder}: it is not a folder") from None
    except OSError as error:
        raise BuildError(f"cannot write into {folder}: {error.strerror}") from None


def _fill(folder: str, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if name.endswith(".sh"):
            os.chmod(path, os.stat(path).st_mode | 0o111)


def _check(path: str, mark: str) -> None:
    """Raises BuildError if something stands at ``path`` that is not ours to replace."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            ours = mark in file.read(_MARKED)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise BuildError(f"cannot replace {path}: {error.strerror}") from None
    if not ours:
        raise BuildError(f"{path} is there and was not made with netbuilder; choose another folder "
                         f"or move that file away")
