"""The factorisation of the regularised KKT system where P is diagonal beside at most one row c: O(n).

[ P   cᵀ ] [x]   [t]
[ c   −δ ] [ν] = [r]        s = c P⁻¹cᵀ + δ,    ν = (c P⁻¹t − r)/s,    x = P⁻¹(t − cᵀν)
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DiagonalFactor:
    """``entries`` of P (n,), the ``rows`` (r, n) with r at most 1, and ``schur`` s (r,)."""

    entries: Array
    rows: Array
    schur: Array

    def solve(self, top: Array, bottom: Array) -> tuple[Array, Array]:
        """(x, ν) for t (n,) and r (r,)."""
        inner = (self.rows @ (top / self.entries) - bottom) / self.schur
        return (top - self.rows.T @ inner) / self.entries, inner


def by_row(entries: Array, rows: Array, delta: float) -> DiagonalFactor:
    """The factorisation; ``delta`` regularises the row. Raises ValueError for several rows."""
    if rows.shape[0] > 1:
        raise ValueError("a diagonal P is factorised beside at most one row")
    return DiagonalFactor(entries, rows, jnp.sum(rows * rows / entries, axis=1) + delta)
