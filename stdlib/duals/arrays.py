"""Tangents of the primitives that take whole arrays, vectors and matrices, by their formulas.

``TANGENTS[name](primals, tangents)`` is f′(p) t. Matrices: A. Griewank and A. Walther, Evaluating Derivatives; M. B.
Giles, Collected matrix derivative results (2008); cholesky: I. Murray, arXiv 1602.07527. At a tie the element of least
norm, as for scalars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jax import Array

from karush.stdlib.duals.number import times

Arrays = tuple[Array, ...]
Tangent = Callable[[Arrays, Arrays], Array]


def _linear(function: Callable[[Array], Array]) -> Tangent:
    """A linear function is its own derivative."""
    return lambda primals, tangents: function(tangents[0])


def _gradient(gradient: Callable[[Array], Array]) -> Tangent:
    """⟨∇f(x), t⟩ of a function of one array to a number."""
    return lambda primals, tangents: jnp.sum(times(gradient(primals[0]), tangents[0]))


# ---------------------------------------------------------------- sums, extremes, norms


def _others(x: Array) -> Array:
    """The product of all other entries, for each."""
    flat = x.ravel()
    without = jnp.where(jnp.eye(flat.size, dtype=bool), 1, flat[None, :])
    return jnp.prod(without, axis=1).reshape(x.shape)


def _shares(mask: Array, x: Array) -> Array:
    """Equal weights that sum to 1 on the mask."""
    weights = jnp.asarray(mask, x.dtype)
    return weights / jnp.maximum(jnp.sum(weights), 1)


def _norm2(x: Array) -> Array:
    norm = jnp.sqrt(jnp.sum(x * x))
    return x / jnp.where(norm == 0, 1, norm)


def _norm(primals: Arrays, tangents: Arrays) -> Array:
    """sign x (|x|/‖x‖)^(p − 1), and in p: ‖x‖ Σ u^p log u / p with u = |x|/‖x‖."""
    x, p = primals
    norm = jnp.sum(jnp.abs(x) ** p) ** (1 / p)
    u = jnp.abs(x) / jnp.where(norm == 0, 1, norm)
    used = jnp.where(u == 0, 1, u)
    in_x = jnp.where(u == 0, 0, jnp.sign(x) * used ** (p - 1))
    in_p = norm * jnp.sum(used**p * jnp.log(used)) / p
    return jnp.sum(in_x * tangents[0]) + in_p * tangents[1]


def _softmax(x: Array) -> Array:
    weights = jnp.exp(x - jnp.max(x))
    return weights / jnp.sum(weights)


def _softmax_tangent(primals: Arrays, tangents: Arrays) -> Array:
    """(diag s − s sᵀ) t."""
    s = _softmax(primals[0])
    return s * (tangents[0] - s @ tangents[0])


def _cross_entropy(primals: Arrays, tangents: Arrays) -> Array:
    logits, label = primals
    return _softmax(logits) @ tangents[0] - tangents[0][label.astype(int)]


def _geo_mean(x: Array) -> Array:
    """mean/(n x); where an entry is 0 the slope in it has no bound, and the mean does not move with the others."""
    positive = jnp.all(x > 0)
    safe = jnp.where(positive, x, 1)
    return jnp.where(positive, jnp.exp(jnp.mean(jnp.log(safe))) / (x.size * safe), jnp.where(x > 0, 0, jnp.inf))


# ---------------------------------------------------------------- order statistics


def _sum_largest(primals: Arrays, tangents: Arrays) -> Array:
    """Weight 1 above the k-th entry; those equal to it share what is left of k; in k the k-th entry itself."""
    x, k = primals
    threshold = jnp.sort(x)[::-1][jnp.clip(jnp.ceil(k).astype(int) - 1, 0, x.size - 1)]
    above = jnp.asarray(x > threshold, x.dtype)
    rest = jnp.minimum(k - jnp.sum(above), jnp.sum(x == threshold))
    weights = jnp.where(k > 0, above + rest * _shares(x == threshold, x), 0)
    return weights @ tangents[0] + jnp.where((k > 0) & (k < x.size), threshold, 0) * tangents[1]


def _sum_smallest(primals: Arrays, tangents: Arrays) -> Array:
    return -_sum_largest((-primals[0], primals[1]), (-tangents[0], tangents[1]))


def _quantile(primals: Arrays, tangents: Arrays) -> Array:
    """Each of the two order statistics moves with the mean of the entries that are equal to it."""
    (x, q), n = primals, primals[0].size
    if n == 1:
        return tangents[0][0]
    ascending = jnp.sort(x)
    below = jnp.clip(jnp.floor(q * (n - 1)).astype(int), 0, n - 2)
    low, high, weight = ascending[below], ascending[below + 1], q * (n - 1) - below
    moved = (1 - weight) * _shares(x == low, x) + weight * _shares(x == high, x)
    return moved @ tangents[0] + (n - 1) * (high - low) * tangents[1]


def _median(primals: Arrays, tangents: Arrays) -> Array:
    half = jnp.asarray(0.5, primals[0].dtype)
    return _quantile((primals[0], half), (tangents[0], jnp.zeros_like(half)))


def _sort(primals: Arrays, tangents: Arrays) -> Array:
    """Each sorted entry moves with the mean of the entries that are equal to it."""
    (x,), (t,) = primals, tangents
    equal = jnp.asarray(jnp.sort(x)[:, None] == x[None, :], x.dtype)
    return (equal / jnp.sum(equal, axis=1, keepdims=True)) @ t


def _cummax(x: Array, t: Array) -> Array:
    """Each running maximum moves with the mean of the entries before it that attain it."""
    top = jnp.max(jnp.where(jnp.tri(x.size, dtype=bool), x[None, :], -jnp.inf), axis=1)
    attained = jnp.tri(x.size, dtype=x.dtype) * (x[None, :] == top[:, None])
    return (attained / jnp.sum(attained, axis=1, keepdims=True)) @ t


def _tv(x: Array) -> Array:
    """Each difference pulls its upper end up and its lower end down."""
    signs = jnp.sign(x[1:] - x[:-1])
    return jnp.pad(signs, (1, 0)) - jnp.pad(signs, (0, 1))


# ---------------------------------------------------------------- matrices


def _det(primals: Arrays, tangents: Arrays) -> Array:
    """Jacobi's formula det A tr(A⁻¹ E)."""
    A, E = primals[0], tangents[0]
    return jnp.linalg.det(A) * jnp.trace(jnp.linalg.solve(A, E))


def _inverse(primals: Arrays, tangents: Arrays) -> Array:
    """−A⁻¹ E A⁻¹, from A A⁻¹ = I."""
    inverse = jnp.linalg.inv(primals[0])
    return -inverse @ tangents[0] @ inverse


def _solve(primals: Arrays, tangents: Arrays) -> Array:
    """A⁻¹ (dB − dA X), from A X = B."""
    A, B = primals
    return jnp.linalg.solve(A, tangents[1] - tangents[0] @ jnp.linalg.solve(A, B))


def _kron(primals: Arrays, tangents: Arrays) -> Array:
    return jnp.kron(tangents[0], primals[1]) + jnp.kron(primals[0], tangents[1])


def _cholesky(primals: Arrays, tangents: Arrays) -> Array:
    """L Φ(L⁻¹ E L⁻ᵀ), Φ the lower triangle with half the diagonal; E made symmetric, as A is."""
    L = jnp.linalg.cholesky(primals[0])
    E = (tangents[0] + tangents[0].T) / 2
    middle = jnp.linalg.solve(L, jnp.linalg.solve(L, E).T)
    return L @ (jnp.tril(middle) - jnp.diag(jnp.diagonal(middle)) / 2)


def _near(values: Array, level: Array, size: int) -> Array:
    """Equal up to the rounding of an eigenvalue."""
    return jnp.abs(values - level) <= 8 * size * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values), initial=0)


def _largest(A: Array) -> Array:
    """V Vᵀ/k of the k greatest eigenvalues of a symmetric matrix."""
    w, V = jnp.linalg.eigh((A + A.T) / 2)
    return (V * _shares(_near(w, w[-1], w.size), w)) @ V.T


def _sigma_max(A: Array) -> Array:
    """Σ uᵢ vᵢᵀ/k over the k greatest singular values; 0 at 0."""
    U, s, Vt = jnp.linalg.svd(A, full_matrices=False)
    weights = jnp.where(s[0] == 0, 0, _shares(_near(s, s[0], sum(A.shape)), s))
    return (U * weights) @ Vt


def _norm_nuc(A: Array) -> Array:
    """U Vᵀ over the singular values that are not 0."""
    U, s, Vt = jnp.linalg.svd(A, full_matrices=False)
    return (U * (1 - _near(s, jnp.zeros((), s.dtype), sum(A.shape)))) @ Vt


TANGENTS: Mapping[str, Tangent] = {
    "sum": _linear(jnp.sum),
    "mean": _linear(jnp.mean),
    "cumsum": _linear(jnp.cumsum),
    "diff": _linear(jnp.diff),
    "trace": _linear(jnp.trace),
    "diag": _linear(jnp.diag),
    "vec": _linear(jnp.ravel),
    "prod": _gradient(_others),
    "max": _gradient(lambda x: _shares(x == jnp.max(x), x)),
    "min": _gradient(lambda x: _shares(x == jnp.min(x), x)),
    "sumsq": _gradient(lambda x: 2 * x),
    "norm1": _gradient(jnp.sign),
    "norm2": _gradient(_norm2),
    "norminf": _gradient(lambda x: jnp.sign(x) * _shares(jnp.abs(x) == jnp.max(jnp.abs(x)), x)),
    "norm": _norm,
    "logsumexp": _gradient(_softmax),
    "softmax": _softmax_tangent,
    "cross_entropy": _cross_entropy,
    "geo_mean": _gradient(_geo_mean),
    "sum_largest": _sum_largest,
    "sum_smallest": _sum_smallest,
    "median": _median,
    "quantile": _quantile,
    "sort": _sort,
    "cummax": lambda primals, tangents: _cummax(primals[0], tangents[0]),
    "cummin": lambda primals, tangents: -_cummax(-primals[0], -tangents[0]),
    "tv": _gradient(_tv),
    "det": _det,
    "logdet": _gradient(lambda A: jnp.linalg.inv(A).T),
    "inv": _inverse,
    "solve": _solve,
    "lambda_max": _gradient(_largest),
    "lambda_min": _gradient(lambda A: _largest(-A)),
    "sigma_max": _gradient(_sigma_max),
    "norm_nuc": _gradient(_norm_nuc),
    "kron": _kron,
    "cholesky": _cholesky,
}
"""Name of a primitive of whole arrays -> its derivative along tangents."""
