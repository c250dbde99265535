"""The orthonormal basis Q of a product of cones in which the derivative of its projection is diagonal (cone_frame.py).

It is never a matrix of all rows: of a semidefinite cone it is the congruence with the eigenvectors, of a second-order
cone a reflection and a rotation, of a cone of three rows a matrix of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.forms.cones import Cones
from karush.solvers.projections.cones import symmetric_matrix, symmetric_vector


def reflect(unit: Array, x: Array) -> Array:
    """The reflection that takes the first axis to ∓``unit`` (count, k), applied to x (count, k, c)."""
    first = unit[:, :1]
    h = unit.at[:, :1].set(first + jnp.where(first < 0, -1, 1))
    length = jnp.sum(h * h, axis=1)[:, None, None]
    return x - h[:, :, None] * (2 * jnp.einsum("ik,ikc->ic", h, x)[:, None, :] / length)


def turned(a: Array, b: Array) -> tuple[Array, Array]:
    """(a + b)/√2 and (a − b)/√2."""
    half = jnp.sqrt(jnp.asarray(0.5, a.dtype))
    return half * (a + b), half * (a - b)


def _second_order(unit: Array, rows: Array, forth: bool) -> Array:
    """QᵀS for S (count, d, c), or Q S: rotate (t, unit part) by 45°, reflect the rest onto the axes."""
    if unit.shape[1] == 0:
        return rows
    sign = -jnp.where(unit[:, :1] < 0, -1, 1).astype(rows.dtype)
    if forth:
        inner = reflect(unit, rows[:, 1:])
        up, down = turned(rows[:, 0], sign * inner[:, 0])
        return jnp.concatenate([up[:, None], down[:, None], inner[:, 1:]], axis=1)
    t, along = turned(rows[:, 0], rows[:, 1])
    inner = jnp.concatenate([(sign * along)[:, None], rows[:, 2:]], axis=1)
    return jnp.concatenate([t[:, None], reflect(unit, inner)], axis=1)


def _congruence(V: Array, rows: Array, order: int, forth: bool) -> Array:
    """svec(Vᵀ(mat s)V) for each column s of S (count, dimension, c), or svec(V(mat s)Vᵀ)."""

    def column(vectors: Array, s: Array) -> Array:
        S = symmetric_matrix(s, order)
        return symmetric_vector(vectors.T @ S @ vectors if forth else vectors @ S @ vectors.T)

    return jax.vmap(jax.vmap(column, (None, 1), 1))(V, rows)


def change(cones: Sequence[Cones], bases: Sequence[Array], rows: Array, forth: bool) -> Array:
    """QᵀS for S (r,) or (r, c), or Q S where not ``forth``; ``bases`` has one array for each entry of ``cones``."""
    wide = rows[:, None] if rows.ndim == 1 else rows
    parts, first = [], 0
    for group, basis in zip(cones, bases, strict=True):
        block = wide[first : first + group.rows].reshape(group.count, group.dimension, wide.shape[1])
        first += group.rows
        match group.kind:
            case "second_order":
                block = _second_order(basis, block, forth)
            case "semidefinite":
                block = _congruence(basis, block, group.order, forth)
            case _:
                block = jnp.einsum("iba,ibc->iac" if forth else "iab,ibc->iac", basis, block)
        parts.append(block.reshape(group.rows, wide.shape[1]))
    return jnp.concatenate(parts).reshape(rows.shape)
