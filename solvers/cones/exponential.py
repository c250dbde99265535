"""The barriers of the exponential cone K = cl {(x, y, z) : y > 0, y exp(x/y) ≤ z} and of its dual.

    K* = cl {(a, b, c) : a < 0, −a exp(b/a − 1) ≤ c}
    f*(u) = −log(r) − log(−a) − log(c),    r = b − a − a log(−c/a)

The gradient of the conjugate f comes from −∇f*(ũ) = s: with ũ = −∇f(s) and v = −1/(ã y) its three lines are

    v + log(1 + v) = log(z/y) − x/y,   ã = −1/(v y),   c̃ = (1 + 1/v)/z,   b̃ = (2 + (x/y − 1)/v)/y.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from karush.solvers.cones.nonsymmetric import Barrier

# the point e with −∇f*(e) = e
CENTRE = (-1.0513839437502288, 0.5564096186043385, 1.2589678864644602)

NEWTON_STEPS = 6


def _dual(u: Array, _: Array) -> Array:
    a, b, c = u
    return -jnp.log(b - a - a * jnp.log(-c / a)) - jnp.log(-a) - jnp.log(c)


def _excess(s: Array) -> Array:
    """log(z/y) − x/y, positive inside."""
    x, y, z = s
    return jnp.log(z / y) - x / y


def _root(excess: Array) -> Array:
    """The v > 0 with v + log(1 + v) = excess.

    The left-hand side is concave and increasing, so that Newton's method ascends to the root from below, where both
    halves of the start are.
    """

    def step(_: ArrayLike, v: Array) -> Array:
        return v + (excess - v - jnp.log1p(v)) * (1 + v) / (2 + v)

    return lax.fori_loop(0, NEWTON_STEPS, step, jnp.maximum(excess / 2, excess - jnp.log1p(excess)))


def _shadow(s: Array, _: Array) -> Array:
    x, y, z = s
    v = _root(_excess(s))
    return jnp.stack([-1 / (v * y), (2 + (x / y - 1) / v) / y, (1 + 1 / v) / z])


def _inside(s: Array, _: Array) -> Array:
    return (s[1] > 0) & (s[2] > 0) & (_excess(s) > 0)


def _inside_dual(u: Array, _: Array) -> Array:
    a, b, c = u
    return (a < 0) & (c > 0) & (b - a - a * jnp.log(-c / a) > 0)


EXPONENTIAL = Barrier(_dual, _shadow, _inside, _inside_dual)
