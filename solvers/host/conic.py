"""The one-sided cone form that Clarabel and SCS take, and the way back to signed multipliers.

    minimize ½ xᵀPx + qᵀx   subject to   M x + s = h,   s ∈ {0} × R₊ × K

Equalities, rows with equal sides and fixed variables make the first block, every other side one row of the second:
upper sides as they are, lower sides negated; rows in cones enter as −F x + s = g. With the multipliers v of these rows
(stationarity Px + q + Mᵀv = 0) the signed ones of forms/quadratic.py are −v in the first block, −v at upper sides, v at
lower sides, and v itself in the cones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from karush.solvers.host.program import HostProgram, Vector


@dataclass(frozen=True)
class ConicProgram:
    """``matrix`` M, ``rhs`` h; ``zero`` and ``nonnegative`` rows, the rows of the program's own cones after them."""

    program: HostProgram
    matrix: sparse.csc_matrix
    rhs: Vector
    zero: int
    nonnegative: int
    fixed: NDArray[np.intp]
    above: NDArray[np.intp]
    below: NDArray[np.intp]

    def multipliers(self, v: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        """(y, z, w, u) of the multipliers v of M."""
        p, m, n = self.program.A.shape[0], self.program.G.shape[0], self.program.q.shape[0]
        fixed, above = self.fixed.size, self.above.size
        signed = np.zeros(p + m + n)
        signed[:p] = -v[:p]
        signed[self.fixed] = -v[p : p + fixed]
        start = self.zero
        signed[self.above] -= v[start : start + above]
        signed[self.below] += v[start + above : start + self.nonnegative]
        return signed[:p], signed[p : p + m], signed[p + m :], v[start + self.nonnegative :]


def conic(program: HostProgram) -> ConicProgram:
    """See the module's text."""
    n, p = program.q.shape[0], program.A.shape[0]
    lower = np.concatenate([program.b, program.lower, program.bound_lower])
    upper = np.concatenate([program.b, program.upper, program.bound_upper])
    rows = sparse.vstack([program.A, program.G, sparse.identity(n, format="csr")], format="csr")
    equal = lower == upper
    equal[:p] = True
    fixed = p + np.flatnonzero(equal[p:])
    above, below = np.flatnonzero(np.isfinite(upper) & ~equal), np.flatnonzero(np.isfinite(lower) & ~equal)
    matrix = sparse.vstack([rows[:p], rows[fixed], rows[above], -rows[below], -program.F], format="csc")
    rhs = np.concatenate([program.b, upper[fixed], upper[above], -lower[below], program.g])
    return ConicProgram(program, matrix, rhs, p + fixed.size, above.size + below.size, fixed, above, below)
