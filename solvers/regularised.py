"""Quadratic programs with a singular P by the dual active-set method: regularised, then exact on its active rows.

    minimise ½ xᵀ(P + δI)x + qᵀx under the same rows, in the scales of scaling.py, δ = ε^(7/16) ≈ 1e-7

has a unique solution, which the dual active-set method finds (dual_active_set.py). Where P is singular because
unknowns enter linearly, as those of an absolute value's graph do, a small δ leaves the active rows as they are, and the
optimality conditions of the problem itself on these rows give its solution to rounding (polish.py). That is verified by
the KKT residuals, and a certificate on the problem's own data; what is not settled so is for another solver.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp

from karush.solvers import dual_active_set
from karush.solvers.certificates import infeasibility_defect, normalised_farkas
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.matrices import dense
from karush.solvers.polish import guess, polish
from karush.solvers.residuals import classify, objective
from karush.solvers.result import Solution, Status
from karush.solvers.rows import rows_of
from karush.solvers.scaling import equilibrate

REFINED = 1e-4
"""The refinement ends where residuals are this share of the tolerance: nothing would be seen of more."""


def solve(problem: QuadraticProgram, tolerance: float, limit: int) -> Solution:
    """Solve one problem with dense matrices; see `Solution`. Statuses: SOLVED, INFEASIBLE, and what is not settled."""
    assert problem.quadratic is not None
    dtype = problem.linear.dtype
    scaled, scaling = equilibrate(problem)
    assert scaled.quadratic is not None
    delta = float(jnp.finfo(dtype).eps) ** (7 / 16)
    curved = dense(scaled.quadratic) + delta * jnp.eye(problem.linear.shape[0], dtype=dtype)
    found = dual_active_set.solve(replace(scaled, quadratic=curved), tolerance, limit)
    labels = guess(rows_of(scaled), found.point)
    wanted = found.status != Status.INFEASIBLE
    best = polish(problem, scaling.unscale(found.point), labels, wanted, REFINED * tolerance)
    proof = normalised_farkas(problem, scaling.unscale(found.certificate))
    empty = ~wanted & (infeasibility_defect(problem, proof) <= tolerance)
    status = jnp.where(empty, Status.INFEASIBLE, classify(best.residuals, tolerance)).astype(jnp.int32)
    certificate = jax.tree.map(lambda part: jnp.where(empty, part, 0), proof)
    point = best.point
    return Solution(point, objective(problem, point.x), status, found.iterations, best.residuals, certificate)
