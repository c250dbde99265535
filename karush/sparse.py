"""Sparse params between the data, the program and the user: always JAX's BCOO on the side of the program."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse import BCOO, BCSR

from karush.data.given import SparseMatrix
from karush.result import is_traced


def as_coordinates(value: SparseMatrix, dtype: Any) -> BCOO:
    """A checked sparse matrix as the program takes it, its entries row by row."""
    indices = np.stack([value.pattern.rows, value.pattern.cols], axis=1).astype(np.int32)
    parts = jnp.asarray(value.entries, dtype), jnp.asarray(indices)
    return BCOO(parts, shape=value.shape, indices_sorted=True, unique_indices=True)


def coordinate_form(value: Any) -> Any:
    """A BCSR of values that are known only when the program runs as a BCOO; any other value as it is."""
    return value.to_bcoo() if isinstance(value, BCSR) and is_traced(value) else value


def is_stored_sparse(value: Any) -> bool:
    """Whether a value of a binding is a sparse matrix."""
    return isinstance(value, SparseMatrix | BCOO)


def stored_entries(value: SparseMatrix | BCOO) -> int:
    """The number of its stored entries."""
    return len(value.entries) if isinstance(value, SparseMatrix) else value.nse


def numbers(value: Any, dtype: Any) -> Any:
    """The array in which a param is differentiated: the stored entries alone where it is sparse."""
    return jnp.asarray(value.data if isinstance(value, BCOO) else value, dtype)


def like(value: Any, array: Any) -> Any:
    """The value with its numbers replaced: on the same pattern where it is sparse."""
    if not isinstance(value, BCOO):
        return array
    flags = {"indices_sorted": value.indices_sorted, "unique_indices": value.unique_indices}
    return BCOO((array, value.indices), shape=value.shape, **flags)
