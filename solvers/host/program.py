"""A program as the host solvers take it, and what they give back: SciPy's sparse matrices, NumPy's vectors.

    minimize ½ xᵀPx + qᵀx   subject to   A x = b,  lower ≤ G x ≤ upper,  bound_lower ≤ x ≤ bound_upper,  F x + g ∈ K

with the signs of forms/quadratic.py. Sides that are not there are infinite here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jax.experimental.sparse import BCOO
from numpy.typing import NDArray
from scipy import sparse

from karush.solvers.forms.cones import Cones
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.result import Status

Vector = NDArray[np.float64]
Masks = NDArray[np.bool_]


class RefusedDataError(ValueError):
    """A solver does not take the data of a program: a P that is not positive semidefinite, for instance."""


@dataclass(frozen=True)
class HostProgram:
    """``P`` (n, n) or None, ``A`` (p, n), ``G`` (m, n), ``F`` (r, n) in CSC; sides may be infinite; ``cones`` of F."""

    P: sparse.csc_matrix | None
    q: Vector
    A: sparse.csc_matrix
    b: Vector
    G: sparse.csc_matrix
    lower: Vector
    upper: Vector
    bound_lower: Vector
    bound_upper: Vector
    F: sparse.csc_matrix
    g: Vector
    exponents: Vector
    cones: tuple[Cones, ...]


@dataclass(frozen=True)
class Answer:
    """What a host solver says. Nothing of it is believed before it is verified.

    ``claim`` SOLVED goes with a point, INFEASIBLE with multipliers (y, z, w, u) in the place of the point's, UNBOUNDED
    with a direction in the place of x, LIMIT with whatever the solver had.
    """

    claim: Status
    x: Vector
    y: Vector
    z: Vector
    w: Vector
    u: Vector
    iterations: int


def matrix(given: Any) -> sparse.csc_matrix:
    """A dense array or a BCOO matrix in CSC; entries outside the shape are padding, equal places are added up."""
    if not isinstance(given, BCOO):
        return sparse.csc_matrix(np.asarray(given, np.float64))
    data, indices = np.asarray(given.data, np.float64), np.asarray(given.indices)
    rows, columns = indices[:, 0], indices[:, 1]
    inside = (rows < given.shape[0]) & (columns < given.shape[1])
    if not inside.all():
        data, rows, columns = data[inside], rows[inside], columns[inside]
    return sparse.csc_matrix((data, (rows, columns)), shape=given.shape)


def _side(value: Any, mask: Any, count: int, absent: float) -> Vector:
    if value is None:
        return np.full(count, absent)
    found = np.asarray(value, np.float64)
    return found if mask is None else np.where(np.asarray(mask), found, absent)


def host_program(problem: QuadraticProgram) -> HostProgram:
    """The program with the masks turned into infinities; the arrays are those of a callback."""
    n = np.shape(problem.linear)[0]
    A, G = matrix(problem.equality_matrix), matrix(problem.inequality_matrix)
    m, cones = G.shape[0], problem.cone_rows
    return HostProgram(
        P=None if problem.quadratic is None else matrix(problem.quadratic),
        q=np.asarray(problem.linear, np.float64),
        A=A,
        b=np.asarray(problem.equality_rhs, np.float64),
        G=G,
        lower=_side(problem.lower, problem.has_lower, m, -np.inf),
        upper=_side(problem.upper, problem.has_upper, m, np.inf),
        bound_lower=_side(problem.bound_lower, problem.has_bound_lower, n, -np.inf),
        bound_upper=_side(problem.bound_upper, problem.has_bound_upper, n, np.inf),
        F=sparse.csc_matrix((0, n)) if cones is None else matrix(cones.matrix),
        g=np.zeros(0) if cones is None else np.asarray(cones.offset, np.float64),
        exponents=np.zeros(0) if cones is None else np.asarray(cones.exponents, np.float64),
        cones=() if cones is None else cones.cones,
    )


def two_sided(program: HostProgram) -> tuple[sparse.csc_matrix, Vector, Vector]:
    """Equalities and rows as one family  lower ≤ [A; G] x ≤ upper."""
    rows = sparse.vstack([program.A, program.G], format="csc")
    return rows, np.concatenate([program.b, program.lower]), np.concatenate([program.b, program.upper])
