"""Which entries of which params stand in the conditions of a program, and how they move its sides.

Both come from derivatives of the template (θ ↦ program), so that it does not matter how a side is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental.sparse import BCOO

from karush.compiler.lowering.compiled import Compiled
from karush.solvers.conflicts.gaps import with_gaps
from karush.solvers.matrices import all_dense, dense
from karush.solvers.residuals import bound_sides, row_sides

MOST_IN_A_SIDE, MOST_IN_A_ROW = 3, 1
"""Of a param with more entries than this in one side, or in one row, none is told there."""


@dataclass(frozen=True, order=True)
class Entry:
    """One entry of a param."""

    name: str
    index: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class SideParams:
    """The params of a compiled model whose values may be told and moved: real, dense, and not set by inner problems."""

    compiled: Compiled
    params: Mapping[str, Any]

    def movable(self) -> dict[str, Array]:
        """The params that are moved, by name; a default that is computed from others follows them."""
        if self.compiled.steps:
            return {}
        whole = self.compiled.complete(self.params)
        fixed = {n for n, p in self.compiled.model.params.items() if n in self.params or p.default is None}
        constant = {
            n for n, p in self.compiled.model.params.items()
            if p.default is not None and not self.compiled.dependence.names(p.default)
        }  # fmt: skip
        return {
            name: value
            for name, value in whole.items()
            if name in fixed | constant and not isinstance(value, BCOO) and jnp.issubdtype(value.dtype, jnp.floating)
        }

    def entries(self, members: np.ndarray) -> tuple[list[list[Entry]], list[list[Entry]]]:
        """For each of some conditions the entries in it, and those in its side; params with many entries left out."""
        movable = self.movable()
        if not movable or not len(members):
            return [[] for _ in members], [[] for _ in members]
        rows, sides = jax.jit(jax.jacrev(lambda own: self._traces(own, members)))(movable)
        of_sides = [list(_entries_of(sides, at, MOST_IN_A_SIDE)) for at in range(len(members))]
        within = [list(_entries_of(rows, at, MOST_IN_A_ROW)) for at in range(len(members))]
        return [sorted({*a, *b}) for a, b in zip(within, of_sides, strict=True)], of_sides

    def moves(self, entries: Sequence[Entry]) -> np.ndarray:
        """How the sides move with each entry, (r, K); NaN where it moves more than sides."""
        movable = self.movable()
        tangents = {name: np.zeros((len(entries), *value.shape)) for name, value in movable.items()}
        for at, entry in enumerate(entries):
            tangents[entry.name][(at, *entry.index)] = 1.0

        def along(tangent: Mapping[str, Array]) -> tuple[Array, Array]:
            return jax.jvp(self._sides, (movable,), (tangent,))[1]

        sides, matrices = jax.jit(jax.vmap(along))(tangents)
        moved = np.any(np.asarray(matrices) != 0, axis=(1, 2))
        return np.where(moved[:, None], np.nan, np.asarray(sides))

    def sides_at(self, entry: Entry, by: float) -> np.ndarray:
        """The sides (K,) where an entry has changed."""
        movable = self.movable()
        movable[entry.name] = movable[entry.name].at[entry.index].add(by)
        return np.asarray(self._sides(movable)[0])

    # ------------------------------------------------------------ the functions that are differentiated

    def _sides(self, own: Mapping[str, Array]) -> tuple[Array, Array]:
        """All sides (K,) and [A; G]."""
        program = with_gaps(all_dense(self.compiled.template({**self.params, **own})))
        rows, bounds = row_sides(program), bound_sides(program)
        sides = [program.equality_rhs, rows.lower, rows.upper, bounds.lower, bounds.upper]
        parts = [program.equality_matrix, program.inequality_matrix]
        matrix = jnp.concatenate([dense(part) for part in parts])
        return jnp.concatenate(sides), matrix

    def _traces(self, own: Mapping[str, Array], members: np.ndarray) -> tuple[Array, Array]:
        """(k,) numbers that move with anything in a row, and with its side: the row at a point of no pattern."""
        sides, matrix = self._sides(own)
        p, m = _row_counts(matrix, sides)
        rows = np.concatenate([np.arange(p), p + np.arange(m), p + np.arange(m)])
        general = members < len(rows)
        value = matrix @ jnp.cos(1.0 + jnp.arange(matrix.shape[1]))
        at = np.where(general, rows[np.minimum(members, len(rows) - 1)] if len(rows) else 0, 0)
        coefficient = jnp.where(general, value[at], 0) if len(rows) else jnp.zeros(len(members))
        return sides[members] - coefficient, sides[members]


def _row_counts(matrix: Array, sides: Array) -> tuple[int, int]:
    """The numbers p and m of equations and inequalities: K = p + 2m + 2n."""
    total, n = matrix.shape
    m = sides.shape[0] - 2 * n - total
    return total - m, m


def _entries_of(derivatives: Mapping[str, Array], at: int, most: int) -> Iterator[Entry]:
    for name, derivative in derivatives.items():
        found = np.argwhere(np.asarray(derivative)[at] != 0)
        if len(found) <= most:
            yield from (Entry(name, tuple(map(int, index))) for index in found)
