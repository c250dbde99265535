"""Projections onto halfspaces, hyperplanes and affine sets, differentiable in the point, the normals and the offsets.

Halfspace a·x <= b:  P(v) = v - max(a·v - b, 0) a/‖a‖².  On the hyperplane itself the derivative is the one from
outside, I - aaᵀ/‖a‖², which has the least norm.  Affine A x = b:  P(v) = v - Aᵀ(AAᵀ)⁻¹(Av - b).
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def _moved_back(v: Array, a: Array, excess: Array) -> Array:
    squared = a @ a
    return v - excess / jnp.where(squared > 0, squared, 1) * a


def halfspace(v: Array, a: Array, b: ArrayLike) -> Array:
    """Onto a·x <= b, shapes (n,), (n,), (); all of the space where a = 0."""
    excess = a @ v - b
    return _moved_back(v, a, jnp.where(excess >= 0, excess, 0))


def hyperplane(v: Array, a: Array, b: ArrayLike) -> Array:
    """Onto a·x = b, shapes (n,), (n,), ()."""
    return _moved_back(v, a, a @ v - b)


def affine(v: Array, A: Array, b: Array) -> Array:
    """Onto A x = b, shapes (n,), (m, n), (m,); the rows of A are independent."""
    return v - A.T @ jnp.linalg.solve(A @ A.T, A @ v - b)
