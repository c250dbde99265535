"""Clauses of a sparse program: pieces (pieces.py) that leave a clause become pieces over its positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.pieces import (
    Block,
    Held,
    Listed,
    NoSparseRuleError,
    Piece,
    Scattered,
    Sizes,
    entries,
    full_places,
    scattered,
    size_of,
)


def is_piece(value: Any) -> bool:
    """Whether a part of a tree is a piece."""
    return isinstance(value, Listed | Scattered | Held)


def leaving(block: Block, shape: Sizes) -> Block:
    """The pieces as they may leave a position of a clause: every array with its own entries."""

    def ready(piece: Piece) -> Piece:
        if isinstance(piece, Listed):
            return Listed(piece.values, full_places(piece), piece.exact, False)
        if isinstance(piece, Held):
            return replace(piece, factor=jnp.broadcast_to(piece.factor, shape))
        return piece

    return tuple(map(ready, block))


def finished(mapped: Any, length: int, level: int) -> Any:
    """What a clause returned, each piece one over all positions; ``level`` is the number of clauses around it."""

    def finish(leaf: Any) -> Any:
        if isinstance(leaf, Scattered):
            starts = leaf.count * jnp.arange(length, dtype=jnp.int32)[:, None]
            rows = jnp.where(leaf.rows < leaf.count, leaf.rows + starts, length * leaf.count)
            values, rows, places = (part.reshape(-1) for part in (leaf.values, rows, leaf.places))
            return Scattered(values, rows, places, length * leaf.count, level, leaf.exact)
        if isinstance(leaf, Held) and leaf.source.piece.level == level:
            return resolved(leaf.source.piece, leaf.rows, leaf.factor)
        return leaf

    return jax.tree.map(finish, mapped, is_leaf=is_piece)


def resolved(source: Scattered, rows: Array, factor: Array) -> Scattered:
    """The rows of a map in the order in which they are listed, times their factors; no row is listed twice."""
    count = rows.size
    places = jnp.full(source.count + 1, count, jnp.int32)
    places = places.at[rows.reshape(-1)].set(jnp.arange(count, dtype=jnp.int32), mode="promise_in_bounds")
    taken = places[jnp.minimum(source.rows, source.count)]
    factors = jnp.append(factor.reshape(-1), 0)
    return Scattered(source.values * factors[taken], taken, source.places, count, source.level, source.exact)


def reordered(mapped: Any, axes: Sequence[int], lengths: Sequence[int]) -> Any:
    """The leading axes, of these lengths, of what a clause returned in another order: axis i was ``axes[i]``."""
    count = len(axes)

    def moved(array: Array) -> Array:
        return jnp.transpose(array, (*axes, *range(count, array.ndim)))

    def renumbered(piece: Scattered) -> Scattered:
        inner = piece.count // max(size_of(tuple(lengths)), 1)
        old = jnp.arange(piece.count, dtype=jnp.int32).reshape((*lengths, inner))
        return resolved(piece, moved(old), jnp.ones(piece.count, piece.values.dtype))

    def reorder(leaf: Any) -> Any:
        if isinstance(leaf, Scattered):
            return renumbered(leaf)
        return jax.tree.map(moved, leaf)

    return jax.tree.map(reorder, mapped, is_leaf=is_piece)


def sorted_by_key(piece: Piece, places: Array, inner: Sizes, number: int, level: int) -> Scattered:
    """Rows over the positions of a clause and then ``inner``, added up by the place of each position (number: none)."""
    if isinstance(piece, Held):
        raise NoSparseRuleError
    values, rows, columns = entries(piece)
    width = size_of(inner)
    at = places.reshape(-1).astype(jnp.int32)
    if isinstance(piece, Scattered):
        inside = rows < piece.count
        position = jnp.where(inside, rows // width, 0)
        place = jnp.where(inside, at[position], number)
    else:
        place = at[rows // width]
    target = jnp.where(place < number, place * width + rows % width, number * width)
    return Scattered(values, target, columns, number * width, level, exact=False)


def one_row(piece: Piece) -> Piece:
    """A scattered map to a scalar as a listed one."""
    if isinstance(piece, Scattered) and piece.count == 1:
        return scattered(piece.values, piece.rows, piece.places, 1, piece.level, exact=piece.exact)
    return piece
