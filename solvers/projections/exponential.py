"""Projection onto the exponential cone K = cl {(x, y, z) : y > 0, y exp(x/y) <= z}.

A point v outside K and its polar cone is p + q, p on K's surface and q normal to it there:

    p = α (ρ, 1, exp ρ),   q = β (1, 1 - ρ, -exp(-ρ)),
    α = (v_y + (ρ - 1) v_x)/(ρ² - ρ + 1),   β = (v_x - ρ v_y)/(ρ² - ρ + 1),
    h(ρ) = α exp ρ - β exp(-ρ) - v_z = 0,

and h increases on the interval where α and β are positive (Friberg 2023). The rest of K's surface, y = 0, is flat.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.projections.curved import Surface, bisect


def exponential(v: Array) -> Array:
    """Onto the exponential cone, shape (3,)."""
    return _nearest(v, _ratio(v))


def _inside(v: Array) -> Array:
    x, y, z = v
    return (y > 0) & (y * jnp.exp(x / jnp.where(y > 0, y, 1)) <= z)


def _polar(v: Array) -> Array:
    x, y, z = v
    return (x > 0) & (x * jnp.exp(y / jnp.where(x > 0, x, 1)) <= -jnp.e * z)


def _reach(v: Array) -> Array:
    """As far as exp ρ and exp(-ρ) are numbers."""
    return jnp.asarray(0.98 * jnp.log(jnp.finfo(v.dtype).max), v.dtype)


def _flat(v: Array) -> Array:
    """Is the nearest point on the side y = 0, or where the surface is z = 0 to all digits?"""
    x, y, _ = v
    return (x <= 0) & (x <= -_reach(v) * y)


def _multipliers(v: Array, ratio: Array) -> tuple[Array, Array]:
    """α and β."""
    divisor = ratio * ratio - ratio + 1
    return (v[1] + (ratio - 1) * v[0]) / divisor, (v[0] - ratio * v[1]) / divisor


def _interval(v: Array) -> tuple[Array, Array]:
    """The ρ within reach where α and β are positive."""
    (x, y, _), reach = v, _reach(v)
    first, second = 1 - y / jnp.where(x == 0, 1, x), x / jnp.where(y == 0, 1, y)
    lower = jnp.maximum(jnp.where(x > 0, first, -reach), jnp.where(y < 0, second, -reach))
    upper = jnp.minimum(jnp.where(x < 0, first, reach), jnp.where(y > 0, second, reach))
    return jnp.clip(lower, -reach, reach), jnp.clip(upper, -reach, reach)


@jax.custom_jvp
def _ratio(v: Array) -> Array:
    """ρ = p_x/p_y of the point on the curved surface; the cone is a cone, so that v can be scaled."""
    size = jnp.max(jnp.abs(v))
    unit = v / jnp.where(size > 0, size, 1)

    def below(ratio: Array) -> Array:
        alpha, beta = _multipliers(unit, ratio)
        return alpha * jnp.exp(ratio) - beta * jnp.exp(-ratio) < unit[2]

    return bisect(below, *_interval(unit))


def _scaled_equation(v: Array, ratio: Array) -> Array:
    """h(ρ) exp(-|ρ|), which is linear in v."""
    alpha, beta = _multipliers(v, ratio)
    small = jnp.exp(-jnp.abs(ratio))
    square = small * small
    return alpha * jnp.where(ratio > 0, 1, square) - beta * jnp.where(ratio > 0, square, 1) - v[2] * small


@_ratio.defjvp
def _ratio_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    # the root of an equation, whatever found it
    (v,), (change,) = primals, tangents
    ratio = _ratio(v)
    slope = jax.grad(_scaled_equation, argnums=1)(v, ratio)
    return ratio, -_scaled_equation(change, ratio) / jnp.where(slope != 0, slope, 1)


def _on_surface(v: Array, ratio: Array) -> Array:
    """p, from the greater of its entries: exp ρ would magnify the rounding of α."""
    alpha, beta = (jnp.maximum(part, 0) for part in _multipliers(v, ratio))
    small = jnp.exp(-jnp.abs(ratio))
    high = jnp.maximum(v[2] + beta * small, 0)
    y = jnp.where(ratio > 0, high * small, alpha)
    return jnp.stack([ratio * y, y, jnp.where(ratio > 0, high, alpha * small)])


@jax.custom_jvp
def _nearest(v: Array, ratio: Array) -> Array:
    """The projection of v, given ρ of the nearest point of the curved surface."""
    flat = jnp.stack([jnp.minimum(v[0], 0), jnp.maximum(v[1], 0), jnp.maximum(v[2], 0)])
    outside = jnp.where(_flat(v), flat, _on_surface(v, ratio))
    return jnp.where(_inside(v), v, jnp.where(_polar(v), jnp.zeros_like(v), outside))


@_nearest.defjvp
def _nearest_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    # the change of v says all: ρ is a function of v, whose own change counts in second derivatives alone
    (v, ratio), (change, _) = primals, tangents
    zero, one = jnp.zeros((), v.dtype), jnp.ones((), v.dtype)
    flat = change * jnp.stack([v[0] < 0, v[1] > 0, v[2] > 0]).astype(v.dtype)
    small = jnp.exp(-jnp.abs(ratio))
    up = jnp.stack([one, 1 - ratio, -small])
    down = jnp.stack([small, (1 - ratio) * small, -one])
    beta, y = jnp.maximum(_multipliers(v, ratio)[1], 0), _on_surface(v, ratio)[1]
    surface = Surface(jnp.where(ratio > 0, up, down), jnp.stack([one, -ratio, zero]), beta, y)
    outside = jnp.where(_flat(v), flat, surface.moved(change))
    return _nearest(v, ratio), jnp.where(_inside(v), change, jnp.where(_polar(v), jnp.zeros_like(v), outside))
