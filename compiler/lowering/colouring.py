"""Sparse Jacobians in fewer passes: columns that share no row in one tangent, rows that share no column in a cotangent.

Let J be m × n and c a colouring of its columns such that two of one colour have no row in which both may differ from
0. With the seeds s_k = Σ {e_j : c(j) = k} the entry J_ij stands alone in row i of J s_c(j). So as many JVPs as there
are colours give all of J (Curtis, Powell and Reid 1974); likewise VJPs, with colours of rows. To find the least number
of colours is a hard problem about graphs, which greedy methods solve well (Gebremedhin, Manne and Pothen, SIAM Review
47, 2005). The pattern and the colours are found by `asdex`, an optional package.

A pattern that lacks an entry would give a wrong derivative. So it is

* that of the tangent program t ↦ J(x) t, never of the program itself, whose derivative may be another one than its
  operations say (rules at ties, rules of atoms). In the tangent program a value is linear in t or free of it;
* one for all inputs: no real number that the program takes is known to the search. Index arrays that are known while
  tracing are taken as they are, so a colouring serves these;
* checked wherever it is used: see compressed.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.compiler.lowering.tangent_program import TangentProgram

Mode = Literal["jvp", "vjp"]
BOTH: tuple[Mode, ...] = ("jvp", "vjp")

WORTH_COLOURING = 64
"""A Jacobian with fewer rows or columns is taken whole."""

MOST_WORK = 500_000
"""Values and products that the search for a pattern goes through at most: some seconds."""

MOST_ENTRIES = 20_000_000
"""Dependences that it may have to keep."""

BLOCKS = 32
"""Blocks of columns in a first, coarse pattern, which tells how many dependences the fine one has."""

MOST_BLOCKS = 0.75 * BLOCKS
"""Of the blocks, how many a row may have entries in on average: with more it is taken for full."""

REPAIR = 'pip install "karush[sparsity]"'


@dataclass(frozen=True, eq=False)
class Colouring:
    """A pattern (``rows``, ``columns``) of a matrix of ``shape``, and the colour of every column (jvp) or row (vjp)."""

    mode: Mode
    colours: np.ndarray
    count: int
    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]

    @property
    def reason(self) -> str:
        """Why these passes are taken, in words."""
        m, n = self.shape
        against = _counted(m, "cotangent") if m <= n else _counted(n, "tangent")
        if self.mode == "jvp":
            return f"{_counted(self.count, 'tangent')}: columns that share no row, coloured, against {against}"
        return f"{_counted(self.count, 'cotangent')}: rows that share no column, coloured, against {against}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def colouring_of(program: TangentProgram, modes: Sequence[Mode] = BOTH) -> Colouring | str:
    """The colouring with the fewest colours, or why the Jacobian is to be taken whole."""
    m, n = program.rows, program.columns
    if not isinstance(m, int) or not isinstance(n, int):
        return "sizes are symbols"
    if min(m, n) < WORTH_COLOURING:
        return f"fewer than {WORTH_COLOURING} rows or columns"
    if program.work > MOST_WORK:
        return "too large a program to search for a pattern"
    if find_spec("asdex") is None:
        return f"sparsity is not looked for, as the package asdex is not installed: {REPAIR}"
    asdex: Any = importlib.import_module("asdex")
    try:
        return _coloured(asdex, program, modes)
    except Exception as error:  # whatever stops the search for zeros: the whole Jacobian is right without them
        return f"no pattern: {error}"


def _coloured(asdex: Any, program: TangentProgram, modes: Sequence[Mode]) -> Colouring | str:
    m, n = program.rows, program.columns
    width = -(-n // BLOCKS)

    def by_blocks(s: Array, *rest: Array) -> Array:
        return program.tangent(jnp.broadcast_to(s[:, None], (BLOCKS, width)).reshape(-1)[:n], *rest)

    t, *rest = (np.zeros(shape.shape, shape.dtype) for shape in program.shapes)
    coarse = asdex.jacobian_sparsity(by_blocks, np.zeros(BLOCKS, t.dtype), *rest, argnums=0)
    touched = coarse.nnz / m
    if touched > MOST_BLOCKS or program.work * width * touched > MOST_ENTRIES:
        return "no sparse pattern"
    pattern = asdex.jacobian_sparsity(program.tangent, t, *rest, argnums=0)
    rows, columns = np.asarray(pattern.rows), np.asarray(pattern.cols)
    found = []
    for mode in modes:
        # the columns that meet in a row all have colours of their own, and rows likewise
        least = np.max(np.bincount(rows if mode == "jvp" else columns), initial=0)
        if 2 * least > min(m, n):
            continue
        colours, count = (asdex.color_cols if mode == "jvp" else asdex.color_rows)(pattern)
        found.append(Colouring(mode, np.asarray(colours), int(count), rows, columns, (m, n)))
    best = min(found, key=lambda colouring: colouring.count, default=None)
    if best is None or 2 * best.count > min(m, n):
        return "no sparse pattern"
    return best
