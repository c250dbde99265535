"""Cone programs whose solutions are known, for the tests of what comes after a solve."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from karush.solvers.cone_polish import polish
from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.projections.cones import project_rows
from karush.solvers.residuals import default_tolerance, kkt_residuals, objective, worst
from karush.solvers.result import Solution, Status


@dataclass(frozen=True)
class Nearby:
    """A method for `implicit.solve_differentiable`: the solution nearest to the warm point, by Newton's method.

    Without ``polished`` the warm point itself, which then must be a solution. ``status`` where it is not SOLVED.
    """

    polished: bool = True
    threshold: float = 1e-6
    strongly_convex: bool = False
    one_sided: bool = False

    def active(self, dtype):
        del dtype
        return self.threshold

    def __call__(self, problem: QuadraticProgram, warm: Point) -> Solution:
        point = warm
        if self.polished:
            labels = (warm.z > 0).astype(jnp.int32)
            point = polish(problem, warm, labels, jnp.asarray(True), 0.0).point
        residuals = kkt_residuals(problem, point)
        solved = worst(residuals) < default_tolerance(problem.linear.dtype)
        return Solution(
            point=point,
            objective=objective(problem, point.x),
            status=jnp.where(solved, Status.SOLVED, Status.FAILED).astype(jnp.int32),
            iterations=jnp.asarray(0, jnp.int32),
            residuals=residuals,
            certificate=jax.tree.map(jnp.zeros_like, point),
        )


def random_program(seed, cones, n, p=1, m=2, curved=True) -> tuple[QuadraticProgram, Point]:
    """A regular program built around its solution: every other row of G is active, the cones wherever v falls."""
    rng = np.random.default_rng(seed)
    rows = sum(group.rows for group in cones)
    F, A, G, root = (rng.normal(size=(k, n)) for k in (rows, p, m, n))
    exponents = jnp.asarray(rng.uniform(0.3, 0.7, sum(group.count for group in cones if group.kind == "power")))
    cone_rows = ConeRows(jnp.asarray(F), jnp.zeros(rows), exponents, tuple(cones))
    v = jnp.asarray(rng.normal(size=rows))
    slack = project_rows(cone_rows, v)
    x, y, active = rng.normal(size=n), rng.normal(size=p), np.arange(m) % 2 == 0
    z, u = np.abs(rng.normal(size=m)) * active, slack - v
    P = 0.3 * root @ root.T if curved else np.zeros((n, n))
    program = QuadraticProgram(
        quadratic=jnp.asarray(P) if curved else None,
        linear=jnp.asarray(A.T @ y + G.T @ z + F.T @ np.asarray(u) - P @ x),
        constant=jnp.zeros(()),
        equality_matrix=jnp.asarray(A),
        equality_rhs=jnp.asarray(A @ x),
        inequality_matrix=jnp.asarray(G),
        lower=jnp.asarray(G @ x - ~active),
        upper=None,
        bound_lower=None,
        bound_upper=None,
        cone_rows=replace(cone_rows, offset=slack - F @ x),
    )
    return program, Point(jnp.asarray(x), jnp.asarray(y), jnp.asarray(z), None, u)


def random_direction(seed, program: QuadraticProgram) -> QuadraticProgram:
    """A direction of all arrays of a program, exponents included."""
    rng = np.random.default_rng(seed)
    direction = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), program)
    P = direction.quadratic
    return direction if P is None else replace(direction, quadratic=P + P.T)
