"""Smooth functions of matrices. Those of eigenvalues stand in ``eigenvalues``."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.tangents import real, reals

ArrayLike = jax.typing.ArrayLike


def logdet(X: ArrayLike) -> Array:
    """log det X of a positive definite matrix; NaN where it is not."""
    return 2 * jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky(real(X)))))


def trace(X: ArrayLike) -> Array:
    """Sum of the diagonal."""
    return jnp.trace(real(X))


def diag(x: ArrayLike) -> Array:
    """A vector as a diagonal matrix, or the diagonal of a matrix."""
    return jnp.diag(real(x))


def det(X: ArrayLike) -> Array:
    """Determinant."""
    return jnp.linalg.det(real(X))


def inv(X: ArrayLike) -> Array:
    """Inverse."""
    return jnp.linalg.inv(real(X))


def solve(A: ArrayLike, b: ArrayLike) -> Array:
    """The x with A x = b."""
    return jnp.linalg.solve(*reals(A, b))


def kron(A: ArrayLike, B: ArrayLike) -> Array:
    """Kronecker product."""
    return jnp.kron(*reals(A, B))


def vec(X: ArrayLike) -> Array:
    """All entries in row-major order."""
    return real(X).ravel()


def cholesky(X: ArrayLike) -> Array:
    """The lower triangular L with L Lᵀ = X."""
    return jnp.linalg.cholesky(real(X))
