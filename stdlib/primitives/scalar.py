"""Smooth functions of one number, elementwise; the slopes that are infinite at an end of the domain are marked."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln

from karush.stdlib.primitives.tangents import (
    at_singularity,
    real,
    reals,
    with_singular_slope,
    with_slope,
)

ArrayLike = jax.typing.ArrayLike


def _infinite(x: Array) -> Array:
    return jnp.full_like(x, jnp.inf)


def _is_zero(x: Array) -> Array:
    return x == 0


def _is_end(x: Array) -> Array:
    return jnp.abs(x) == 1


square = with_slope(lambda x: x * x, lambda x: 2 * x)


def _slope_of_sqrt(x: Array) -> Array:
    return 0.5 / sqrt(x)


sqrt: Callable[[ArrayLike], Array] = with_singular_slope(jnp.sqrt, _slope_of_sqrt, _is_zero, 1.0, _infinite)

log = with_singular_slope(jnp.log, lambda x: 1 / x, _is_zero, 1.0, _infinite)

log1p = with_singular_slope(jnp.log1p, lambda x: 1 / (1 + x), lambda x: x == -1, 0.0, _infinite)

asin = with_singular_slope(jnp.arcsin, lambda x: 1 / jnp.sqrt(1 - x * x), _is_end, 0.0, _infinite)

acos = with_singular_slope(
    jnp.arccos, lambda x: -1 / jnp.sqrt(1 - x * x), _is_end, 0.0, lambda x: jnp.full_like(x, -jnp.inf)
)


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


softplus = with_slope(lambda x: jnp.logaddexp(x, jnp.zeros_like(x)), jax.nn.sigmoid)
"""log(1 + eˣ)."""


def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """x for x > 0, alpha (eˣ - 1) otherwise; at 0 the slope is alpha."""
    x, alpha = reals(x, alpha)
    return jnp.where(x > 0, x, alpha * jnp.expm1(jnp.where(x > 0, 0, x)))


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
    y, x = primals
    y_tangent, x_tangent = tangents
    origin = (x == 0) & (y == 0)
    radius = jnp.where(origin, 1, x * x + y * y)
    turned = (x * y_tangent - y * x_tangent) / radius
    undefined = jnp.full_like(turned, jnp.nan)
    lost = at_singularity(y_tangent, origin, undefined) + at_singularity(x_tangent, origin, undefined)
    return _atan2(y, x), turned + lost


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
