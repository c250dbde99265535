"""Matrices of two and three rows in bulk, (count, k, k): written out, since a library call a matrix costs more."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from karush.solvers.short_sums import short_sum


def _pivots(matrix: Array) -> tuple[Array, Array, Array]:
    """The entries of L for a symmetric positive matrix LLᵀ of two rows; pivots lost in rounding are as good as 0."""
    a, b, c = matrix[:, 0, 0], matrix[:, 1, 0], matrix[:, 1, 1]
    info = jnp.finfo(matrix.dtype)
    least = info.eps**2 * (a + c) + info.tiny
    first = jnp.sqrt(jnp.maximum(a, least))
    below = b / first
    return first, below, jnp.sqrt(jnp.maximum(c - below * below, least))


def factor_of_two(matrix: Array) -> Array:
    """L, (count, 2, 2)."""
    first, below, second = _pivots(matrix)
    return _two(first, jnp.zeros_like(first), below, second)


def inverse_of_two(matrix: Array) -> Array:
    """L⁻¹, (count, 2, 2)."""
    first, below, second = _pivots(matrix)
    return _two(1 / first, jnp.zeros_like(first), -below / (first * second), 1 / second)


def _two(a: Array, b: Array, c: Array, d: Array) -> Array:
    return jnp.stack([jnp.stack([a, b], axis=-1), jnp.stack([c, d], axis=-1)], axis=-2)


def orthogonal_to(u: Array) -> Array:
    """Two unit vectors orthogonal to each u and to each other, (count, 2, 3).

    Duff et al., "Building an orthonormal basis, revisited", JCGT 6 (2017).
    """
    x, y, z = jnp.moveaxis(u / jnp.sqrt(dot(u, u)), 1, 0)
    sign = jnp.where(z < 0, -1.0, 1.0).astype(u.dtype)
    a = -1 / (sign + z)
    b = x * y * a
    first = jnp.stack([1 + sign * x * x * a, sign * b, -sign * x], axis=-1)
    return jnp.stack([first, jnp.stack([b, sign + y * y * a, -y], axis=-1)], axis=1)


def times(matrix: Array, block: Array) -> Array:
    """Each matrix times its block (count, 3, r)."""
    return short_sum(matrix[:, :, :, None] * block[:, None, :, :], 2)


def transposed_times(matrix: Array, block: Array) -> Array:
    """Each matrix's transpose times its block (count, 3, r)."""
    return short_sum(matrix[:, :, :, None] * block[:, :, None, :], 1)


def outer(a: Array, b: Array) -> Array:
    """a bᵀ of vectors (count, 3)."""
    return a[:, :, None] * b[:, None, :]


def dot(a: Array, b: Array) -> Array:
    """⟨a, b⟩ of vectors (count, 3), as (count, 1)."""
    return short_sum(a * b, -1)[..., None]
