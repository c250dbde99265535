"""Sets of real programs read from files: Maros–Meszaros QPs and Netlib LPs, as NumPy archives.

    minimize ½ xᵀPx + qᵀx + r   subject to   lower ≤ A x ≤ upper,  bound_lower ≤ x ≤ bound_upper

A set is a folder of ``name.npz`` with the arrays q, r, l, u, lb, ub and the CSC arrays of P and A. The folders lie in
the one that the environment variable KARUSH_DATA names, else in ``../shared/data`` beside the repository.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse import BCOO
from scipy import sparse

from karush.solvers.forms.quadratic import QuadraticProgram

SETS = ("qp", "lp", "lp_infeasible")

# what the files write for a side that is not there
INFINITE = 1e20


@dataclass(frozen=True)
class SparseProgram:
    """One program as it is stored; P and A in CSR, sides may be infinite."""

    name: str
    P: sparse.csr_matrix
    q: np.ndarray
    constant: float
    A: sparse.csr_matrix
    lower: np.ndarray
    upper: np.ndarray
    bound_lower: np.ndarray
    bound_upper: np.ndarray

    @property
    def is_equality(self) -> np.ndarray:
        """Which rows have equal sides."""
        return self.lower == self.upper


def folder() -> Path:
    """Where the sets lie."""
    return Path(os.environ.get("KARUSH_DATA", Path(__file__).parents[2] / "shared" / "data"))


def paths(set_name: str) -> list[Path]:
    """The files of a set, smaller ones first; none where the set is absent."""
    return sorted((folder() / set_name).glob("*.npz"), key=lambda path: path.stat().st_size)


def read(path: Path) -> SparseProgram:
    """One program."""
    file = np.load(path)
    n, m = int(file["n"]), int(file["m"])

    def matrix(name: str, rows: int) -> sparse.csr_matrix:
        parts = tuple(file[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
        return sparse.csc_matrix(parts, shape=(rows, n)).tocsr()

    def side(name: str) -> np.ndarray:
        values = np.asarray(file[name], float)
        return np.where(np.abs(values) < INFINITE, values, np.copysign(np.inf, values))

    sides = (side(name) for name in ("l", "u", "lb", "ub"))
    return SparseProgram(
        path.stem, matrix("P", n), np.asarray(file["q"], float), float(file["r"]), matrix("A", m), *sides
    )


def coordinates(given: sparse.spmatrix) -> BCOO:
    """A matrix of SciPy as JAX's."""
    given = given.tocsr()
    given.sort_indices()
    found = given.tocoo()
    indices = jnp.asarray(np.stack([found.row, found.col], axis=1).astype(np.int32))
    return BCOO((jnp.asarray(found.data, float), indices), shape=found.shape, unique_indices=True, indices_sorted=True)


def quadratic_program(data: SparseProgram) -> QuadraticProgram:
    """The program in the form that the solvers take, with sparse matrices."""

    def side(values: np.ndarray) -> tuple[jnp.ndarray | None, jnp.ndarray | None]:
        there = np.isfinite(values)
        if not there.any():
            return None, None
        return jnp.asarray(np.where(there, values, 0)), None if there.all() else jnp.asarray(there)

    equal = data.is_equality
    rows = (data.lower[~equal], data.upper[~equal], data.bound_lower, data.bound_upper)
    (lower, upper, bound_lower, bound_upper), masks = zip(*map(side, rows), strict=True)
    return QuadraticProgram(
        coordinates(data.P) if data.P.nnz else None,
        jnp.asarray(data.q),
        jnp.asarray(data.constant),
        coordinates(data.A[equal]),
        jnp.asarray(data.lower[equal]),
        coordinates(data.A[~equal]),
        lower,
        upper,
        bound_lower,
        bound_upper,
        *masks,
    )
