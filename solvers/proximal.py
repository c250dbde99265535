"""Proximal maps that the language cannot say, by the names that the atoms of the library give them.

    prox(v, …, step) = the x that minimises step f(x, …) + ‖x - v‖²/2,   of a concave f its negative

Where f is a supremum of linear functions over a set C, it is v less the projection of v onto step · C (Moreau).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from karush.solvers.projections.balls import safe_norm
from karush.solvers.projections.curved import bisect
from karush.solvers.spectral import embedded, spectral_map

# ---------------------------------------------------------------- thresholds


def soft_threshold(v: Array, step: ArrayLike) -> Array:
    """Of Σ |x|: every entry is lessened by ``step``, down to 0; at ±step the slope is 0, the least one."""
    return jnp.where(jnp.abs(v) > step, v - jnp.sign(v) * step, 0)


def group_threshold(v: Array, step: ArrayLike) -> Array:
    """Of ‖x‖₂: max(0, 1 - step/‖v‖) v; inside the ball of radius ``step`` and on its sphere the derivative is 0."""
    norm = safe_norm(v)
    beyond = norm > step
    return jnp.where(beyond, (1 - step / jnp.where(beyond, norm, 1)) * v, 0)


# ---------------------------------------------------------------- exponentials and entropies

NEWTON_STEPS = 10
"""From the start below Newton's method reaches the last digit of a double in 6 steps, from the right throughout."""


@jax.custom_jvp
def omega(c: Array) -> Array:
    """The u > 0 with u + log u = c, elementwise (Wright's omega function)."""
    # t = log u solves exp t + t = c, which is convex and increasing in t: Newton descends to it from any greater t
    start = jnp.where(c > 1, jnp.log(jnp.where(c > 1, c, 1)), c)

    def step(_: ArrayLike, t: Array) -> Array:
        grown = jnp.exp(t)
        return t - (grown + t - c) / (grown + 1)

    return jnp.exp(lax.fori_loop(0, NEWTON_STEPS, step, start))


@omega.defjvp
def _omega_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    u = omega(*primals)
    return u, u / (1 + u) * tangents[0]


def exponential(v: Array, step: Array) -> Array:
    """Of exp x: u = step exp x = v - x solves u + log u = v + log step; x is taken from what loses no digits."""
    u = omega(v + jnp.log(step))
    return jnp.where(u > 1, jnp.log(jnp.where(u > 1, u, 1) / step), v - u)


def _log(y: Array) -> Array:
    """Log y, and at 0 a number that no entropy comes back from."""
    return jnp.where(y > 0, jnp.log(jnp.where(y > 0, y, 1)), 0.5 * jnp.finfo(y.dtype).min)


def negative_entropy(v: Array, step: Array) -> Array:
    """Of x log x: x + step (1 + log x) = v."""
    return step * omega(v / step - 1 - jnp.log(step))


def relative_entropy(v: Array, y: Array, step: Array) -> Array:
    """Of x log(x/y) in x."""
    return step * omega(v / step - 1 + _log(y) - jnp.log(step))


def divergence(v: Array, y: Array, step: Array) -> Array:
    """Of x log(x/y) - x + y in x."""
    return step * omega(v / step + _log(y) - jnp.log(step))


# ---------------------------------------------------------------- sums of extreme entries


@jax.custom_jvp
def _capped(v: Array, cap: Array, total: Array) -> Array:
    """The nearest x with 0 <= x <= cap and Σ x = total, for 0 <= total <= n cap."""

    def above(threshold: Array) -> Array:
        return jnp.sum(jnp.clip(v - threshold, 0, cap)) > total

    return jnp.clip(v - bisect(above, jnp.min(v) - cap, jnp.max(v)), 0, cap)


@_capped.defjvp
def _capped_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    # free entries move with v and with what keeps the sum; the others stay at 0 or at the cap
    v, cap, total = primals
    point = _capped(v, cap, total)
    edge = jnp.finfo(v.dtype).eps ** 0.75 * cap
    full, free = (point >= cap - edge).astype(v.dtype), ((point > edge) & (point < cap - edge)).astype(v.dtype)
    left = tangents[2] - jnp.sum(full) * tangents[1] - jnp.sum(free * tangents[0])
    return point, full * tangents[1] + free * (tangents[0] + left / jnp.maximum(jnp.sum(free), 1))


def sum_largest(v: Array, k: Array, step: Array) -> Array:
    """Of the sum of the k largest entries: the supremum over 0 <= y <= 1, Σ y = k."""
    return v - _capped(v, step, step * jnp.clip(k, 0, v.size))


def sum_smallest(v: Array, k: Array, step: Array) -> Array:
    """Of minus the sum of the k least entries."""
    return -sum_largest(-v, k, step)


# ---------------------------------------------------------------- eigenvalues and singular values


def _water(heights: Array, volume: Array) -> Array:
    """The τ with Σ max(heights - τ, 0) = volume > 0."""
    ordered = -jnp.sort(-heights)
    return jnp.max((jnp.cumsum(ordered) - volume) / jnp.arange(1, heights.size + 1, dtype=heights.dtype))


def _lowered(w: Array, step: Array) -> Array:
    return jnp.minimum(w, _water(w, step))


def _limited(w: Array, step: Array) -> Array:
    level = jnp.maximum(_water(jnp.abs(w), 2 * step), 0)  # every singular value is there twice
    return jnp.clip(w, -level, level)


def _shrunk(w: Array, step: Array) -> Array:
    return soft_threshold(w, step)


def _barrier(w: Array, step: Array) -> Array:
    root = jnp.sqrt(w * w + 4 * step)
    return jnp.where(w >= 0, (w + root) / 2, 2 * step / (root - jnp.minimum(w, 0)))


_lowered_eigenvalues = spectral_map(_lowered)
_limited_eigenvalues = spectral_map(_limited)
_shrunk_eigenvalues = spectral_map(_shrunk)
_barrier_eigenvalues = spectral_map(_barrier)


def _symmetric(X: Array) -> Array:
    return (X + X.T) / 2


def lambda_max(X: Array, step: Array) -> Array:
    """Of the greatest eigenvalue: the eigenvalues above a level come down to it, by ``step`` in sum."""
    return _lowered_eigenvalues(_symmetric(X), step)


def lambda_min(X: Array, step: Array) -> Array:
    """Of minus the least eigenvalue."""
    return -lambda_max(-X, step)


def sigma_max(X: Array, step: Array) -> Array:
    """Of the greatest singular value."""
    m = X.shape[0]
    return _limited_eigenvalues(embedded(X), step)[:m, m:]


def norm_nuc(X: Array, step: Array) -> Array:
    """Of the nuclear norm: every singular value is lessened by ``step``, down to 0."""
    m = X.shape[0]
    return _shrunk_eigenvalues(embedded(X), step)[:m, m:]


def logdet(X: Array, step: Array) -> Array:
    """Of -log det X: every eigenvalue w becomes (w + √(w² + 4 step))/2."""
    return _barrier_eigenvalues(_symmetric(X), step)


PROXIMAL: Mapping[str, Callable[..., Array]] = {
    "exp": exponential,
    "xlogx": negative_entropy,
    "rel_entr": relative_entropy,
    "kl_div": divergence,
    "sum_largest": sum_largest,
    "sum_smallest": sum_smallest,
    "lambda_max": lambda_max,
    "lambda_min": lambda_min,
    "sigma_max": sigma_max,
    "norm_nuc": norm_nuc,
    "logdet": logdet,
}
"""Name -> (the arguments of the atom in their order, step) -> the proximal point."""
