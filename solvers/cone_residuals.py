"""How far a primal-dual point is from fulfilling what its rows in cones ask, as backward errors cone by cone.

    a = F x + g ∈ K,   u ∈ K*,   ⟨a, u⟩ = 0

Slacks are measured in the scale of their cone's rows and multipliers by what stationarity would lose without them, in
its scale (residuals.py). With â and û the two in these scales, one factor a cone, the conditions are (Moreau)

    r = â − Π_K(â − û) = 0,

and as (â − r, û − r) fulfils them for every r, |r| is the distance to a complementary pair: the smaller of slack and
multiplier for a cone that is a half line, as in residuals.py. A product ⟨a, u⟩ would not say that.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.forms.cones import ConeRows
from karush.solvers.matrices import row_terms
from karush.solvers.projections.cones import project_rows


def by_cone(rows: ConeRows, values: Array) -> Array:
    """The largest of the nonnegative values (r,) of each cone, at each of its rows; shape (r,)."""
    parts = []
    for cones, at, _ in rows.groups():
        most = jnp.max(values[at].reshape(cones.count, cones.dimension), axis=1, keepdims=True, initial=0.0)
        parts.append(jnp.broadcast_to(most, (cones.count, cones.dimension)).reshape(-1))
    return jnp.concatenate(parts)


def slack_scale(rows: ConeRows, x: Array) -> Array:
    """1 + the largest term of all the rows of the same cone; shape (r,)."""
    return 1 + by_cone(rows, jnp.maximum(row_terms(rows.matrix, x), jnp.abs(rows.offset)))


def multiplier_weight(rows: ConeRows, dual_scale: Array) -> Array:
    """What stationarity loses, relatively, by a multiplier of 1 in a row of the same cone; shape (r,)."""
    return by_cone(rows, row_terms(rows.matrix, 1 / dual_scale))


def cone_defects(rows: ConeRows, x: Array, u: Array, dual_scale: Array) -> tuple[Array, Array, Array]:
    """Worst primal, dual and complementarity defect of the rows in cones, 0 where there is no row."""
    value, weight = rows.matrix @ x + rows.offset, multiplier_weight(rows, dual_scale)
    slack, multiplier = value / slack_scale(rows, x), weight * u
    # Π_K(a) and a, Π_K(−u) and 0 (as u = Π_K*(u) − Π_K(−u)), Π_K(a − u) and a: their distances, by one projection
    near = jax.vmap(partial(project_rows, rows))(jnp.stack([slack, -multiplier, slack - multiplier]))
    apart = jnp.abs(near - jnp.stack([slack, jnp.zeros_like(slack), slack]))
    primal, dual, gap = jnp.max(apart, axis=1, initial=0.0)
    return primal, dual, gap


def interior_defects(rows: ConeRows, x: Array, u: Array, dual_scale: Array, slack: Array) -> tuple[Array, Array, Array]:
    """The same for u inside K* and a ``slack`` s inside K with F x + g near s, without a projection.

    Complementarity is ⟨ŝ, û⟩ over the larger of the two, which for a half line is the smaller of them. Where a cone
    holds weakly it is the square of the defect; so it tells how far an iterate has come, not how good it is.
    """
    scale, weight = slack_scale(rows, x), multiplier_weight(rows, dual_scale)
    primal = jnp.abs(rows.matrix @ x + rows.offset - slack) / scale
    s, u = slack / scale, weight * u
    larger = by_cone(rows, jnp.maximum(jnp.abs(s), jnp.abs(u)))
    products = s * u / jnp.where(larger > 0, larger, 1)
    sums = [
        jnp.max(jnp.abs(products[at].reshape(cones.count, cones.dimension).sum(axis=1)), initial=0.0)
        for cones, at, _ in rows.groups()
    ]
    return jnp.max(primal, initial=0.0), jnp.zeros_like(scale[0]), jnp.max(jnp.stack(sums))
