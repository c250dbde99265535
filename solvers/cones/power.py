"""The barriers of the power cone K = {(x, y, z) : x, y ≥ 0, x^α y^(1-α) ≥ |z|} and of its dual.

    K* = {(a, b, c) : (a/α)^α (b/(1-α))^(1-α) ≥ |c|}
    f*(u) = −log(φ² − c²) − (1 − α) log a − α log b,    φ = (a/α)^α (b/(1-α))^(1-α)

The gradient of the conjugate f comes from −∇f*(ũ) = s: with ũ = −∇f(s) and t = −c̃z ≥ 0 its three lines are

    ã = (1 + α + αt)/x,   b̃ = (2 − α + (1 − α)t)/y,   c̃ = −t/z,
    2α log(1 + 1/α + t) + 2(1 − α) log(1 + 1/(1-α) + t) − log t − log(t + 2) = log(x^2α y^(2-2α) / z²),

and the last falls from ∞ to 0 in t. It is solved in log t, in which it is convex, by Newton's method; for α = ½ the
start is the root.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from karush.solvers.cones.nonsymmetric import Barrier

NEWTON_STEPS = 12


def centre(alpha: Array) -> Array:
    """The point e with −∇f*(e) = e."""
    return jnp.stack([jnp.sqrt(1 + alpha), jnp.sqrt(2 - alpha), jnp.zeros_like(alpha)])


def _log_mean(x: Array, y: Array, alpha: Array) -> Array:
    return alpha * jnp.log(x) + (1 - alpha) * jnp.log(y)


def _dual(u: Array, alpha: Array) -> Array:
    a, b, c = u
    mean = jnp.exp(_log_mean(a / alpha, b / (1 - alpha), alpha))
    return -jnp.log(mean - c) - jnp.log(mean + c) - (1 - alpha) * jnp.log(a) - alpha * jnp.log(b)


def _excess(s: Array, alpha: Array) -> Array:
    """log(x^2α y^(2-2α)/z²), positive inside, as large as numbers are at z = 0."""
    size = jnp.maximum(jnp.abs(s[2]), jnp.finfo(s.dtype).tiny)
    return 2 * (_log_mean(s[0], s[1], alpha) - jnp.log(size))


def _root(excess: Array, alpha: Array) -> Array:
    """The t > 0 of the module's text."""
    first, second = 1 + 1 / alpha, 1 + 1 / (1 - alpha)
    small, gap = jnp.exp(-excess), -jnp.expm1(-excess)
    head = 1 - 3 * small
    root = jnp.sqrt(head * head + 9 * small * gap)
    positive = head > 0
    start = jnp.where(positive, 9 * small / jnp.where(positive, head + root, 1), (root - head) / gap)

    def step(_: ArrayLike, t: Array) -> Array:
        value = 2 * (alpha * jnp.log(first + t) + (1 - alpha) * jnp.log(second + t)) - jnp.log(t) - jnp.log(t + 2)
        slope = 2 * (alpha * t / (first + t) + (1 - alpha) * t / (second + t)) - 1 - t / (t + 2)
        return t * jnp.exp(jnp.minimum((excess - value) / slope, 30))

    tiny = jnp.finfo(excess.dtype).tiny
    return lax.fori_loop(0, NEWTON_STEPS, step, jnp.maximum(start, tiny))


def _shadow(s: Array, alpha: Array) -> Array:
    x, y, z = s
    t = _root(_excess(s, alpha), alpha)
    c = jnp.where(z == 0, 0, -t / jnp.where(z == 0, 1, z))
    return jnp.stack([(1 + alpha + alpha * t) / x, (2 - alpha + (1 - alpha) * t) / y, c])


def _inside(s: Array, alpha: Array) -> Array:
    return (s[0] > 0) & (s[1] > 0) & (_excess(s, alpha) > 0)


def _inside_dual(u: Array, alpha: Array) -> Array:
    scaled = jnp.stack([u[0] / alpha, u[1] / (1 - alpha), u[2]])
    return _inside(scaled, alpha)


POWER = Barrier(_dual, _shadow, _inside, _inside_dual)
