"""Certificates of host solvers brought to rounding level by a projection.

A solver stops when a certificate is good to its tolerance. Its support is right by then, and the nearest multipliers
with this support that satisfy Cᵀv = 0 exactly are a least-squares problem:

    min ½‖v' − v‖²  subject to  C_Sᵀ v' = 0:       [ I    C_S ] [v']   [v]
                                                   [ C_Sᵀ −δI ] [t ] = [0],

C = [A; G; I] and S the entries that are clearly not zero. A ray of descent d is projected likewise on Pd = 0 and on
the rows that it does not clearly move. Where that makes the certificate no better it stays as it was.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from karush.solvers.host.program import Answer, HostProgram, Vector
from karush.solvers.result import Status

_DELTA = 1e-12
_CLEAR = 1e-6
_REFINEMENTS = 3


def _projected(matrix: sparse.csc_matrix, vector: Vector) -> Vector:
    """The point nearest to ``vector`` in the kernel of ``matrix``, to rounding; the vector itself where that fails."""
    count = matrix.shape[0]
    # rows of unit length: then one δ is right for all of them
    length = sparse.linalg.norm(matrix, axis=1)
    matrix = sparse.diags(1 / np.where(length > 0, length, 1)) @ matrix
    system = sparse.bmat([[sparse.identity(vector.size), matrix.T], [matrix, -_DELTA * sparse.identity(count)]], "csc")
    try:
        factor = linalg.splu(system)
    except RuntimeError:
        return vector
    moved = vector
    for _ in range(_REFINEMENTS):
        moved = moved + factor.solve(np.concatenate([np.zeros(vector.size), -(matrix @ moved)]))[: vector.size]
    return moved if np.isfinite(moved).all() else vector


def _farkas(program: HostProgram, found: Answer) -> Answer:
    n, p, m = program.q.size, found.y.size, found.z.size
    rows = sparse.vstack([program.A, program.G, sparse.identity(n)], format="csr")
    lower = np.concatenate([program.b, program.lower, program.bound_lower])
    upper = np.concatenate([program.b, program.upper, program.bound_upper])

    def defect(v: Vector) -> float:
        side = np.where(v > 0, lower, upper)
        there = np.isfinite(side)  # what presses on a side that is not there proves nothing
        value = np.where(there, side, 0) @ v
        return float(np.abs(rows.T @ np.where(there, v, 0)).max(initial=0) / value) if value > 0 else np.inf

    v = np.concatenate([found.y, found.z, found.w])
    support = np.abs(v) > _CLEAR * np.abs(v).max(initial=0)
    moved = np.zeros_like(v)
    moved[support] = _projected(rows[support].T.tocsc(), v[support])
    if not defect(moved) < defect(v):
        return found
    return replace(found, y=moved[:p], z=moved[p : p + m], w=moved[p + m :])


def _ray(program: HostProgram, found: Answer) -> Answer:
    rows = sparse.vstack([program.G, sparse.identity(program.q.size)], format="csr")
    lower = np.isfinite(np.concatenate([program.lower, program.bound_lower]))
    upper = np.isfinite(np.concatenate([program.upper, program.bound_upper]))
    still = program.A if program.P is None else sparse.vstack([program.A, program.P], format="csc")

    def defect(d: Vector) -> float:
        slope, value = program.q @ d, rows @ d
        leaving = np.maximum(np.where(lower, -value, 0), np.where(upper, value, 0))
        worst = max(np.abs(still @ d).max(initial=0), leaving.max(initial=0))
        return float(worst / -slope) if slope < 0 else np.inf

    value = np.abs(rows @ found.x)
    held = rows[(lower | upper) & (value <= _CLEAR * value.max(initial=0))]
    moved = _projected(sparse.vstack([still, held], format="csc"), found.x)
    return replace(found, x=moved) if defect(moved) < defect(found.x) else found


def sharpened(program: HostProgram, found: Answer) -> Answer:
    """The answer with its certificate, if it is one, projected; programs with rows in cones are left alone."""
    if program.cones:
        return found
    if found.claim == Status.INFEASIBLE:
        return _farkas(program, found)
    return _ray(program, found) if found.claim == Status.UNBOUNDED else found
