"""Figures as pictures, by matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from karush.figures.figure import Figure, Panel, Row
from karush.figures.measuring import optional

MISSING = 'pictures are drawn by matplotlib: pip install "karush[plot]"'
STYLES = ("-", "--", ":", "-.")


def draw(figures: Sequence[Figure], ending: str) -> bytes:
    """All panels beside each other, as ``png`` or ``svg``; ModuleNotFoundError without matplotlib."""
    if optional("matplotlib") is None:
        raise ModuleNotFoundError(MISSING)
    from matplotlib.figure import Figure as Picture

    panels = [(figure, panel) for figure in figures for panel in figure.panels]
    picture = Picture(figsize=(4.6 * len(panels), 3.8), layout="constrained")
    axes = picture.subplots(1, len(panels), squeeze=False)[0]
    for place, (figure, panel) in zip(axes, panels, strict=True):
        draw_panel(place, panel, panel.rows(figure.rows))
    stream = io.BytesIO()
    picture.savefig(stream, format=ending, dpi=110, metadata={"Date": None} if ending == "svg" else None)
    return stream.getvalue()


def draw_panel(axes: Any, panel: Panel, rows: Sequence[Row]) -> None:
    """One panel: its curves, both axes logarithmic or not."""
    for label, xs, ys, style in curves(panel, rows):
        axes.plot(xs, ys, style, marker="o", markersize=4, label=label)
    if panel.is_log:
        axes.set_xscale("log", base=2)
    if panel.from_zero:
        axes.set_ylim(bottom=0)
    elif panel.is_log:
        axes.set_yscale("log")
    axes.set(xlabel=panel.x, title=panel.title)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)


def curves(panel: Panel, rows: Sequence[Row]) -> Iterator[tuple[str, list[float], list[float], str]]:
    """Label, xs, ys and style of every curve that has a point."""
    groups = list(dict.fromkeys(row.get(panel.by) for row in rows)) if panel.by else [None]
    for y, style in zip(panel.ys, STYLES * len(panel.ys), strict=False):
        for group in groups:
            drawn = [row for row in rows if panel.by is None or row.get(panel.by) == group]
            points = sorted((float(row[panel.x]), float(row[y])) for row in drawn if is_number(row.get(y)))
            label = y if group is None else str(group) if len(panel.ys) == 1 else f"{group}: {y}"
            if points:
                yield label, [x for x, _ in points], [value for _, value in points], style


def is_number(value: Any) -> bool:
    """Whether a value can be drawn."""
    return isinstance(value, int | float) and math.isfinite(value)
