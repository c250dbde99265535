"""Families of rows of a sparse program as entries over all variables, one family below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.compiler.lowering import pieces as sparse
from karush.compiler.lowering.affine import Affine
from karush.compiler.lowering.gram import Layout
from karush.compiler.lowering.pieces import Sizes
from karush.compiler.lowering.row_values import Rows, filled_side
from karush.compiler.lowering.sparse_values import from_entries


def matrix_of(form: Affine, shape: Sizes, layout: Layout, dtype: Any, keep: Array | None = None) -> BCOO:
    """The rows of a form over all variables; those that are not kept are empty."""
    count, offsets = sparse.size_of(shape), layout.offsets
    parts: list[tuple[Array, Array, Array]] = []
    exact = True
    for name, block in form.blocks.items():
        exact = exact and len(block) == 1
        for piece in block:
            values, rows, places = sparse.entries(piece)
            exact = exact and piece.exact and isinstance(piece, sparse.Listed | sparse.Scattered)
            if keep is not None:
                values = jnp.where(keep[jnp.minimum(rows, count - 1)], values, 0)
            parts.append((values, rows, places + offsets[name]))
    if not parts:
        parts = [(jnp.zeros(0, dtype), jnp.zeros(0, jnp.int32), jnp.zeros(0, jnp.int32))]
    values, rows, places = (jnp.concatenate(part) for part in zip(*parts, strict=True))
    return from_entries(rows, places, values.astype(dtype), (count, layout.total), unique=exact)


def stacked(rows: Sequence[Rows], columns: int, dtype: Any) -> Rows:
    """Families one below the other."""
    if len(rows) == 1:
        return rows[0]
    at, indices = 0, []
    for row in rows:
        indices.append(row.matrix.indices + jnp.array([at, 0], jnp.int32))
        at += row.matrix.shape[0]
    # what is padding in one family would be a row of the next
    inside = [row.matrix.indices[:, :1] < row.matrix.shape[0] for row in rows]
    places = [
        jnp.where(i, index, jnp.array([at, columns], jnp.int32)) for i, index in zip(inside, indices, strict=True)
    ]
    unique = all(row.matrix.unique_indices for row in rows)
    data = [row.matrix.data for row in rows] or [jnp.zeros(0, dtype)]
    index = jnp.concatenate(places or [jnp.zeros((0, 2), jnp.int32)])
    matrix = BCOO((jnp.concatenate(data), index), shape=(at, columns), unique_indices=unique)
    lower, upper = (
        filled_side([(getattr(row, side), row.matrix.shape[:1]) for row in rows], dtype) if rows else None
        for side in ("lower", "upper")
    )
    return Rows(matrix, lower, upper)
