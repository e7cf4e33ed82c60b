"""Debian's archive: mirrors, indexes, closures, checksums."""

from __future__ import annotations

import shutil

import pytest
from fake_mirror import FakeMirror

from netbuilder.errors import EngineError
from netbuilder.train import debian

DEB822 = """
# a comment
Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Types: deb deb-src
# where it was frozen
URIs: http://main.example/debian/ http://other.example/debian
Suites: bookworm
 bookworm-updates
Components: main
"""

ONE_LINE = """
# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb http://security.example/debian-security bookworm/updates main
deb [arch=amd64 signed-by=/a/b.gpg] https://third.example/linux/debian bookworm stable
deb http://ubuntu.example/ubuntu noble main universe
deb https://node.example/node_20.x nodistro main
deb [arch=amd64] https://company.example/apt/debian-remote trixie contrib main # ours
deb http://later.example/debian bookworm main
"""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    monkeypatch.delenv(debian.MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(debian, "DEBOOTSTRAP", tmp_path / "no-debootstrap")
    folder = tmp_path / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    return folder


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    monkeypatch.setattr(debian, "KEYRINGS", ())
    return FakeMirror(tmp_path / "mirror")


def test_mirror_of_a_deb822_file(apt):
    (apt / "sources.list.d/debian.sources").write_text(DEB822)
    assert list(debian.apt_mirrors(apt)) == [
        "http://main.example/debian", "http://other.example/debian",
    ]
    assert debian.find_mirror(apt) == "http://main.example/debian"


def test_mirror_of_a_one_line_file(apt):
    (apt / "sources.list").write_text(ONE_LINE)
    assert list(debian.apt_mirrors(apt)) == [
        "https://company.example/apt/debian-remote", "http://later.example/debian",
    ]


def test_mirror_named_in_a_list_of_mirrors(apt):
    listing = apt / "mirrors.list"
    listing.write_text("\nhttps://cloud.example/debian\tpriority:1\nhttps://b.example/debian\n")
    (apt / "sources.list").write_text(f"deb mirror+file:{listing} bookworm main\n")
    assert debian.find_mirror(apt) == "https://cloud.example/debian"


def test_sources_that_apt_itself_does_not_read(apt):
    (apt / "sources.list.d/debian.sources.save").write_text(DEB822)
    assert list(debian.apt_mirrors(apt)) == []


def test_a_named_mirror_comes_before_apts(apt, monkeypatch):
    (apt / "sources.list").write_text(ONE_LINE)
    monkeypatch.setenv(debian.MIRROR_VARIABLE, "http://mine.example/debian")
    assert debian.find_mirror(apt) == "http://mine.example/debian"


def test_debootstraps_mirror_where_apt_has_none(apt, tmp_path, monkeypatch):
    script = tmp_path / "debootstrap"
    script.write_text('#!/bin/sh\nMIRROR=""\nDEF_MIRROR="http://default.example/debian"\n')
    monkeypatch.setattr(debian, "DEBOOTSTRAP", script)
    assert debian.find_mirror(apt) == "http://default.example/debian"


def test_no_mirror_says_how_to_name_one(apt):
    with pytest.raises(EngineError, match=r"--mirror URL or NETBUILDER_DEBIAN_MIRROR.*debian\.org"):
        debian.find_mirror(apt)


def test_a_stanza_of_packages():
    packages = debian.parse_packages(
        "Package: b\nVersion: 2-1+b2\nPre-Depends: dpkg (>= 1.17)\n"
        "Depends: libc6 (>= 2.14), python3:any, x | y (= 1) |z\nProvides: v (= 3), w\n"
        "Description: a thing\n whose words: go on\nFilename: pool/b.deb\nSize: 12\nSHA256: ab\n"
    )
    assert packages["b"] == debian.Package(
        "b", "2-1+b2", (("dpkg",), ("libc6",), ("python3",), ("x", "y", "z")), ("v", "w"),
        "pool/b.deb", 12, "ab",
    )


def index_of(*lines: str) -> dict[str, debian.Package]:
    """``name: needs, a | b; provided``"""
    text = ""
    for line in lines:
        name, _, rest = line.partition(":")
        needs, _, provides = rest.partition(";")
        text += (f"Package: {name}\nVersion: 1\nDepends: {needs}\nProvides: {provides}\n"
                 f"Filename: f\nSize: 1\nSHA256: s\n\n")
    return debian.parse_packages(text)


@pytest.mark.parametrize(("index", "wanted", "expected"), [
    (["a: b, c", "b: c", "c: a"], ["a"], "abc"),
    (["a: x | b | c", "b:", "c:"], ["a"], "ab"),
    (["a: b | c", "b:", "c:"], ["c", "a"], "ca"),
    (["a: v", "b:; v", "c:; v"], ["a"], "ab"),
    (["a: v", "b:; v", "c:; v"], ["c", "a"], "ca"),
    (["a: b | v", "b:", "c:; v"], ["c", "a"], "ca"),
    (["a: dpkg (>= 1), debconf | v, b", "b:", "dpkg: c", "c:", "debconf:; v"], ["a"], "ab"),
], ids=["cycle", "first that exists", "chosen already", "provided", "provider chosen already",
        "alternative provided already", "left out"])
def test_closure(index, wanted, expected):
    assert "".join(one.name for one in debian.closure(index_of(*index), wanted)) == expected


def test_closure_names_what_is_missing():
    with pytest.raises(EngineError, match=r"lacks x \| y, for b"):
        debian.closure(index_of("a: b", "b: x | y"), ["a"])


def test_the_index_of_a_mirror(mirror):
    packages, signed = debian.read_index(mirror.url + "/")
    assert packages["caffe"].filename == "pool/caffe_1_amd64.deb"
    assert signed is False


def test_an_index_that_is_not_the_promised_one_is_refused(mirror):
    path = mirror.folder / "dists" / debian.SUITE / debian.INDEX
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(EngineError, match=r"Packages.xz is not what the archive promises"):
        debian.read_index(mirror.url)


def test_another_release_is_refused(mirror):
    mirror.publish(codename="bookworm")
    with pytest.raises(EngineError, match="not the one of Debian 11"):
        debian.read_index(mirror.url)


def test_a_mirror_without_bullseye_says_where_it_may_be(mirror):
    shutil.rmtree(mirror.folder / "dists")
    with pytest.raises(EngineError, match=r"Release.*archive of old releases.*--mirror"):
        debian.read_index(mirror.url)


@pytest.mark.skipif(shutil.which("gpgv") is None, reason="gpgv is not installed")
def test_a_signature_that_is_not_debians_is_refused(mirror, tmp_path, monkeypatch):
    keyring = tmp_path / "keys.gpg"
    keyring.write_bytes(b"")
    (mirror.folder / "dists" / debian.SUITE / "Release.gpg").write_text("not a signature")
    monkeypatch.setattr(debian, "KEYRINGS", (tmp_path / "absent.gpg", keyring))
    with pytest.raises(EngineError, match=r"not signed with Debian's keys of .*keys\.gpg"):
        debian.read_index(mirror.url)


def test_a_package_is_fetched_once(mirror, tmp_path):
    package = debian.read_index(mirror.url)[0]["caffe"]
    first = debian.download(package, mirror.url, tmp_path)
    (mirror.folder / package.filename).unlink()
    assert debian.download(package, mirror.url, tmp_path) == first
    assert debian.check_sha256(first.read_bytes(), package.sha256, "it") is None


def test_a_package_that_is_not_the_promised_one_is_refused(mirror, tmp_path):
    package = debian.read_index(mirror.url)[0]["caffe"]
    (mirror.folder / package.filename).write_bytes(b"something else")
    folder = tmp_path / "debs"
    folder.mkdir()
    with pytest.raises(EngineError, match=r"caffe_1_amd64\.deb is not what the archive promises"):
        debian.download(package, mirror.url, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("url", ["nonsense", "file:///no/such/file", "http://127.0.0.1:1/debian"])
def test_what_cannot_be_fetched_is_one_line(url, monkeypatch):
    monkeypatch.setattr(debian.time, "sleep", lambda _: None)
    with pytest.raises(EngineError, match=f"^cannot fetch {url}: .+"):
        debian.fetch(url)
