"""Folders of files: they appear all or not at all, and over nothing that anybody edited."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from netbuilder.build import MADE, Order, build
from netbuilder.errors import BuildError, NetbuilderError
from netbuilder.files import write_folder
from netbuilder.nets import find_network

CIFAR = find_network("resnet_cifar10")


def test_everything_lies_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "deeper"
    built = build(Order(CIFAR, {"n": 1}), str(folder))
    assert {path.name: unsigned(path) for path in folder.iterdir()} == built.files
    mode = (folder / "train.sh").stat().st_mode
    assert mode & stat.S_IXUSR
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((folder / "train.prototxt").stat().st_mode) == 0o666 & ~umask


def unsigned(path: Path) -> str:
    """A file's text without the checksum behind its mark."""
    return re.sub(rf"({MADE}) \[[0-9a-f]{{8}}\]", r"\1", path.read_text(), count=1)


def test_our_own_files_are_replaced(tmp_path: Path) -> None:
    build(Order(CIFAR, {"n": 1}), str(tmp_path))
    built = build(Order(CIFAR, {"n": 2}), str(tmp_path))
    assert unsigned(tmp_path / "train.prototxt") == built.files["train.prototxt"]


@pytest.mark.parametrize("name", ["train.prototxt", "solver.prototxt", "train.sh", "README.md"])
def test_an_edited_file_is_never_replaced(tmp_path: Path, name: str) -> None:
    build(Order(CIFAR, {"n": 1}), str(tmp_path))
    edited = (tmp_path / name).read_text() + "# mine\n"
    (tmp_path / name).write_text(edited)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    with pytest.raises(BuildError, match=rf"{name} was edited since netbuilder made it"):
        build(Order(CIFAR, {"n": 2}), str(tmp_path))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_other_files_are_never_replaced(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# My project\n")
    with pytest.raises(BuildError, match=r"README\.md is there and was not made with netbuilder"):
        build(Order(CIFAR, {"n": 1}), str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert readme.read_text() == "# My project\n"


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "train.prototxt").mkdir()
    with pytest.raises(BuildError, match=r"cannot replace .*train\.prototxt: Is a directory"):
        build(Order(CIFAR, {"n": 1}), str(tmp_path))


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_place_of_the_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BuildError, match="it is not a folder"):
        build(Order(CIFAR, {"n": 1}), str(tmp_path / place))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_written() -> None:
    with pytest.raises(BuildError, match="cannot write into /proc/netbuilder: "):
        build(Order(CIFAR, {"n": 1}), "/proc/netbuilder")


def test_a_full_disk_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(Order(CIFAR, {"n": 1}), str(tmp_path))
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}

    def full(folder: str, texts: Mapping[str, str]) -> None:
        Path(folder, "train.prototxt").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("netbuilder.files._fill", full)
    with pytest.raises(BuildError, match="No space left on device"):
        build(Order(CIFAR, {"n": 2}), str(tmp_path))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_text_that_does_not_read_back_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netbuilder.proto.text import dumps

    monkeypatch.setattr("netbuilder.build.nets.dumps",
                        lambda *a: dumps(*a).replace("num_output: 16", "num_output: 17"))
    with pytest.raises(BuildError, match="does not read back"):
        build(Order(CIFAR, {"n": 1}), str(tmp_path / "out"))
    assert not list(tmp_path.iterdir())


def test_bad_options_leave_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NetbuilderError):
        build(Order(CIFAR, {"n": 0}), str(tmp_path / "out"))
    assert not list(tmp_path.iterdir())


def test_write_folder_takes_any_texts(tmp_path: Path) -> None:
    write_folder(str(tmp_path), {"a.txt": "mark ü"}, "mark")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "mark [c1ddd0c3] ü"
