"""How far a primal-dual point of a quadratic program is from optimal, as backward errors row by row.

With the Lagrangian of forms/quadratic.py the conditions are

    stationarity      Px + q − Aᵀy − Gᵀz − w = 0
    primal            Ax = b,  lower ≤ Gx ≤ upper,  bound_lower ≤ x ≤ bound_upper
    dual              z_i ≤ 0 where row i has no lower side, z_i ≥ 0 where it has no upper side; w alike
    complementarity   z_i > 0 only where (Gx)_i = lower_i, z_i < 0 only where (Gx)_i = upper_i; w alike

and what cone_residuals.py says of rows in cones, whose Fᵀu is one more term of stationarity.

A row's defect is divided by 1 + its largest single term (|A_ij x_j|, |b_i|, …). A multiplier that ought to be
zero is measured by what stationarity would lose, in its scale, if it were set to zero; complementarity is the
smaller of that and the row's slack in the primal scale. So residuals of size ε say that an exactly
complementary point has all its defects within a few ε, which a product z·s does not say: at a weakly active
row z = s = 1e-5 gives z·s = 1e-10 although x may be off by 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from karush.solvers.cone_residuals import cone_defects, interior_defects
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import row_terms
from karush.solvers.result import Residuals, Status


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Sides:
    """The two sides of a family of rows as plain arrays, all (k,): values (0 where absent), presence."""

    lower: Array
    has_lower: Array
    upper: Array
    has_upper: Array


def _side(value: Array | None, mask: Array | None, like: Array) -> tuple[Array, Array]:
    if value is None:
        return jnp.zeros_like(like), jnp.zeros(like.shape, bool)
    present = jnp.ones(like.shape, bool) if mask is None else mask
    return jnp.where(present, value, 0), present


def row_sides(problem: QuadraticProgram) -> Sides:
    """The sides of the inequality rows; shapes (m,)."""
    like = jnp.zeros(problem.inequality_matrix.shape[:1], problem.linear.dtype)
    lower = _side(problem.lower, problem.has_lower, like)
    upper = _side(problem.upper, problem.has_upper, like)
    return Sides(*lower, *upper)


def bound_sides(problem: QuadraticProgram) -> Sides:
    """The bounds on the variables; shapes (n,)."""
    lower = _side(problem.bound_lower, problem.has_bound_lower, problem.linear)
    upper = _side(problem.bound_upper, problem.has_bound_upper, problem.linear)
    return Sides(*lower, *upper)


def has_bounds(problem: QuadraticProgram) -> bool:
    """Whether any bound on a variable exists at all: static."""
    return problem.bound_lower is not None or problem.bound_upper is not None


def cone_count(problem: QuadraticProgram) -> int:
    """The number r of rows in cones: static."""
    return 0 if problem.cone_rows is None else problem.cone_rows.offset.shape[0]


def largest(values: Array) -> Array:
    """The largest entry of nonnegative values, 0 if there is none; NaN if one is NaN."""
    return jnp.max(values, initial=0.0)


def _rows(value: Array, scale: Array, multiplier: Array, loss: Array, sides: Sides) -> tuple[Array, Array, Array]:
    """Worst primal, dual and complementarity defect of one family of two-sided rows.

    ``value`` (k,) are the row values, ``scale`` (k,) their largest terms, ``loss`` (k,) what stationarity
    loses, relatively, if the row's multiplier is set to zero.
    """
    below = jnp.where(sides.has_lower, sides.lower - value, 0)
    above = jnp.where(sides.has_upper, value - sides.upper, 0)
    pressed = jnp.where(multiplier > 0, sides.lower, sides.upper)
    allowed = jnp.where(multiplier > 0, sides.has_lower, sides.has_upper) | (multiplier == 0)
    scale_below = 1 + jnp.maximum(scale, jnp.abs(sides.lower))
    scale_above = 1 + jnp.maximum(scale, jnp.abs(sides.upper))
    slack = jnp.abs(value - pressed) / (1 + jnp.maximum(scale, jnp.abs(pressed)))
    primal = jnp.maximum(jnp.maximum(below / scale_below, above / scale_above), 0)
    dual = jnp.where(allowed, 0, loss)
    gap = jnp.where(allowed, jnp.minimum(slack, loss), 0)
    return largest(primal), largest(dual), largest(gap)


def _cones(problem: QuadraticProgram, x: Array, u: Array, dual_scale: Array, slack: Array | None) -> list[Array]:
    """Worst primal, dual and complementarity defect of the rows in cones; zeros where there is none."""
    if problem.cone_rows is None:
        return [jnp.zeros_like(problem.constant)] * 3
    if slack is None:
        return list(cone_defects(problem.cone_rows, x, u, dual_scale))
    return list(interior_defects(problem.cone_rows, x, u, dual_scale, slack))


def kkt_residuals(problem: QuadraticProgram, point: Point, slack: Array | None = None) -> Residuals:
    """Relative residuals of the optimality conditions at a point; NaN or infinity in the point gives NaN.

    ``primal``: worst defect of the equalities, rows and bounds. ``dual``: worst of stationarity and of the
    multipliers that press on a side which is not there. ``gap``: worst complementarity defect. The
    module's text says in which scales. A ``slack`` (r,) inside the cones, beside multipliers inside the dual ones,
    spares the projections: see `interior_defects` for what the rows in cones are then measured by.
    """
    x, y, z = point.x, point.y, point.z
    A, G = problem.equality_matrix, problem.inequality_matrix
    w = jnp.zeros_like(x) if point.w is None else point.w
    u = jnp.zeros(cone_count(problem), x.dtype) if point.u is None else point.u

    stationarity = problem.linear - A.T @ y - G.T @ z - w
    terms = jnp.maximum(jnp.abs(problem.linear), jnp.abs(w))
    terms = jnp.maximum(terms, jnp.maximum(row_terms(A.T, y), row_terms(G.T, z)))
    if problem.quadratic is not None:
        stationarity = stationarity + problem.quadratic @ x
        terms = jnp.maximum(terms, row_terms(problem.quadratic, x))
    if problem.cone_rows is not None:
        stationarity = stationarity - problem.cone_rows.matrix.T @ u
        terms = jnp.maximum(terms, row_terms(problem.cone_rows.matrix.T, u))
    dual_scale = 1 + terms
    dual = largest(jnp.abs(stationarity) / dual_scale)

    equality_scale = 1 + jnp.maximum(row_terms(A, x), jnp.abs(problem.equality_rhs))
    primal = largest(jnp.abs(A @ x - problem.equality_rhs) / equality_scale)

    loss = row_terms(G, 1 / dual_scale) * jnp.abs(z)
    rows = _rows(G @ x, row_terms(G, x), z, loss, row_sides(problem))
    bounds = _rows(x, jnp.abs(x), w, jnp.abs(w) / dual_scale, bound_sides(problem))
    cones = _cones(problem, x, u, dual_scale, slack)
    primal, dual, gap = (
        reduce(jnp.maximum, parts)
        for parts in (
            (primal, rows[0], bounds[0], cones[0]),
            (dual, rows[1], bounds[1], cones[1]),
            (rows[2], bounds[2], cones[2]),
        )
    )
    finite = jnp.isfinite(primal + dual + gap)
    return Residuals(*(jnp.where(finite, value, jnp.nan) for value in (primal, dual, gap)))


def worst(residuals: Residuals) -> Array:
    """The largest of the three: the one number by which two points are compared."""
    return jnp.maximum(jnp.maximum(residuals.primal, residuals.dual), residuals.gap)


def default_tolerance(dtype: DTypeLike) -> float:
    """What a solve promises by default: 1e-9 in double, 1e-4 in single precision (epsilon to the 0.575)."""
    return float(jnp.finfo(dtype).eps) ** 0.575


def classify(residuals: Residuals, tol: float | Array) -> Array:
    """SOLVED within ``tol``, SOLVED_INACCURATE within min(1000 tol, 0.01), FAILED if NaN; else LIMIT."""
    error = worst(residuals)
    loose = jnp.maximum(tol, jnp.minimum(1000 * tol, 1e-2))
    status = jnp.where(error <= loose, Status.SOLVED_INACCURATE, Status.LIMIT)
    status = jnp.where(error <= tol, Status.SOLVED, status)
    return jnp.where(jnp.isfinite(error), status, Status.FAILED).astype(jnp.int32)


def objective(problem: QuadraticProgram, x: Array) -> Array:
    """½ xᵀPx + qᵀx + c."""
    value = problem.linear @ x + problem.constant
    return value if problem.quadratic is None else value + 0.5 * x @ (problem.quadratic @ x)
