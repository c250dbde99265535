"""Mehrotra's predictor-corrector step for the homogeneous embedding of embedding.py.

With weights W_l = z_l/s_l, W_u = z_u/s_u and V = 1/(W_l + W_u) the slacks are eliminated; what is left in (dx, dy, dv)
for a given dτ is the system of condensed.py, solved for two right-hand sides, that which dτ multiplies and the rest.
The row of τ then gives dτ. Mehrotra, SIAM J. Optim. 2 (1992); the quadratic τ row: Goulart and Chen (2024).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.condensed import Block, Condensed, ScaledCones, factorise, is_usable
from karush.solvers.cones.product import scale
from karush.solvers.embedding import Embedded, Iterate, column, columns, gap_product, multipliers
from karush.solvers.matrices import dense, unsparse
from karush.solvers.step_length import REACH, longest


def _weights(data: Embedded, iterate: Iterate) -> tuple[Array, Array, Array]:
    """Multiplier over slack of either side, and V = 1/(their sum), bounded so that nothing overflows."""
    lower = jnp.where(data.low, iterate.z_lower / iterate.slack_lower, 0)
    upper = jnp.where(data.high, iterate.z_upper / iterate.slack_upper, 0)
    largest_ratio = 1 / jnp.finfo(iterate.x.dtype).eps ** 2
    ratio = jnp.where(data.pinned, 0, 1 / jnp.maximum(lower + upper, 1 / largest_ratio))
    return lower, upper, ratio


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Defect:
    """The residuals of the lines of the embedding."""

    x: Array
    y: Array
    lower: Array
    upper: Array
    pinned: Array
    tau: Array
    cones: Array


def _defect(data: Embedded, it: Iterate) -> _Defect:
    problem = data.problem
    value = data.rows.apply(it.x)
    Px = data.quadratic_times(it.x)
    pressing = data.lower @ (it.z_lower + it.v) - data.upper @ it.z_upper
    pressing = pressing - data.cones.offset @ it.u
    return _Defect(
        x=Px
        + problem.linear * it.tau
        - problem.equality_matrix.T @ it.y
        - data.rows.adjoint(multipliers(it))
        - data.cones.matrix.T @ it.u,
        y=problem.equality_matrix @ it.x - problem.equality_rhs * it.tau,
        lower=jnp.where(data.low, value - it.slack_lower - data.lower * it.tau, 0),
        upper=jnp.where(data.high, data.upper * it.tau - value - it.slack_upper, 0),
        pinned=jnp.where(data.pinned, value - data.lower * it.tau, 0),
        tau=it.kappa + it.x @ Px / it.tau + problem.linear @ it.x - problem.equality_rhs @ it.y - pressing,
        cones=data.cones.matrix @ it.x + data.cones.offset * it.tau - it.slack,
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Newton:
    """What one iteration's directions share: the factorised system, the weights of the sides, the defect."""

    system: Condensed
    weight_lower: Array
    weight_upper: Array
    defect: _Defect


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Products:
    """For each side, each cone, and τκ, what the product of slack and multiplier is asked to lose."""

    lower: Array
    upper: Array
    tau: Array
    cones: Array


def _linearise(data: Embedded, it: Iterate, delta: Array) -> _Newton:
    lower, upper, ratio = _weights(data, it)
    present = data.low | data.high | data.pinned
    problem = data.problem
    quadratic = None if problem.quadratic is None else unsparse(problem.quadratic)
    cones = ScaledCones(unsparse(data.cones.matrix), scale(data.cones, it.slack, it.u, delta))
    A = dense(problem.equality_matrix)
    system = factorise(quadratic, A, data.rows, ratio, present, delta, cones)
    return _Newton(system, lower, upper, _defect(data, it))


def _tau_rhs(data: Embedded, newton: _Newton) -> Block:
    """The right-hand side that τ multiplies: (−q, b, V(W_l l + W_u u)), l itself at pinned rows."""
    sides = newton.weight_lower * data.lower + newton.weight_upper * data.upper
    sides = jnp.where(data.pinned, data.lower, newton.system.ratio * sides)
    return Block(-data.problem.linear, data.problem.equality_rhs, sides, -data.cones.offset)


def _tau_pivot(data: Embedded, it: Iterate, newton: _Newton, column: Block) -> Array:
    """The pivot of the τ equation as a sum of squares: x₁, v₁ being the τ column and ξ = x/τ,

    (x₁−ξ)ᵀP(x₁−ξ) + v₁ᵀVv₁ + u₁ᵀVu₁ + Σ W_l W_u V (u−l)² + κ/τ > 0.
    """
    apart = column.x - it.x / it.tau
    spread = newton.weight_lower * newton.weight_upper * newton.system.ratio * (data.upper - data.lower) ** 2
    pivot = apart @ data.quadratic_times(apart) + column.v @ (newton.system.ratio * column.v)
    pivot = pivot + column.u @ newton.system.cones.scaling.multiply(column.u[:, None])[:, 0]
    return pivot + jnp.sum(jnp.where(data.low & data.high, spread, 0)) + it.kappa / it.tau


def _direction(data: Embedded, it: Iterate, newton: _Newton, keep: Array, loss: _Products) -> Iterate:
    """The Newton direction that removes the fraction ``keep`` of the defect and the given products."""
    problem, defect = data.problem, newton.defect
    W_l, W_u = newton.weight_lower, newton.weight_upper
    t_l = jnp.where(data.low, loss.lower / it.slack_lower + W_l * keep * defect.lower, 0)
    t_u = jnp.where(data.high, loss.upper / it.slack_upper + W_u * keep * defect.upper, 0)
    sides = jnp.where(data.pinned, -keep * defect.pinned, -newton.system.ratio * (t_l - t_u))
    rhs = Block(-keep * defect.x, -keep * defect.y, sides, -keep * defect.cones - loss.cones)
    both = newton.system.solve(columns(rhs, _tau_rhs(data, newton)))
    d, tau_column = column(both, 0), column(both, 1)

    z_l, z_u = _split(data, it, newton, d.v, _Row(data.rows.apply(d.x), jnp.zeros_like(it.tau), t_l, t_u))
    slope = problem.linear + 2 * data.quadratic_times(it.x / it.tau)
    change = slope @ d.x - problem.equality_rhs @ d.y
    change = change - data.lower @ (z_l + jnp.where(data.pinned, d.v, 0)) + data.upper @ z_u
    change = change + data.cones.offset @ d.u
    d_tau = (keep * defect.tau - loss.tau / it.tau + change) / _tau_pivot(data, it, newton, tau_column)

    total = jax.tree.map(lambda a, b: a + d_tau * b, d, tau_column)
    value = data.rows.apply(total.x)
    z_l, z_u = _split(data, it, newton, total.v, _Row(value, d_tau, t_l, t_u))
    primal_l = value - data.lower * d_tau + keep * defect.lower
    primal_u = data.upper * d_tau - value + keep * defect.upper
    return Iterate(
        x=total.x,
        y=total.y,
        slack_lower=_slack_change(data.low, it.slack_lower, it.z_lower, primal_l, z_l, loss.lower),
        slack_upper=_slack_change(data.high, it.slack_upper, it.z_upper, primal_u, z_u, loss.upper),
        z_lower=z_l,
        z_upper=z_u,
        v=jnp.where(data.pinned, total.v, 0),
        tau=d_tau,
        kappa=-(loss.tau + it.kappa * d_tau) / it.tau,
        slack=data.cones.matrix @ total.x + data.cones.offset * d_tau + keep * defect.cones,
        u=total.u,
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Row:
    """The change of the rows' values, of τ, and the constant parts t of either side's multiplier."""

    value: Array
    tau: Array
    t_lower: Array
    t_upper: Array


def _split(data: Embedded, it: Iterate, newton: _Newton, v: Array, row: _Row) -> tuple[Array, Array]:
    """dz_l and dz_u from their difference dv.

    dz = −W(change of the row) − t is exact for the side that presses less; the other is what is left of dv where
    its multiplier exceeds its slack (there W is large and the formula would cancel), else the formula as well.
    """
    formula_l = -newton.weight_lower * (row.value - data.lower * row.tau) - row.t_lower
    formula_u = -newton.weight_upper * (data.upper * row.tau - row.value) - row.t_upper
    lower_leads = newton.weight_lower >= newton.weight_upper
    lead_l = data.low & lower_leads & (it.z_lower > it.slack_lower)
    lead_u = data.high & ~lower_leads & (it.z_upper > it.slack_upper)
    return jnp.where(lead_l, v + formula_u, formula_l), jnp.where(lead_u, formula_l - v, formula_u)


def _slack_change(present: Array, slack: Array, z: Array, primal: Array, dz: Array, product: Array) -> Array:
    """ds from the row's own equation where the slack leads, from s dz + z ds = −product where z does."""
    leading = present & (z > slack)
    dual = -(product + slack * dz) / jnp.where(leading, z, 1)
    return jnp.where(present, jnp.where(leading, dual, primal), 0)


def step(data: Embedded, it: Iterate, delta: Array) -> tuple[Iterate, Array]:
    """One predictor-corrector step; returns the new iterate and the step length, 0 if the step was not a number.

    Mehrotra's two directions are one formula used twice: centring σ and second-order products are zero at first,
    then σ = (1 − longest predictor step)³ and the predictor's products.
    """
    newton = _linearise(data, it, delta)
    cones = newton.system.cones.scaling
    products = _Products(it.slack_lower * it.z_lower, it.slack_upper * it.z_upper, it.tau * it.kappa, it.u)
    mean = gap_product(data, it)

    def once(_: int, carry: tuple[Iterate, Array]) -> tuple[Iterate, Array]:
        d, length = carry
        centring = (1 - length) ** 3
        lower = products.lower + d.slack_lower * d.z_lower - centring * mean
        upper = products.upper + d.slack_upper * d.z_upper - centring * mean
        tau = products.tau + d.tau * d.kappa - centring * mean
        curved = cones.loss(d.slack, d.u, centring * mean)
        loss = _Products(jnp.where(data.low, lower, 0), jnp.where(data.high, upper, 0), tau, curved)
        d = _direction(data, it, newton, 1 - centring, loss)
        return d, longest(data, it, d, cones)

    start_ = jax.tree.map(jnp.zeros_like, it), jnp.ones_like(it.tau)
    corrector, longest_step = jax.lax.fori_loop(0, 2, once, start_)
    length = REACH * longest_step
    moved = _normalised(data, jax.tree.map(lambda a, b: a + length * b, it, corrector))
    total = sum((jnp.sum(leaf) for leaf in jax.tree.leaves(moved)), jnp.zeros_like(length))
    usable = is_usable(newton.system) & jnp.isfinite(total)
    return jax.tree.map(lambda new, old: jnp.where(usable, new, old), moved, it), jnp.where(usable, length, 0)


def _normalised(data: Embedded, it: Iterate) -> Iterate:
    """Divide by max(τ, κ): the embedding is homogeneous, and so nothing drifts to zero or infinity."""
    scale = jnp.maximum(it.tau, it.kappa)
    scaled = jax.tree.map(lambda part: part / scale, it)
    return replace(
        scaled,
        slack_lower=jnp.where(data.low, scaled.slack_lower, 1),
        slack_upper=jnp.where(data.high, scaled.slack_upper, 1),
    )
