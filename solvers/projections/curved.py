"""What the projections onto cones with a curved surface share: a root by bisection, and the derivative on the surface.

The nearest point p of {g <= 0} to a point v outside solves p + λ ∇g(p) = v, g(p) = 0. Where λ ∇²g(p) has rank one its
differential has a closed form, by Sherman and Morrison on the tangent plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from karush.solvers.projections.balls import safe_norm


def bisect(holds: Callable[[Array], Array], lower: Array, upper: Array) -> Array:
    """Where a condition that holds at the left of [lower, upper] and fails at its right changes."""
    steps = jnp.finfo(lower.dtype).nmant + 13

    def halve(_: ArrayLike, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = low + (high - low) / 2
        right = holds(middle)
        return jnp.where(right, middle, low), jnp.where(right, high, middle)

    low, high = lax.fori_loop(0, steps, halve, (lower, upper))
    return low + (high - low) / 2


@dataclass(frozen=True)
class Surface:
    """A surface g = 0 at a point: ``normal`` is along ∇g, and λ ∇²g = (bent/scale) ``bend`` ``bend``ᵀ.

    ``bent`` and ``scale`` are not negative, and a fraction so that a surface bent without bound has a derivative too.
    """

    normal: Array
    bend: Array
    bent: Array
    scale: Array

    def moved(self, change: Array, gap: ArrayLike = 0.0) -> Array:
        """dp with (I + λ∇²g) dp + normal dμ = change and normalᵀ dp = gap.

        With n the unit normal, t = (I - nnᵀ) bend and w = bent/(scale + bent tᵀt), the part of dp that no gap makes is
        ((I - nnᵀ) - w t tᵀ) change: a matrix that is symmetric and lies between 0 and I as it stands.
        """
        length = safe_norm(self.normal)
        n = self.normal / jnp.where(length > 0, length, 1)
        lift = gap / jnp.where(length > 0, length, 1)
        t = self.bend - n * (n @ self.bend)
        total = self.scale + self.bent * (t @ t)
        w = jnp.where(total > 0, self.bent / jnp.where(total > 0, total, 1), 0)
        return change - n * (n @ change - lift) - t * (w * (t @ change + (n @ self.bend) * lift))
