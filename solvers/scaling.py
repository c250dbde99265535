"""Ruiz equilibration: scale variables and rows until every row and column of the KKT matrix has largest entry 1.

    x = D x̂,  Â = E A D,  Ĝ = F G D,  P̂ = γ D P D,  q̂ = γ D q,  sides scaled by E, F, 1/D

so that  y = E ŷ / γ,  z = F ẑ / γ,  w = D⁻¹ ŵ / γ;  rows in cones as the others, with one factor for all of a cone.
Ruiz, "A scaling algorithm to equilibrate both rows and columns norms in matrices" (2001); the cost factor γ as in
OSQP (Stellato et al. 2020, section 5.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.cone_residuals import by_cone
from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import column_terms, magnitudes, row_terms, scaled
from karush.solvers.projections.cones import project_dual_rows
from karush.solvers.residuals import bound_sides, largest, row_sides

SWEEPS = 10

# Sides of so many times the machine epsilon, relative to the largest one, are zeros that were computed.
ROUNDING = 100


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scaling:
    """The factors: ``variables`` D (n,), ``equalities`` E (p,), ``inequalities`` F (m,), ``cost`` γ ().

    ``cones`` (r,) are those of the rows in cones, None where there is no such row.
    """

    variables: Array
    equalities: Array
    inequalities: Array
    cost: Array
    cones: Array | None = None

    def unscale(self, point: Point) -> Point:
        """From a point of the scaled problem to one of the original."""
        return Point(
            point.x * self.variables,
            point.y * self.equalities / self.cost,
            point.z * self.inequalities / self.cost,
            None if point.w is None else point.w / (self.variables * self.cost),
            None if point.u is None or self.cones is None else point.u * self.cones / self.cost,
        )

    def scale(self, point: Point) -> Point:
        """From a point of the original problem to one of the scaled."""
        return Point(
            point.x / self.variables,
            point.y * self.cost / self.equalities,
            point.z * self.cost / self.inequalities,
            None if point.w is None else point.w * self.cost * self.variables,
            None if point.u is None or self.cones is None else point.u * self.cost / self.cones,
        )


def _damping(norms: Array) -> Array:
    """1/√norm, 1 where the norm is zero."""
    positive = norms > 0
    return jnp.where(positive, 1 / jnp.sqrt(jnp.where(positive, norms, 1)), 1)


def _factors(problem: QuadraticProgram) -> tuple[Array, Array, Array, Array | None]:
    """D, E, F and the cones' factors after a fixed number of sweeps over absolute values."""
    A, G = magnitudes(problem.equality_matrix), magnitudes(problem.inequality_matrix)
    P = None if problem.quadratic is None else magnitudes(problem.quadratic)
    cones = problem.cone_rows

    def sweep(_: int, factors: tuple[Array, Array, Array, Array | None]) -> tuple[Array, Array, Array, Array | None]:
        D, E, F, K = factors
        columns = D * jnp.maximum(column_terms(A, E), column_terms(G, F))
        if P is not None:
            columns = jnp.maximum(columns, D * column_terms(P, D))
        equalities = E * row_terms(A, D)
        inequalities = F * row_terms(G, D)
        if cones is not None and K is not None:
            columns = jnp.maximum(columns, D * column_terms(cones.matrix, K))
            K = K * _damping(by_cone(cones, K * row_terms(cones.matrix, D)))
        return D * _damping(columns), E * _damping(equalities), F * _damping(inequalities), K

    ones = (
        jnp.ones_like(problem.linear),
        jnp.ones_like(problem.equality_rhs),
        jnp.ones(G.shape[:1], problem.linear.dtype),
        None if cones is None else jnp.ones_like(cones.offset),
    )
    return jax.lax.fori_loop(0, SWEEPS, sweep, ones)


def _times(values: Array | None, factor: Array) -> Array | None:
    return None if values is None else values * factor


def _distance(problem: QuadraticProgram) -> Array:
    """How far the origin is from satisfying the rows: the length that x must have; 0 for what is rounding of sides."""
    rows, bounds = row_sides(problem), bound_sides(problem)
    sides = [jnp.abs(side) for part in (rows, bounds) for side in (part.lower, part.upper)]
    missing = [jnp.abs(problem.equality_rhs)]
    missing += [jnp.maximum(jnp.where(side.has_lower, side.lower, 0), 0) for side in (rows, bounds)]
    missing += [jnp.maximum(jnp.where(side.has_upper, -side.upper, 0), 0) for side in (rows, bounds)]
    cones = problem.cone_rows
    if cones is not None:
        missing.append(jnp.abs(project_dual_rows(cones, -cones.offset)))
        sides.append(jnp.abs(cones.offset))
    distance, most = (jnp.stack([largest(values) for values in parts]).max() for parts in (missing, sides))
    return jnp.where(distance > ROUNDING * jnp.finfo(most.dtype).eps * most, distance, 0)


def _unit(size: Array) -> Array:
    """A size kept away from nothing and from extremes; 1 for 0."""
    return jnp.clip(jnp.where(size > 0, size, 1), 1e-12, 1e12)


def _scaled(problem: QuadraticProgram, factors: Scaling) -> QuadraticProgram:
    D, E, F, cost = factors.variables, factors.equalities, factors.inequalities, factors.cost
    P = problem.quadratic
    return replace(
        problem,
        quadratic=None if P is None else scaled(P, cost * D, D),
        linear=cost * (problem.linear * D),
        constant=problem.constant * cost,
        equality_matrix=scaled(problem.equality_matrix, E, D),
        equality_rhs=problem.equality_rhs * E,
        inequality_matrix=scaled(problem.inequality_matrix, F, D),
        lower=_times(problem.lower, F),
        upper=_times(problem.upper, F),
        bound_lower=_times(problem.bound_lower, 1 / D),
        bound_upper=_times(problem.bound_upper, 1 / D),
        cone_rows=_scaled_cones(problem.cone_rows, factors),
    )


def _scaled_cones(rows: ConeRows | None, factors: Scaling) -> ConeRows | None:
    if rows is None or factors.cones is None:
        return rows
    matrix = scaled(rows.matrix, factors.cones, factors.variables)
    return replace(rows, matrix=matrix, offset=rows.offset * factors.cones)


def equilibrate(problem: QuadraticProgram) -> tuple[QuadraticProgram, Scaling]:
    """The scaled problem and the way back. Zero rows and columns keep the factor 1; the masks stay.

    After the equilibration the length of x is made 1 (the variables' factors grow, the rows' shrink), then the
    larger of P and q: so primal and dual quantities are of one size and one residual norm serves both.
    """
    D, E, F, K = _factors(problem)
    shaped = _scaled(problem, Scaling(D, E, F, jnp.ones_like(problem.constant), K))
    length = _unit(_distance(shaped))
    D, E, F, K = D * length, E / length, F / length, None if K is None else K / length
    size = largest(jnp.abs(problem.linear * D))
    if problem.quadratic is not None:
        size = jnp.maximum(size, jnp.mean(D * column_terms(problem.quadratic, D)))
    scaling = Scaling(D, E, F, 1 / _unit(size), K)
    return _scaled(problem, scaling), scaling
