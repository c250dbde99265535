"""The product of the cones of forms/cones.py, group by group: each group holds equal cones, done all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.cones import exponential, nonsymmetric, power, second_order, semidefinite
from karush.solvers.cones.exponential import EXPONENTIAL
from karush.solvers.cones.nonsymmetric import Barrier
from karush.solvers.cones.power import POWER
from karush.solvers.cones.protocol import ConeScaling
from karush.solvers.cones.semidefinite import after_group
from karush.solvers.forms.cones import ConeRows, Cones


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ProductScaling:
    """The scalings of the groups, for vectors (r,) and blocks (r, k); see ``ConeScaling`` for each method."""

    parts: tuple[ConeScaling, ...]
    cones: tuple[Cones, ...] = field(metadata={"static": True})

    def _each(self, function: Callable[[ConeScaling, Array], Array], block: Array) -> Array:
        if not self.cones:
            return block
        pieces, row = [], 0
        for cones, part in zip(self.cones, self.parts, strict=True):
            piece = block[row : row + cones.rows].reshape(cones.count, cones.dimension, -1)
            pieces.append(function(part, piece).reshape(cones.rows, -1))
            row += cones.rows
        return jnp.concatenate(pieces)

    def multiply(self, block: Array) -> Array:
        """V times a block (r, k)."""
        return self._each(lambda part, piece: part.multiply(piece), block)

    def weigh(self, block: Array) -> Array:
        """(V + δI)⁻¹ times a block (r, k)."""
        return self._each(lambda part, piece: part.weigh(piece), block)

    def gram(self, matrix: Array) -> Array:
        """Fᵀ(V + δI)⁻¹F, (n, n)."""
        half = self.half(matrix)
        return half.T @ half

    def half(self, matrix: Array) -> Array:
        """R F with RᵀR = (V + δI)⁻¹, (r, n): cone by cone, so that rows of different cones stay apart."""
        return self._each(lambda part, piece: part.half(piece), matrix)

    def loss(self, ds: Array, du: Array, centre: Array) -> Array:
        """What the complementarity of a step loses, (r,)."""
        if not self.cones:
            return ds
        losses, row = [], 0
        for cones, part in zip(self.cones, self.parts, strict=True):
            at = slice(row, row + cones.rows)
            shape = (cones.count, cones.dimension)
            losses.append(part.loss(ds[at].reshape(shape), du[at].reshape(shape), centre).reshape(-1))
            row += cones.rows
        return jnp.concatenate(losses)

    def longest(self, ds: Array, du: Array) -> Array:
        """The longest step, at most 1, that the symmetric cones allow."""
        step, row = jnp.ones((), ds.dtype), 0
        for cones, part in zip(self.cones, self.parts, strict=True):
            at = slice(row, row + cones.rows)
            shape = (cones.count, cones.dimension)
            ordered = after_group(step, ds[at])
            step = jnp.minimum(step, part.longest(ordered.reshape(shape), du[at].reshape(shape)))
            row += cones.rows
        return step


def scale(rows: ConeRows, s: Array, u: Array, delta: Array) -> ProductScaling:
    """The scaling at s inside K and u inside K*, both (r,)."""
    parts: list[ConeScaling] = []
    token = delta
    for cones, at, powers in rows.groups():
        shape = (cones.count, cones.dimension)
        ordered = after_group(token, s[at]).reshape(shape)
        parts.append(_scale(cones, ordered, u[at].reshape(shape), rows.exponents[powers], delta))
        token = parts[-1].multiply(u[at].reshape(*shape, 1))[0, 0, 0]
    return ProductScaling(tuple(parts), rows.cones)


def _scale(cones: Cones, s: Array, u: Array, exponents: Array, delta: Array) -> ConeScaling:
    match cones.kind:
        case "second_order":
            return second_order.scale_second_order(s, u, delta)
        case "semidefinite":
            return semidefinite.scale_semidefinite(s, u, cones.order, delta)
        case "exponential":
            return nonsymmetric.scale_nonsymmetric(EXPONENTIAL, s, u, jnp.zeros_like(s[:, 0]), delta)
        case "power":
            return nonsymmetric.scale_nonsymmetric(POWER, s, u, exponents, delta)


def is_near(rows: ConeRows, s: Array, u: Array, mean: Array | None) -> Array:
    """Whether the pairs of cones that are not symmetric are inside and near the central path at μ = ``mean``.

    With None for ``mean``: whether they are inside.
    """
    near = jnp.ones((), bool)
    for cones, at, powers in rows.groups():
        barrier = _barrier(cones)
        if barrier is not None:
            shape = (cones.count, cones.dimension)
            exponents = rows.exponents[powers] if cones.kind == "power" else jnp.zeros(cones.count, s.dtype)
            near = near & nonsymmetric.is_near(barrier, s[at].reshape(shape), u[at].reshape(shape), exponents, mean)
    return near


def _barrier(cones: Cones) -> Barrier | None:
    return {"exponential": EXPONENTIAL, "power": POWER}.get(cones.kind)


def degree(rows: ConeRows) -> int:
    """ν: what the barrier's parameter of the whole product is, so that ⟨s, u⟩ = νμ on the central path."""
    each = {"second_order": 1, "exponential": 3, "power": 3}
    return sum(cones.count * each.get(cones.kind, cones.order) for cones in rows.cones)


def is_symmetric(rows: ConeRows) -> bool:
    """Whether every cone is its own dual, and homogeneous."""
    return all(cones.kind in ("second_order", "semidefinite") for cones in rows.cones)


def none(like: Array) -> ConeRows:
    """No row at all, for variables ``like`` (n,)."""
    return ConeRows(jnp.zeros((0, like.shape[0]), like.dtype), like[:0], like[:0], ())


def centre(rows: ConeRows) -> Array:
    """The point e inside K and K* with e = −∇f*(e): where s = u = e is central with μ = 1."""
    parts = [_centre(cones, rows.exponents[powers]).reshape(-1) for cones, _, powers in rows.groups()]
    return jnp.concatenate([jnp.zeros(0), *parts]).astype(rows.offset.dtype)


def _centre(cones: Cones, exponents: Array) -> Array:
    match cones.kind:
        case "second_order":
            return jnp.zeros((cones.count, cones.dimension)).at[:, 0].set(1)
        case "semidefinite":
            return semidefinite.vectors(jnp.broadcast_to(jnp.eye(cones.order), (cones.count, cones.order, cones.order)))
        case "exponential":
            return jnp.broadcast_to(jnp.asarray(exponential.CENTRE), (cones.count, 3))
        case "power":
            return jax.vmap(power.centre)(exponents)


def interior(rows: ConeRows, pairs: Array) -> Array:
    """Pairs of values (2, r) of symmetric cones, each moved along the centre until it is at least 1 deep."""
    parts, middle, token = [pairs[:, :0]], centre(rows), jnp.zeros((), pairs.dtype)
    for cones, at, _ in rows.groups():
        values = after_group(token, pairs[:, at]).reshape(2 * cones.count, cones.dimension)
        lacking = jnp.maximum(1 - _depth(cones, values), 0)
        e = jnp.broadcast_to(middle[at], (2, cones.rows)).reshape(values.shape)
        parts.append((values + lacking[:, None] * e).reshape(2, cones.rows))
        token = lacking[0]
    return jnp.concatenate(parts, axis=1)


def _depth(cones: Cones, values: Array) -> Array:
    if cones.kind == "semidefinite":
        return semidefinite.depth(values, cones.order)
    return second_order.depth(values)
