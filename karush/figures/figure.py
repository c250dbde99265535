"""A figure: rows of a table, what they show, and which columns are drawn against which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from karush.table import show_number

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Panel:
    """Columns ``ys`` drawn against the column ``x``, one curve for each value of the column ``by``.

    ``where`` keeps the rows whose columns have these values. Both axes are logarithmic where ``is_log``, so that a
    power law is a straight line; the vertical one is not, and begins at 0, where ``from_zero``.
    """

    title: str
    x: str
    ys: tuple[str, ...]
    by: str | None = None
    is_log: bool = True
    where: tuple[tuple[str, Any], ...] = ()
    from_zero: bool = False

    def rows(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that are drawn."""
        return [row for row in rows if all(row[name] == value for name, value in self.where)]


@dataclass(frozen=True)
class Figure:
    """What was counted and measured: ``rows`` with the same columns, ``notes`` on how, ``panels`` to draw."""

    name: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    panels: tuple[Panel, ...]


def columns(rows: Sequence[Row]) -> list[str]:
    """The columns of which any row has a value, in order."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [name for name in names if any(row.get(name) is not None for row in rows)]


def cell(value: Any) -> str:
    """A number to three digits, a count whole, a share as it is; nothing for what was not measured."""
    if value is None:
        return "–"
    if isinstance(value, str | bool | int):
        return value if isinstance(value, str) else show_number(value)
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 1000 else f"{value:.3g}"


def markdown(figure: Figure) -> str:
    """The table of a figure in Markdown, its notes below."""
    names = columns(figure.rows)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(cell(row.get(name)) for name in names) + " |" for row in figure.rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in figure.notes)]) + "\n"


def record(figure: Figure) -> dict[str, Any]:
    """The figure as JSON."""
    rows = [dict(row) for row in figure.rows]
    return {"figure": figure.name, "title": figure.title, "rows": rows, "notes": list(figure.notes)}
