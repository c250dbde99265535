"""Projections onto the simplex and onto balls of norms, shape (n,).

Simplex of sum r:  P(v) = max(v - τ, 0) with Σ P(v) = r,  τ = max_k (v₍₁₎ + … + v₍ₖ₎ - r)/k over the sorted entries
(Held, Wolfe and Crowder 1974); with s the support of P(v), dP = s ∘ (dv - mean_s dv) + s dr/|s|.
Ball of ‖·‖₁ : sign(v) ∘ the simplex projection of |v|.  Ball of ‖·‖₂ : r v/‖v‖ outside.  On a sphere itself the
derivative is the one from outside, which has the least norm.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from karush.solvers.projections.intervals import box


@jax.custom_jvp
def _scaled_simplex(v: Array, total: Array) -> Array:
    ordered = -jnp.sort(-v)
    counts = jnp.arange(1, v.size + 1, dtype=v.dtype)
    threshold = jnp.max((jnp.cumsum(ordered) - total) / counts)
    return jnp.maximum(v - threshold, 0)


@_scaled_simplex.defjvp
def _scaled_simplex_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    v, total = primals
    point = _scaled_simplex(v, total)
    s = _support(point, v)
    share = (tangents[1] - jnp.sum(s * tangents[0])) / jnp.sum(s)
    return point, s * (tangents[0] + share)


def _support(point: Array, v: Array) -> Array:
    """1 where the point is positive; where it is 0 throughout, where it would be first."""
    grows = jnp.where(jnp.any(point > 0), point > 0, v >= jnp.max(v))
    return jax.lax.stop_gradient(grows.astype(v.dtype))


def simplex(v: Array) -> Array:
    """Onto x >= 0, Σ x = 1."""
    return _scaled_simplex(v, jnp.ones((), v.dtype))


def l1_ball(v: Array, radius: ArrayLike) -> Array:
    """Onto Σ |x| <= radius."""
    r = jnp.asarray(radius, v.dtype)
    signs = jax.lax.stop_gradient(jnp.sign(v))
    return jnp.where(jnp.sum(jnp.abs(v)) < r, v, signs * _scaled_simplex(signs * v, r))


def l2_ball(v: Array, radius: ArrayLike) -> Array:
    """Onto ‖x‖₂ <= radius."""
    r = jnp.asarray(radius, v.dtype)
    norm = safe_norm(v)
    outside = norm >= r
    return jnp.where(outside, r * v / jnp.where(outside & (norm > 0), norm, 1), v)


def linf_ball(v: Array, radius: ArrayLike) -> Array:
    """Onto max |x| <= radius."""
    r = jnp.asarray(radius, v.dtype)
    return box(v, -r, r)


def safe_norm(v: Array) -> Array:
    """‖v‖₂ without overflow, with the derivative 0 at 0."""
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(v), initial=0))
    unit = v / jnp.where(scale > 0, scale, 1)
    squares = jnp.sum(unit * unit)
    return scale * jnp.sqrt(jnp.where(squares > 0, squares, 1))
