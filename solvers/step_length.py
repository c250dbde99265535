"""How far a step of the homogeneous embedding (embedding.py) may go before it leaves a cone."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from karush.solvers.cones.product import ProductScaling
from karush.solvers.embedding import Embedded, Iterate


def longest(data: Embedded, it: Iterate, d: Iterate, cones: ProductScaling) -> Array:
    """The largest step in (0, 1] that keeps slacks, multipliers, τ and κ in their cones."""

    def limit(value: Array, change: Array, present: Array) -> Array:
        shrinking = present & (change < 0)
        return jnp.min(jnp.where(shrinking, -value / jnp.where(shrinking, change, -1), jnp.inf), initial=jnp.inf)

    pairs = (
        (it.slack_lower, d.slack_lower, data.low),
        (it.slack_upper, d.slack_upper, data.high),
        (it.z_lower, d.z_lower, data.low),
        (it.z_upper, d.z_upper, data.high),
        (it.tau[None], d.tau[None], jnp.ones(1, bool)),
        (it.kappa[None], d.kappa[None], jnp.ones(1, bool)),
    )
    lengths = [limit(*pair) for pair in pairs] + [jnp.ones_like(it.tau)]
    return jnp.min(jnp.stack([*lengths, cones.longest(d.slack, d.u)]))
