"""Sums of exponentials without overflow."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax


def log_sum_exp(x: Array, axis: int | tuple[int, ...] | None = None) -> Array:
    """log Σ exp x over the axes: -inf where there are no entries, or none above -inf.

    The greatest entry is taken out, and does not move: what it adds to the derivative cancels. The sum is not
    negative, so its logarithm needs no magnitude, whose derivative would cost more than all the rest.
    """
    top = lax.stop_gradient(jnp.max(x, axis, keepdims=True, initial=-jnp.inf))
    shift = jnp.where(jnp.isfinite(top), top, 0)
    return jnp.log(jnp.sum(jnp.exp(x - shift), axis)) + jnp.squeeze(shift, axis)
