"""Projections of square matrices: onto the symmetric ones, and onto the positive semidefinite ones.

    P(A) = V max(w, 0) Vᵀ,   dP[E] = V (L ∘ VᵀEV) Vᵀ,   L_ij = (w_i⁺ - w_j⁺)/(w_i - w_j)

(Daleckii and Krein). With w⁺ = max(w, 0) the quotient is (w_i⁺ + w_j⁺)/(|w_i| + |w_j|): nothing cancels, nothing is
divided by a gap, and equal eigenvalues need no case of their own. At two zeros L is 0.

Higher derivatives take none of the eigenvectors. With P = P(A), |A| = 2P - A and Z = dP[E] that formula solves

    |A| Z + Z |A| = P E + E P,

an equation that can be differentiated in A: what is left to solve has the same left-hand side.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax


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
    return _positive_part(A), _slope(A, E)


def _slope(A: Array, E: Array) -> Array:
    """dP[E] at A, as the second part of a solution of E' = E, |A| Z + Z |A| - P E' - E' P = 0.

    The solve is by the formula, so that nothing cancels; its derivatives and its transpose are those of the equations.
    """
    w, V = jnp.linalg.eigh(lax.stop_gradient(A))
    positive, sizes = jnp.maximum(w, 0), jnp.abs(w)[:, None] + jnp.abs(w)[None, :]
    inverse = jnp.where(sizes > 0, 1 / jnp.where(sizes > 0, sizes, 1), 0)
    L = inverse * (positive[:, None] + positive[None, :])

    def times(weights: Array, matrix: Array) -> Array:
        return V @ (weights * (V.T @ matrix @ V)) @ V.T

    def equations(pair: Array) -> Array:
        P = _positive_part(A)
        return jnp.stack([pair[0], _anticommutator(2 * P - A, pair[1]) - _anticommutator(P, pair[0])])

    def solve(_: Callable[[Array], Array], right: Array) -> Array:
        return jnp.stack([right[0], times(L, right[0]) + times(inverse, right[1])])

    def transposed(_: Callable[[Array], Array], right: Array) -> Array:
        return jnp.stack([right[0] + times(L, right[1]), times(inverse, right[1])])

    pair: Array = lax.custom_linear_solve(equations, jnp.stack([E, jnp.zeros_like(E)]), solve, transposed)
    return pair[1]


def _anticommutator(A: Array, B: Array) -> Array:
    return A @ B + B @ A


def semidefinite(A: Array) -> Array:
    """Onto the positive semidefinite matrices; of A its symmetric part counts. The cone is its own dual."""
    return _positive_part(symmetric(A))
