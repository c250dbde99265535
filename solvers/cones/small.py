"""Symmetric 3 by 3 matrices in bulk, shape (count, 3, 3): written out, since a library call a matrix costs more."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def inverse_factor(matrix: Array) -> Array:
    """L⁻¹ for matrix = LLᵀ; NaN where it is not positive definite."""
    a, b, c = matrix[:, 0, 0], matrix[:, 1, 0], matrix[:, 2, 0]
    p = 1 / jnp.sqrt(a)
    l10, l20 = b * p, c * p
    q = 1 / jnp.sqrt(matrix[:, 1, 1] - l10 * l10)
    l21 = (matrix[:, 2, 1] - l20 * l10) * q
    r = 1 / jnp.sqrt(matrix[:, 2, 2] - l20 * l20 - l21 * l21)
    zero = jnp.zeros_like(p)
    i10 = -l10 * p * q
    i20 = -(l20 * p + l21 * i10) * r
    rows = [[p, zero, zero], [i10, q, zero], [i20, -l21 * q * r, r]]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def times(matrix: Array, block: Array) -> Array:
    """Each matrix times its block (count, 3, r)."""
    return jnp.sum(matrix[:, :, :, None] * block[:, None, :, :], axis=2)


def transposed_times(matrix: Array, block: Array) -> Array:
    """Each matrix's transpose times its block (count, 3, r)."""
    return jnp.sum(matrix[:, :, :, None] * block[:, :, None, :], axis=1)


def outer(a: Array, b: Array) -> Array:
    """a bᵀ of vectors (count, 3)."""
    return a[:, :, None] * b[:, None, :]


def dot(a: Array, b: Array) -> Array:
    """⟨a, b⟩ of vectors (count, 3), as (count, 1)."""
    return jnp.sum(a * b, axis=-1, keepdims=True)
