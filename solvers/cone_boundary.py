"""Where on the boundary of its cone a point is, and the derivative's basis for cones of three rows.

For the exponential and the power cone the derivative D of the projection is a 3 × 3 matrix, whose eigenvectors come
from Jacobi's rotations (no LAPACK: nothing to order, and it lowers everywhere). It jumps where v = s − u leaves the
interior of the cone or of the polar one, and at the edges of the flat part y = 0 of the exponential cone. The distance
to a jump is measured by concave functions g ≥ 0 of the cone and of its dual, over the length of their gradients:

    exponential    y log(z/y) − x               dual    v − u − u log(−w/u)
    power          x^α y^(1-α) − |z|            dual    (u/α)^α (v/(1-α))^(1-α) − |w|.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers.forms.cones import Cones
from karush.solvers.projections.exponential import exponential
from karush.solvers.projections.power import power

SWEEPS = 6


@dataclass(frozen=True)
class Boundary:
    """For each of ``count`` cones: is v at a tie, is there a multiplier, the distance ``room`` to a tie, relative."""

    weak: Array
    presses: Array
    room: Array

    def over(self, dimension: int) -> tuple[Array, Array, Array]:
        """The same for each row of the cones, as floats."""
        weak, presses = (flag.astype(self.room.dtype) for flag in (self.weak, self.presses))
        return jnp.repeat(weak, dimension), jnp.repeat(presses, dimension), jnp.repeat(self.room, dimension)


def jacobi(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues (3,) and eigenvectors, the columns of (3, 3), of a symmetric matrix."""

    def rotate(_: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        A, V = state
        off = A[0, 1]
        theta = (A[1, 1] - A[0, 0]) / jnp.where(off == 0, 1, 2 * off)
        tangent = jnp.where(theta < 0, -1, 1) / (jnp.abs(theta) + jnp.sqrt(theta * theta + 1))
        tangent = jnp.where(off == 0, 0, tangent)
        cosine = 1 / jnp.sqrt(tangent * tangent + 1)
        # the rotation of the first two axes, then a cyclic change of all three: the next pair comes to the front
        c, s, zero = cosine, tangent * cosine, jnp.zeros_like(off)
        turn = jnp.stack([s, zero, c, c, zero, -s, zero, zero + 1, zero]).reshape(3, 3)
        return turn.T @ A @ turn, V @ turn

    diagonal, vectors = lax.fori_loop(0, 3 * SWEEPS, rotate, (matrix, jnp.eye(3, dtype=matrix.dtype)))
    return jnp.diagonal(diagonal), vectors


def _depth(concave: Callable[[Array], Array], inside: Array, point: Array) -> Array:
    """g/‖∇g‖ at a point inside, 0 elsewhere."""
    safe = jnp.where(inside, point, jnp.ones_like(point))
    value, slope = jax.value_and_grad(concave)(safe)
    length = jnp.sqrt(jnp.sum(slope * slope))
    return jnp.where(inside, jnp.maximum(value, 0) / jnp.where(length > 0, length, 1), 0)


def _exponential_depth(s: Array) -> Array:
    inside = (s[1] > 0) & (s[2] > 0)
    return jnp.minimum(_depth(lambda p: p[1] * jnp.log(p[2] / p[1]) - p[0], inside, s), jnp.maximum(s[1], 0))


def _exponential_dual_depth(u: Array) -> Array:
    inside = (u[0] < 0) & (u[2] > 0)
    mirrored = u * jnp.array([-1, 1, 1], u.dtype)  # the concave function is safe at ones
    return _depth(lambda p: p[1] + p[0] + p[0] * jnp.log(p[2] / p[0]), inside, mirrored)


def _power_depth(s: Array, a: Array) -> Array:
    inside = (s[0] > 0) & (s[1] > 0)
    return _depth(lambda p: p[0] ** a * p[1] ** (1 - a) - jnp.abs(p[2]), inside, s)


def _room(kind: str, v: Array, s: Array, a: Array, scale: tuple[Array, Array]) -> Array:
    """The distance of v to the nearest tie, relative; ``scale`` for slacks and for multipliers."""
    u = s - v
    if kind == "power":
        depth, dual = _power_depth(s, a), _power_depth(u / jnp.stack([a, 1 - a, jnp.ones_like(a)]), a)
    else:
        depth, dual = _exponential_depth(s), _exponential_dual_depth(u)
    slack, pull = jnp.max(jnp.abs(s)) * scale[0], jnp.max(jnp.abs(u)) * scale[1]
    curved = jnp.minimum(slack, pull)
    if kind == "exponential":  # on the flat part the signs of x and z decide
        flat = (s[1] <= 0) & (s[0] <= 0) & (pull > 0)
        above = jnp.where(v[2] > 0, v[2] * scale[0], -v[2] * scale[1])
        curved = jnp.where(flat, jnp.minimum(jnp.minimum(-v[0] * scale[0], above), pull), curved)
    # a point inside has no multiplier, one whose multiplier is inside has no slack, but for rounding
    return jnp.maximum(curved, jnp.maximum(depth * scale[0], dual * scale[1]))


def _inner(kind: str, a: Array) -> Array:
    """A point deep inside the cone."""
    if kind == "power":
        return jnp.stack([jnp.sqrt(1 + a), jnp.sqrt(2 - a), jnp.zeros_like(a)])
    return jnp.broadcast_to(jnp.array([-1.05, 0.56, 1.26], a.dtype), (3,))


def three_rows(
    cones: Cones, v: Array, exponents: Array, slack: Array, pull: Array, active: float
) -> tuple[Array, Array, Array, Boundary]:
    """(Q, share, share with ties as active, boundary) at v (count, 3); ``slack`` and ``pull`` (count,) as in Scales.

    At a tie D is taken a little further inside and outside, and its shares there are rounded to 0 and 1: what they are
    on either side of it. With ``active`` 0 nothing is at a tie.
    """
    a = exponents if cones.kind == "power" else jnp.zeros(v.shape[:1], v.dtype)

    def project(point: Array, alpha: Array) -> Array:
        return exponential(point) if cones.kind == "exponential" else power(point, alpha)

    def shares(D: Array, Q: Array) -> Array:
        return jnp.minimum(jnp.maximum(1 - jnp.diagonal(Q.T @ D @ Q), 0), 1)

    def smooth(point: Array, alpha: Array, scale: tuple[Array, Array]) -> tuple[Array, Array, Array, Array]:
        D = jax.jacfwd(project)(point, alpha)
        _, Q = jacobi(D)
        share = shares(D, Q)
        return Q, share, share, jnp.full((), jnp.inf, v.dtype)

    def tied(point: Array, alpha: Array, scale: tuple[Array, Array]) -> tuple[Array, Array, Array, Array]:
        room = _room(cones.kind, point, project(point, alpha), alpha, scale)
        weak = room < active
        unit = jnp.minimum(scale[0], jnp.where(scale[1] > 0, scale[1], scale[0]))
        push = jnp.where(weak, 2 * active / unit, 0) * _inner(cones.kind, alpha)
        inside, outside = jax.vmap(jax.jacfwd(project), (0, None))(jnp.stack([point + push, point - push]), alpha)
        # the two share their eigenvectors but for the distance between them: 1 on both sides, 0 on both, or a tie
        _, Q = jacobi(inside + outside)
        share, wide = shares(inside, Q), shares(outside, Q)
        share, wide = (jnp.where(weak, jnp.round(part), share) for part in (share, wide))
        return Q, share, jnp.maximum(share, wide), room

    Q, share, wide, room = jax.vmap(tied if active > 0 else smooth)(v, a, (slack, pull))
    return Q, share, wide, Boundary(room < active, jnp.any(share > 0.5, axis=1), room)
