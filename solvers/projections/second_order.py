"""Projection onto the second-order cone {(t, x) : ‖x‖₂ <= t}.

    P(t, x) = (t, x)                      ‖x‖ <= t
              0                           ‖x‖ <= -t
              (1 + t/‖x‖)/2 (‖x‖, x)      otherwise

At 0 the derivative is 0, on the rest of the boundary the one from outside. The cone is its own dual.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from karush.solvers.projections.balls import safe_norm


def second_order(v: Array) -> Array:
    """Onto the second-order cone, shape (1 + n,), n >= 0."""
    t, x = v[0], v[1:]
    norm = safe_norm(x)
    half = (1 + t / jnp.where(norm > 0, norm, 1)) / 2
    between = half * jnp.concatenate([norm[None], x])
    return jnp.where(norm <= -t, jnp.zeros_like(v), jnp.where(norm < t, v, between))
