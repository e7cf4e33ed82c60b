import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netbuilder.data import db
from netbuilder.data.datum import array_to_datum, datum_to_array
from netbuilder.data.db import Cursor, first_datum_shape, write_lmdb
from netbuilder.errors import DataError
from netbuilder.proto import caffe_pb2


def samples(count: int, size: int = 1, fail_at: int | None = None):
    for index in range(count):
        if index == fail_at:
            raise RuntimeError("the source broke")
        yield f"n{index}", array_to_datum(np.full((1, size, size), index % 256, np.uint8), index)


def keys(path: Path) -> list[bytes]:
    import lmdb

    with lmdb.open(str(path), readonly=True, lock=False) as environment:
        return [key for key, _ in environment.begin().cursor()]


def test_walks_in_order_and_wraps_around(database, images):
    with Cursor(database) as cursor:
        labels = [cursor.next().label for _ in range(16)]
        assert labels == [10 * (i % 7) for i in range(16)]
        assert len(cursor) == 7
        np.testing.assert_array_equal([datum_to_array(datum) for datum in cursor], images)
        assert cursor.next().label == 0


def test_keys_are_those_of_convert_imageset(tmp_path):
    write_lmdb(tmp_path / "a", samples(2))
    assert keys(tmp_path / "a") == [b"00000000_n0", b"00000001_n1"]


def test_the_map_grows_and_many_batches_are_committed(tmp_path, monkeypatch):
    monkeypatch.setattr(db, "_MAP_SIZE", 1 << 16)
    assert write_lmdb(tmp_path / "a", samples(2500, size=20)) == 2500  # about 1.3 MB
    with Cursor(tmp_path / "a") as cursor:
        assert [datum.label for datum in cursor] == list(range(2500))


def test_nothing_half_written(tmp_path):
    with pytest.raises(RuntimeError, match="the source broke"):
        write_lmdb(tmp_path / "a", samples(1500, fail_at=1200))
    with pytest.raises(DataError, match="no images to write"):
        write_lmdb(tmp_path / "a", [])
    with pytest.raises(DataError, match="too long for a key"):
        write_lmdb(tmp_path / "a", [("n" * 600, caffe_pb2.Datum())])
    assert not list(tmp_path.iterdir())


def test_overwrites_an_lmdb_only_when_asked(tmp_path):
    target = tmp_path / "deep" / "a"
    write_lmdb(target, samples(3))
    with pytest.raises(DataError, match="exists already"):
        write_lmdb(target, samples(1))
    write_lmdb(target, samples(1), overwrite=True)
    assert keys(target) == [b"00000000_n0"]
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_overwrite_keeps_the_old_one(tmp_path):
    write_lmdb(tmp_path / "a", samples(3))
    with pytest.raises(RuntimeError):
        write_lmdb(tmp_path / "a", samples(9, fail_at=5), overwrite=True)
    assert len(keys(tmp_path / "a")) == 3 and list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_never_overwrites_what_is_no_lmdb(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(DataError, match="is not an LMDB"):
        write_lmdb(tmp_path, samples(1), overwrite=True)
    assert (tmp_path / "thesis.txt").exists()


def test_an_unwritable_place_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write the database.*Not a directory"):
        write_lmdb(tmp_path / "file" / "a", samples(1))


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    import lmdb

    def full(*_):
        raise lmdb.DiskError("No space left on device")

    monkeypatch.setattr(db, "_commit", full)
    with pytest.raises(DataError, match=r"cannot write the database .*a: .*No space left"):
        write_lmdb(tmp_path / "a", samples(1))
    assert not list(tmp_path.iterdir())


def make_lmdb_of(path: Path, value: bytes | None) -> None:
    import lmdb

    with lmdb.open(str(path)) as environment, environment.begin(write=True) as transaction:
        if value is not None:
            transaction.put(b"0", value)


def make_truncated(path: Path) -> None:
    write_lmdb(path, samples(500, size=30))
    with open(path / "data.mdb", "r+b") as file:
        file.truncate(50_000)


def make_file(path: Path, data: bytes) -> None:
    path.mkdir()
    (path / "data.mdb").write_bytes(data)


@pytest.mark.parametrize("make, words", [
    (lambda path: None, "not there .* or set source"),
    (lambda path: path.write_text(""), "a file, not a folder"),
    (Path.mkdir, "no data.mdb"),
    (lambda path: make_file(path, b""), "no readable LMDB"),
    (lambda path: make_file(path, b"noise" * 9999), "no readable LMDB .* write the database again"),
    (lambda path: make_lmdb_of(path, None), "empty LMDB"),
    (lambda path: make_lmdb_of(path, b"\xff\xff"), "no Datum"),
    (make_truncated, "cut short"),
], ids=["missing", "file", "no database", "empty file", "noise", "empty", "no datum",
        "truncated"])
def test_what_cannot_be_read_names_path_and_remedy(tmp_path, make, words):
    path = tmp_path / "a_lmdb"
    make(path)
    with pytest.raises(DataError, match=f"a_lmdb.*{words}"):
        first_datum_shape(path)


def test_the_layers_backend_must_be_what_lies_there(database):
    assert Cursor(database, caffe_pb2.DataParameter.LMDB).next().label == 0
    with pytest.raises(DataError, match="add backend: LMDB"):
        Cursor(database, caffe_pb2.DataParameter.LEVELDB)


def test_one_process_may_read_a_database_twice_at_once(database):
    with Cursor(database) as train, Cursor(database) as test:
        train.next()
        assert (train.next().label, test.next().label) == (10, 0)
        assert first_datum_shape(database) == (3, 12, 10)
        assert train.next().label == 20


def test_a_database_written_again_is_read_anew(tmp_path):
    write_lmdb(tmp_path / "a", samples(3))
    with Cursor(tmp_path / "a") as cursor:
        cursor.next()
    write_lmdb(tmp_path / "a", samples(1, size=4), overwrite=True)
    assert first_datum_shape(tmp_path / "a") == (1, 4, 4)


def test_reading_writes_nothing(database):
    (database / "lock.mdb").unlink()
    assert first_datum_shape(database) == (3, 12, 10)
    assert [entry.name for entry in database.iterdir()] == ["data.mdb"]


def test_the_shape_is_read_without_numpy_or_torch(database):
    script = (
        "import sys; from netbuilder.data.db import first_datum_shape\n"
        f"print(first_datum_shape({str(database)!r}), [n for n in ('numpy', 'torch', 'PIL') "
        "if n in sys.modules])")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          check=True)
    assert done.stdout == "(3, 12, 10) []\n"


def test_a_copy_is_a_database_of_its_own(database, tmp_path):
    shutil.copytree(database, tmp_path / "copy")
    with Cursor(database), Cursor(tmp_path / "copy") as copy:
        assert copy.next().label == 0
