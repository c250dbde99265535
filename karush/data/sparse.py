"""Sparse matrices in data: coordinates in any order as entries at a pattern, never a dense array of their shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from karush.data.given import Pattern, Trouble
from karush.data.nested import Nested, read_nested

FORM = 'a sparse matrix is {"coo": [rows, cols, values], "shape": [m, n]}'

LARGEST_SPAN, SPAN_PER_ENTRY = 2**24, 16
"""m + n may be so large, or so many times the number of stored entries: vectors are held for rows and columns."""


def read_array(value: Any) -> Nested | Trouble:
    """The array that a JSON value stands for, sparse or dense, or why it stands for none."""
    return read_coo(value) if isinstance(value, dict) and "coo" in value else read_nested(value)


def read_coo(value: Mapping[str, Any]) -> Nested | Trouble:
    """``{"coo": [rows, cols, values], "shape": [m, n]}``."""
    parts, shape = value.get("coo"), value.get("shape")
    sized = isinstance(shape, list) and len(shape) == 2 and all(type(s) is int and s >= 0 for s in shape)
    if not sized or not isinstance(parts, list) or len(parts) != 3:
        return Trouble("E0404", FORM)
    arrays: list[np.ndarray] = []
    for part in map(read_nested, parts):
        if isinstance(part, Trouble):
            return part
        arrays.append(part.array)
    rows, cols, entries = arrays
    flat = all(a.ndim == 1 and len(a) == len(entries) and a.dtype.kind in "if" for a in arrays)
    if not flat or any(len(a) and a.dtype.kind != "i" for a in (rows, cols)):
        return Trouble("E0404", FORM + ", the three lists equally long")
    return from_coo(rows, cols, entries, tuple(shape or ()))


def from_coo(rows: np.ndarray, cols: np.ndarray, entries: np.ndarray, shape: tuple[int, ...]) -> Nested | Trouble:
    """The matrix of coordinates, put in order row by row; repeated positions add up, stored zeros stay stored."""
    m, n = shape
    if min(shape) < 0:
        return Trouble("E0404", f"a sparse matrix cannot have the shape {m} × {n}")
    if m + n > max(LARGEST_SPAN, SPAN_PER_ENTRY * len(entries)):
        return Trouble("E0404", f"a sparse matrix of {m} × {n} has too few entries ({len(entries)}) for its size")
    for indices, size, word in ((rows, m, "row"), (cols, n, "column")):
        outside = np.flatnonzero((indices < 0) | (indices >= size))
        if len(outside):
            which = int(indices[outside[0]])
            return Trouble("E0404", f"{word} {which} of the sparse matrix is outside 0 .. {size - 1}")
    return summed(rows.astype(np.int64), cols.astype(np.int64), entries.astype(np.float64), (m, n))


def summed(rows: np.ndarray, cols: np.ndarray, entries: np.ndarray, shape: tuple[int, int]) -> Nested:
    """The entries in the order of their positions, those of one position added up."""
    order = np.lexsort((cols, rows))
    rows, cols, entries = rows[order], cols[order], entries[order]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (cols[1:] != cols[:-1])
    starts = np.flatnonzero(first)
    with np.errstate(invalid="ignore"):
        totals = np.add.reduceat(entries, starts) if len(starts) else entries
    return Nested(totals, (None, None), Pattern(rows[starts], cols[starts], shape))


# ---------------------------------------------------------------- what libraries call a sparse matrix


def is_sparse(value: Any) -> bool:
    """Whether an object is a sparse matrix of SciPy (or like one), or a BCOO or BCSR of JAX."""
    return hasattr(value, "tocoo") or (hasattr(value, "todense") and hasattr(value, "indices"))


def sparse_object(value: Any) -> Nested | Trouble:
    """The matrix in such an object."""
    if len(value.shape) != 2:
        return Trouble("E0404", "a sparse array must have two axes")
    if hasattr(value, "tocoo"):
        coo = value.tocoo()
        rows, cols, entries = coo.row, coo.col, coo.data
    elif getattr(value, "n_batch", 0) or getattr(value, "n_dense", 0):
        return Trouble("E0404", "a sparse matrix must have no batch axes and no dense axes")
    elif hasattr(value, "indptr"):
        rows, cols, entries = _by_rows(value)
    else:
        indices, entries = np.asarray(value.indices), np.asarray(value.data)
        kept = (indices < np.asarray(value.shape)).all(axis=1)  # what lies outside is padding, by JAX's convention
        indices, entries = indices[kept], entries[kept]
        rows, cols = indices[:, 0], indices[:, 1]
    entries = np.asarray(entries)
    if entries.dtype.kind not in "fiub":
        return Trouble("E0406", f"entries of type {entries.dtype} are not numbers")
    return from_coo(np.asarray(rows), np.asarray(cols), entries, tuple(int(s) for s in value.shape))


def _by_rows(value: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and entries of a BCSR; what its row pointers leave out is padding."""
    counts = np.diff(np.asarray(value.indptr))
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.asarray(value.indices)[: len(rows)], np.asarray(value.data)[: len(rows)]
