"""Sums, extremes, norms and order statistics of all entries of an array."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.stdlib.primitives.exponentials import log_sum_exp
from karush.stdlib.primitives.piecewise import absolute
from karush.stdlib.primitives.tangents import at_singularity, real, reals

ArrayLike = jax.typing.ArrayLike


def sumsq(x: ArrayLike) -> Array:
    """Σ x²."""
    flat = real(x).ravel()
    return flat @ flat


@jax.custom_jvp
def _prod(x: Array) -> Array:
    return jnp.prod(x)


@_prod.defjvp
def _prod_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    # the slope in one entry is the product of those before it and those after it: right where entries are 0
    (x,) = primals
    one = jnp.ones((1,), x.dtype)
    before = jnp.concatenate([one, lax.cumprod(x)[:-1]])
    after = jnp.concatenate([lax.cumprod(x, reverse=True)[1:], one])
    return _prod(x), jnp.sum(before * after * tangents[0])


def prod(x: ArrayLike) -> Array:
    """Π x."""
    return _prod(real(x).ravel())


def norm1(x: ArrayLike) -> Array:
    """Σ |x|."""
    return jnp.sum(absolute(x))


@jax.custom_jvp
def _norm2(x: Array) -> Array:
    scale = jnp.max(jnp.abs(x), initial=0)
    unit = x / jnp.where(scale > 0, scale, 1)
    return scale * jnp.sqrt(jnp.sum(unit * unit))


@_norm2.defjvp
def _norm2_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,) = primals
    norm = _norm2(x)
    return norm, jnp.sum(jnp.where(norm > 0, x / jnp.where(norm > 0, norm, 1), 0) * tangents[0])


def norm2(x: ArrayLike) -> Array:
    """√Σ x²; its derivative at 0 is 0, the element of least norm of the unit ball."""
    return _norm2(real(x))


@jax.custom_jvp
def _norminf(x: Array) -> Array:
    return jnp.max(jnp.abs(x), initial=0)


@_norminf.defjvp
def _norminf_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,) = primals
    norm = _norminf(x)
    attained = (jnp.abs(x) == norm).astype(x.dtype)
    return norm, jnp.sum(attained * jnp.sign(x) * tangents[0]) / jnp.maximum(jnp.sum(attained), 1)


def norminf(x: ArrayLike) -> Array:
    """max |x|; k equal ones share the derivative."""
    return _norminf(real(x))


@jax.custom_jvp
def _norm(x: Array, p: Array) -> Array:
    scale = _norminf(x)
    unit = jnp.abs(x) / jnp.where(scale > 0, scale, 1)
    return scale * jnp.sum(jnp.where(unit > 0, unit, 0) ** p) ** (1 / p)


@_norm.defjvp
def _norm_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    # with u = |x| / ‖x‖:  ∂‖x‖/∂x = sign(x) u^(p - 1),  ∂‖x‖/∂p = ‖x‖ Σ u^p log u / p
    x, p = primals
    norm = _norm(x, p)
    unit = absolute(x) / jnp.where(norm > 0, norm, 1)
    used = unit > 0
    safe = jnp.where(used, unit, 1)
    in_x = jnp.where(used, jnp.sign(x) * safe ** (p - 1), 0)
    in_p = norm * jnp.sum(jnp.where(used, safe**p * jnp.log(safe), 0)) / p
    return norm, jnp.sum(in_x * tangents[0]) + in_p * tangents[1]


def norm(x: ArrayLike, p: ArrayLike) -> Array:
    """(Σ |x|^p)^(1/p) for p >= 1; its derivative at 0 is 0."""
    return _norm(*reals(x, p))


def logsumexp(x: ArrayLike) -> Array:
    """log Σ exp x."""
    return log_sum_exp(real(x))


def softmax(x: ArrayLike) -> Array:
    """exp x / Σ exp x."""
    return jax.nn.softmax(real(x))


def cross_entropy(logits: ArrayLike, label: ArrayLike) -> Array:
    """log Σ exp logits - logits[label]."""
    scores = real(logits)
    return log_sum_exp(scores) - scores[jnp.asarray(label).astype(int)]


@jax.custom_jvp
def _geo_mean(x: Array) -> Array:
    inside = jnp.all(x >= 0)
    positive = jnp.all(x > 0)
    mean = jnp.exp(jnp.mean(jnp.log(jnp.where(positive, x, 1))))
    return jnp.where(inside, jnp.where(positive, mean, 0), -jnp.inf)


@_geo_mean.defjvp
def _geo_mean_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,) = primals
    positive = jnp.all(x > 0)
    mean = _geo_mean(x)
    slope = jnp.where(positive, mean / jnp.where(positive, x, 1) / x.size, 0)
    steep = at_singularity(tangents[0], (x <= 0) & ~positive, jnp.full_like(x, jnp.inf))
    return mean, jnp.sum(slope * tangents[0] + steep)


def geo_mean(x: ArrayLike) -> Array:
    """(Π x)^(1/n) on x >= 0; -inf outside."""
    return _geo_mean(real(x))


@jax.custom_jvp
def _sum_largest(x: Array, k: Array) -> Array:
    descending = -jnp.sort(-x)
    share = jnp.clip(k - jnp.arange(x.size, dtype=x.dtype), 0, 1)
    return jnp.sum(share * descending)


@_sum_largest.defjvp
def _sum_largest_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    # entries above the k-th have the weight 1, those equal to it share what is left of k
    x, k = primals
    last = jnp.clip(jnp.ceil(k).astype(int) - 1, 0, x.size - 1)
    threshold = (-jnp.sort(-x))[last]
    above, equal = (x > threshold).astype(x.dtype), (x == threshold).astype(x.dtype)
    left = jnp.clip(k - jnp.sum(above), 0, jnp.sum(equal))
    weights = jnp.where(k > 0, above + equal * left / jnp.sum(equal), 0)
    in_k = jnp.where((k > 0) & (k < x.size), threshold, 0)
    return _sum_largest(x, k), jnp.sum(weights * tangents[0]) + in_k * tangents[1]


def sum_largest(x: ArrayLike, k: ArrayLike) -> Array:
    """Sum of the k greatest entries (of ⌊k⌋ and a share of the next)."""
    return _sum_largest(*reals(x, k))


def sum_smallest(x: ArrayLike, k: ArrayLike) -> Array:
    """Sum of the k least entries."""
    x, k = reals(x, k)
    return -_sum_largest(-x, k)


def _around(x: Array, q: Array) -> tuple[Array, Array, Array]:
    """The two order statistics around the q-quantile of at least two entries, and the weight of the greater."""
    ascending = jnp.sort(x)
    position = q * (x.size - 1)
    below = jnp.clip(jnp.floor(position), 0, x.size - 2).astype(int)
    return ascending[below], ascending[below + 1], position - below


@jax.custom_jvp
def _quantile(x: Array, q: Array) -> Array:
    low, high, weight = _around(x, q)
    return (1 - weight) * low + weight * high


@_quantile.defjvp
def _quantile_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    # an order statistic moves with the mean of the entries equal to it: the element of least norm
    x, q = primals
    low, high, weight = _around(x, q)
    moved = [jnp.sum(equal * tangents[0]) / jnp.sum(equal) for equal in ((x == low) * 1.0, (x == high) * 1.0)]
    along = (1 - weight) * moved[0] + weight * moved[1]
    return _quantile(x, q), along.astype(x.dtype) + (high - low) * (x.size - 1) * tangents[1]


def quantile(x: ArrayLike, q: ArrayLike) -> Array:
    """The q-quantile, linear between order statistics; k equal entries share the derivative."""
    x, q = reals(x, q)
    return x[0] if x.size == 1 else _quantile(x, q)


def median(x: ArrayLike) -> Array:
    """The middle of the sorted entries; between two, their mean."""
    return quantile(x, 0.5)


def sort(x: ArrayLike) -> Array:
    """The entries in ascending order; at ties the derivative is a (stable) permutation."""
    return jnp.sort(real(x))


def tv(x: ArrayLike) -> Array:
    """Σ |x[i + 1] - x[i]|."""
    return jnp.sum(absolute(jnp.diff(real(x))))
