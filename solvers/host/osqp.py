"""OSQP: operator splitting for quadratic programs (Stellato et al., Math. Prog. Comp. 12, 2020)."""

from __future__ import annotations

import numpy as np
import osqp
from osqp.interface import OSQPException
from scipy import sparse

from karush.solvers.host.program import Answer, HostProgram, RefusedDataError, two_sided
from karush.solvers.result import Status

# A method of first order: what it reaches in reasonable time; the refinement on the active rows does the rest.
_COARSE = 1e-7
_ITERATIONS = 20_000

# What its statuses say.
CLAIMS = {
    "solved": Status.SOLVED,
    "solved inaccurate": Status.SOLVED,
    "primal infeasible": Status.INFEASIBLE,
    "primal infeasible inaccurate": Status.INFEASIBLE,
    "dual infeasible": Status.UNBOUNDED,
    "dual infeasible inaccurate": Status.UNBOUNDED,
}


def solve(program: HostProgram, tolerance: float, max_iterations: int | None) -> Answer:
    """OSQP's answer on the rows [A; G; I]: its multipliers have the other sign.

    Raises RefusedDataError for a P that is not positive semidefinite.
    """
    n, p, m = program.q.shape[0], program.A.shape[0], program.G.shape[0]
    rows, lower, upper = two_sided(program)
    rows = sparse.vstack([rows, sparse.identity(n)], format="csc")
    lower, upper = np.concatenate([lower, program.bound_lower]), np.concatenate([upper, program.bound_upper])
    P = sparse.csc_matrix((n, n)) if program.P is None else sparse.triu(program.P, format="csc")
    engine = osqp.OSQP()
    tolerance = max(tolerance, _COARSE)
    try:
        engine.setup(
            P,
            program.q,
            rows,
            lower,
            upper,
            verbose=False,
            eps_abs=tolerance,
            eps_rel=tolerance,
            eps_prim_inf=tolerance,
            eps_dual_inf=tolerance,
            max_iter=_ITERATIONS if max_iterations is None else max_iterations,
        )
    except OSQPException as error:
        raise RefusedDataError(str(error)) from error
    found = engine.solve(raise_error=False)
    claim = CLAIMS.get(str(found.info.status), Status.LIMIT)
    x, v = np.asarray(found.x, np.float64), -np.asarray(found.y, np.float64)
    if claim == Status.INFEASIBLE:
        x, v = np.zeros(n), -np.asarray(found.prim_inf_cert, np.float64)
    elif claim == Status.UNBOUNDED:
        x, v = np.asarray(found.dual_inf_cert, np.float64), np.zeros(p + m + n)
    return Answer(claim, x, v[:p], v[p : p + m], v[p + m :], np.zeros(0), int(found.info.iter))
