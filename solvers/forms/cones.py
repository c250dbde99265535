"""Rows that lie in cones:  F x + g ∈ K,  with multipliers u ∈ K*.

K is the product of the cones in the order of ``cones``; each entry of it is a number of equal cones one below the
other, so that everything is done for all of them at once:

    second_order   (t, x)      ‖x‖₂ ≤ t                                        d ≥ 1 rows
    exponential    (x, y, z)   y exp(x/y) ≤ z, y > 0, and the closure          3 rows
    power          (x, y, z)   x^α y^(1-α) ≥ |z|, x, y ≥ 0                     3 rows, one exponent α a cone
    semidefinite   svec X      X ⪰ 0                                           k(k + 1)/2 rows

svec takes the lower triangle row by row, (0,0), (1,0), (1,1), (2,0), …, with the entries off the diagonal multiplied
by √2: then ⟨svec X, svec Y⟩ = tr(X Y), and the semidefinite cone is its own dual. (The same list is the upper
triangle column by column.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import jax
from jax import Array

from karush.solvers.matrices import Matrix

ConeKind = Literal["second_order", "exponential", "power", "semidefinite"]


@dataclass(frozen=True)
class Cones:
    """``count`` equal cones of ``dimension`` rows each: ``count * dimension`` rows, cone by cone. Static."""

    kind: ConeKind
    dimension: int
    count: int

    @property
    def rows(self) -> int:
        """The number of rows of all of them."""
        return self.dimension * self.count

    @property
    def order(self) -> int:
        """The order k of the matrices of a semidefinite cone with k(k + 1)/2 rows."""
        return (int((8 * self.dimension + 1) ** 0.5 + 0.5) - 1) // 2


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ConeRows:
    """F x + g ∈ K: ``matrix`` F (r, n), ``offset`` g (r,), ``exponents`` (number of power cones,), ``cones`` static.

    A row without its cone (one that a filter leaves out) does not exist here: its place is taken by zeros in F and a
    point inside the cone in g.
    """

    matrix: Matrix
    offset: Array
    exponents: Array
    cones: tuple[Cones, ...] = field(metadata={"static": True})

    def groups(self) -> Iterator[tuple[Cones, slice, slice]]:
        """Every entry of ``cones`` with its rows, and with its exponents (empty unless it is a power cone)."""
        row, power = 0, 0
        for cones in self.cones:
            powers = cones.count if cones.kind == "power" else 0
            yield cones, slice(row, row + cones.rows), slice(power, power + powers)
            row, power = row + cones.rows, power + powers
