"""The homogeneous embedding of a convex quadratic program and its predictor-corrector step.

With rows side_lower ≤ Cx ≤ side_upper (rows.py) one looks for (x, y, z_l, z_u, v, s_l, s_u, τ, κ) with

    Px + qτ − Aᵀy − Cᵀ(z_l − z_u + v) = 0        s_l = Cx − lτ ≥ 0,  z_l ≥ 0,  s_l∘z_l = 0
    Ax − bτ = 0                                  s_u = uτ − Cx ≥ 0,  z_u ≥ 0,  s_u∘z_u = 0
    Cx − lτ = 0 at rows with l = u (free v)      κ = −xᵀPx/τ − qᵀx + bᵀy + lᵀz_l − uᵀz_u + lᵀv ≥ 0,  τκ = 0

Rows in cones add  s = Fx + gτ ∈ K,  u ∈ K*,  ⟨s, u⟩ = 0,  −Fᵀu in the first line and −gᵀu in that of κ.

A solution with τ > 0 gives the optimum (x, y, v)/τ; one with τ = 0 < κ gives a certificate that there is none.
A starting point need not be feasible, and none has to be guessed: the iterates stay bounded in either case.

Goulart and Chen, "Clarabel: An interior-point solver for conic programs with quadratic objectives" (2024), sections 2
and 3; the steps are Mehrotra's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.condensed import Block, ScaledCones, factorise
from karush.solvers.cones import product
from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import dense, unsparse
from karush.solvers.rows import Rows, rows_of


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Embedded:
    """The scaled data. ``low``, ``high``, ``pinned`` (k,): rows with a lower, an upper side, with both equal.

    ``cones`` are the problem's rows in cones, or none at all.
    """

    problem: QuadraticProgram
    rows: Rows
    lower: Array
    upper: Array
    low: Array
    high: Array
    pinned: Array
    cones: ConeRows

    def quadratic_times(self, x: Array) -> Array:
        """Px, zero where there is no P."""
        P = self.problem.quadratic
        return jnp.zeros_like(x) if P is None else P @ x


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Iterate:
    """A point of the embedding; slacks are 1 and multipliers 0 at sides that are not there.

    ``slack`` and ``u`` (r,) belong to the rows in cones.
    """

    x: Array
    y: Array
    slack_lower: Array
    slack_upper: Array
    z_lower: Array
    z_upper: Array
    v: Array
    tau: Array
    kappa: Array
    slack: Array
    u: Array


def embed(problem: QuadraticProgram) -> Embedded:
    """Read the rows of a scaled problem; sides closer than rounding are one equality at their middle."""
    rows = rows_of(problem)
    sides = rows.sides
    both = sides.has_lower & sides.has_upper
    eps = jnp.finfo(problem.linear.dtype).eps
    width = jnp.maximum(1, jnp.maximum(jnp.abs(sides.lower), jnp.abs(sides.upper)))
    pinned = both & (sides.upper - sides.lower <= 10 * eps * width)
    middle = (sides.lower + sides.upper) / 2
    return Embedded(
        problem,
        rows,
        jnp.where(pinned, middle, sides.lower),
        jnp.where(pinned, middle, sides.upper),
        sides.has_lower & ~pinned,
        sides.has_upper & ~pinned,
        pinned,
        product.none(problem.linear) if problem.cone_rows is None else problem.cone_rows,
    )


def multipliers(iterate: Iterate) -> Array:
    """The signed row multipliers z_l − z_u + v, (k,)."""
    return iterate.z_lower - iterate.z_upper + iterate.v


def point(data: Embedded, iterate: Iterate, scale: Array) -> Point:
    """The primal-dual point of the scaled problem, divided by ``scale``."""
    linear = data.rows.point(iterate.x / scale, iterate.y / scale, multipliers(iterate) / scale)
    return linear if data.problem.cone_rows is None else replace(linear, u=iterate.u / scale)


def gap_product(data: Embedded, iterate: Iterate) -> Array:
    """μ: the mean complementarity product."""
    count = jnp.sum(data.low) + jnp.sum(data.high) + 1
    products = jnp.where(data.low, iterate.slack_lower * iterate.z_lower, 0)
    products = products + jnp.where(data.high, iterate.slack_upper * iterate.z_upper, 0)
    total = jnp.sum(products) + iterate.slack @ iterate.u + iterate.tau * iterate.kappa
    return total / (count + product.degree(data.cones))


def columns(*blocks: Block) -> Block:
    """Several right-hand sides as the columns of one."""
    return jax.tree.map(lambda *parts: jnp.stack(parts, axis=-1), *blocks)


def column(block: Block, i: int) -> Block:
    """One column of a solution."""
    return jax.tree.map(lambda part: part[:, i], block)


def start(data: Embedded, delta: Array) -> Iterate:
    """A point near the least-squares centre: x fits the sides, the multipliers fit the gradient; τ = κ = 1.

    Two solves with V = 1: (0, b, sides) for x, (−q, 0, 0) for the multipliers; one with both right-hand sides where
    P is there. Slacks and multipliers are then shifted to at least 1 if any is below the shift. Where a cone is not
    symmetric the start is its central point instead, and zero for x, y and v: nothing else is near the central path.
    """
    problem, rows, cones = data.problem, data.rows, data.cones
    if not product.is_symmetric(cones):
        return _central_start(data)
    present = data.low | data.high | data.pinned
    k = data.lower.shape[0]
    dtype = problem.linear.dtype
    ratio = jnp.where(data.pinned, 0, jnp.ones(k, dtype))
    system = factorise(
        None if problem.quadratic is None else unsparse(problem.quadratic),
        dense(problem.equality_matrix),
        rows,
        ratio,
        present,
        delta,
        _unscaled(cones, delta),
        ridge=1e-2 if problem.quadratic is None else 0.0,
    )
    nearest = jnp.where(data.low & data.high, (data.lower + data.upper) / 2, jnp.where(data.low, data.lower, 0))
    nearest = jnp.where(data.high & ~data.low, data.upper, nearest)
    nearest = jnp.where(data.pinned, data.lower, nearest)
    fit = Block(jnp.zeros_like(problem.linear), problem.equality_rhs, nearest, -cones.offset)
    press = replace(jax.tree.map(jnp.zeros_like, fit), x=-problem.linear)
    if problem.quadratic is None:
        both = system.solve(columns(fit, press))
        primal, dual = column(both, 0), column(both, 1)
    else:
        total = replace(fit, x=press.x)
        primal = dual = column(system.solve(columns(total)), 0)
    return _interior_start(data, primal, dual)


def _interior_start(data: Embedded, primal: Block, dual: Block) -> Iterate:
    """Slacks and multipliers of the two solutions, shifted; from zero where a solution is not a number."""
    primal, dual = (jax.tree.map(lambda part: jnp.where(jnp.isfinite(part), part, 0), d) for d in (primal, dual))
    value = data.rows.apply(primal.x)
    one = jnp.ones((), value.dtype)
    slack = data.cones.matrix @ primal.x + data.cones.offset
    slack, u = product.interior(data.cones, jnp.stack([slack, dual.u]))
    return Iterate(
        x=primal.x,
        y=dual.y,
        slack_lower=_interior(value - data.lower, data.low),
        slack_upper=_interior(data.upper - value, data.high),
        z_lower=jnp.where(data.low, _interior(dual.v, data.low), 0),
        z_upper=jnp.where(data.high, _interior(-dual.v, data.high), 0),
        v=jnp.where(data.pinned, dual.v, 0),
        tau=one,
        kappa=one,
        slack=slack,
        u=u,
    )


def _central_start(data: Embedded) -> Iterate:
    zero = jax.tree.map(jnp.zeros_like, (data.problem.linear, data.problem.equality_rhs, data.lower))
    one = jnp.ones_like(data.lower)
    e = product.centre(data.cones)
    low, high = data.low.astype(one.dtype), data.high.astype(one.dtype)
    tau = jnp.ones_like(data.problem.constant)
    return Iterate(zero[0], zero[1], one, one, low, high, zero[2], tau, tau, e, e)


def _unscaled(cones: ConeRows, delta: Array) -> ScaledCones:
    """The rows in symmetric cones with V = I."""
    e = product.centre(cones)
    return ScaledCones(unsparse(cones.matrix), product.scale(cones, e, e, delta))


def _interior(values: Array, present: Array) -> Array:
    """Shift values so that the present ones are at least 1, the others 1."""
    lowest = jnp.min(jnp.where(present, values, jnp.inf), initial=jnp.inf)
    shift = jnp.where(lowest < 1, 1 - lowest, 0)
    return jnp.where(present, values + jnp.where(jnp.isfinite(shift), shift, 0), 1)
