"""Curves: the numbers that are drawn, and a file that is a picture."""

from __future__ import annotations

import math

import pytest

from netbuilder.errors import BuildError, DataError
from netbuilder.train.events import Finished, Iteration, Output, Test
from netbuilder.train.plot import check, draw, loss_curves, running_mean, score_curves

RUN = [
    Test(0, 0, (Output("accuracy", 0.1), Output("loss", 2.0, 1.0), Output("aux", 1.0, 0.3))),
    Test(0, 1, (Output("accuracy", 0.2), Output("prob", 0.5), Output("prob", 0.5))),
    Iteration(0, 2.5), Iteration(10, 1.5), Iteration(10, 1.25),
    Test(10, 0, (Output("accuracy", 0.9), Output("loss", 1.0, 1.0), Output("aux", 0.0, 0.3))),
]


def test_losses_are_weighted_sums():
    assert loss_curves(RUN) == {
        "train": {0: 2.5, 10: 1.25}, "test": {0: pytest.approx(2.3), 10: pytest.approx(1.0)}}


def test_scores_are_single_outputs_without_weight():
    assert score_curves(RUN) == {"accuracy": {0: 0.1, 10: 0.9}, "accuracy (test net #1)": {0: 0.2}}


@pytest.mark.parametrize(("width", "means"), [(1, [1, 2, 6, 4]), (3, [1.5, 3, 4, 5])])
def test_running_mean(width, means):
    assert running_mean([1, 2, 6, 4], width) == means


@pytest.mark.parametrize("events", [
    RUN, RUN[:2], RUN[2:4], [Iteration(i, 1 / (i + 1)) for i in range(200)],
    [Iteration(0, 1.0), Iteration(1, math.nan)],
])
def test_a_picture_is_drawn(tmp_path, events):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    draw(events, tmp_path / "curves.png", "a run")
    with image.open(tmp_path / "curves.png") as picture:
        assert picture.size[0] == 960
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 50  # not a blank page


def test_nothing_to_draw(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match="nothing to draw"):
        draw([Finished(0, "max_iter")], tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_what_would_fail_later_fails_first(tmp_path, monkeypatch):
    with pytest.raises(BuildError, match="no such folder"):
        check(tmp_path / "absent" / "curves.png")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BuildError, match=r'pip install "netbuilder\[train\]"'):
        check(tmp_path / "curves.png")
