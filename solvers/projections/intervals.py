"""Projections onto intervals, entry by entry.

    P(v) = min(max(v, lower), upper)

At a bound the derivative is the element of least norm, 0: the result moves with the bound.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


@jax.custom_jvp
def _clip(v: Array, lower: Array, upper: Array) -> Array:
    return jnp.minimum(jnp.maximum(v, lower), upper)


@_clip.defjvp
def _clip_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    # chosen, not weighted: the tangent of a bound that is not met does not enter
    v, lower, upper = primals
    at_upper = jnp.maximum(v, lower) >= upper
    at_lower = (v <= lower) & ~at_upper
    moved = jnp.where(at_upper, tangents[2], jnp.where(at_lower, tangents[1], tangents[0]))
    return _clip(v, lower, upper), moved


def box(v: Array, lower: ArrayLike, upper: ArrayLike) -> Array:
    """Onto lower <= x <= upper; an infinite bound is none. Where lower > upper, the upper one."""
    bounds = (jnp.broadcast_to(jnp.asarray(b, v.dtype), v.shape) for b in (lower, upper))
    return _clip(v, *bounds)


def nonnegative(v: Array) -> Array:
    """Onto x >= 0."""
    return box(v, 0, jnp.inf)


def nonpositive(v: Array) -> Array:
    """Onto x <= 0."""
    return box(v, -jnp.inf, 0)


def whole(v: Array) -> Array:
    """Onto all of the space."""
    return v
