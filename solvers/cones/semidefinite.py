"""The Nesterov–Todd scaling of the semidefinite cone in svec coordinates (forms/cones.py).

With S = LLᵀ and LᵀUL = Q Λ² Qᵀ,

    R = L Q Λ^(-1/2):   Rᵀ U R = R⁻¹ S R⁻ᵀ = Λ,     W = RRᵀ,     V: X ↦ W X W,   W U W = S.

On the central path Λ² = μI, so that squaring it loses nothing. V is diagonal in the eigenvectors of W = Q_w Ω Q_wᵀ
on both sides, with the eigenvalues ω_i ω_j: that is how V + δI is inverted.
Vandenberghe, "The CVXOPT linear and quadratic cone program solvers" (2010), sections 3 and 4.

Batched LAPACK calls that XLA may run side by side can lock on the CPU (condensed.py): those of several groups of cones
are ordered by ``after_group``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def _places(order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(place of each matrix entry in svec, rows and columns of the places)."""
    row, column = np.tril_indices(order)
    place = np.zeros((order, order), int)
    place[row, column] = place[column, row] = np.arange(row.size)
    return place, row, column


def matrices(vectors: Array, order: int) -> Array:
    """The symmetric matrices (count, k, k, …) of svec vectors (count, d, …)."""
    place, row, column = _places(order)
    factor = np.where(row == column, 1.0, 1 / np.sqrt(2.0))[place].reshape(order, order, *[1] * (vectors.ndim - 2))
    return vectors[:, place] * jnp.asarray(factor, vectors.dtype)


def vectors(symmetric: Array) -> Array:
    """svec of matrices (count, k, k, …), (count, d, …)."""
    _, row, column = _places(symmetric.shape[1])
    factor = np.where(row == column, 1.0, np.sqrt(2.0)).reshape(-1, *[1] * (symmetric.ndim - 3))
    return symmetric[:, row, column] * jnp.asarray(factor, symmetric.dtype)


def after_group(token: Array, values: Array) -> Array:
    """``values``, not before ``token`` is there; NaN where that is NaN (then the whole step is void)."""
    return jnp.where(jnp.isnan(token), jnp.nan, values)


def depth(vectors: Array, order: int) -> Array:
    """The least eigenvalue of each matrix, (count,)."""
    return jnp.linalg.eigvalsh(matrices(vectors, order))[:, 0]


def _congruent(left: Array, middle: Array) -> Array:
    """left X leftᵀ for every matrix X of ``middle`` (count, k, k, r)."""
    half = jnp.einsum("cij,cjlr->cilr", left, middle)
    return jnp.einsum("cilr,cml->cimr", half, left)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SemidefiniteScaling:
    """See ``ConeScaling``. ``s`` (count, d); R, R⁻¹, Q_w (count, k, k); Λ, Ω (count, k); δ."""

    s: Array
    root: Array
    inverse_root: Array
    middle: Array
    frame: Array
    values: Array
    delta: Array
    order: int = field(metadata={"static": True})

    def multiply(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        W = self.root @ self.root.mT
        return vectors(_congruent(W, matrices(block, self.order)))

    def _inside_frame(self, block: Array) -> tuple[Array, Array]:
        """(Q_wᵀ X Q_w for every matrix X of the block, ω_i ω_j + δ)."""
        turned = _congruent(self.frame.mT, matrices(block, self.order))
        return turned, (self.values[:, :, None] * self.values[:, None, :] + self.delta)[..., None]

    def weigh(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        turned, values = self._inside_frame(block)
        return vectors(_congruent(self.frame, turned / values))

    def half(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        turned, values = self._inside_frame(block)
        return vectors(turned / jnp.sqrt(values))

    def _scaled(self, ds: Array, du: Array) -> tuple[Array, Array]:
        """R⁻¹ dS R⁻ᵀ and Rᵀ dU R, each (count, k, k)."""
        dS, dU = matrices(ds, self.order), matrices(du, self.order)
        return self.inverse_root @ dS @ self.inverse_root.mT, self.root.mT @ dU @ self.root

    def loss(self, ds: Array, du: Array, centre: Array) -> Array:
        """S + R C Rᵀ where Λ C + C Λ = dS̃ dŨ + dŨ dS̃ − 2 centre I, the tilde for the scaled steps."""
        dS, dU = self._scaled(ds, du)
        product = dS @ dU
        sides = product + product.mT - 2 * centre * jnp.eye(self.order, dtype=ds.dtype)
        C = sides / (self.middle[:, :, None] + self.middle[:, None, :])
        return self.s + vectors(self.root @ C @ self.root.mT)

    def longest(self, ds: Array, du: Array) -> Array:
        """See ``ConeScaling``."""
        half = 1 / jnp.sqrt(self.middle)
        both = jnp.stack(self._scaled(ds, du)) * half[:, :, None] * half[:, None, :]
        speed = -jnp.linalg.eigvalsh(both)[..., 0]
        steps = jnp.where(speed > 0, 1 / jnp.where(speed > 0, speed, 1), jnp.inf)
        return jnp.minimum(jnp.min(steps, initial=jnp.inf), 1)


def scale_semidefinite(s: Array, u: Array, order: int, delta: Array) -> SemidefiniteScaling:
    """The scaling at s and u (count, d), both positive definite."""
    S, U = matrices(s, order), matrices(u, order)
    L = jnp.linalg.cholesky(S)
    squares, Q = jnp.linalg.eigh(L.mT @ U @ L)
    middle = jnp.sqrt(jnp.maximum(squares, jnp.finfo(s.dtype).tiny))
    root = (L @ Q) / jnp.sqrt(middle)[:, None, :]
    inverse_root = (U @ root / middle[:, None, :]).mT
    values, frame = jnp.linalg.eigh(root @ root.mT)
    values = jnp.maximum(values, jnp.finfo(s.dtype).tiny)
    return SemidefiniteScaling(s, root, inverse_root, middle, frame, values, delta, order)
