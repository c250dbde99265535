"""Projection onto the power cone K = {(x, y, z) : x, y >= 0, x^a y^(1-a) >= |z|}, 0 <= a <= 1.

A point v outside K and its polar cone has the nearest point (x, y, sign(v_z) r) with

    x = (v_x + √(v_x² + 4 a r (|v_z| - r)))/2,   y likewise with 1 - a,   x^a y^(1-a) = r,

one r in (0, |v_z|) (Hien 2015): the product is above r before it and below r after it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from karush.solvers.projections.curved import Surface, bisect


def power(v: Array, alpha: ArrayLike) -> Array:
    """Onto the power cone, shape (3,)."""
    return _power(v, jnp.asarray(alpha, v.dtype))


def _mean(x: Array, y: Array, a: Array) -> Array:
    """x^a y^(1-a) for x, y >= 0, with 0^0 = 1; its derivative is not taken."""
    return jnp.maximum(x, 0) ** a * jnp.maximum(y, 0) ** (1 - a)


def _inside(v: Array, a: Array) -> Array:
    x, y, z = v
    return (x >= 0) & (y >= 0) & (_mean(x, y, a) >= jnp.abs(z))


def _polar(v: Array, a: Array) -> Array:
    x, y, z = v
    return (x <= 0) & (y <= 0) & (_mean(-x, -y, a) >= jnp.abs(z) * _mean(a, 1 - a, a))


def _leg(v: Array, product: Array) -> Array:
    """(v + √(v² + 4 product))/2, without the cancellation of a negative v."""
    root = jnp.sqrt(v * v + 4 * product)
    apart = jnp.where(v < 0, root - v, 1)
    return jnp.where(v < 0, 2 * product / apart, (v + root) / 2)


def _height(v: Array, a: Array) -> Array:
    """The r where the product of the legs meets it."""
    top = jnp.abs(v[2])

    def below(r: Array) -> Array:
        x, y = _legs(v, a, r)
        return _mean(x, y, a) > r

    return bisect(below, jnp.zeros_like(top), top)


def _legs(v: Array, a: Array, r: Array) -> tuple[Array, Array]:
    room = r * jnp.maximum(jnp.abs(v[2]) - r, 0)
    return _leg(v[0], a * room), _leg(v[1], (1 - a) * room)


def _on_surface(v: Array, a: Array, r: Array) -> tuple[Array, Array]:
    """The legs x and y; where |v_z| - r is lost in rounding the shorter one by x^a y^(1-a) = r."""
    x, y = _legs(v, a, r)
    near = 2 * r > jnp.abs(v[2])
    short_x, short_y = near & (x < y) & (a > 0), near & (y < x) & (a < 1)
    long = jnp.where(near, jnp.maximum(x, y), 1)
    b = 1 - a
    return (
        jnp.where(short_x, (r / long**b) ** (1 / jnp.where(short_x, a, 1)), x),
        jnp.where(short_y, (r / long**a) ** (1 / jnp.where(short_y, b, 1)), y),
    )


@jax.custom_jvp
def _power(v: Array, a: Array) -> Array:
    size = jnp.max(jnp.abs(v))
    scale = jnp.where(size > 0, size, 1)
    unit = v / scale
    r = _height(unit, a)
    point = scale * jnp.stack([*_on_surface(unit, a, r), jnp.sign(v[2]) * r])
    return jnp.where(_inside(v, a), v, jnp.where(_polar(v, a), jnp.zeros_like(v), point))


@_power.defjvp
def _power_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (v, a), (change, change_a) = primals, tangents
    point = _power(v, a)
    size = jnp.max(jnp.abs(v))
    unit, near = (part / jnp.where(size > 0, size, 1) for part in (v, point))
    x, y = (jnp.where(p > 0, p, 1) for p in (near[0], near[1]))
    sign, r = jnp.sign(v[2]), jnp.abs(near[2])
    # the multiplier of g = |z| - x^a y^(1-a): 0 where v is on the surface to all digits, and nothing bends
    room = jnp.maximum(jnp.abs(unit[2]) - r, 0)
    b, zero = 1 - a, jnp.zeros((), v.dtype)
    normal = jnp.stack([-a * r / x, -b * r / y, sign])
    surface = Surface(normal, jnp.stack([y, -x, zero]), room * a * b * r, x * x * y * y)
    slope = jnp.log(x) - jnp.log(y)  # of log(x^a y^(1-a)) in a
    turned = jnp.stack([-(1 + a * slope) * r / x, (1 - b * slope) * r / y, zero])  # of the normal in a
    bent = surface.moved(change - room * turned * size * change_a, r * slope * size * change_a)
    straight = change * jnp.stack([(v[0] > 0).astype(v.dtype), (v[1] > 0).astype(v.dtype), zero])
    outside = jnp.where(r > 0, bent, straight)
    moved = jnp.where(_inside(v, a), change, jnp.where(_polar(v, a), jnp.zeros_like(v), outside))
    return point, moved
