"""The interior point on programs with rows in cones: tiny ones in closed form, random ones by certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cvxpy
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.certificates import infeasibility_defect, unboundedness_defect
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.interior_point import solve
from karush.solvers.projections.cones import project_rows
from karush.solvers.residuals import default_tolerance, kkt_residuals, worst
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


# --- random programs


MIXED = (
    Cones("second_order", 4, 2),
    Cones("exponential", 3, 2),
    Cones("power", 3, 2),
    Cones("semidefinite", 6, 1),
)
SINGLE = {cones.kind: (cones,) for cones in MIXED}


def random_program(cones: tuple[Cones, ...], seed: int, n: int = 6) -> QuadraticProgram:
    """A program with a solution: a feasible x with slacks inside, a gradient that multipliers inside balance."""
    rng = np.random.default_rng(seed)
    r = sum(group.rows for group in cones)
    exponents = rng.uniform(0.2, 0.8, sum(group.count for group in cones if group.kind == "power"))
    rows = ConeRows(jnp.asarray(rng.normal(size=(r, n))), jnp.zeros(r), jnp.asarray(exponents), cones)
    s = project_rows(rows, jnp.asarray(rng.normal(size=r)))
    away = jnp.asarray(rng.normal(size=r))
    u = project_rows(rows, away) - away
    x, L = rng.normal(size=n), rng.normal(size=(n, 2))
    rows = replace(rows, offset=s - rows.matrix @ x)
    P, G, A = L @ L.T, rng.normal(size=(3, n)), rng.normal(size=(1, n))
    q = -P @ x + rows.matrix.T @ u + G.T @ np.array([0.5, -0.5, 0])
    sides = (G @ x - np.array([0, 1, 1]), G @ x + np.array([1, 0, 1]), x - 2, x + 2)
    arrays = (P, q, jnp.zeros(()), A, A @ x, G, *sides)
    return QuadraticProgram(*map(jnp.asarray, arrays), cone_rows=rows)


def oracle(problem: QuadraticProgram) -> float:
    """The optimal value according to Clarabel."""
    p, rows = jax.tree.map(np.asarray, problem), problem.cone_rows
    assert rows is not None
    x = cvxpy.Variable(p.linear.size)
    value = np.asarray(rows.matrix) @ x + np.asarray(rows.offset)
    constraints = [p.equality_matrix @ x == p.equality_rhs, p.inequality_matrix @ x >= p.lower]
    constraints += [p.inequality_matrix @ x <= p.upper, x >= p.bound_lower, x <= p.bound_upper]
    for cones, at, powers in rows.groups():
        exponents = np.asarray(rows.exponents[powers])
        for i in range(cones.count):
            v = value[at.start + i * cones.dimension : at.start + (i + 1) * cones.dimension]
            match cones.kind:
                case "second_order":
                    constraints.append(cvxpy.SOC(v[0], v[1:]))
                case "exponential":
                    constraints.append(cvxpy.ExpCone(v[0], v[1], v[2]))
                case "power":
                    constraints.append(cvxpy.PowCone3D(v[0], v[1], v[2], exponents[i]))
                case "semidefinite":
                    order = cones.order
                    X = cvxpy.Variable((order, order), PSD=True)
                    row, column = np.tril_indices(order)
                    weight = np.where(row == column, 1, np.sqrt(2))
                    constraints.append(cvxpy.multiply(weight, X[row, column]) == v)
    objective = 0.5 * cvxpy.quad_form(x, cvxpy.psd_wrap(p.quadratic)) + p.linear @ x
    return cvxpy.Problem(cvxpy.Minimize(objective), constraints).solve(solver=cvxpy.CLARABEL)


_solve_batch = jax.jit(jax.vmap(solve))
_solve_from = jax.jit(lambda problem, warm: solve(problem, warm=warm))


@pytest.mark.parametrize("cones", [*SINGLE.values(), MIXED], ids=[*SINGLE, "mixed"])
def test_random_programs_are_solved_to_rounding(cones: tuple[Cones, ...]) -> None:
    problems = [random_program(cones, seed) for seed in range(6)]
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *problems)
    found = _solve_batch(batch)
    assert (np.asarray(found.status) == Status.SOLVED).all(), found.status
    assert float(jnp.max(worst(jax.vmap(kkt_residuals)(batch, found.point)))) < 1e-10
    for i in range(2):
        assert abs(oracle(problems[i]) - found.objective[i]) < 1e-6 * (1 + abs(found.objective[i]))


def test_a_batch_holds_every_status_and_a_finished_lane_stays_as_it_is() -> None:
    q = np.array([3.0, -4.0, 0.0, 12.0])
    flat = ball(q, 1.0)
    rows = flat.cone_rows
    assert rows is not None
    turned = replace(rows, matrix=np.vstack([q / -13, np.zeros((4, 4))]), offset=np.zeros(5))
    nan = replace(flat, linear=q * np.nan)
    lanes = [ball(q, 2.0), ball(q, -1.0), replace(flat, cone_rows=turned), nan]
    found = _solve_batch(jax.tree.map(lambda *leaves: jnp.stack(leaves), *lanes))
    assert list(found.status) == [Status.SOLVED, Status.INFEASIBLE, Status.UNBOUNDED, Status.FAILED]
    alone = _solve(lanes[0])
    np.testing.assert_allclose(found.point.x[0], alone.point.x, atol=1e-12)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found.point))
    assert infeasibility_defect(lanes[1], jax.tree.map(lambda leaf: leaf[1], found.certificate)) < 1e-9
    assert unboundedness_defect(lanes[2], jax.tree.map(lambda leaf: leaf[2], found.certificate)) < 1e-9


def test_a_useless_start_does_no_harm_and_a_solution_costs_no_iteration() -> None:
    problem = random_program(SINGLE["exponential"], 0)
    useless = Point(*(jnp.full(size, 1e6) for size in (6, 1, 3, 6, 6)))
    first = _solve_from(problem, useless)
    assert first.status == Status.SOLVED
    assert abs(oracle(problem) - first.objective) < 1e-6 * (1 + abs(first.objective))
    again = _solve_from(problem, jax.tree.map(lambda leaf: leaf * (1 + 1e-5), first.point))
    assert again.status == Status.SOLVED
    assert again.iterations == 0
    np.testing.assert_allclose(again.point.x, first.point.x, atol=1e-8)


def test_single_precision_reaches_its_own_tolerance() -> None:
    problem = random_program(MIXED, 1)
    found = _solve(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), problem))
    assert found.point.x.dtype == jnp.float32
    assert found.status == Status.SOLVED
    assert worst(found.residuals) < default_tolerance(jnp.float32)
    np.testing.assert_allclose(found.objective, oracle(problem), rtol=1e-3, atol=1e-3)


def test_redundant_rows_and_no_interior() -> None:
    """x₁ in a ball that equalities shrink to its surface, every row twice: multipliers are far from unique."""
    base = ball(np.array([1.0, 0.0]), 1.0)
    A = np.array([[0.0, 1.0], [0.0, 1.0]])
    problem = replace(base, equality_matrix=A, equality_rhs=np.ones(2))
    found = _solve(problem)
    assert found.status in (Status.SOLVED, Status.SOLVED_INACCURATE)
    np.testing.assert_allclose(found.point.x, [0.0, 1.0], atol=1e-3)
