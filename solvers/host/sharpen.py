"""Certificates of host solvers brought to rounding level by a projection.

A solver stops when a certificate is good to its tolerance. Its support is right by then, and the nearest multipliers
with this support that satisfy Cᵀv = 0 exactly are a least-squares problem:

    min ½‖v' − v‖²  subject to  C_Sᵀ v' = 0:       [ I    C_S ] [v']   [v]
                                                   [ C_Sᵀ −δI ] [t ] = [0],

C = [A; G; I] and S the entries that are clearly not zero. A ray of descent d is projected likewise on Pd = 0 and on
the rows that it does not clearly move.
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
    rows = sparse.vstack([program.A, program.G, sparse.identity(program.q.size)], format="csr")
    v = np.concatenate([found.y, found.z, found.w])
    support = np.abs(v) > _CLEAR * np.abs(v).max(initial=0)
    moved = np.zeros_like(v)
    moved[support] = _projected(rows[support].T.tocsc(), v[support])
    p, m = found.y.size, found.z.size
    return replace(found, y=moved[:p], z=moved[p : p + m], w=moved[p + m :])


def _ray(program: HostProgram, found: Answer) -> Answer:
    rows = sparse.vstack([program.G, sparse.identity(program.q.size)], format="csr")
    sides = (program.lower, program.upper), (program.bound_lower, program.bound_upper)
    sided = np.concatenate([np.isfinite(lower) | np.isfinite(upper) for lower, upper in sides])
    value = np.abs(rows @ found.x)
    held = rows[sided & (value <= _CLEAR * value.max(initial=0))]
    blocks = [program.A, held] if program.P is None else [program.A, held, program.P]
    return replace(found, x=_projected(sparse.vstack(blocks, format="csc"), found.x))


def sharpened(program: HostProgram, found: Answer) -> Answer:
    """The answer with its certificate, if it is one, projected; programs with rows in cones are left alone."""
    if program.cones:
        return found
    if found.claim == Status.INFEASIBLE:
        return _farkas(program, found)
    return _ray(program, found) if found.claim == Status.UNBOUNDED else found
