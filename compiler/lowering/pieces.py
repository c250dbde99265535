"""Sparse linear maps from one var to an expression, in pieces: what affine forms are made of in a sparse program.

A piece maps a raveled var x to an expression of shape S. Two kinds hold their entries:

    listed       out[s] = Σ_k values[s, k] x[places[s, k]]            the same number of entries in every row
    scattered    out[r] = Σ_e {values[e] x[places[e]] : rows[e] = r}   r in the raveled S

and one refers to a map that was made outside of a clause, so that a position of the clause need not search it:

    held         out[s] = factor[s] (source x)[rows[s]]

A block is a tuple of pieces, their sum. Every operation costs the entries that it makes; nothing has the size of rows
times variables unless it is dense by nature.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Sizes = tuple[Any, ...]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Listed:
    """See the module. ``places`` has the shape S + (K,), or (K,) where all rows have the same.

    ``exact`` says that the places of each row differ; ``distinct`` that all of them do.
    """

    values: Array
    places: Array
    exact: bool = field(metadata={"static": True})
    distinct: bool = field(metadata={"static": True})

    @property
    def is_shared(self) -> bool:
        """Whether all rows have the same places."""
        return self.places.ndim == 1


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scattered:
    """See the module. ``count`` is the size of S, and a row that is no less is none; ``level`` the number of clauses
    around the map; ``exact`` says that no position stands twice.
    """

    values: Array
    rows: Array
    places: Array
    count: int = field(metadata={"static": True})
    level: int = field(metadata={"static": True})
    exact: bool = field(metadata={"static": True})


@dataclass(frozen=True, eq=False)
class Source:
    """A map that was made outside of a clause; compared by identity, so that it is no output of the clause."""

    piece: Scattered


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Held:
    """See the module. No row of the source is taken twice along the clauses that are between the source and here."""

    factor: Array
    rows: Array
    source: Source = field(metadata={"static": True})


Piece = Listed | Scattered | Held
Block = tuple[Piece, ...]


class NoSparseRuleError(Exception):
    """A map that has no sparse form here: the caller makes it dense, or says that it may not."""


def size_of(shape: Sizes) -> int:
    """The number of entries."""
    return math.prod(shape)


def identity(shape: Sizes, dtype: Any) -> Listed:
    """x itself."""
    places = jnp.arange(size_of(shape), dtype=jnp.int32).reshape((*shape, 1))
    return Listed(jnp.ones((*shape, 1), dtype), places, True, True)


def dense(matrix: Array, shape: Sizes) -> Listed:
    """The map of a matrix of shape S + (size of the var)."""
    columns = matrix.shape[-1]
    return Listed(matrix.reshape((*shape, columns)), jnp.arange(columns, dtype=jnp.int32), True, True)


def scattered(values: Array, rows: Array, places: Array, count: int, level: int, *, exact: bool) -> Piece:
    """Entries by row; a single row is listed, for it needs no row numbers."""
    if count == 1 and rows.ndim == 1:
        return Listed(jnp.where(rows < 1, values, 0), places, exact, exact)
    return Scattered(values, rows, places, count, level, exact)


def full_places(piece: Listed) -> Array:
    """The places with the shape S + (K,)."""
    return jnp.broadcast_to(piece.places, piece.values.shape)


def entries(piece: Piece) -> tuple[Array, Array, Array]:
    """(values, rows, places), each flat."""
    if isinstance(piece, Held):
        raise NoSparseRuleError
    if isinstance(piece, Scattered):
        return piece.values, piece.rows, piece.places
    width = piece.values.shape[-1]
    count = size_of(piece.values.shape[:-1])
    # by division and not by `repeat`, whose sums XLA would work out when it compiles, for seconds where rows are many
    rows = jnp.arange(count * width, dtype=jnp.int32) // max(width, 1)
    return piece.values.reshape(-1), rows, full_places(piece).reshape(-1)


def stored(piece: Piece) -> int:
    """The number of entries."""
    return int(piece.source.piece.values.size if isinstance(piece, Held) else piece.values.size)


# ---------------------------------------------------------------- operations


def scale(piece: Piece, factor: Any) -> Piece:
    """The map times a factor that has the shape S or is a scalar."""
    if isinstance(piece, Held):
        return replace(piece, factor=piece.factor * factor)
    if jnp.ndim(factor) == 0:
        return replace(piece, values=piece.values * factor)
    if isinstance(piece, Listed):
        return replace(piece, values=piece.values * factor[..., None])
    return replace(piece, values=piece.values * factor.reshape(-1)[piece.rows])


def widened(piece: Piece, result: Sizes) -> Piece:
    """A map to a scalar as one to an array of its copies."""
    if isinstance(piece, Held):
        raise NoSparseRuleError
    assert isinstance(piece, Listed)
    values = jnp.broadcast_to(piece.values, (*result, piece.values.shape[-1]))
    return Listed(values, piece.places, piece.exact, piece.distinct and piece.places.ndim == 1)


def selected(piece: Piece, index: Callable[[Array], Array], shape: Sizes, *, subset: bool) -> Piece:
    """The map followed by brackets, which ``index`` takes of an array; ``subset`` says that no entry comes twice."""
    if isinstance(piece, Held):
        if not subset:
            raise NoSparseRuleError
        return replace(piece, rows=index(piece.rows), factor=index(jnp.broadcast_to(piece.factor, shape)))
    if isinstance(piece, Scattered):
        raise NoSparseRuleError
    places = piece.places if piece.is_shared and shape else index(piece.places)
    return Listed(index(piece.values), places, piece.exact, piece.distinct and subset)


def summed(piece: Piece) -> Listed:
    """The sum of all entries of the expression."""
    if isinstance(piece, Held):
        raise NoSparseRuleError
    if isinstance(piece, Scattered):
        values = jnp.where(piece.rows < piece.count, piece.values, 0)
        return Listed(values, piece.places, piece.count == 1 and piece.exact, False)
    if piece.is_shared:
        over = tuple(range(piece.values.ndim - 1))
        return Listed(jnp.sum(piece.values, over), piece.places, piece.exact, piece.distinct)
    return Listed(piece.values.reshape(-1), piece.places.reshape(-1), piece.distinct, piece.distinct)


def summed_over(piece: Piece, axes: int) -> Piece:
    """The sum over so many leading axes of S."""
    if isinstance(piece, Held):
        raise NoSparseRuleError
    if isinstance(piece, Scattered):
        raise NoSparseRuleError  # its shape is not known here: see `folded`
    lead, rest = piece.values.shape[:axes], piece.values.shape[axes:]
    order = (*range(axes, axes + len(rest) - 1), *range(axes), axes + len(rest) - 1)
    final = (*rest[:-1], size_of(lead) * rest[-1])
    values = jnp.transpose(piece.values, order).reshape(final)
    places = jnp.transpose(full_places(piece), order).reshape(final)
    return Listed(values, places, piece.distinct, piece.distinct)


def folded(piece: Scattered, count: int) -> Piece:
    """The sum over the leading axes of S, where the others have ``count`` entries."""
    rows = jnp.where(piece.rows < piece.count, piece.rows % count, count)
    return scattered(piece.values, rows, piece.places, count, piece.level, exact=False)


def rearranged(piece: Piece, sources: Array) -> Listed:
    """The entries of S in another order and shape: ``sources`` are positions in the raveled S, −1 for a zero."""
    if not isinstance(piece, Listed):
        raise NoSparseRuleError
    width = piece.values.shape[-1]
    there = (sources >= 0)[..., None]
    values = jnp.where(there, piece.values.reshape((-1, width))[sources], 0)
    places = full_places(piece).reshape((-1, width))[sources]
    return Listed(values, places, piece.exact, False)


def joined(pieces: list[Listed], axis_is_new: bool) -> Listed:
    """Arrays one after the other, or stacked: with the entries of the longest row in every row."""
    width = max(piece.values.shape[-1] for piece in pieces)

    def padded(array: Array) -> Array:
        return jnp.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])])

    join = jnp.stack if axis_is_new else jnp.concatenate
    values = join([padded(piece.values) for piece in pieces])
    places = join([padded(full_places(piece)) for piece in pieces])
    exact = all(piece.exact and piece.values.shape[-1] == width for piece in pieces)
    return Listed(values, places, exact, False)
