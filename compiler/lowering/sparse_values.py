"""Sparse matrices while a model is traced: a ``BCOO`` without batch or dense axes whose indices need not be known.

Stored entries are row by row, each position once; what lies outside of the shape is padding (JAX's convention): it is
dropped wherever rows are summed.
"""

from __future__ import annotations

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.compiler.model import Expr

LARGEST_DENSE = 2**25
"""A sparse matrix of more positions is never made dense."""

WORTH_KEEPING = 2**18
"""One of no more positions is made dense at once in a small program: dense arithmetic is the faster there."""


class TooLargeToBeDenseError(Exception):
    """An operation that has no sparse rule meets a matrix too large to be dense; ``expr`` is the matrix."""

    def __init__(self, expr: Expr, shape: tuple[int, ...]):
        self.expr, self.shape = expr, shape
        super().__init__(f"{' × '.join(map(str, shape))}")


def taken(value: Any, dtype: Any, *, dense_up_to: float = WORTH_KEEPING) -> Any:
    """A param as the program works with it: a dense array, or a sparse matrix of more positions than that."""
    if not isinstance(value, BCOO):
        return jnp.asarray(value, dtype)
    matrix = canonical(with_data(value, value.data.astype(dtype)))
    return matrix if prod(matrix.shape) > dense_up_to else densified(matrix)


def specified(shape: tuple[Any, ...], dtype: Any, stored: int | None) -> Any:
    """Shape and type of a param, ``stored`` the number of stored entries of one that is sparse."""
    if stored is None:
        return jax.ShapeDtypeStruct(shape, dtype)

    def empty() -> BCOO:
        parts = jnp.zeros(stored, dtype), jnp.zeros((stored, 2), jnp.int32)
        return BCOO(parts, shape=shape, indices_sorted=True, unique_indices=True)

    return jax.eval_shape(empty)


def coordinates(matrix: BCOO) -> tuple[Array, Array]:
    """Row and column of every stored entry."""
    return matrix.indices[:, 0], matrix.indices[:, 1]


def densified(matrix: BCOO) -> Array:
    """The dense matrix; padding is dropped."""
    return jnp.zeros(matrix.shape, matrix.dtype).at[coordinates(matrix)].add(matrix.data, mode="drop")


def with_data(matrix: BCOO, data: Array) -> BCOO:
    """Other values at the same positions."""
    return BCOO(
        (data, matrix.indices),
        shape=matrix.shape,
        indices_sorted=matrix.indices_sorted,
        unique_indices=matrix.unique_indices,
    )


def from_entries(rows: Array, columns: Array, values: Array, shape: tuple[int, int], *, unique: bool) -> BCOO:
    """The matrix of some entries; where they are not known to be at different positions those of one are added up."""
    indices = jnp.stack([rows, columns], axis=1).astype(jnp.int32)
    matrix = BCOO((values, indices), shape=shape, unique_indices=unique)
    return matrix if unique else canonical(matrix)


def canonical(matrix: BCOO) -> BCOO:
    """The same matrix with its entries row by row, each position once; what is over is padding with value 0."""
    if matrix.unique_indices and matrix.indices_sorted:
        return matrix
    rows, columns = coordinates(matrix)
    count = rows.shape[0]
    if count == 0:
        return BCOO((matrix.data, matrix.indices), shape=matrix.shape, indices_sorted=True, unique_indices=True)
    m, n = matrix.shape
    rows, columns, order = in_order(rows, columns, (m, n))
    values = matrix.data[order]
    if not matrix.unique_indices:
        new = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
        place = jnp.concatenate([jnp.zeros(1, jnp.int32), jnp.cumsum(new, dtype=jnp.int32)])
        values = jax.ops.segment_sum(values, place, num_segments=count, indices_are_sorted=True)
        rows = jnp.full_like(rows, m).at[place].set(rows)
        columns = jnp.full_like(columns, n).at[place].set(columns)
    indices = jnp.stack([rows, columns], axis=1)
    return BCOO((values, indices), shape=matrix.shape, indices_sorted=True, unique_indices=True)


def in_order(rows: Array, columns: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """(rows, columns, order) sorted row by row; padding, which lies outside of the shape, at the end.

    Position and place go into one integer where they fit: one array is sorted several times faster than three.
    """
    count, width = rows.shape[0], shape[1] + 1
    whole = jnp.zeros((), int).dtype
    if (shape[0] + 1) * width * count > jnp.iinfo(whole).max:
        rows, columns, order = jax.lax.sort((rows, columns, jnp.arange(count)), num_keys=2, is_stable=False)
        return rows, columns, order
    outside = (rows >= shape[0]) | (columns >= shape[1])
    position = jnp.where(outside, shape[0] * width + shape[1], rows.astype(whole) * width + columns)
    packed = jnp.sort(position * count + jnp.arange(count), stable=False)
    position = packed // count
    return (position // width).astype(rows.dtype), (position % width).astype(columns.dtype), packed % count


# ---------------------------------------------------------------- operations


def transposed(matrix: BCOO) -> BCOO:
    """Aᵀ."""
    return BCOO((matrix.data, matrix.indices[:, ::-1]), shape=matrix.shape[::-1], unique_indices=matrix.unique_indices)


def product(matrix: BCOO, x: Array) -> Array:
    """A x for x (n,) or (n, k), in the time of the stored entries."""
    rows, columns = coordinates(matrix)
    data = matrix.data if x.ndim == 1 else matrix.data[:, None]
    return jax.ops.segment_sum(data * x[columns], rows, num_segments=matrix.shape[0])


def total(a: BCOO, b: BCOO) -> BCOO:
    """A + B."""
    both = BCOO((jnp.concatenate([a.data, b.data]), jnp.concatenate([a.indices, b.indices])), shape=a.shape)
    return canonical(both)


def times_entries(matrix: BCOO, factor: Any) -> BCOO:
    """A scaled by a number, or entry by entry by a dense matrix."""
    if jnp.ndim(factor):
        factor = factor[coordinates(matrix)]
    return with_data(matrix, matrix.data * jnp.asarray(factor, matrix.dtype))


def entries_at(matrix: BCOO, rows: Array, columns: Array) -> Array:
    """A[rows, columns] by a search among the stored positions; row and column must fit into one number."""
    matrix = canonical(matrix)
    stored_rows, stored_columns = coordinates(matrix)
    n = matrix.shape[1]
    rows, columns = jnp.broadcast_arrays(rows, columns)
    whole = jnp.zeros((), int).dtype
    stored = stored_rows.astype(whole) * n + stored_columns
    wanted = rows.astype(whole) * n + columns
    place = jnp.minimum(jnp.searchsorted(stored, wanted), max(matrix.nse - 1, 0))
    found = stored[place] == wanted
    return jnp.where(found, matrix.data[place], 0)


def can_be_searched(matrix: BCOO) -> bool:
    """Whether row and column of an entry fit into one integer of the precision in force."""
    return matrix.nse > 0 and prod(matrix.shape) + matrix.shape[1] <= jnp.iinfo(jnp.zeros((), int).dtype).max
