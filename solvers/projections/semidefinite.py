"""Projections of square matrices: onto the symmetric ones, and onto the positive semidefinite ones.

    P(A) = V max(w, 0) Vᵀ,   dP[E] = V (L ∘ VᵀEV) Vᵀ,   L_ij = (w_i⁺ - w_j⁺)/(w_i - w_j)

(Daleckii and Krein). With w⁺ = max(w, 0) the quotient is (w_i⁺ + w_j⁺)/(|w_i| + |w_j|): nothing cancels, nothing is
divided by a gap, and equal eigenvalues need no case of their own. At two zeros L is 0.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array


def symmetric(A: Array) -> Array:
    """Onto X = Xᵀ."""
    return (A + A.T) / 2


@jax.custom_jvp
def _positive_part(A: Array) -> Array:
    w, V = jnp.linalg.eigh(A)
    return (V * jnp.maximum(w, 0)) @ V.T


@_positive_part.defjvp
def _positive_part_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (A,), (E,) = primals, tangents
    w, V = jnp.linalg.eigh(A)
    positive, size = jnp.maximum(w, 0), jnp.abs(w)
    sizes = size[:, None] + size[None, :]
    L = jnp.where(sizes > 0, (positive[:, None] + positive[None, :]) / jnp.where(sizes > 0, sizes, 1), 0)
    return _positive_part(A), V @ (L * (V.T @ E @ V)) @ V.T


def semidefinite(A: Array) -> Array:
    """Onto the positive semidefinite matrices; of A its symmetric part counts. The cone is its own dual."""
    return _positive_part(symmetric(A))
