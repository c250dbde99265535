"""Matrices that are dense arrays or sparse (BCOO): what both must offer beside ``M @ x``, ``M.T`` and ``M.shape``.

A sparse matrix is a ``BCOO`` without batch or dense dimensions whose indices are unique: then the largest entries and
lengths of rows and columns are those of its stored values.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

Matrix = Array | BCOO


def row_maxima(matrix: Matrix) -> Array:
    """max_j |M_ij| for each row i, 0 where there is no entry; shape (r,)."""
    if isinstance(matrix, BCOO):
        return _segment_max(jnp.abs(matrix.data), matrix.indices[:, 0], matrix.shape[0])
    return jnp.max(jnp.abs(matrix), axis=1, initial=0.0)


def column_maxima(matrix: Matrix) -> Array:
    """max_i |M_ij| for each column j, 0 where there is no entry; shape (c,)."""
    if isinstance(matrix, BCOO):
        return _segment_max(jnp.abs(matrix.data), matrix.indices[:, 1], matrix.shape[1])
    return jnp.max(jnp.abs(matrix), axis=0, initial=0.0)


def row_terms(matrix: Matrix, vector: Array) -> Array:
    """max_j |M_ij v_j| for each row i: the largest single term of M v; shape (r,)."""
    if isinstance(matrix, BCOO):
        values = jnp.abs(matrix.data * vector[matrix.indices[:, 1]])
        return _segment_max(values, matrix.indices[:, 0], matrix.shape[0])
    return jnp.max(jnp.abs(matrix * vector), axis=1, initial=0.0)


def column_terms(matrix: Matrix, vector: Array) -> Array:
    """max_i |M_ij v_i| for each column j: the largest single term of Mᵀv; shape (c,)."""
    return row_terms(matrix.T, vector)


def scaled(matrix: Matrix, left: Array, right: Array) -> Matrix:
    """diag(left) M diag(right)."""
    if isinstance(matrix, BCOO):
        rows, columns = matrix.indices[:, 0], matrix.indices[:, 1]
        data = matrix.data * left[rows] * right[columns]
        kept = {"unique_indices": matrix.unique_indices, "indices_sorted": matrix.indices_sorted}
        return BCOO((data, matrix.indices), shape=matrix.shape, **kept)
    return matrix * left[:, None] * right


def magnitudes(matrix: Matrix) -> Matrix:
    """|M|, entry by entry."""
    if isinstance(matrix, BCOO):
        indices = (jnp.abs(matrix.data), matrix.indices)
        return BCOO(indices, shape=matrix.shape, unique_indices=matrix.unique_indices)
    return jnp.abs(matrix)


def _segment_max(values: Array, segments: Array, count: int) -> Array:
    """The largest of nonnegative values by segment, 0 for an empty one; padding lies outside and is dropped."""
    return jnp.maximum(jax.ops.segment_max(values, segments, num_segments=count), 0)


def dense(matrix: Matrix) -> Array:
    """The matrix as the dense array that it is. Raises TypeError for a sparse one: a solver that was not asked."""
    if isinstance(matrix, BCOO):
        raise TypeError("this solver takes dense matrices alone")
    return matrix
