"""LevelDB databases, read with plyvel where it is installed (db_leveldb.cpp)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from netbuilder.errors import DataError

if TYPE_CHECKING:
    import plyvel

# A LevelDB is locked by whoever opens it, be it the same process: as with LMDB, who is open is
# shared for as long as somebody reads it.
_open: WeakValueDictionary[tuple[int, int], _Shared] = WeakValueDictionary()
_lock = threading.Lock()


class LevelDbWalk:
    """A place in a LevelDB: the same few methods as a cursor of lmdb's."""

    def __init__(self, folder: Path) -> None:
        self._shared = _shared(folder)
        self._iterator = self._shared.database.raw_iterator()

    def first(self) -> bool:
        """Goes to the first key; False if there is none."""
        self._iterator.seek_to_first()
        return self._iterator.valid()

    def next(self) -> bool:
        """Goes to the next key; False behind the last."""
        self._iterator.next()
        return self._iterator.valid()

    def value(self) -> bytes:
        """What the key here has."""
        return self._iterator.value()

    def __len__(self) -> int:
        with self._shared.database.iterator(include_value=False) as keys:
            return sum(1 for _ in keys)

    def close(self) -> None:
        """Lets the database go."""
        self._iterator.close()
        del self._iterator, self._shared


def errors(folder: Path) -> tuple[type[Exception], ...]:
    """What reading may raise. DataError, with the remedy, if plyvel is not there."""
    try:
        import plyvel
    except ImportError as error:
        raise DataError(f"{folder} is a LevelDB; reading it needs plyvel: pip install "
                        '"netbuilder[leveldb]" (Python 3.12 or older). Or '
                        "write the images as an LMDB (convert_imageset --backend lmdb) and set "
                        "backend: LMDB") from error
    return plyvel.Error, OSError


class _Shared:
    """An open database, closed with its last reader."""

    def __init__(self, folder: Path) -> None:
        import plyvel

        try:
            self.database: plyvel.DB = plyvel.DB(str(folder), create_if_missing=False)
        except plyvel.IOError as error:
            if b"lock" not in error.args[0]:
                raise
            raise DataError(f"the LevelDB {folder} cannot be locked: another process reads it, or "
                            "the folder is not yours to write in; copy it, or use an LMDB, which "
                            "many may read") from error

    def __del__(self) -> None:
        if hasattr(self, "database"):
            self.database.close()


def _shared(folder: Path) -> _Shared:
    status = folder.stat()
    with _lock:
        key = status.st_dev, status.st_ino
        found = _open.get(key)
        if found is None:
            found = _open[key] = _Shared(folder)
        return found
