"""Square roots of weights and of matrices that stay differentiable where these are singular.

For P ⪰ 0 the root S = P^½ is symmetric, and xᵀPx = ‖S x‖². Its derivative solves  S dS + dS S = dP,  which has no
solution for a dP that adds to the kernel of P, though xᵀ dP x is what it is. So the eigenvalues of P that are less than
δ = ε^¾ λ_max are raised to δ: xᵀPx changes by less than δ ‖x‖², and 2 (S x)ᵀ dS x = xᵀ dP x holds for every dP.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax


def _floor(greatest: Array, dtype: Any) -> Array:
    return float(jnp.finfo(dtype).eps) ** 0.75 * jnp.where(greatest > 0, greatest, 1)


def root_of_weight(weight: Any, dtype: Any) -> Array:
    """√w for w ≥ 0, entry by entry; NaN where a weight is negative."""
    value = jnp.asarray(weight, dtype)
    greatest = lax.stop_gradient(jnp.max(value, initial=0.0))
    least = _floor(greatest, dtype)
    raised = value + lax.stop_gradient(jnp.where((value < least) & (value >= -least), least - value, 0))
    return jnp.sqrt(raised)


@jax.custom_jvp
def root_of_matrix(matrix: Array) -> Array:
    """P^½ for a positive semidefinite P, (n, n)."""
    values, vectors = jnp.linalg.eigh(matrix)
    raised = jnp.maximum(values, _floor(jnp.max(values, initial=0.0), matrix.dtype))
    return (vectors * jnp.sqrt(raised)) @ vectors.T


@root_of_matrix.defjvp
def _root_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    root = root_of_matrix(*primals)
    moved = tangents[0]
    return root, _sylvester(root, (moved + moved.T) / 2)


def _sylvester(root: Array, right: Array) -> Array:
    """The X with S X + X S = B for a positive definite symmetric S; linear in B, differentiable in both."""
    shape = right.shape
    values, vectors = jnp.linalg.eigh(lax.stop_gradient(root))
    sums = values[:, None] + values[None, :]

    def product(flat: Array) -> Array:
        x = flat.reshape(shape)
        return (root @ x + x @ root).reshape(-1)

    def solve(_: Any, flat: Array) -> Array:
        inside = vectors.T @ flat.reshape(shape) @ vectors
        return (vectors @ (inside / sums) @ vectors.T).reshape(-1)

    return lax.custom_linear_solve(product, right.reshape(-1), solve, solve, symmetric=True).reshape(shape)
