"""Databases of Datum: writing an LMDB whole or not at all, walking through it or a LevelDB."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from google.protobuf.message import DecodeError

from netbuilder.data import leveldb
from netbuilder.data.datum import datum_shape
from netbuilder.data.regular import check_regular
from netbuilder.errors import DataError
from netbuilder.proto import caffe_pb2

if TYPE_CHECKING:
    import lmdb

_BATCH = 1000  # Datums per transaction, as convert_imageset
_MAP_SIZE = 1 << 24  # bytes to begin with; doubled when full (db_lmdb.cpp, DoubleMapSize)
_FILES = {"data.mdb", "lock.mdb"}

# LMDB forbids a second environment on a file within one process, but a train and a test net may
# well read the same one: who is open is shared for as long as somebody reads it.
_environments: WeakValueDictionary[tuple[int, int], lmdb.Environment] = WeakValueDictionary()
_lock = threading.Lock()


def write_lmdb(
    path: str | os.PathLike, samples: Iterable[tuple[str, Any]], overwrite: bool = False
) -> int:
    """Writes (name, Datum) pairs in their order and returns how many they were.

    Keys are ``00000042_name`` as convert_imageset's. The database appears at `path` when it is
    complete, not before. Raises DataError if something is there already, unless it is an LMDB
    and may be overwritten.
    """
    import lmdb

    target = Path(path)
    _check_free(target, overwrite)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        scratch.mkdir(parents=True)
        count = _fill(scratch, samples)
        if not count:
            raise DataError(f"{target}: no images to write; Caffe cannot read an empty database")
        _replace(scratch, target)
    except (OSError, lmdb.Error) as error:
        raise DataError(f"cannot write the database {target}: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return count


class Cursor:
    """A place in a database of Datum: walks in the order of the keys and wraps around at the end.

    Source: DataLayer::Next of data_layer.cpp. `backend` is what the layer's data_param says;
    None asks the folder. Raises DataError, naming the path, for whatever cannot be read.
    """

    def __init__(self, source: str | os.PathLike, backend: int | None = None) -> None:
        self.source, folder = os.fspath(source), Path(source)
        self._kind = _kind(folder, backend)
        self._errors = _READERS[self._kind].errors(folder)
        with self._explained():
            self._walk = _READERS[self._kind].walk(folder)
            if not self._walk.first():
                raise DataError(
                    f"{self.source} is an empty {self._kind}: no image was written to it")

    def next(self) -> Any:
        """The Datum here; moves on to the next, after the last one to the first."""
        with self._explained():
            datum = caffe_pb2.Datum.FromString(self._walk.value())
            if not self._walk.next():
                self._walk.first()
        return datum

    def __len__(self) -> int:
        return len(self._walk)

    def __iter__(self) -> Iterator[Any]:
        """Every Datum once, from the first key; leaves the cursor at the first key."""
        self._walk.first()
        return islice(iter(self.next, None), len(self))

    def close(self) -> None:
        """Lets the file go; a closed cursor reads no more."""
        self._walk.close()
        del self._walk

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DecodeError as error:
            raise DataError(f"{self.source}: an entry is no Datum, Caffe's image message; "
                            "write the database again") from error
        except self._errors as error:
            what = error.args[0] if error.args else ""
            said = what.decode(errors="replace") if isinstance(what, bytes) else error  # plyvel's
            raise DataError(f"{self.source} is no readable {self._kind} ({said}); "
                            "write the database again") from error


def first_datum_shape(
    path: str | os.PathLike, color: bool | None = None
) -> tuple[int, int, int]:
    """Channels, height and width of the first image of a database, as it is stored there.

    `color` acts on encoded images only, as in Caffe: to three channels, to one, or as they are.
    """
    with Cursor(path) as cursor:
        return datum_shape(cursor.next(), color)


class _LmdbWalk:
    """A place in an LMDB."""

    def __init__(self, folder: Path) -> None:
        self._environment = _environment(folder)
        self._cursor = self._environment.begin().cursor()
        self.first, self.next, self.value = (
            self._cursor.first, self._cursor.next, self._cursor.value)

    def __len__(self) -> int:
        return self._environment.stat()["entries"]

    def close(self) -> None:
        self._cursor.close()
        del self._environment, self._cursor, self.first, self.next, self.value


def _lmdb_errors(folder: Path) -> tuple[type[Exception], ...]:
    try:
        import lmdb
    except ImportError as error:
        raise DataError(f'reading {folder} needs lmdb: pip install "netbuilder[train]"') from error
    return lmdb.Error, OSError


class _Reader(NamedTuple):
    """What reads a kind of database, and what that may raise."""

    walk: type[_LmdbWalk] | type[leveldb.LevelDbWalk]
    errors: Callable[[Path], tuple[type[Exception], ...]]


_READERS = {"LMDB": _Reader(_LmdbWalk, _lmdb_errors),
            "LevelDB": _Reader(leveldb.LevelDbWalk, leveldb.errors)}


def _environment(folder: Path) -> lmdb.Environment:
    import lmdb

    status = (folder / "data.mdb").stat()
    with _lock:
        key = status.st_dev, status.st_ino
        found = _environments.get(key)
        if found is None:
            # No lock file: a read-only folder, or one that Caffe has open, is read as well.
            found = lmdb.open(os.fspath(folder), readonly=True, lock=False, create=False)
            _environments[key] = found
    # LMDB maps the file and would die of a bus error on pages that are not there.
    wanted = (found.info()["last_pgno"] + 1) * found.stat()["psize"]
    if wanted > status.st_size:
        raise DataError(f"{folder} is cut short: data.mdb has {status.st_size} of {wanted} bytes; "
                        "copy or write the database again")
    return found


def _kind(folder: Path, backend: int | None) -> str:
    """The kind of database that a folder holds. DataError, with the remedy, if it is none, or
    another than the layer says."""
    try:
        check_regular(folder / "data.mdb")
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            raise DataError(f"the database {folder} cannot be read: {error.strerror}") from error
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "not there"
        raise DataError(f"the database {folder} is {what} (looked in {folder.absolute()}); "
                        "write it, or set source in data_param to where it is")
    if (folder / "CURRENT").exists():
        if backend == caffe_pb2.DataParameter.LMDB:
            raise DataError(f"{folder} is a LevelDB but its layer says LMDB; set backend: LEVELDB")
        return "LevelDB"
    if not (folder / "data.mdb").exists():
        raise DataError(f"the folder {folder} holds no database (no data.mdb in it)")
    if backend == caffe_pb2.DataParameter.LEVELDB:
        raise DataError(f"{folder} is an LMDB but its layer says LEVELDB, which is Caffe's "
                        "default; add backend: LMDB to data_param")
    return "LMDB"


def _check_free(target: Path, overwrite: bool) -> None:
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise DataError(f"{target} exists already; remove it, name another place, or ask to "
                        "overwrite it")
    if not target.is_dir() or {entry.name for entry in target.iterdir()} - _FILES:
        raise DataError(f"{target} is not an LMDB and will not be overwritten")


def _fill(folder: Path, samples: Iterable[tuple[str, Any]]) -> int:
    import lmdb

    count, numbered = 0, enumerate(samples)
    # Nobody sees the folder yet, so one sync at the end does.
    with lmdb.open(os.fspath(folder), map_size=_MAP_SIZE, sync=False) as environment:
        while batch := list(islice(numbered, _BATCH)):
            rows = [(f"{index:08}_{name}".encode(), datum.SerializeToString())
                    for index, (name, datum) in batch]
            _commit(environment, rows)
            count += len(rows)
        environment.sync(True)
    return count


def _commit(environment: lmdb.Environment, rows: list[tuple[bytes, bytes]]) -> None:
    import lmdb

    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in rows:
                    transaction.put(key, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(environment.info()["map_size"] * 2)
        except lmdb.BadValsizeError as error:
            raise DataError(f"a name is too long for a key of an LMDB (511 bytes): "
                            f"{max(key for key, _ in rows)!r}") from error


def _replace(scratch: Path, target: Path) -> None:
    """Puts the finished folder in its place; an old one is removed only after that."""
    if not target.exists():
        scratch.rename(target)
        return
    old = scratch.with_name(scratch.name + ".old")
    target.rename(old)
    scratch.rename(target)
    shutil.rmtree(old)
