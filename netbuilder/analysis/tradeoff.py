"""The trade-off of a comparison as a PNG: accuracy over MACs and parameters, or one over the other.

Matplotlib is imported when a figure is drawn.
"""

from __future__ import annotations

import importlib.util
import io as std_io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from netbuilder.analysis.compare import Entry
from netbuilder.errors import BuildError
from netbuilder.proto.io import write_atomically

POINT, INK, FAINT = "#1f77b4", "#333333", "#dddddd"
AXES = {"macs": "multiply-accumulates of one image", "learned_params": "learned parameters"}
_LINE = {"arrowstyle": "-", "color": INK, "linewidth": 0.5}
_NEAR, _FAR, _STEPS = 7, 200, 12  # distances of a label from its point, in points of 1/72 inch


def check(path: str | os.PathLike[str]) -> None:
    """Raises BuildError, before any work, for what would stop ``draw``."""
    if importlib.util.find_spec("matplotlib") is None:
        raise BuildError("drawing a figure needs matplotlib; install it with: "
                         'pip install "netbuilder[train]"')
    if Path(path).suffix.lower() != ".png":
        raise BuildError(f"cannot draw {os.fspath(path)}: a figure is a PNG; end its name in .png")
    folder = Path(path).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BuildError(f"cannot write {os.fspath(path)}: no such folder, or not writable")


def draw(entries: Sequence[Entry], path: str | os.PathLike[str]) -> None:
    """Writes the figure. Networks whose accuracy nobody states are named below it; if that is all
    of them, it shows parameters over MACs. Raises BuildError."""
    check(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stated = [entry for entry in entries if entry.top1 is not None]
    panels = [(x, "top1") for x in AXES] if stated else [("macs", "learned_params")]
    figure = Figure(figsize=(6.4 * len(panels), 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (x, y) in zip(axes, panels, strict=True):
        _panel(axis, stated or entries, x, y)
    axes[0].set_ylabel("top-1 accuracy" if stated else AXES["learned_params"], color=INK)
    missing = [entry.label for entry in entries if stated and entry.top1 is None]
    if missing:
        figure.supxlabel(f"No card states an accuracy of: {', '.join(missing)}", color=INK,
                         fontsize=8, wrap=True, parse_math=False)
    figure.draw_without_rendering()  # settles the layout, so that labels know where points are
    for axis, (x, y) in zip(axes, panels, strict=True):
        _label(axis, stated or entries, x, y)
    buffer = std_io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())


def _panel(axis: Any, entries: Sequence[Entry], x: str, y: str) -> None:
    from matplotlib.ticker import EngFormatter, PercentFormatter

    axis.scatter(*_values(entries, x, y), color=POINT, s=36, zorder=3)
    axis.set_xlabel(AXES[x], color=INK)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.yaxis.set_major_formatter(PercentFormatter(1) if y == "top1" else EngFormatter(sep=""))
    axis.locator_params(axis="x", nbins=5)  # more of "722.25M" would run into each other
    axis.margins(0.18)
    axis.grid(color=FAINT, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(colors=INK, labelleft=True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _values(entries: Sequence[Entry], x: str, y: str) -> tuple[list[Any], list[Any]]:
    return [entry.figures[x] for entry in entries], [entry.figures[y] for entry in entries]


def _label(axis: Any, entries: Sequence[Entry], x: str, y: str) -> None:
    """Puts each name where it hides no point and no other name, with a line if that is far."""
    from matplotlib.transforms import Bbox

    points = list(zip(*_values(entries, x, y), strict=True))
    taken = [Bbox.from_bounds(px - 5, py - 5, 10, 10)
             for px, py in axis.transData.transform(points)]
    for entry, point in zip(entries, points, strict=True):
        for offset, sides in _offsets():
            far = max(map(abs, offset)) > 2 * _NEAR
            text = axis.annotate(
                entry.label, point, xytext=offset, textcoords="offset points", fontsize=8,
                color=INK, parse_math=False, arrowprops=_LINE if far else None, **sides)
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken) and _inside(axis, box):
                break
            text.remove()
        else:  # nowhere is room
            text = axis.annotate(entry.label, point, fontsize=8, color=INK, parse_math=False)
        taken.append(text.get_window_extent())


def _inside(axis: Any, box: Any) -> bool:
    frame = axis.get_window_extent()
    return (frame.x0 <= box.x0 and box.x1 <= frame.x1
            and frame.y0 <= box.y0 and box.y1 <= frame.y1)


def _offsets() -> Iterator[tuple[tuple[float, float], dict[str, str]]]:
    """Places of a label around its point, the nearest first: right, left, above, below, corners."""
    for step in range(_STEPS):
        away = _NEAR + step * (_FAR - _NEAR) / _STEPS
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            yield ((dx * away, dy * away),
                   {"ha": {1: "left", -1: "right", 0: "center"}[dx],
                    "va": {1: "bottom", -1: "top", 0: "center"}[dy]})
