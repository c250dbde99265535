"""Products of a matrix with a sparse linear map (pieces.py), from the left and from the right."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.compiler.lowering.pieces import (
    Held,
    Listed,
    NoSparseRuleError,
    Piece,
    Scattered,
    Sizes,
    full_places,
    scale,
    scattered,
    size_of,
    summed,
)
from karush.compiler.lowering.sparse_values import coordinates, product, transposed


def multiplied_left(matrix: Array | BCOO, piece: Piece, shape: Sizes, columns: int, level: int) -> Piece:
    """A times a map to a vector (S = (n,)) or to a matrix (S = (n, k)); A has shape (m, n) or (n,)."""
    if isinstance(matrix, BCOO):
        return _sparse_times(matrix, piece, shape, level)
    if matrix.ndim == 1 and len(shape) == 1:
        return summed(scale(piece, matrix))
    if matrix.ndim == 1:
        row = multiplied_left(matrix[None, :], piece, shape, columns, level)
        return _without_axis(row)
    if isinstance(piece, Scattered) and len(shape) == 1:
        return _dense_times_scattered(matrix, piece, columns)
    if not isinstance(piece, Listed):
        raise NoSparseRuleError
    if piece.is_shared:
        return Listed(jnp.tensordot(matrix, piece.values, axes=1), piece.places, piece.exact, piece.distinct)
    return _dense_times_listed(matrix, piece)


def multiplied_right(matrix: Array | BCOO, piece: Piece, shape: Sizes, columns: int, level: int) -> Piece:
    """A map to a vector (S = (n,)) or to a matrix (S = (k, n)), times a matrix B of shape (n, m) or (n,)."""
    if isinstance(matrix, BCOO):
        if len(shape) != 1:
            raise NoSparseRuleError
        return multiplied_left(transposed(matrix), piece, shape, columns, level)
    if len(shape) == 1:
        return multiplied_left(jnp.transpose(matrix), piece, shape, columns, level)
    if not isinstance(piece, Listed):
        raise NoSparseRuleError
    flat = matrix if matrix.ndim == 2 else matrix[:, None]
    # out[i, j] = Σ_k piece[i, k] B[k, j]
    if piece.is_shared:
        values = jnp.einsum("ika,kj->ija", piece.values, flat)
        found = Listed(values, piece.places, piece.exact, piece.distinct)
    else:
        k, width = piece.values.shape[1:]
        values = piece.values[:, None, :, :] * jnp.transpose(flat)[None, :, :, None]
        places = jnp.broadcast_to(full_places(piece)[:, None, :, :], values.shape)
        final = (*values.shape[:2], k * width)
        found = Listed(values.reshape(final), places.reshape(final), piece.distinct, False)
    return found if matrix.ndim == 2 else Listed(found.values[:, 0], _column(found), found.exact, found.distinct)


def _column(piece: Listed) -> Array:
    return piece.places if piece.is_shared else piece.places[:, 0]


def _without_axis(piece: Piece) -> Listed:
    """A map to an array of length 1 along its first axis as one to what stands there."""
    assert isinstance(piece, Listed)
    places = piece.places if piece.is_shared else piece.places[0]
    return Listed(piece.values[0], places, piece.exact, piece.distinct)


def _dense_times_listed(matrix: Array, piece: Listed) -> Listed:
    """Every row takes the entries of all rows of the map: out[i, (k)] = Σ_j A[i, j] piece[j, (k)]."""
    rows = matrix.shape[0]
    values, places = piece.values, full_places(piece)
    if values.ndim == 2:  # a vector: all rows have the same places
        spread = matrix[:, :, None] * values
        return Listed(spread.reshape((rows, values.size)), places.reshape(-1), piece.distinct, piece.distinct)
    n, columns, width = values.shape
    spread = jnp.transpose(matrix[:, :, None, None] * values, (0, 2, 1, 3)).reshape((rows, columns, n * width))
    own = jnp.transpose(places, (1, 0, 2)).reshape((columns, n * width))
    return Listed(spread, jnp.broadcast_to(own, spread.shape), piece.distinct, False)


def _dense_times_scattered(matrix: Array, piece: Scattered, columns: int) -> Listed:
    """Every row takes every entry; those of one place are added up."""
    rows = jnp.minimum(piece.rows, piece.count - 1)
    values = jnp.where(piece.rows < piece.count, piece.values, 0)
    spread = values[:, None] * jnp.transpose(matrix)[rows]
    summed = jax.ops.segment_sum(spread, piece.places, num_segments=columns)
    return Listed(jnp.transpose(summed), jnp.arange(columns, dtype=jnp.int32), True, True)


def _sparse_times(matrix: BCOO, piece: Piece, shape: Sizes, level: int) -> Piece:
    """Each stored entry of the matrix takes the entries of one row of the map."""
    if isinstance(piece, Held | Scattered) or len(shape) != 1:
        raise NoSparseRuleError
    if piece.is_shared:
        return Listed(product(matrix, piece.values), piece.places, piece.exact, piece.distinct)
    rows, columns = coordinates(matrix)
    width = piece.values.shape[-1]
    values = matrix.data[:, None] * piece.values[columns]
    places = full_places(piece)[columns]
    count = size_of(matrix.shape[:1])
    spread = jnp.repeat(rows.astype(jnp.int32), width, total_repeat_length=rows.shape[0] * width)
    exact = piece.distinct and matrix.unique_indices
    return scattered(values.reshape(-1), spread, places.reshape(-1), count, level, exact=exact)
