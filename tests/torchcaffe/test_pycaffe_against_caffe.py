"""Small scripts for pycaffe, run by real Caffe and by us: the same results, the same errors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pycaffe_driver
import pytest
from pycaffe_behaviours import SNIPPETS, WIDER, WORDED
from pycaffe_files import FILES

import netbuilder.torchcaffe as embedded
from netbuilder.torchcaffe.install import install_as_caffe

pytestmark = [pytest.mark.torch, pytest.mark.caffe]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of nets, and the current one."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def by_caffe(run_caffe: Callable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What real Caffe makes of all scripts."""
    folder = tmp_path_factory.mktemp("pycaffe")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "snippets.json").write_text(json.dumps(SNIPPETS))
    return run_caffe(Path(pycaffe_driver.__file__), "caffe", "snippets.json", cwd=folder)


@pytest.fixture(scope="module", autouse=True)
def named_caffe() -> None:
    """The scripts say ``import caffe``."""
    install_as_caffe()


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_script_sees_what_it_sees_in_pycaffe(name, files, by_caffe):
    ours = json.loads(json.dumps(pycaffe_driver.run(embedded, SNIPPETS[name])))
    theirs = by_caffe[name]
    if name in WIDER:
        assert _differ(ours, theirs), f"{name} is as in pycaffe: no row of WIDER"
    else:
        assert not _differ(ours, theirs), f"\nours:   {ours}\ntheirs: {theirs}"


@pytest.mark.parametrize("name", WORDED)
def test_an_error_begins_with_pycaffes_words(name, files, by_caffe):
    ours = pycaffe_driver.run(embedded, SNIPPETS[name])["words"]
    assert ours.startswith(by_caffe[name]["words"].rstrip("."))


def _differ(ours: dict, theirs: dict) -> bool:
    """An error is as good as theirs if whatever catches theirs catches it."""
    if "error" in theirs:
        return not set(theirs["error"]) <= set(ours.get("error", ()))
    return "error" in ours or not _same(_sorted(ours["result"]), _sorted(theirs["result"]))


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-4, abs_tol=1e-6)
    return type(ours) is type(theirs) and ours == theirs


def _sorted(value: Any) -> Any:
    """The same in lists alone; a dict's order pycaffe leaves to chance."""
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    if isinstance(value, dict) and "pairs" in value:
        return sorted(map(_sorted, value["pairs"]), key=lambda pair: str(pair[0]))
    return [value[key] for key in sorted(value)] if isinstance(value, dict) else value
