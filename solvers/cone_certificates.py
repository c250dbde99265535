"""What rows in cones add to the certificates of certificates.py.

    infeasible   u ∈ K*, Fᵀu in the sum that is zero, −gᵀu in the value that is 1: uᵀ(Fx + g) ≥ 0 for every feasible x
    unbounded    Fd ∈ K

Distances to the cones are worked out by projection, except where a caller that holds a pair inside them says so.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from karush.solvers.cone_residuals import by_cone
from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.matrices import row_maxima, row_terms
from karush.solvers.projections.cones import project_dual_rows, project_rows


def farkas_parts(problem: QuadraticProgram, u: Array | None, inside: bool) -> tuple[Array, Array, Array, Array, Array]:
    """(Fᵀu, the size of its terms, the largest term of Fᵀ(u − Π_K*(u)), −gᵀu, its largest term), or zeros."""
    rows = problem.cone_rows
    zero = jnp.zeros_like(problem.constant)
    if rows is None or u is None:
        return jnp.zeros_like(problem.linear), zero, zero, zero, zero
    wrong = zero if inside else _most(row_terms(rows.matrix.T, project_rows(rows, -u)))
    # all rows of a cone have one scale: u along a row of zeros is measured by the others
    terms = _most(by_cone(rows, row_maxima(rows.matrix)) * jnp.abs(u))
    return rows.matrix.T @ u, terms, wrong, -(rows.offset @ u), _most(jnp.abs(rows.offset * u))


def ray_defect(problem: QuadraticProgram, d: Array, slack: Array | None) -> Array:
    """How far Fd is from K, over the largest term of the same cone's rows; from a ``slack`` in K where one is given."""
    rows = problem.cone_rows
    if rows is None:
        return jnp.zeros_like(problem.constant)
    value = rows.matrix @ d
    terms = by_cone(rows, row_maxima(rows.matrix)) * _most(jnp.abs(d))
    outside = project_dual_rows(rows, -value) if slack is None else slack - value  # Π_K(Fd) − Fd
    return _most(jnp.abs(outside) / jnp.where(terms > 0, terms, 1))


def still_rows(rows: ConeRows, d: Array, delta: Array) -> Array:
    """1 at the rows of the cones in which a direction clearly does not move, else 0; (r,)."""
    value = by_cone(rows, jnp.abs(rows.matrix @ d))
    return (value <= jnp.sqrt(delta) * _most(value)).astype(d.dtype)


def _most(values: Array) -> Array:
    return jnp.max(values, initial=0.0)
