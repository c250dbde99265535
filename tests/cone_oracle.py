"""Cone programs solved by Clarabel, called from inside a traced function, for the tests of what comes after a solve."""

from __future__ import annotations

from dataclasses import dataclass

import clarabel
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp

from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.residuals import kkt_residuals, objective
from karush.solvers.result import Solution, Status

ACCURATE = 1e-11
OF_CLARABEL = {
    "Solved": Status.SOLVED,
    "AlmostSolved": Status.SOLVED,
    "InsufficientProgress": Status.SOLVED,
    "PrimalInfeasible": Status.INFEASIBLE,
    "DualInfeasible": Status.UNBOUNDED,
}


def _cones(rows, exponents):
    for cones, _, powers in rows:
        for number in range(cones.count):
            if cones.kind == "second_order":
                yield clarabel.SecondOrderConeT(cones.dimension)
            elif cones.kind == "exponential":
                yield clarabel.ExponentialConeT()
            elif cones.kind == "power":
                yield clarabel.PowerConeT(float(exponents[powers][number]))
            else:
                yield clarabel.PSDTriangleConeT(cones.order)


def _clarabel(groups, shapes, P, q, A, b, G, lower, F, g, exponents):
    """x, y, z, u and the status; rows of G have a lower side alone."""
    _, p, m = shapes
    matrix = np.concatenate([-A, -G, -F])
    rhs = np.concatenate([-b, -lower, g])
    cones = [clarabel.ZeroConeT(p)] if p else []
    cones += [clarabel.NonnegativeConeT(m)] if m else []
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = ACCURATE
    solver = clarabel.DefaultSolver(
        sp.csc_matrix(np.triu(P)), q, sp.csc_matrix(matrix), rhs, [*cones, *_cones(groups, exponents)], settings
    )
    found = solver.solve()
    z = np.asarray(found.z)
    status = OF_CLARABEL.get(str(found.status), Status.FAILED)
    return np.asarray(found.x), z[:p], z[p : p + m], z[p + m :], np.int32(status)


@dataclass(frozen=True)
class Clarabel:
    """A method for `implicit.solve_differentiable`: Clarabel, and a ``polish`` of its point (or none)."""

    polish: object = None
    threshold: float = 1e-6
    strongly_convex: bool = False

    def active(self, dtype):
        del dtype
        return self.threshold

    def __call__(self, problem: QuadraticProgram, warm):
        del warm
        rows = problem.cone_rows
        n, p, m = problem.linear.shape[0], problem.equality_rhs.shape[0], problem.inequality_matrix.shape[0]
        groups = tuple(rows.groups())
        lower = jnp.zeros(m) if problem.lower is None else problem.lower
        P = jnp.zeros((n, n)) if problem.quadratic is None else problem.quadratic
        shape = [jax.ShapeDtypeStruct((k,), jnp.float64) for k in (n, p, m, rows.offset.shape[0])]
        x, y, z, u, status = jax.pure_callback(
            lambda *given: _clarabel(groups, (n, p, m), *(np.asarray(a) for a in given)),
            (*shape, jax.ShapeDtypeStruct((), jnp.int32)),
            P, problem.linear, problem.equality_matrix, problem.equality_rhs, problem.inequality_matrix, lower,
            rows.matrix, rows.offset, rows.exponents, vmap_method="sequential",
        )  # fmt: skip
        point = Point(x, y, z, None, u)
        if self.polish is not None:
            point = self.polish(problem, point, status <= Status.SOLVED_INACCURATE)
        return Solution(
            point=point,
            objective=objective(problem, point.x),
            status=status,
            iterations=jnp.asarray(0, jnp.int32),
            residuals=kkt_residuals(problem, point),
            certificate=jax.tree.map(jnp.zeros_like, point),
        )
