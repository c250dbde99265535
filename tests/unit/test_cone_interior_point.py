"""The interior point on programs with rows in cones: tiny ones in closed form, random ones by certificate."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np

from karush.solvers.certificates import infeasibility_defect, unboundedness_defect
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.interior_point import solve
from karush.solvers.residuals import kkt_residuals, worst
from karush.solvers.result import Status

_solve = jax.jit(solve)


def program(
    q: np.ndarray, F: np.ndarray, g: np.ndarray, cones: Sequence[Cones], exponents: Sequence[float] = ()
) -> QuadraticProgram:
    """Minimise qᵀx subject to F x + g ∈ K."""
    n = q.size
    rows = ConeRows(np.asarray(F, float), np.asarray(g, float), np.asarray(exponents, float), tuple(cones))
    none = np.zeros((0, n)), np.zeros(0), np.zeros((0, n))
    return QuadraticProgram(None, q, np.zeros(()), *none, None, None, None, None, cone_rows=rows)


def ball(q: np.ndarray, radius: float) -> QuadraticProgram:
    """Minimise qᵀx in ‖x‖ ≤ radius."""
    n = q.size
    F, g = np.vstack([np.zeros(n), np.eye(n)]), np.append(radius, np.zeros(n))
    return program(q, F, g, [Cones("second_order", n + 1, 1)])


def test_the_least_point_of_a_ball() -> None:
    q = np.array([3.0, -4.0, 0.0, 12.0])
    problem = ball(q, 2.0)
    found = _solve(problem)
    assert found.status == Status.SOLVED
    assert np.allclose(found.point.x, -2 * q / 13, atol=1e-8)
    assert np.allclose(found.point.u, [13, 3, -4, 0, 12], atol=1e-7)
    assert worst(kkt_residuals(problem, found.point)) < 1e-8


def test_an_empty_ball_is_infeasible_by_a_certificate() -> None:
    problem = ball(np.array([3.0, -4.0, 0.0, 12.0]), -1.0)
    found = _solve(problem)
    assert found.status == Status.INFEASIBLE
    assert infeasibility_defect(problem, found.certificate) < 1e-9
    assert found.certificate.u[0] > 0.99


def test_falling_along_a_cone_is_unbounded_by_a_ray() -> None:
    problem = program(np.array([-1.0, 0.5, 0.5]), np.eye(3), np.zeros(3), [Cones("second_order", 3, 1)])
    found = _solve(problem)
    assert found.status == Status.UNBOUNDED
    assert unboundedness_defect(problem, found.certificate) < 1e-9
