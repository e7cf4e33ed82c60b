"""Installing real Caffe from a mirror, and the command line for it."""

from __future__ import annotations

import fcntl
import threading

import pytest
from click.testing import CliRunner
from fake_mirror import FakeMirror

from netbuilder.cli import cli
from netbuilder.errors import EngineError
from netbuilder.train import debian
from netbuilder.train import install as module
from netbuilder.train.engines import VARIABLE
from netbuilder.train.install import install, is_installed


def silent(label, done, total):
    pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    monkeypatch.setattr(debian, "KEYRINGS", ())
    return FakeMirror(tmp_path / "mirror")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache" / "caffe"


def beside(root):
    return sorted(path.name for path in root.parent.iterdir())


def test_an_installation(mirror, root):
    made = install(root, mirror.url, silent)
    assert (made.packages, made.signed, made.version) == (5, False, "1.0.0")
    assert is_installed(root)
    assert beside(root) == ["caffe", "caffe.lock"]
    assert (root / "lib/x86_64-linux-gnu/libblas.so.3").read_text() == "blas"
    listed = (root / "packages.txt").read_text().splitlines()
    assert [line.split()[0] for line in listed] == [
        "python3-caffe", "caffe", "libopenblas0-pthread", "python3", "libc6",
    ]


def test_a_second_one_has_nothing_to_do(mirror, root):
    install(root, mirror.url, silent)
    assert install(root, "file:///no/mirror", silent) is None


def test_the_steps_are_told(mirror, root):
    told = []
    install(root, mirror.url, lambda *step: told.append(step))
    labels = list(dict.fromkeys(label for label, _, _ in told))
    assert labels == [
        f"reading the package list of {mirror.url}", "fetching and unpacking 5 packages",
        "trying real Caffe",
    ]
    bar = [(done, total) for label, done, total in told if "fetching" in label]
    assert bar[0][0] == 0 and bar[-1][0] == bar[-1][1] > 0
    assert bar == sorted(bar)


def test_an_interrupted_one_is_no_installation_and_goes_on_later(mirror, root, monkeypatch):
    broken = mirror.folder / "pool/python3_1_amd64.deb"
    good = broken.read_bytes()
    broken.write_bytes(b"cut off")
    monkeypatch.setattr(module, "THREADS", 1)
    with pytest.raises(EngineError, match="not what the archive promises"):
        install(root, mirror.url, silent)
    assert not root.exists()
    assert beside(root) == ["caffe.debs", "caffe.lock"]
    broken.write_bytes(good)
    kept = {path.stem for path in (root.parent / "caffe.debs").iterdir()}
    assert kept
    for package in debian.read_index(mirror.url)[0].values():
        if package.sha256 in kept:
            (mirror.folder / package.filename).unlink()
    assert install(root, mirror.url, silent).packages == 5


def test_what_a_killed_one_left_is_thrown_away(mirror, root):
    stale = root.with_name("caffe.part") / "usr/stale"
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    install(root, mirror.url, silent)
    assert not (root / "usr/stale").exists()


def test_a_root_in_which_caffe_does_not_run_is_no_installation(tmp_path, root, monkeypatch):
    monkeypatch.setattr(debian, "KEYRINGS", ())
    mirror = FakeMirror(tmp_path / "mirror", loader="#!/bin/sh\necho no such thing >&2; exit 127\n")
    with pytest.raises(EngineError, match=r"does not run caffe \(exit code 127\): no such thing"):
        install(root, mirror.url, silent)
    assert not root.exists()


def test_force_replaces_only_by_something_that_runs(mirror, root):
    install(root, mirror.url, silent)
    (root / "usr/old").write_text("")
    good = (mirror.folder / "pool/libc6_1_amd64.deb").read_bytes()
    (mirror.folder / "pool/libc6_1_amd64.deb").write_bytes(b"bad")
    with pytest.raises(EngineError):
        install(root, mirror.url, silent, force=True)
    assert (root / "usr/old").exists()
    (mirror.folder / "pool/libc6_1_amd64.deb").write_bytes(good)
    install(root, mirror.url, silent, force=True)
    assert not (root / "usr/old").exists()
    assert beside(root) == ["caffe", "caffe.lock"]


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_with_other_things_is_left_alone(mirror, tmp_path, force):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(EngineError, match="name an empty folder"):
        install(folder, mirror.url, silent, force=force)
    assert (folder / "thesis.tex").exists()


def test_a_place_that_cannot_be_written_is_one_line(mirror, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot install into"):
        install(tmp_path / "file" / "caffe", mirror.url, silent)


def test_a_second_one_waits_for_the_first(mirror, root):
    root.parent.mkdir()
    waiting, told, made = threading.Event(), [], []

    def progress(label, done, total):
        told.append(label)
        waiting.set()

    second = threading.Thread(target=lambda: made.append(install(root, mirror.url, progress)))
    with (root.parent / "caffe.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second.start()
        assert waiting.wait(10)
        second.join(0.3)
        assert told == ["waiting for another installation to end"]
    second.join(30)
    assert made[0].packages == 5


def test_another_machine_is_refused(mirror, root, monkeypatch):
    monkeypatch.setattr(module.platform, "machine", lambda: "aarch64")
    with pytest.raises(EngineError, match=r"x86-64 only, not for .* on aarch64"):
        install(root, mirror.url, silent)


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.setenv("NETBUILDER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return lambda *words: CliRunner().invoke(cli, ["caffe", *words])


def test_install_then_check(mirror, command, tmp_path):
    done = command("install", "--mirror", mirror.url)
    assert done.exit_code == 0, done.output
    assert f"real Caffe 1.0.0 is installed in {tmp_path}/cache/caffe-bullseye" in done.output
    assert "signature was not checked" in done.output
    again = command("install", "--mirror", "file:///no/mirror")
    assert again.exit_code == 0
    assert "installed already" in again.output
    found = command("check")
    assert found.exit_code == 0
    assert f"installed in {tmp_path}/cache/caffe-bullseye: {tmp_path}" in found.output
    assert "real Caffe 1.0.0 runs: 61 layer types, Python 3.9.2, CPU only" in found.output


def test_install_elsewhere_says_how_to_use_it(mirror, command, tmp_path):
    done = command("install", "--mirror", mirror.url, "--into", str(tmp_path / "there"))
    assert f"export NETBUILDER_CAFFE={tmp_path}/there" in done.output
    assert command("check", "--caffe", str(tmp_path / "there")).exit_code == 0


def test_check_without_caffe_says_what_to_do(command, monkeypatch):
    monkeypatch.setattr("netbuilder.train.engines._system_python", lambda: None)
    done = command("check")
    assert done.exit_code == 1
    assert "NETBUILDER_CAFFE: none" in done.output
    assert "error: real Caffe was not found; `netbuilder caffe install`" in done.output


def test_a_failed_install_is_one_line_and_exit_code_1(mirror, command):
    done = command("install", "--mirror", mirror.url + "/nothing")
    assert done.exit_code == 1
    assert done.output.splitlines()[-1].startswith("error: cannot fetch ")
