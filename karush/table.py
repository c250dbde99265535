"""Results as tables for people: rounded, with labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from karush.output import Axes, Output, branch

MOST_ROWS, MOST_COLUMNS = 24, 8
STYLES = {"solved": "green", "solved_inaccurate": "yellow", "unique": "green", "conservative": "yellow"}


def show_number(value: Any) -> str:
    """A number to six digits; tiny ones are zero."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(value)
    if not np.isfinite(value):
        return "-"
    return f"{0.0 if abs(value) < 5e-10 else value:.6g}"


def print_output(output: Output, console: Console) -> None:
    """One result: a head line, then values, duals or gradients, then what solved it."""
    record = output.record
    console.print(headline(record))
    for tree, title in (("values", "values"), ("duals", "duals"), ("gradients", f"d {record.get('of')} / d …")):
        entries = [(name, array) for name, array in branch(tree, record.get(tree) or {}) if array.size]
        if entries:
            console.print(Text(f"\n{title}", style="bold underline"))
            print_entries(tree, entries, output.axes, console)
    console.print()
    for line in footer(record):
        console.print(line, style="dim", highlight=False)


def headline(record: Mapping[str, Any]) -> Text:
    """Model or output, status and objective."""
    status = str(record.get("status"))
    name = str(record.get("model") or record.get("of"))
    line = Text.assemble((name, "bold"), "  ", (status, STYLES.get(status, "red")))
    number = record.get("objective", record.get("value"))
    if number is not None and np.ndim(number) == 0:
        line.append(f"  {'objective' if 'objective' in record else 'value'} {show_number(number)}")
    return line


def footer(record: Mapping[str, Any]) -> Iterable[str]:
    """What solved it, or how far the derivative can be trusted."""
    problem, solver = record.get("problem"), record.get("solver")
    if problem:
        yield (
            f"{problem['class']}: {problem['variables']} variables, {problem['equalities']} equalities, "
            f"{problem['inequalities']} inequalities"
        )
    if solver:
        worst = max((r for r in solver["residuals"].values() if r is not None), default=0.0)
        compiled = f" after {solver['compile_s']:.2g} s of compiling" if "compile_s" in solver else ""
        yield (
            f"{solver['name']}, {solver['iterations']} iterations, residuals <= {worst:.1e}, "
            f"{solver['solve_s']:.3g} s{compiled}"
        )
    if record.get("conflict"):
        yield f"conflict: {', '.join(record['conflict'])}"
    derivative = record.get("derivative")
    if derivative:
        yield f"derivative {derivative['status']}, by {derivative['method']}, mode {record.get('mode')}"


def print_entries(tree: str, entries: list[tuple[str, np.ndarray]], axes: Mapping[str, Axes], console: Console) -> None:
    """Scalars in one table, vectors with the same labels side by side, every other array in its own."""
    scalars = [(name.removeprefix(f"{tree}."), array) for name, array in entries if array.ndim == 0]
    if scalars:
        table = Table(show_header=False, box=SIMPLE_HEAD)
        table.add_column(style="bold")
        table.add_column(justify="right")
        for name, array in scalars:
            table.add_row(name, show_number(array[()]))
        console.print(table)
    groups: dict[Any, list[tuple[str, np.ndarray]]] = {}
    for name, array in entries:
        if array.ndim == 1:
            groups.setdefault((len(array), axes.get(name, (None,))), []).append((name, array))
    for (_, labels), columns in groups.items():
        console.print(vector_table(tree, labels, columns))
    for name, array in entries:
        if array.ndim > 1:
            console.print(matrix_table(name.removeprefix(f"{tree}."), array, axes.get(name, ())))


def shown(length: int, most: int) -> list[int | None]:
    """The places to be shown of a long axis; None stands for the gap."""
    if length <= most:
        return list(range(length))
    return [*range(most - 4), None, *range(length - 3, length)]


def vector_table(tree: str, axes: Axes, columns: list[tuple[str, np.ndarray]]) -> Table:
    """Vectors of one axis side by side."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("", style="bold")
    for name, _ in columns:
        table.add_column(name.removeprefix(f"{tree}."), justify="right")
    labels = axes[0] if axes else None
    for i in shown(len(columns[0][1]), MOST_ROWS):
        if i is None:
            table.add_row(*("…" for _ in range(len(columns) + 1)))
        else:
            table.add_row(labels[i] if labels else str(i), *(show_number(a[i]) for _, a in columns))
    return table


def matrix_table(name: str, array: np.ndarray, axes: Axes) -> Table:
    """A matrix; of an array with more axes the first slices, said so."""
    extra = array.ndim - 2
    head = array[(0,) * extra] if extra else array
    place = f"[{', '.join('0' * extra)}, :, :] of {array.shape}" if extra else ""
    row_names, column_names = (axes[extra], axes[extra + 1]) if len(axes) > extra + 1 else (None, None)
    table = Table(box=SIMPLE_HEAD)
    table.add_column(f"{name}{place}", style="bold")
    columns = shown(head.shape[1], MOST_COLUMNS)
    for j in columns:
        table.add_column("…" if j is None else column_names[j] if column_names else str(j), justify="right")
    for i in shown(head.shape[0], MOST_ROWS):
        if i is None:
            table.add_row(*("…" for _ in range(len(columns) + 1)))
            continue
        cells = ("…" if j is None else show_number(head[i, j]) for j in columns)
        table.add_row(row_names[i] if row_names else str(i), *cells)
    return table
