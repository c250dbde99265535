"""The product of the cones of forms/cones.py, group by group: each group holds equal cones, done all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.cones import second_order
from karush.solvers.cones.protocol import ConeScaling
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
        half = self._each(lambda part, piece: part.half(piece), matrix)
        return half.T @ half

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
        steps, row = [jnp.ones((), ds.dtype)], 0
        for cones, part in zip(self.cones, self.parts, strict=True):
            at = slice(row, row + cones.rows)
            shape = (cones.count, cones.dimension)
            steps.append(part.longest(ds[at].reshape(shape), du[at].reshape(shape)))
            row += cones.rows
        return jnp.min(jnp.stack(steps))


def scale(rows: ConeRows, s: Array, u: Array, delta: Array) -> ProductScaling:
    """The scaling at s inside K and u inside K*, both (r,)."""
    parts = []
    for cones, at, _ in rows.groups():
        shape = (cones.count, cones.dimension)
        parts.append(_scale(cones, s[at].reshape(shape), u[at].reshape(shape), delta))
    return ProductScaling(tuple(parts), rows.cones)


def _scale(cones: Cones, s: Array, u: Array, delta: Array) -> ConeScaling:
    match cones.kind:
        case "second_order":
            return second_order.scale_second_order(s, u, delta)
        case _:
            raise NotImplementedError(cones.kind)


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
        case _:
            raise NotImplementedError(cones.kind)


def interior(rows: ConeRows, values: Array) -> Array:
    """Values (r,) of symmetric cones moved along the centre until they are at least 1 deep."""
    parts, middle = [jnp.zeros(0, values.dtype)], centre(rows)
    for cones, at, _ in rows.groups():
        shape = (cones.count, cones.dimension)
        lacking = jnp.maximum(1 - _depth(cones, values[at].reshape(shape)), 0)
        parts.append((values[at].reshape(shape) + lacking[:, None] * middle[at].reshape(shape)).reshape(-1))
    return jnp.concatenate(parts)


def _depth(cones: Cones, values: Array) -> Array:
    match cones.kind:
        case "second_order":
            return second_order.depth(values)
        case _:
            raise NotImplementedError(cones.kind)
