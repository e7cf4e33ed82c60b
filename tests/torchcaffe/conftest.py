"""What the engine's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
import tinynet


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images_lmdb, resnet.prototxt and plain.prototxt (tinynet.py)."""
    folder = tmp_path_factory.mktemp("tiny")
    tinynet.write_images(folder)
    (folder / "resnet.prototxt").write_text(tinynet.resnet())
    (folder / "plain.prototxt").write_text(tinynet.plain())
    return folder


@pytest.fixture
def tiny(tiny_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with those files, and the current one."""
    for file in tiny_files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    return tmp_path
