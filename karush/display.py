"""Solutions as notebooks show them: HTML and LaTeX. Every text is escaped: names come from untrusted files.

Imports NumPy alone, because artefacts run without the language.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MOST_ROWS, MOST_COLUMNS = 12, 8
IGNORED_BY_MATHJAX = "mathjax_ignore tex2jax_ignore"
"""What a file says is text: `$` in it must not start a formula."""


@dataclass(frozen=True)
class Shown:
    """A solution ready to be shown: a headline, and groups of named values, each an array or a text in its place."""

    model: str
    status: str
    objective: np.ndarray | str | None
    groups: Mapping[str, Mapping[str, np.ndarray | str]] = field(default_factory=dict)


# ---------------------------------------------------------------- HTML


def solution_html(shown: Shown) -> str:
    """A solution: status and objective, then a table for every value."""
    headline = f"<b>{html.escape(shown.model)}</b>: {html.escape(shown.status)}"
    if shown.objective is not None:
        headline += f", objective {cell(shown.objective)}"
    parts = [f"<p>{headline}</p>"]
    for title, values in shown.groups.items():
        parts.append(f"<p><i>{html.escape(title)}</i></p>")
        parts.append("<table>\n" + "".join(entry_row(name, value) for name, value in values.items()) + "</table>")
    return framed("\n".join(parts) + "\n")


def framed(content: str) -> str:
    """Content that MathJax leaves alone."""
    return f'<div class="{IGNORED_BY_MATHJAX}">\n{content}</div>'


def entry_row(name: str, value: np.ndarray | str) -> str:
    """A name and its value."""
    return f"<tr><th>{html.escape(name)}</th><td>{cell(value)}</td></tr>\n"


def cell(value: np.ndarray | str) -> str:
    """A number as text, a vector or a matrix as a table, anything larger by its shape and range."""
    if isinstance(value, str):
        return html.escape(value)
    if value.ndim == 0:
        return html.escape(number(value[()]))
    if value.ndim > 2 or not value.size:
        return html.escape(summary(value))
    rows = value[None, :] if value.ndim == 1 else value
    lines = (row_cells(rows[i], "<td>…</td>") if i is not None else "<td>…</td>" for i in kept(len(rows), MOST_ROWS))
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def row_cells(row: np.ndarray, gap: str) -> str:
    """The cells of one row."""
    return "".join(
        gap if j is None else f"<td>{html.escape(number(row[j]))}</td>" for j in kept(len(row), MOST_COLUMNS)
    )


# ---------------------------------------------------------------- LaTeX


def solution_latex(shown: Shown) -> str:
    """A solution as equations: the objective and every value, vectors as rows, matrices as matrices."""
    lines = [rf"& \text{{{escape_latex(shown.model)}: {escape_latex(shown.status)}}}"]
    if shown.objective is not None:
        lines.append(rf"\text{{objective}} &= {latex_value(shown.objective)}")
    for title, values in shown.groups.items():
        prefix = "" if title == "values" else "dual "
        lines += [rf"\text{{{prefix}{escape_latex(name)}}} &= {latex_value(value)}" for name, value in values.items()]
    body = " \\\\\n".join(lines)
    return f"$$\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n$$"


def latex_value(value: np.ndarray | str) -> str:
    """A number, a matrix, or what else is said in words."""
    if isinstance(value, str):
        return rf"\text{{{escape_latex(value)}}}"
    if value.ndim == 0:
        return latex_number(value[()])
    if value.ndim > 2 or not value.size:
        return rf"\text{{{escape_latex(summary(value))}}}"
    rows = value[None, :] if value.ndim == 1 else value
    lines = (latex_row(rows[i]) if i is not None else r"\vdots" for i in kept(len(rows), MOST_ROWS))
    return "\\begin{pmatrix} " + r" \\ ".join(lines) + " \\end{pmatrix}"


def latex_row(row: np.ndarray) -> str:
    """The entries of one row."""
    return " & ".join(r"\cdots" if j is None else latex_number(row[j]) for j in kept(len(row), MOST_COLUMNS))


def latex_number(value: Any) -> str:
    """A number with its power of ten set as one."""
    mantissa, e, exponent = number(value).partition("e")
    if e:
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    return rf"\text{{{mantissa}}}" if mantissa.isalpha() else mantissa


LATEX_SIGNS = {
    "\\": r"\textbackslash ", "{": r"\{", "}": r"\}", "$": r"\$", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_",
    "^": r"\textasciicircum ", "~": r"\textasciitilde ",
}  # fmt: skip


def escape_latex(text: str) -> str:
    """A text whose signs stand for themselves within ``\\text{}``."""
    return "".join(LATEX_SIGNS.get(c, c) for c in text if c.isprintable())


# ---------------------------------------------------------------- numbers


def number(value: Any) -> str:
    """A number to six digits, or a truth value in words."""
    return str(bool(value)).lower() if isinstance(value, np.bool_) else f"{value:.6g}"


def summary(value: np.ndarray) -> str:
    """An array by its shape, and between what its entries lie."""
    shape = "×".join(map(str, value.shape))
    if not value.size or value.dtype.kind not in "iuf":
        return f"array {shape}"
    return f"array {shape}, {number(value.min())} … {number(value.max())}"


def kept(length: int, most: int) -> Sequence[int | None]:
    """The places to be shown of a long axis; None stands for the gap."""
    if length <= most:
        return range(length)
    return [*range(most - 3), None, length - 2, length - 1]


def flat(tree: Iterable[tuple[str, Any]], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by dotted name."""
    found: dict[str, Any] = {}
    for name, value in tree:
        if isinstance(value, Mapping):
            found |= flat(value.items(), f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
