"""Matrices, dense, sparse (BCOO), diagonal or in parts: what they offer beside ``M @ x``, ``M.T``, ``M.shape``.

A sparse matrix is a ``BCOO`` without batch or dense dimensions whose indices are unique: then the largest entries and
lengths of rows and columns are those of its stored values. For matrices in parts see parted_matrix.py, for those that
are known by their products operator_matrix.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, overload

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.solvers.operator_matrix import OperatorMatrix
from karush.solvers.parted_matrix import PartedMatrix, TransposedMatrix


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Diagonal:
    """diag(``entries``), entries (n,). That a matrix is of this type is static knowledge."""

    entries: Array

    @property
    def shape(self) -> tuple[Any, Any]:
        """(n, n)."""
        n = self.entries.shape[0]
        return n, n

    @property
    def T(self) -> Diagonal:  # noqa: N802 - as arrays have it
        """Itself."""
        return self

    def __matmul__(self, x: Array) -> Array:
        """M x for a vector (n,) or a block (n, k)."""
        return self.entries * x if x.ndim == 1 else self.entries[:, None] * x

    def todense(self) -> Array:
        """The dense array (n, n)."""
        return jnp.diag(self.entries)


Matrix = Array | BCOO | PartedMatrix | OperatorMatrix
Symmetric = Matrix | Diagonal
AnyMatrix = Symmetric | TransposedMatrix


def row_maxima(matrix: AnyMatrix) -> Array:
    """max_j |M_ij| for each row i, 0 where there is no entry; shape (r,)."""
    if isinstance(matrix, BCOO):
        return _segment_max(jnp.abs(matrix.data), matrix.indices[:, 0], matrix.shape[0])
    if isinstance(matrix, Diagonal):
        return jnp.abs(matrix.entries)
    if isinstance(matrix, PartedMatrix | OperatorMatrix | TransposedMatrix):
        return _largest_terms(matrix)
    return jnp.max(jnp.abs(matrix), axis=1, initial=0.0)


def column_maxima(matrix: AnyMatrix) -> Array:
    """max_i |M_ij| for each column j, 0 where there is no entry; shape (c,)."""
    if isinstance(matrix, BCOO):
        return _segment_max(jnp.abs(matrix.data), matrix.indices[:, 1], matrix.shape[1])
    if isinstance(matrix, Diagonal):
        return jnp.abs(matrix.entries)
    if isinstance(matrix, PartedMatrix | OperatorMatrix | TransposedMatrix):
        return _largest_terms(matrix.T)
    return jnp.max(jnp.abs(matrix), axis=0, initial=0.0)


def row_terms(matrix: AnyMatrix, vector: Array) -> Array:
    """max_j |M_ij v_j| for each row i: the largest single term of M v; shape (r,)."""
    if isinstance(matrix, BCOO):
        values = jnp.abs(matrix.data * vector[matrix.indices[:, 1]])
        return _segment_max(values, matrix.indices[:, 0], matrix.shape[0])
    if isinstance(matrix, Diagonal):
        return jnp.abs(matrix.entries * vector)
    if isinstance(matrix, PartedMatrix | OperatorMatrix):
        return matrix.row_terms(vector)
    if isinstance(matrix, TransposedMatrix):
        return matrix.T.column_terms(vector)
    return jnp.max(jnp.abs(dense(matrix) * vector), axis=1, initial=0.0)


def column_terms(matrix: AnyMatrix, vector: Array) -> Array:
    """max_i |M_ij v_i| for each column j: the largest single term of Mᵀv; shape (c,)."""
    return row_terms(matrix.T, vector)


@overload
def scaled(matrix: Matrix, left: Array, right: Array) -> Matrix: ...


@overload
def scaled(matrix: Diagonal, left: Array, right: Array) -> Diagonal: ...


def scaled(matrix: Symmetric, left: Array, right: Array) -> Symmetric:
    """diag(left) M diag(right)."""
    if isinstance(matrix, BCOO):
        rows, columns = matrix.indices[:, 0], matrix.indices[:, 1]
        data = matrix.data * left[rows] * right[columns]
        kept = {"unique_indices": matrix.unique_indices, "indices_sorted": matrix.indices_sorted}
        return BCOO((data, matrix.indices), shape=matrix.shape, **kept)
    if isinstance(matrix, Diagonal):
        return Diagonal(matrix.entries * left * right)
    if isinstance(matrix, PartedMatrix):
        return matrix.scaled(left, right)
    return dense(matrix) * left[:, None] * right


@overload
def magnitudes(matrix: Matrix) -> Matrix: ...


@overload
def magnitudes(matrix: Diagonal) -> Diagonal: ...


def magnitudes(matrix: Symmetric) -> Symmetric:
    """|M|, entry by entry."""
    if isinstance(matrix, BCOO):
        indices = (jnp.abs(matrix.data), matrix.indices)
        return BCOO(indices, shape=matrix.shape, unique_indices=matrix.unique_indices)
    if isinstance(matrix, PartedMatrix):
        return matrix.magnitudes()
    return Diagonal(jnp.abs(matrix.entries)) if isinstance(matrix, Diagonal) else jnp.abs(dense(matrix))


def symmetric_part(matrix: Symmetric) -> Symmetric:
    """(M + Mᵀ)/2."""
    if isinstance(matrix, Diagonal | OperatorMatrix):
        return matrix
    return matrix.symmetric_part() if isinstance(matrix, PartedMatrix) else 0.5 * (matrix + matrix.T)


def mixed(matrix: Matrix, change: Callable[[Array], Array]) -> Matrix:
    """Q M for a ``change`` S ↦ Q S of blocks (r, c) that mixes only rows of the same cone."""
    return matrix.mixed(change) if isinstance(matrix, PartedMatrix) else change(dense(matrix))


def below(first: Matrix, second: Matrix) -> Matrix:
    """Two matrices, dense or both in parts, one below the other."""
    if isinstance(first, PartedMatrix) and isinstance(second, PartedMatrix):
        return first.below(second)
    return jnp.concatenate([dense(first), dense(second)])


def unsparse(matrix: Symmetric) -> Matrix:
    """The matrix itself, dense or in parts. Raises TypeError for another one: a solver that was not asked."""
    return matrix if isinstance(matrix, PartedMatrix) else dense(matrix)


def _largest_terms(matrix: PartedMatrix | OperatorMatrix | TransposedMatrix) -> Array:
    """max_j |M_ij| for each row."""
    return row_terms(matrix, jnp.ones(matrix.shape[1], jnp.result_type(*(jax.tree.leaves(matrix) or [float]))))


def _segment_max(values: Array, segments: Array, count: int) -> Array:
    """The largest of nonnegative values by segment, 0 for an empty one; padding lies outside and is dropped."""
    return jnp.maximum(jax.ops.segment_max(values, segments, num_segments=count), 0)


def dense(matrix: AnyMatrix) -> Array:
    """A dense array. Raises TypeError for a sparse or diagonal matrix: a solver that was not asked."""
    if isinstance(matrix, TransposedMatrix):
        return dense(matrix.T).T
    if isinstance(matrix, BCOO | Diagonal | OperatorMatrix):
        raise TypeError("this solver takes dense matrices alone")
    return matrix.todense() if isinstance(matrix, PartedMatrix) else matrix


def all_dense(problem: Any) -> Any:
    """A pytree with a dense array for each sparse or diagonal matrix."""

    def special(leaf: Any) -> bool:
        return isinstance(leaf, BCOO | Diagonal)

    return jax.tree.map(lambda leaf: leaf.todense() if special(leaf) else leaf, problem, is_leaf=special)
