"""Inequality rows and bounds of a quadratic program as one family of two-sided rows.

    side_lower ≤ C x ≤ side_upper,   C = [G; I],   multipliers v = (z, w)

The identity block is never formed: products with C, Cᵀ and CᵀDC use that it is diagonal. Where a problem has no bound
at all the block is absent, statically.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import Matrix, dense
from karush.solvers.residuals import Sides, bound_sides, has_bounds, row_sides


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """The k = m (+ n) rows: ``matrix`` G (m, n), ``bounded`` whether the identity block follows, sides (k,)."""

    matrix: Matrix
    sides: Sides
    bounded: bool = field(metadata={"static": True})

    def apply(self, x: Array) -> Array:
        """C x for x (n,) or (n, r)."""
        rows = self.matrix @ x
        return jnp.concatenate([rows, x]) if self.bounded else rows

    def adjoint(self, v: Array) -> Array:
        """Cᵀ v for v (k,) or (k, r)."""
        m = self.matrix.shape[0]
        if not self.bounded:
            return self.matrix.T @ v
        return self.matrix.T @ v[:m] + v[m:]

    def gram(self, weight: Array) -> Array:
        """Cᵀ diag(weight) C, (n, n), for a dense G."""
        m, G = self.matrix.shape[0], dense(self.matrix)
        product = (G * weight[:m, None]).T @ G
        return product + jnp.diag(weight[m:]) if self.bounded else product

    def point(self, x: Array, y: Array, v: Array) -> Point:
        """The primal-dual point with the row multipliers split into z and w."""
        m = self.matrix.shape[0]
        return Point(x, y, v[:m], v[m:] if self.bounded else None)

    def multipliers(self, point: Point) -> Array:
        """The inverse of ``point``: (z, w) in one vector."""
        if not self.bounded:
            return point.z
        return jnp.concatenate([point.z, jnp.zeros_like(point.x) if point.w is None else point.w])


def rows_of(problem: QuadraticProgram) -> Rows:
    """The rows and bounds of a problem as one family."""
    rows = row_sides(problem)
    if not has_bounds(problem):
        return Rows(problem.inequality_matrix, rows, False)
    sides = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), rows, bound_sides(problem))
    return Rows(problem.inequality_matrix, sides, True)
