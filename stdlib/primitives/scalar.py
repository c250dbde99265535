"""Smooth functions of one number, elementwise; the slopes that are infinite at an end of the domain are marked."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln

from karush.stdlib.primitives.tangents import (
    at_singularity,
    divided,
    divided_by_root,
    real,
    reals,
    undefined_where,
    with_singular_slope,
    with_tangent,
)

ArrayLike = jax.typing.ArrayLike


def _is_zero(x: Array) -> Array:
    return x == 0


square = with_tangent("square", lambda x: x * x, lambda x, _, t: 2 * x * t)

# the slopes below are quotients whose divisor is 0 at an end of the domain; |·| there takes -0.0 for 0.0

sqrt: Callable[[ArrayLike], Array] = with_tangent(
    "sqrt", jnp.sqrt, lambda x, y, t: divided_by_root(0.5 * t, x, jnp.abs(y))
)

log = with_tangent("log", jnp.log, lambda x, _, t: divided(t, jnp.abs(x)))

log1p = with_tangent("log1p", jnp.log1p, lambda x, _, t: divided(t, 1 + x))


def _divided_by_cosine(sine: Array, tangent: Array) -> Array:
    square_of_cosine = 1 - sine * sine
    return divided_by_root(tangent, square_of_cosine, jnp.sqrt(square_of_cosine))


asin = with_tangent("asin", jnp.arcsin, lambda x, _, t: _divided_by_cosine(x, t))

acos = with_tangent("acos", jnp.arccos, lambda x, _, t: -_divided_by_cosine(x, t))


def _safe_log(x: Array) -> Array:
    return jnp.log(jnp.where(x > 0, x, 1))


xlogx = with_singular_slope(
    lambda x: jnp.where(x < 0, jnp.inf, x * _safe_log(x)),
    lambda x: 1 + log(x),
    _is_zero,
    1.0,
    lambda x: jnp.full_like(x, -jnp.inf),
)


def entropy(x: ArrayLike) -> Array:
    """-x log x, 0 at 0, -inf for x < 0."""
    return 0 - xlogx(x)


inv_pos = with_singular_slope(
    lambda x: jnp.where(x > 0, 1 / jnp.where(x > 0, x, 1), jnp.inf),
    lambda x: -1 / (x * x),
    lambda x: x <= 0,
    1.0,
    lambda x: jnp.full_like(x, jnp.nan),
)


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + e⁻ˣ)."""
    return jax.nn.sigmoid(real(x))


softplus = with_tangent(
    "softplus", lambda x: jnp.logaddexp(x, jnp.zeros_like(x)), lambda x, _, t: jax.nn.sigmoid(x) * t
)
"""log(1 + eˣ)."""


def gelu(x: ArrayLike) -> Array:
    """x Φ(x), exactly."""
    return jax.nn.gelu(real(x), approximate=False)


def silu(x: ArrayLike) -> Array:
    """x sigmoid(x)."""
    return jax.nn.silu(real(x))


@jax.custom_jvp
def _atan2(y: Array, x: Array) -> Array:
    return jnp.arctan2(y, x)


@_atan2.defjvp
def _atan2_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """(x dy − y dx) / (x² + y²). At the origin it is undefined, though the dividend is 0 there."""
    y, x = primals
    radius = x * x + y * y
    dy, dx = (undefined_where(radius == 0, t) for t in tangents)
    return _atan2(y, x), divided(x * dy - y * dx, radius)


def atan2(y: ArrayLike, x: ArrayLike) -> Array:
    """The angle of the point (x, y); its derivative at the origin is undefined."""
    return _atan2(*jnp.broadcast_arrays(*reals(y, x)))


@jax.custom_jvp
def _xlogy(x: Array, y: Array) -> Array:
    return jnp.where(x == 0, 0, x * jnp.log(jnp.where(x == 0, 1, y)))


@_xlogy.defjvp
def _xlogy_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    x, y = primals
    x_tangent, y_tangent = tangents
    end = y == 0
    inner = jnp.where(end, 1, y)
    regular = jnp.where(end, 0, log(inner)) * x_tangent + jnp.where(end, 0, x / inner) * y_tangent
    slope = jnp.where(x == 0, 0, jnp.sign(x) * jnp.inf)
    steep = at_singularity(x_tangent, end, jnp.full_like(x, -jnp.inf)) + at_singularity(
        y_tangent, end & (x != 0), slope
    )
    return _xlogy(x, y), regular + steep


def xlogy(x: ArrayLike, y: ArrayLike) -> Array:
    """x log y, and 0 at x = 0 for every y >= 0."""
    return _xlogy(*jnp.broadcast_arrays(*reals(x, y)))


def rel_entr(x: ArrayLike, y: ArrayLike) -> Array:
    """x log(x/y); 0 at x = 0, y >= 0; inf outside the domain."""
    x, y = jnp.broadcast_arrays(*reals(x, y))
    inside = (x >= 0) & ((y > 0) | ((x == 0) & (y == 0)))
    safe_x, safe_y = jnp.where(inside, x, 1), jnp.where(inside, y, 1)
    return jnp.where(inside, xlogx(safe_x) - xlogy(safe_x, safe_y), jnp.inf)


def kl_div(x: ArrayLike, y: ArrayLike) -> Array:
    """x log(x/y) - x + y; inf outside the domain."""
    x, y = reals(x, y)
    return rel_entr(x, y) - x + y


def poisson_nll(y: ArrayLike, rate: ArrayLike) -> Array:
    """rate - y log rate + log y!."""
    y, rate = reals(y, rate)
    return rate - xlogy(y, rate) + gammaln(y + 1)


def bernoulli_nll(y: ArrayLike, p: ArrayLike) -> Array:
    """-y log p - (1 - y) log(1 - p), with 0 log 0 = 0."""
    y, p = reals(y, p)
    return -xlogy(y, p) - xlogy(1 - y, 1 - p)
