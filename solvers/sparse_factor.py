"""The factorisation of the KKT system of kkt.py where a matrix is sparse: it lives on the host.

How much a factorisation fills in is known only when it is made, so that XLA has no array for it: the solve is a
callback that takes the matrices along and keeps the last factorisations by their content (host/sparse_system.py). With
sparse rows in cones it is that of framed_factor.py.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.framed_factor import framed_rank, framed_solve
from karush.solvers.framed_matrix import FramedMatrix
from karush.solvers.matrices import Diagonal, Matrix


def has_sparse_matrix(problem: QuadraticProgram) -> bool:
    """Whether a matrix of the problem is sparse: static."""
    matrices = (problem.equality_matrix, problem.inequality_matrix, problem.quadratic)
    return any(isinstance(matrix, BCOO | FramedMatrix) for matrix in matrices)


def _matrices(problem: QuadraticProgram) -> tuple[Matrix, ...]:
    rows = (problem.equality_matrix, problem.inequality_matrix)
    P = problem.quadratic
    return rows if P is None or isinstance(P, Diagonal) else (*rows, P)


def _on_host(name: str, *arguments: Any) -> Any:
    """What needs SciPy is imported by the first call."""
    return getattr(importlib.import_module("karush.solvers.host.sparse_system"), name)(*arguments)


def regularised_solve(
    problem: QuadraticProgram,
    scales: tuple[Array, Array, Array],
    active_z: Array,
    right: tuple[Array, Array, Array],
) -> tuple[Array, Array, Array]:
    """(x, ν, μ) of the regularised system for the right-hand sides (r_x, r_y, r_z), by one factorisation.

    ``scales`` are D (n,), zero at fixed variables, and the two parts of E, (p,) and (m,); ``active_z`` (m,) the mask or
    the shares of the rows of G.
    """
    if isinstance(problem.inequality_matrix, FramedMatrix):
        return framed_solve(problem, problem.inequality_matrix, scales, active_z, right)
    # one vector each way: a callback one of whose results has no entries fails in XLA where no other array is left
    flat = jnp.concatenate(right)
    n, p = right[0].shape[0], right[1].shape[0]
    found: Array = jax.pure_callback(
        partial(_on_host, "solve"),
        jax.ShapeDtypeStruct(flat.shape, flat.dtype),
        _matrices(problem),
        scales,
        active_z,
        flat,
        vmap_method="sequential",
    )
    return found[:n], found[n : n + p], found[n + p :]


def row_rank(problem: QuadraticProgram, active_z: Array, free: Array) -> Array:
    """The rank of the equalities and the active rows in the free variables, as a float."""
    if isinstance(problem.inequality_matrix, FramedMatrix):
        return framed_rank(problem, problem.inequality_matrix, active_z, free)
    rows = (problem.equality_matrix, problem.inequality_matrix)
    shape = jax.ShapeDtypeStruct((), free.dtype)
    found: Array = jax.pure_callback(partial(_on_host, "rank"), shape, rows, active_z, free, vmap_method="sequential")
    return found
