"""LevelDB databases, as convert_imageset of real Caffe writes them by default."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netbuilder.data.datum import array_to_datum, datum_to_array
from netbuilder.data.db import Cursor, first_datum_shape
from netbuilder.errors import DataError
from netbuilder.proto.caffe_pb2 import DataParameter


@pytest.fixture
def store(tmp_path: Path, images: np.ndarray) -> Path:
    """A LevelDB of `images`; the label of the i-th is 10 i."""
    plyvel = pytest.importorskip("plyvel")
    with plyvel.DB(str(tmp_path / "store"), create_if_missing=True) as database:
        for index, image in enumerate(images):
            database.put(f"{index:08}".encode(),
                         array_to_datum(image, 10 * index).SerializeToString())
    return tmp_path / "store"


def test_a_cursor_walks_in_order_and_begins_anew(store, images):
    with Cursor(store, DataParameter.LEVELDB) as cursor:
        assert len(cursor) == 7
        for turn in range(16):
            datum = cursor.next()
            assert datum.label == 10 * (turn % 7)
            np.testing.assert_array_equal(datum_to_array(datum), images[turn % 7])
        assert [datum.label for datum in cursor] == [10 * i for i in range(7)]


def test_one_process_may_read_it_twice_at_once_and_leaves_it_free(store):
    import plyvel

    with Cursor(store) as train, Cursor(store) as test:
        train.next()
        assert (train.next().label, test.next().label) == (10, 0)
        assert first_datum_shape(store) == (3, 12, 10)
    plyvel.DB(str(store)).close()  # no lock is left


def test_another_process_that_reads_it_is_named(store):
    reader = f"import plyvel; db = plyvel.DB({str(store)!r}); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", reader], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(DataError, match="store cannot be locked: another process reads it"):
            Cursor(store)
        other.communicate(b"\n")


def test_the_layer_must_say_leveldb(store):
    with pytest.raises(DataError, match="set backend: LEVELDB"):
        Cursor(store, DataParameter.LMDB)


def test_what_cannot_be_read_names_path_and_remedy(store, tmp_path):
    import plyvel

    (store / "CURRENT").write_text("MANIFEST-000099\n")
    with pytest.raises(DataError, match=r"store is no readable LevelDB \(Corruption: CURRENT poin"):
        Cursor(store)
    plyvel.DB(str(tmp_path / "empty"), create_if_missing=True).close()
    with pytest.raises(DataError, match="empty is an empty LevelDB"):
        Cursor(tmp_path / "empty")
    with plyvel.DB(str(tmp_path / "noise"), create_if_missing=True) as database:
        database.put(b"0", b"\xff\xff")
    with pytest.raises(DataError, match="noise: an entry is no Datum"):
        first_datum_shape(tmp_path / "noise")


def test_without_plyvel_it_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "CURRENT").write_text("MANIFEST-000001\n")
    monkeypatch.setitem(sys.modules, "plyvel", None)
    with pytest.raises(DataError, match=r"is a LevelDB; .*netbuilder\[leveldb\].*backend: LMDB"):
        Cursor(tmp_path)


@pytest.mark.caffe
def test_convert_imageset_writes_what_we_read(caffe_tool, tmp_path, images):
    pytest.importorskip("plyvel")
    for index, image in enumerate(images):
        Image.fromarray(image[::-1].transpose(1, 2, 0)).save(tmp_path / f"{index}.png")
    (tmp_path / "list").write_text("".join(f"{index}.png {index}\n" for index in range(7)))
    caffe_tool("convert_imageset", "-backend", "leveldb", f"{tmp_path}/", tmp_path / "list",
               tmp_path / "store")
    with Cursor(tmp_path / "store", DataParameter.LEVELDB) as cursor:
        assert len(cursor) == 7
        for index, datum in enumerate(cursor):
            assert datum.label == index
            np.testing.assert_array_equal(datum_to_array(datum), images[index])
