"""Which rows of a quadratic program are active at a point, how strongly, and on which side.

With relative slack s_i (distance to the nearer side over 1 + the row's largest term) and relative pull p_i
(what stationarity would lose, relative to its largest term, if the multiplier were set to zero), a row is

    strongly active   if lower_i = upper_i, or p_i > τ and (s_i < τ or s_i ≤ p_i)
    weakly active     if it is not strongly active and s_i < τ
    inactive          otherwise,

τ being the setting ``active``. At strongly active and inactive rows the solution map is smooth; a weakly
active row is a kink of it. The side in force is the one the multiplier presses on, and at a weakly active row
the nearer one.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import row_terms
from karush.solvers.residuals import Sides, bound_sides, has_bounds, row_sides


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ActiveRows:
    """One family of k rows: ``strong`` and ``weak`` boolean masks (k,), ``lower`` the share of the lower side
    (k,).

    ``lower`` is 1.0 where the lower side is in force and 0.0 where the upper one is. ``gap`` is the least
    max(s, p) over the rows that are inequalities, a scalar: how far the point is from a kink; infinite
    without such rows.
    """

    strong: Array
    weak: Array
    lower: Array
    gap: Array


def dual_scale(problem: QuadraticProgram, point: Point) -> Array:
    """1 + the largest term of each row of the stationarity condition, (n,)."""
    terms = jnp.maximum(jnp.abs(problem.linear), row_terms(problem.equality_matrix.T, point.y))
    terms = jnp.maximum(terms, row_terms(problem.inequality_matrix.T, point.z))
    if point.w is not None:
        terms = jnp.maximum(terms, jnp.abs(point.w))
    if problem.quadratic is not None:
        terms = jnp.maximum(terms, row_terms(problem.quadratic, point.x))
    if problem.cone_rows is not None and point.u is not None:
        terms = jnp.maximum(terms, row_terms(problem.cone_rows.matrix.T, point.u))
    return 1 + terms


def _family(value: Array, scale: Array, multiplier: Array, pull: Array, sides: Sides, active: float) -> ActiveRows:
    def slack(side: Array, present: Array) -> Array:
        relative = jnp.abs(value - side) / (1 + jnp.maximum(scale, jnp.abs(side)))
        return jnp.where(present, relative, jnp.inf)

    below, above = slack(sides.lower, sides.has_lower), slack(sides.upper, sides.has_upper)
    nearest = jnp.minimum(below, above)
    equality = sides.has_lower & sides.has_upper & (sides.lower == sides.upper)
    strong = equality | ((pull > active) & ((nearest < active) | (nearest <= pull)))
    weak = ~strong & (nearest < active)
    pressed = jnp.where(strong, multiplier > 0, below <= above)
    lower = jnp.where(sides.has_lower & sides.has_upper, pressed, sides.has_lower)
    kinks = jnp.where(equality | ~(sides.has_lower | sides.has_upper), jnp.inf, jnp.maximum(nearest, pull))
    return ActiveRows(strong, weak, lower.astype(value.dtype), jnp.min(kinks, initial=jnp.inf))


def active_rows(problem: QuadraticProgram, point: Point, active: float) -> tuple[ActiveRows, ActiveRows | None]:
    """The activity of the rows of G and of the bounds; None for the bounds where no bound exists at all."""
    scale = dual_scale(problem, point)
    G = problem.inequality_matrix
    pull = row_terms(G, 1 / scale) * jnp.abs(point.z)
    rows = _family(G @ point.x, row_terms(G, point.x), point.z, pull, row_sides(problem), active)
    if not has_bounds(problem):
        return rows, None
    w = jnp.zeros_like(point.x) if point.w is None else point.w
    sides = bound_sides(problem)
    return rows, _family(point.x, jnp.abs(point.x), w, jnp.abs(w) / scale, sides, active)
