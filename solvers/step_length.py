"""How far a step of the homogeneous embedding (embedding.py) may go before it leaves a cone."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.cones import product
from karush.solvers.cones.product import ProductScaling
from karush.solvers.embedding import Embedded, Iterate, gap_product

# The share of the way to the boundary that a step goes.
REACH = 0.99

# Steps into cones that are not symmetric are tried out, each this share of the one before, down to the shortest.
BACKTRACK, SHORTEST = 0.9, 1e-6


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
    length = jnp.min(jnp.stack([*lengths, cones.longest(d.slack, d.u)]))
    return length if product.is_symmetric(data.cones) else _tried(data, it, d, length)


def _tried(data: Embedded, it: Iterate, d: Iterate, length: Array) -> Array:
    """The first of ``length``, ``length`` BACKTRACK, … that keeps the cones near the central path, or 0.

    What is near is inside, which takes less to tell: so the lengths that lead out of a cone are passed over first.
    """

    def moved(length: Array) -> Iterate:
        return jax.tree.map(lambda a, b: a + length * b, it, d)

    def is_inside(trial: Iterate) -> Array:
        return product.is_near(data.cones, trial.slack, trial.u, None)

    def is_near(trial: Iterate) -> Array:
        return product.is_near(data.cones, trial.slack, trial.u, gap_product(data, trial))

    def first(length: Array, holds: Callable[[Iterate], Array]) -> Array:
        def is_too_far(length: Array) -> Array:
            return ~holds(moved(REACH * length)) & (length > SHORTEST)

        def shorter(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            length = BACKTRACK * carry[0]
            return length, is_too_far(length)

        # the verdict is carried along: a condition that is computed in the loop's head is computed twice in a batch
        return jax.lax.while_loop(lambda carry: carry[1], shorter, (length, is_too_far(length)))[0]

    length = first(first(length, is_inside), is_near)
    return jnp.where(length > SHORTEST, length, 0)
