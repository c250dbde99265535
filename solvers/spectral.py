"""Functions of a symmetric matrix through its eigenvalues, differentiated without those of its eigenvectors.

For g with g(Πw) = Πg(w) for permutations Π and F(A) = V Diag(g(w)) Vᵀ, the derivative is (Lewis and Sendov 2001)

    DF[E] = V (Diag(Dg(w) h) + L ∘ H) Vᵀ,   H = VᵀEV,   h = diag H,
    L_ij = (g_i - g_j)/(w_i - w_j),   or ∂g_i/∂w_i - ∂g_i/∂w_j where w_i = w_j,   L_ii = 0.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array


def spectral_map(entries: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """(A, parameter) ↦ V Diag(entries(w, parameter)) Vᵀ for symmetric A; the parameter is a number."""

    @jax.custom_jvp
    def function(A: Array, parameter: Array) -> Array:
        w, V = jnp.linalg.eigh(A)
        return (V * entries(w, parameter)) @ V.T

    @function.defjvp
    def function_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
        (A, parameter), (E, change) = primals, tangents
        w, V = jnp.linalg.eigh(A)
        H = V.T @ E @ V
        _, moved = jax.jvp(entries, (w, parameter), (jnp.diagonal(H), change))
        inner = jnp.diag(moved) + _quotients(w, entries(w, parameter), jax.jacfwd(entries)(w, parameter)) * H
        return function(A, parameter), V @ inner @ V.T

    return function


def _quotients(w: Array, g: Array, slopes: Array) -> Array:
    """L. Eigenvalues nearer than half of the digits are taken as equal: their quotient would be all rounding."""
    gap = w[:, None] - w[None, :]
    equal = jnp.abs(gap) <= jnp.finfo(w.dtype).eps ** 0.5 * jnp.max(jnp.abs(w), initial=0)
    own = jnp.diagonal(slopes)
    slope = (own[:, None] + own[None, :] - slopes - slopes.T) / 2
    L = jnp.where(equal, slope, (g[:, None] - g[None, :]) / jnp.where(equal, 1, gap))
    return L * (1 - jnp.eye(w.size, dtype=w.dtype))


def embedded(X: Array) -> Array:
    """[[0, X], [Xᵀ, 0]], whose eigenvalues are the singular values of X, their negatives, and zeros."""
    m, n = X.shape
    return jnp.block([[jnp.zeros((m, m), X.dtype), X], [X.T, jnp.zeros((n, n), X.dtype)]])
