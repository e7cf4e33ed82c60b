"""Unpacking .deb files."""

from __future__ import annotations

import os

import pytest
from fake_mirror import make_deb

from netbuilder.errors import EngineError
from netbuilder.train.deb import unpack


@pytest.fixture
def unpacked(tmp_path):
    def run(*args, **kwargs):
        path = tmp_path / "x.deb"
        path.write_bytes(make_deb(*args, **kwargs))
        unpack(path, tmp_path / "root")
        return tmp_path / "root"

    return run


def test_files_lie_in_usr_whatever_the_package_says(unpacked):
    root = unpacked({"./lib/a": "1", "./usr/lib/b": "2", "sbin/c": "3", "./lib64/d": "4",
                     "./etc/e": "5", "./var/lib/f": "6"})
    files = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*")
             if path.is_file()}
    assert files == {"usr/lib/a": "1", "usr/lib/b": "2", "usr/sbin/c": "3", "usr/lib64/d": "4"}


def test_of_the_documentation_only_the_licences_stay(unpacked):
    root = unpacked({"./usr/share/doc/x/copyright": "", "./usr/share/doc/x/changelog": "",
                     "./usr/share/man/man1/x.1": "", "./usr/share/x/doc": ""})
    assert {path.name for path in root.rglob("*") if path.is_file()} == {"copyright", "doc"}


def test_only_the_executable_bit_is_taken_over(unpacked):
    root = unpacked({"./usr/bin/run": "#!/bin/sh", "./usr/bin/data": "data"})
    assert (root / "usr/bin/run").stat().st_mode & 0o7777 == 0o755
    assert (root / "usr/bin/data").stat().st_mode & 0o7777 == 0o644


def test_links_stay_inside_the_root(unpacked):
    root = unpacked({"./lib/x/a": "here"}, {
        "./usr/lib/near": "x/a", "./lib64/far": "/lib/x/a", "./usr/share/p/q": "/etc/z",
    })
    assert (root / "usr/lib/near").read_text() == "here"
    assert (root / "usr/lib64/far").read_text() == "here"
    assert os.readlink(root / "usr/share/p/q") == "../../../etc/z"


def test_a_link_is_replaced_not_written_through(unpacked, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "root/usr/lib").mkdir(parents=True)
    (tmp_path / "root/usr/lib/a").symlink_to(victim)
    root = unpacked({"./usr/lib/a": "theirs"})
    assert victim.read_text() == "mine"
    assert (root / "usr/lib/a").read_text() == "theirs"


@pytest.mark.parametrize(("data", "words"), [
    (b"no archive", "not an ar archive"),
    (b"!<arch>\n", "no data.tar"),
    (make_deb({"./usr/a": os.urandom(4000)})[:-2000], "cannot unpack"),
    (make_deb({"./usr/../../a": "out"}), "leaves the root"),
])
def test_a_broken_package_is_one_line(tmp_path, data, words):
    path = tmp_path / "x.deb"
    path.write_bytes(data)
    with pytest.raises(EngineError, match=words):
        unpack(path, tmp_path / "root")
    assert not (tmp_path / "a").exists()
