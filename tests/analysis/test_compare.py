"""``netbuilder compare``: the documented rows side by side, cards, and the figure."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netbuilder.analysis import tradeoff
from netbuilder.analysis.compare import short_names, stated_accuracy
from netbuilder.cli import cli
from netbuilder.nets.resnet import resnet
from netbuilder.proto.io import write_text

# pynetbuilder's models/imagenet/Readme.md: options, params, flops, top-1.
DOCUMENTED = {
    "resnet_50": ({}, 25_556_032, 3_858_026_368, 0.7175),
    "resnet_50_1by2": ({"num_output_stage1": 128}, 6_926_528, 1_069_598_720, 0.6679),
    "resnet_77_1by2": ({"num_output_stage1": 128, "blocks": (3, 4, 15, 3)},
                       9_447_104, 1_560_935_936, 0.6984),
}
NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [BATCH, 4] } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: OUTPUTS } }
"""


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)])


def write(folder: Path, outputs: int, card: str | None = None, batch: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if card is not None:
        (folder / "README.md").write_text(card)
    path = folder / "net.prototxt"
    path.write_text(NET.replace("BATCH", str(batch)).replace("OUTPUTS", str(outputs)))
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, files = tmp_path_factory.mktemp("published"), []
    for name, (options, *_, top1) in DOCUMENTED.items():
        (folder / name).mkdir()
        files.append(folder / name / "deploy.prototxt")
        write_text(files[-1], resnet(**options).to_proto())
        (folder / name / "README.md").write_text(f"X: top-1 accuracy {top1} on ImageNet.\n")
    return files


def test_the_documented_rows(published: list[Path]) -> None:
    rows = json.loads(compare(*published, "--format", "json").output)
    assert {row["network"]: (row["documented_params"], row["documented_flops"], row["top1"])
            for row in rows} == {name: row[1:] for name, row in DOCUMENTED.items()}
    assert rows[0]["learned_params"] == 25_583_592 and rows[0]["macs"] == 3_857_973_248
    assert [row["file"] for row in rows] == list(map(str, published))
    assert [row["weight_bytes"] for row in rows] == [4 * row["stored_values"] for row in rows]


def test_csv_says_the_same(published: list[Path]) -> None:
    read = list(csv.DictReader(io.StringIO(compare(*published, "--format", "csv").output)))
    rows = json.loads(compare(*published, "--format", "json").output)
    assert [{key: str(value) for key, value in row.items() if key != "name"}
            for row in rows] == read


def test_table_and_markdown(published: list[Path]) -> None:
    lines = compare(*published).output.splitlines()
    row = next(line.split() for line in lines if line.startswith(" resnet_50 "))
    assert row[:6] == ["resnet_50", "71.75%", "25,583,592", "25,636,765", "3,857,973,248", "1"]
    assert row[-1] == "102,547,060"  # bytes of the stored values
    markdown = compare(*published, "--format", "markdown").output
    assert "| resnet\\_50 | 71.75% | 25,583,592 | 25,636,765 | 3,857,973,248 | 1 |" in markdown


# What a card states.

CARDS = {
    "ours": ("r: top-1 accuracy 0.7175 on ImageNet (ILSVRC 2012), validation set", 0.7175),
    "Caffe's": ("obtains a top-1 accuracy 57.1% and a top-5 accuracy 80.2% on", 0.571),
    "percent without its sign": ("Top-1 accuracy: 71.75", 0.7175),
    "key": ("name: x\ntop1: 0.5\n\nothers reach a top-1 accuracy of 0.9", 0.5),
    "key in percent": ("top1: 66.5 %\r\n", 0.665),
    "one figure twice": ("top-1 accuracy 0.5 ... top-1 accuracy 50%", 0.5),
    "two figures": ("top-1 accuracy 0.5 ... top-1 accuracy 0.6", None),
    "another figure": ("top-5 accuracy 0.9; top-1 error 0.3; not top1: 0.5", None),
    "impossible": ("top-1 accuracy 717%", None),
    "empty": ("", None),
}


@pytest.mark.parametrize("kind", CARDS)
def test_stated_accuracy(kind: str, tmp_path: Path) -> None:
    card, expected = CARDS[kind]
    assert stated_accuracy(str(write(tmp_path, 2, card))) == expected


def test_cards_that_are_not_there_or_are_no_text(tmp_path: Path) -> None:
    assert stated_accuracy(str(write(tmp_path / "a", 2))) is None
    path = write(tmp_path / "b", 2)
    (path.parent / "Readme.md").write_bytes(b"\xff\xfe top-1 accuracy 0.5")
    assert stated_accuracy(str(path)) == 0.5
    (write(tmp_path / "c", 2).parent / "README.md").mkdir()
    assert stated_accuracy(str(tmp_path / "c" / "net.prototxt")) is None


@pytest.mark.parametrize("files, names", [
    (["out/a/deploy.prototxt", "out/b/deploy.prototxt"], ["a", "b"]),
    (["a.prototxt", "b.prototxt"], ["a.prototxt", "b.prototxt"]),
    (["x/a/train.prototxt", "x/b/test.prototxt"], ["a/train.prototxt", "b/test.prototxt"]),
    (["x/y/n.prototxt", "x/n.prototxt"], ["y", "n.prototxt"]),
    (["x/n.prototxt"], ["n.prototxt"]),
])
def test_short_names(files: list[str], names: list[str]) -> None:
    assert short_names(files) == names


# The figure.


def drawn(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG")


def test_figure(published: list[Path], tmp_path: Path) -> None:
    result = compare(*published, "-o", tmp_path / "tradeoff.png")
    assert result.exit_code == 0, result.output
    assert drawn(tmp_path / "tradeoff.png") and "71.75%" in result.output


def test_labels_hide_no_point_and_no_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    figures: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **k: (
        figures.append(figure), save(figure, *a, **k)))
    files = [write(tmp_path / f"a_network_{index}", 50 + index % 5) for index in range(15)]
    result = compare(*files, "-o", tmp_path / "tradeoff.png")
    assert result.exit_code == 0, result.output
    (axis,) = figures[0].axes
    boxes = [text.get_window_extent() for text in axis.texts]
    assert len(boxes) == 15
    points = axis.transData.transform(axis.collections[0].get_offsets())
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:index])
        assert not any(box.contains(*point) for point in points)


def test_figures_of_odd_nets(tmp_path: Path) -> None:
    files = [write(tmp_path / "$x^{$", 2, "top1: 0.5"), write(tmp_path / "none", 3)]
    assert compare(*files, "-o", tmp_path / "some.png").exit_code == 0
    alone = tmp_path / "alone.prototxt"
    alone.write_text('layer { name: "d" type: "Input" top: "d" input_param { shape { } } }')
    assert compare(alone, "-o", tmp_path / "alone.png").exit_code == 0
    assert drawn(tmp_path / "some.png") and drawn(tmp_path / "alone.png")


BAD = {
    "no file": ([], "Missing argument"),
    "not a PNG": (["net.prototxt", "-o", "t.jpg"], "a figure is a PNG"),
    "no name": (["net.prototxt", "-o", ""], "a figure is a PNG"),
    "no folder": (["net.prototxt", "-o", "none/t.png"], "no such folder"),
    "a missing file": (["net.prototxt", "none.prototxt"], "none.prototxt: cannot be read"),
    "a broken net": (["net.prototxt", "bad.prototxt"], 'bad.prototxt: layer "fc"'),
}


@pytest.mark.parametrize("kind", BAD)
def test_mistakes(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path, 2).parent)
    Path("bad.prototxt").write_text(NET.replace("BATCH", "1").replace("OUTPUTS", "0"))
    arguments, words = BAD[kind]
    result = compare(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr and "Traceback" not in result.stderr
    assert not list(tmp_path.glob("*.jpg"))


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: (
        None if name == "matplotlib" else find(name, *a)))
    path = write(tmp_path, 2)
    result = compare(path, "-o", tmp_path / "t.png")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert 'pip install "netbuilder[train]"' in result.stderr
    assert compare(path).exit_code == 0  # the table needs none


def test_a_figure_is_checked_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(tradeoff.BuildError, match="PNG"):
        tradeoff.check(tmp_path / "t.svg")
