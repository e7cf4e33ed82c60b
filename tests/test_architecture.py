"""The house as docs/concepts.md draws it: who imports whom, and how large things are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "netbuilder"
FILES = sorted(path for folder in ("netbuilder", "app", "tests", "benchmarks")
               for path in (ROOT / folder).rglob("*.py"))

# Room -> the rooms that it may import, beside itself; a room's imports lead down only.
ROOMS = {
    "errors": "",
    "glog": "",
    "proto": "errors",
    "files": "errors",
    "upgrade": "proto errors",
    "filler": "errors",
    "layer": "filler proto errors",
    "weights": "upgrade layer proto errors",
    "data": "weights layer proto errors",
    "layers": "data layer filler proto errors",
    "passes": "upgrade proto errors",
    "graph": "passes layer proto errors",
    "spec": "layer proto errors",
    "lego": "spec layer proto errors",
    "nets": "lego spec errors",
    "solver": "passes upgrade proto errors",
    "analysis": "solver graph passes upgrade layer proto errors",
    "build": "analysis nets lego solver spec graph passes layer files proto errors",
    "train": "solver graph passes proto glog errors",
    "torchcaffe": "spec graph passes solver weights data layer proto glog errors",
    "merge": "torchcaffe graph passes weights layer files proto errors",
    "cli": "merge build analysis train nets lego graph passes layer upgrade proto errors",
    "__main__": "cli",
}
# What registers layer types, legos and networks is imported by the registry when it is asked.
REGISTRIES = {("layer", "layers")}
# Third parties that only these rooms need; what is not named here anybody may import.
ONLY = {"torch": {"torchcaffe"}, "jinja2": {"solver"}, "click": {"cli"}, "rich": {"analysis"},
        "matplotlib": {"train", "analysis"}, "lmdb": {"data"}, "plyvel": {"data"}, "PIL": {"data"},
        "h5py": {"data", "weights"}, "grpc_tools": {"proto"}, "scipy": {"data"}}
FILE_LINES, FUNCTION_LINES = 400, 40


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The modules that a file imports, at its top or inside its functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_every_room_is_drawn():
    found = {room(path) for path in PACKAGE.rglob("*.py")}
    assert found - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_imports_lead_down(name):
    order = list(ROOMS)
    allowed = {name, *ROOMS[name].split()}
    assert all(order.index(other) <= order.index(name) for other in allowed)
    for path in PACKAGE.rglob("*.py"):
        if room(path) != name:
            continue
        ours = {module.split(".")[1] for module in imported(path)
                if module.startswith("netbuilder.")}
        wrong = {other for other in ours & set(ROOMS)
                 if other not in allowed and (name, other) not in REGISTRIES}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"
        for library, rooms in ONLY.items():
            used = any(module.split(".")[0] == library for module in imported(path))
            assert not used or name in rooms, f"{path.relative_to(ROOT)} imports {library}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path):
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= FILE_LINES
    assert not [number for number, line in enumerate(lines, 1) if len(line) > 100]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < FUNCTION_LINES, node.name


def test_modules_of_tests_have_names_of_their_own():
    """pytest imports them by their bare names, so one would hide the other."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


# Documents.

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")),
             ROOT / "benchmarks" / "README.md"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_points_to_is_there(path):
    text = path.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    quoted = re.findall(r"`((?:netbuilder|templates|tests|app|docs)/[\w./]*)`", text)
    places = [path.parent / link for link in links] + [ROOT / name for name in quoted]
    assert not [str(place) for place in places if not place.exists()]


def test_tests_that_a_document_names_are_there():
    for path in DOCUMENTS:
        for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)", path.read_text()):
            functions = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text()))
                         if isinstance(node, ast.FunctionDef)}
            assert name in functions, f"{path.name}: {file}::{name}"
