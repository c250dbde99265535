"""Functions of matrices. No eigenvector is ever differentiated.

For f(A) = V f(w) Vᵀ of a symmetric A the derivative is that of Daleckii and Krein, Df[E] = V (L ∘ VᵀEV) Vᵀ with
L_ij = (f_i - f_j)/(w_i - w_j), which is finite at repeated eigenvalues when L is set to the slope of f there.
Singular values of X are eigenvalues of the symmetric [[0, X], [Xᵀ, 0]].
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.tangents import real, reals

ArrayLike = jax.typing.ArrayLike


def _tolerance(eigenvalues: Array) -> Array:
    """Eigenvalues nearer to each other than this are equal."""
    return 8 * eigenvalues.size * jnp.finfo(eigenvalues.dtype).eps * jnp.max(jnp.abs(eigenvalues), initial=0)


def _largest_shares(w: Array) -> Array:
    """1/k on the k greatest eigenvalues."""
    top = (w >= w[-1] - _tolerance(w)).astype(w.dtype)
    return top / jnp.sum(top)


def _signs(w: Array) -> Array:
    return jnp.where(jnp.abs(w) <= _tolerance(w), 0, jnp.sign(w))


def _piecewise_constant(weights: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """A ↦ V weights(w) Vᵀ, for weights that do not move with w where they are differentiable."""

    @jax.custom_jvp
    def function(A: Array) -> Array:
        w, V = jnp.linalg.eigh(A)
        return (V * weights(w)) @ V.T

    @function.defjvp
    def function_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (A,), (E,) = primals, tangents
        w, V = jnp.linalg.eigh(A)
        gap = w[:, None] - w[None, :]
        equal = jnp.abs(gap) <= _tolerance(w)
        f = weights(w)
        L = jnp.where(equal, 0, (f[:, None] - f[None, :]) / jnp.where(equal, 1, gap))
        return function(A), V @ (L * (V.T @ E @ V)) @ V.T

    return function


def _spectral_sum(value: Callable[[Array], Array], weights: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """A ↦ value(w) for a symmetric A, with the derivative E ↦ ⟨V weights(w) Vᵀ, E⟩."""
    gradient = _piecewise_constant(weights)

    @jax.custom_jvp
    def function(A: Array) -> Array:
        return value(jnp.linalg.eigvalsh(A))

    @function.defjvp
    def function_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (A,), (E,) = primals, tangents
        return function(A), jnp.sum(gradient(A) * E)

    return function


_largest = _spectral_sum(lambda w: w[-1], _largest_shares)
_half_absolute = _spectral_sum(lambda w: jnp.sum(jnp.abs(w)) / 2, lambda w: _signs(w) / 2)


def _symmetric(X: ArrayLike) -> Array:
    A = real(X)
    return (A + A.T) / 2


def _embedded(X: ArrayLike) -> Array:
    A = real(X)
    m, n = A.shape
    return jnp.block([[jnp.zeros((m, m), A.dtype), A], [A.T, jnp.zeros((n, n), A.dtype)]])


def lambda_max(X: ArrayLike) -> Array:
    """Greatest eigenvalue of a symmetric matrix; at k equal ones the derivative is V Vᵀ/k."""
    return _largest(_symmetric(X))


def lambda_min(X: ArrayLike) -> Array:
    """Least eigenvalue of a symmetric matrix."""
    return -_largest(-_symmetric(X))


def sigma_max(X: ArrayLike) -> Array:
    """Greatest singular value; its derivative at 0 is 0."""
    return _largest(_embedded(X))


def norm_nuc(X: ArrayLike) -> Array:
    """Sum of the singular values; its derivative is U Vᵀ over those that are not 0."""
    return _half_absolute(_embedded(X))


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
