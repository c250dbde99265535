"""The regularised KKT system of sparse matrices, factorised and solved on the host (for solvers/sparse_factor.py).

In scaled coordinates, with the mask or the shares e of the rows of G,

    [ D P D + δI    Ĉᵀ ] [x̂]   [D r_x]          Ĉ = [E A D; e F G D],
    [ Ĉ            −S  ] [ν̂] = [Ê r_c],         S = max(δ, (1 − e) F²) at the rows of G, δ at those of A

is quasidefinite: it has an LDLᵀ for every order of its rows (Vanderbei, SIAM J. Optim. 5 (1995)), so SuperLU may take
the order with the least fill and no pivots. Where that turns out inaccurate it pivots.

**The memo.** A derivative solves with the same matrix several times, from calls that know nothing of each other. The
factorisations are kept by the content of their arrays, the last few of them: a memo of a pure function, which changes
nothing but the time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from karush.solvers.host.program import Vector, matrix

DELTA = 1e-8
KEPT = 8
_ACCURATE = 1e-3

# The squared distance of a row from the others' span below which it counts as dependent; what is added to it.
_DEPENDENT = 1e-11
_TINY = 1e-13

_SYMMETRIC = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
_PIVOTED = {"permc_spec": "COLAMD"}

# Where a column has more entries than this times √N the minimum degree order takes longer than the factorisation.
_FULL = 10.0
_WITH_FULL = {**_SYMMETRIC, "permc_spec": "COLAMD"}


class Bytes:
    """An array as a key: equal if its bytes are."""

    def __init__(self, value: Any):
        self.value = np.ascontiguousarray(value)
        self._key = self.value.tobytes()
        self._hash = hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bytes) and self._key == other._key


@lru_cache(maxsize=KEPT)
def _factorised(shapes: tuple[tuple[int, ...], ...], parts: tuple[Bytes, ...]) -> Any:
    """SuperLU of the system; None where it is singular."""
    *given, column, equality, row, active = (part.value for part in parts)
    matrices = [csc(given[2 * k], given[2 * k + 1], shape) for k, shape in enumerate(shapes)]
    D, E = sparse.diags(column), sparse.diags(np.concatenate([equality, active * row]))
    C = E @ sparse.vstack(matrices[:2], format="csc") @ D
    free = sparse.diags(np.where(column > 0, DELTA, 1.0))
    H = free if len(matrices) == 2 else D @ matrices[2] @ D + free
    S = sparse.diags(np.maximum(np.concatenate([np.zeros_like(equality), (1 - active) * row**2]), DELTA))
    system = sparse.bmat([[H, C.T], [C, -S]], format="csc")
    system.eliminate_zeros()
    return best_factor(system)


def forget() -> None:
    """Empty the memo: for measurements."""
    _factorised.cache_clear()


def csc(data: Vector, indices: np.ndarray, shape: tuple[int, ...]) -> sparse.csc_matrix:
    """The matrix of its entries; what lies outside of the shape is padding."""
    inside = (indices[:, 0] < shape[0]) & (indices[:, 1] < shape[1])
    return sparse.csc_matrix((data[inside], (indices[inside, 0], indices[inside, 1])), shape=shape)


def best_factor(system: sparse.csc_matrix) -> Any:
    """The factorisation without pivots where it is accurate, else the one with them."""
    probe = np.cos(1.7 * np.arange(system.shape[0]) + 0.3)
    has_full = np.diff(system.indptr).max(initial=0) > _FULL * system.shape[0] ** 0.5
    for options in (_WITH_FULL if has_full else _SYMMETRIC, _PIVOTED):
        try:
            factor = linalg.splu(system, **options)
        except RuntimeError:
            continue
        value = factor.solve(probe)
        defect = np.abs(system @ value - probe).max(initial=0)
        if defect <= _ACCURATE:
            return factor
    return None


def solve(matrices: tuple[Any, ...], scales: tuple[Any, Any, Any], active: Any, right: Any) -> Vector:
    """(x, ν, μ) of the system for ``matrices`` A, G and, if there is one, P; NaN where it is singular.

    ``scales`` are D, zero at fixed variables, where x is zero, and E for the rows of A and of G.
    """
    parts = [np.asarray(part, np.float64) for part in (*scales, active)]
    entries = [part for given in matrices for part in coordinates(given)]
    shapes = tuple(given.shape for given in matrices)
    factor = _factorised(shapes, tuple(Bytes(part) for part in (*entries, *parts)))
    scale = np.concatenate(parts[:3])
    right = np.asarray(right)
    found = np.full(right.size, np.nan) if factor is None else scale * factor.solve(scale * right)
    return found.astype(right.dtype)


def coordinates(given: Any) -> tuple[Vector, np.ndarray]:
    """The entries of a dense array or a BCOO matrix, and their positions."""
    if hasattr(given, "indices"):
        return np.asarray(given.data, np.float64), np.asarray(given.indices)
    found = matrix(given).tocoo()
    return found.data, np.stack([found.row, found.col], axis=1)


def rank(matrices: tuple[Any, Any], active_z: Any, free: Any) -> np.ndarray:
    """The rank of [A; active rows of G] in the free variables."""
    C = sparse.vstack([matrix(matrices[0]), matrix(matrices[1])[np.asarray(active_z) > 0]], format="csr")
    return np.asarray(gram_rank(C, np.asarray(free)), np.asarray(free).dtype)


def gram_rank(C: sparse.csr_matrix, free: np.ndarray) -> int:
    """The rank of C in the variables that are ``free``, 1 or 0.

    With rows of unit length the pivots of a Cholesky factorisation of CCᵀ are the squared distances of each row from
    the span of those before it, so the dependent rows show as pivots at rounding level; those of CᵀC say the same of
    the columns, and the sparser of the two products is taken.
    """
    C = C @ sparse.diags(free.astype(float))
    length = linalg.norm(C, axis=1)
    C = sparse.diags(1 / np.where(length > 0, length, 1)) @ C
    by_rows, by_columns = (np.sum(np.square(C.getnnz(axis=axis), dtype=float)) for axis in (0, 1))
    gram = C @ C.T if by_rows <= by_columns else C.T @ C
    if not gram.nnz:
        return 0
    factor = linalg.splu(gram.tocsc() + _TINY * sparse.identity(gram.shape[0], format="csc"), **_SYMMETRIC)
    return int(np.sum(factor.U.diagonal() > _DEPENDENT))
