"""Smooth functions of all entries of an array: sums, products, means."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.stdlib.primitives.exponentials import log_sum_exp
from karush.stdlib.primitives.tangents import at_singularity, real

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
