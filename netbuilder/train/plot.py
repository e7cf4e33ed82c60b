"""The curves of a training run as a PNG: loss above, accuracy (or other test outputs) below."""

from __future__ import annotations

import importlib.util
import io as std_io
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from netbuilder.errors import BuildError, DataError
from netbuilder.proto import io
from netbuilder.train.events import Event, Iteration, Test

Curve = dict[int, float]  # iteration -> value; a resumed run's later values win

TRAIN, TEST = "#1f77b4", "#d95f02"
OTHERS = ("#1b9e77", "#7570b3", "#e7298a", "#66a61e", "#a6761d", "#666666")
INK, FAINT = "#333333", "#dddddd"


def check(path: str | os.PathLike[str]) -> None:
    """Raises BuildError, before a run, for what would stop ``draw`` after it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise BuildError(
            'drawing curves needs matplotlib; install it with: pip install "netbuilder[train]"'
        )
    folder = Path(path).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BuildError(f"cannot write the curves to {path}: no such folder, or not writable")


def draw(events: Iterable[Event], path: str | os.PathLike[str], title: str = "") -> None:
    """Writes the figure. Raises DataError if the events hold no figures, BuildError if no
    matplotlib is there or the file cannot be written."""
    check(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    events = list(events)
    losses, scores = loss_curves(events), score_curves(events)
    panels = [panel for panel in ((_draw_losses, losses), (_draw_scores, scores)) if panel[1]]
    if not panels:
        raise DataError("there is nothing to draw: the run displayed and tested nothing")
    figure = Figure(figsize=(8, 1 + 3.2 * len(panels)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axis, (draw_panel, curves) in zip(axes, panels, strict=True):
        draw_panel(axis, curves)
        _tidy(axis)
    axes[-1].set_xlabel("iteration", color=INK)
    axes[0].set_title(title, loc="left", fontweight="bold", color=INK)
    _save(figure, Path(path))


def loss_curves(events: Iterable[Event]) -> dict[str, Curve]:
    """The train loss, as displayed, and each test net's loss, by label."""
    curves: dict[str, Curve] = defaultdict(dict, train={})
    for event in events:
        if isinstance(event, Iteration):
            curves["train"][event.iteration] = event.loss
        elif isinstance(event, Test):
            parts = [o.value * o.loss_weight for o in event.outputs if o.loss_weight]
            if parts:
                curves[_test_net("test", event)][event.iteration] = sum(parts)
    return {label: curve for label, curve in curves.items() if curve}


def score_curves(events: Iterable[Event]) -> dict[str, Curve]:
    """Every single number that a test net puts out beside its loss, by label."""
    curves: dict[str, Curve] = defaultdict(dict)
    for event in events:
        if isinstance(event, Test):
            names = [output.name for output in event.outputs]
            for output in event.outputs:
                if not output.loss_weight and names.count(output.name) == 1:
                    curves[_test_net(output.name, event)][event.iteration] = output.value
    return dict(curves)


def _test_net(label: str, event: Test) -> str:
    return f"{label} (test net #{event.net})" if event.net else label


def running_mean(values: Sequence[float], width: int) -> list[float]:
    """The mean of up to ``width`` values around each one, fewer at the ends."""
    half = width // 2
    windows = (values[max(0, i - half): i + half + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def _draw_losses(axis: Any, curves: dict[str, Curve]) -> None:
    colors = {"train": TRAIN, "test": TEST}
    for index, (label, curve) in enumerate(curves.items()):
        color = colors.get(label) or OTHERS[index % len(OTHERS)]
        steps, values = zip(*sorted(curve.items()), strict=True)
        if label == "train" and len(values) >= 50:  # noisy: the trend over the points
            axis.plot(steps, values, color=color, alpha=0.25, linewidth=0.8)
            values = running_mean(values, len(values) // 25)
        _line(axis, steps, values, color, label)
    axis.set_ylabel("loss", color=INK)
    axis.set_ylim(bottom=min(0, axis.dataLim.y0))


def _draw_scores(axis: Any, curves: dict[str, Curve]) -> None:
    for index, (label, curve) in enumerate(curves.items()):
        color = TEST if index == 0 else OTHERS[index % len(OTHERS)]
        steps, values = zip(*sorted(curve.items()), strict=True)
        _line(axis, steps, values, color, f"{label}, {values[-1]:.4g} at the end")
    axis.set_ylabel("test outputs" if len(curves) > 1 else next(iter(curves)), color=INK)
    if all(0 <= value <= 1 for curve in curves.values() for value in curve.values()):
        axis.set_ylim(0, 1.02)


def _line(axis: Any, steps: Sequence, values: Sequence, color: str, label: str) -> None:
    few = len(steps) <= 40
    axis.plot(steps, values, color=color, linewidth=1.8, label=label,
              marker="o" if few else None, markersize=3.5)


def _tidy(axis: Any) -> None:
    axis.grid(color=FAINT, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.margins(x=0.02)
    axis.tick_params(colors=INK)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.legend(frameon=False, labelcolor=INK)


def _save(figure: Any, path: Path) -> None:
    buffer = std_io.BytesIO()
    figure.savefig(buffer, format="png")
    io.write_atomically(path, buffer.getvalue())
