"""The interior point on families of random programs: right to 1e-9 or marked, and no verdict without a certificate.

What is solved is judged by its KKT residuals, what is not by its certificate, both worked out here in numpy from the
definitions, and the objective by HiGHS or Clarabel where they apply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cvxpy
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.interior_point import solve
from karush.solvers.residuals import classify, default_tolerance, kkt_residuals, worst
from karush.solvers.result import Residuals, Solution, Status

LANES = 40
TOL = default_tolerance(np.float64)
_solve_batch = jax.jit(jax.vmap(solve, in_axes=(0, None, None)))
Generator = np.random.Generator


def program(
    q: np.ndarray,
    P: np.ndarray | None = None,
    A: np.ndarray | None = None,
    b: np.ndarray | None = None,
    G: np.ndarray | None = None,
    rows: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
    bounds: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> QuadraticProgram:
    """A program from arrays in which an infinite side is one that is not there."""
    n = q.size
    sides: list[Any] = []
    for values in (*rows, *bounds):
        present = None if values is None else np.isfinite(values)
        sides.append((None, None) if values is None else (np.where(present, values, 0.0), present))
    (low, has_low), (high, has_high), (lb, has_lb), (ub, has_ub) = sides
    A, b = (np.zeros((0, n)), np.zeros(0)) if A is None or b is None else (A, b)
    G = np.zeros((0, n)) if G is None else G
    zero = np.zeros(())
    return QuadraticProgram(P, q, zero, A, b, G, low, high, lb, ub, has_low, has_high, has_lb, has_ub)


def solve_batch(problems: QuadraticProgram, tol: float = TOL, max_iterations: int = 100) -> Solution:
    """One compilation per shape: most families below share theirs."""
    return _solve_batch(problems, tol, max_iterations)


def batch(make: Callable[[Generator], QuadraticProgram], lanes: int = LANES) -> QuadraticProgram:
    rng = np.random.default_rng(7)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(make(rng) for _ in range(lanes)))


def lane(tree: Any, i: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[i], tree)


# --- programs with a solution


def linear(rng: Generator, n: int = 8, m: int = 24) -> QuadraticProgram:
    G, x = rng.normal(size=(m, n)), rng.normal(size=n)
    return program(-G.T @ rng.random(m), G=G, rows=(None, G @ x + rng.random(m)))


def degenerate(rng: Generator, n: int = 8, m: int = 24) -> QuadraticProgram:
    """Twice as many rows through the optimal point as variables."""
    G, x = rng.normal(size=(m, n)), rng.normal(size=n)
    through = np.arange(m) < 2 * n
    return program(-G.T @ (through * rng.random(m)), G=G, rows=(None, G @ x + ~through * rng.random(m)))


def many_solutions(rng: Generator, n: int = 8, m: int = 24) -> QuadraticProgram:
    G, x = rng.normal(size=(m, n)), rng.normal(size=n)
    few = np.arange(m) < 3
    return program(-G.T @ (few * rng.random(m)), G=G, rows=(None, G @ x + ~few * rng.random(m)), bounds=(x - 5, x + 5))


def redundant_equalities(rng: Generator, n: int = 10) -> QuadraticProgram:
    A = rng.normal(size=(4, n))
    A = np.vstack([A, A[:2] + A[2:], A[0], np.zeros(n)])
    x, z = rng.random(n), rng.random(n) * (rng.random(n) < 0.6)
    return program(A.T @ rng.normal(size=8) + z, A=A, b=A @ x, bounds=(np.zeros(n), None))


def singular(rng: Generator, n: int = 8, m: int = 24) -> QuadraticProgram:
    L, G, x = rng.normal(size=(n, 4)), rng.normal(size=(m, n)), rng.normal(size=n)
    z = rng.random(m) * (rng.random(m) < 0.3)
    return program(-L @ (L.T @ x) - G.T @ z, P=L @ L.T, G=G, rows=(None, G @ x + rng.random(m) * (z == 0)))


def strongly_convex(rng: Generator, n: int = 8, m: int = 24) -> QuadraticProgram:
    """The generator "2019"."""
    L, G, x = rng.random((n, n)), rng.normal(size=(m, n)), rng.normal(size=n)
    P = L @ L.T + 1e-3 * np.eye(n)
    return program(rng.normal(size=n), P=P, G=G, rows=(None, G @ x + rng.random(m)))


def duplicated(rng: Generator) -> QuadraticProgram:
    base = strongly_convex(rng, 8, 8)
    G, u = base.inequality_matrix, base.upper
    return program(base.linear, P=base.quadratic, G=np.vstack([G] * 3), rows=(None, np.concatenate([u] * 3)))


def weakly_active(rng: Generator, n: int = 8, m: int = 24) -> QuadraticProgram:
    """Four rows hold with multiplier zero."""
    L, G, x = rng.random((n, n)), rng.normal(size=(m, n)), rng.normal(size=n)
    P, z, s = L @ L.T + 1e-3 * np.eye(n), rng.random(m), rng.random(m)
    i = np.arange(m)
    return program(-P @ x - G.T @ (z * (i < 3)), P=P, G=G, rows=(None, G @ x + s * (i >= 7)))


def everything(rng: Generator, n: int = 12, m: int = 12) -> QuadraticProgram:
    """Ranges, free rows, rows with equal sides, a zero row, fixed and free variables, an unused one, copies."""
    L, G, A, x = rng.normal(size=(n, 5)), rng.normal(size=(m, n)), rng.normal(size=(3, n)), rng.normal(size=n)
    G[:, 1], A[:, 1], L[1] = G[:, 0], A[:, 0], L[0]
    G[6], A[2], G[:, n - 1], A[:, n - 1], L[n - 1] = 0, 0, 0, 0, 0
    value = G @ x
    low = np.where(rng.random(m) < 0.7, value - rng.random(m), -np.inf)
    high = np.where(rng.random(m) < 0.7, value + rng.random(m), np.inf)
    low[:2] = high[:2] = value[:2]
    low[2:4], high[2:4] = -np.inf, np.inf
    bound_low, bound_high = np.where(rng.random(n) < 0.8, x - 1, -40), np.where(rng.random(n) < 0.5, x + 1, np.inf)
    bound_low[3] = bound_high[3] = x[3]
    bound_low[n - 1], bound_high[n - 1] = -np.inf, np.inf
    q = np.where(np.arange(n) == n - 1, 0, rng.normal(size=n))
    q[: n - 1] += (bound_high[: n - 1] == np.inf) * 3
    return program(q, L @ L.T, A, A @ x, G, (low, high), (bound_low, bound_high))


def badly_scaled(rng: Generator, n: int = 8, m: int = 24) -> QuadraticProgram:
    column, row = 10 ** rng.uniform(-3, 3, n), 10 ** rng.uniform(-3, 3, m)
    G, x = row[:, None] * rng.normal(size=(m, n)) * column, rng.normal(size=n) / column
    L, z = column[:, None] * rng.normal(size=(n, 3)), rng.random(m) / row
    return program(-L @ (L.T @ x) - G.T @ z, P=L @ L.T, G=G, rows=(None, G @ x + row * rng.random(m)))


def one_variable(rng: Generator) -> QuadraticProgram:
    q = -rng.choice([0.0, 0.01, -0.01], 1)
    return program(q, P=np.eye(1), bounds=(np.zeros(1), None))


def without_constraints(rng: Generator, n: int = 5) -> QuadraticProgram:
    L = rng.normal(size=(n, 3))
    return program(L @ rng.normal(size=3), P=L @ L.T)


SOLVABLE = [
    linear,
    degenerate,
    many_solutions,
    redundant_equalities,
    singular,
    strongly_convex,
    duplicated,
    weakly_active,
    everything,
    badly_scaled,
    one_variable,
    without_constraints,
]


@pytest.mark.parametrize("make", SOLVABLE, ids=lambda make: make.__name__)
def test_every_lane_is_solved_to_rounding(make: Callable[[Generator], QuadraticProgram]) -> None:
    problems = batch(make)
    solution = solve_batch(problems)
    assert (np.asarray(solution.status) == Status.SOLVED).all()
    residuals = jax.vmap(kkt_residuals)(problems, solution.point)
    assert float(jnp.max(worst(residuals))) < 1e-12
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(solution.certificate))


@pytest.mark.parametrize("make", [linear, degenerate, redundant_equalities], ids=lambda make: make.__name__)
def test_linear_programs_agree_with_highs(make: Callable[[Generator], QuadraticProgram]) -> None:
    problems = batch(make)
    objective = solve_batch(problems).objective
    for i in range(5):
        one = lane(problems, i)
        bounds = (0 if one.bound_lower is not None else None, None)
        rows = {} if one.upper is None else {"A_ub": one.inequality_matrix, "b_ub": one.upper}
        found = scipy.optimize.linprog(
            one.linear, A_eq=one.equality_matrix, b_eq=one.equality_rhs, bounds=bounds, **rows
        )
        assert found.status == 0
        assert abs(found.fun - objective[i]) < 1e-7 * (1 + abs(found.fun))


def test_mixed_programs_agree_with_clarabel() -> None:
    problems = batch(everything)
    objective = solve_batch(problems).objective
    for i in range(5):
        one = lane(problems, i)
        x = cvxpy.Variable(12)
        value = one.inequality_matrix @ x
        sides = [
            (value, one.lower, one.has_lower, 1),
            (value, one.upper, one.has_upper, -1),
            (x, one.bound_lower, one.has_bound_lower, 1),
            (x, one.bound_upper, one.has_bound_upper, -1),
        ]
        held = [one.equality_matrix @ x == one.equality_rhs]
        for expression, side, present, sign in sides:
            keep = np.flatnonzero(present)
            held.append(sign * (expression[keep] - np.asarray(side)[keep]) >= 0)
        cost = 0.5 * cvxpy.quad_form(x, cvxpy.psd_wrap(one.quadratic)) + one.linear @ x
        expected = cvxpy.Problem(cvxpy.Minimize(cost), held).solve(solver=cvxpy.CLARABEL)
        assert abs(expected - objective[i]) < 1e-6 * (1 + abs(expected))


# --- statuses, precision, warm starts, compilation


def test_lanes_do_not_touch_one_another() -> None:
    problems = batch(strongly_convex)
    alone = solve_batch(problems)
    G, u, q = (np.array(leaf) for leaf in (problems.inequality_matrix, problems.upper, problems.linear))
    G[1, 0], u[1, :2] = -G[1, 1], -1
    q[2] = np.nan
    together = solve_batch(replace(problems, inequality_matrix=G, upper=u, linear=q))
    expected = np.full(LANES, Status.SOLVED)
    expected[1:3] = Status.INFEASIBLE, Status.FAILED
    np.testing.assert_array_equal(together.status, expected)
    others = expected == Status.SOLVED
    np.testing.assert_array_equal(together.iterations[others], alone.iterations[others])
    np.testing.assert_allclose(together.point.x[others], alone.point.x[others], atol=1e-12)
    assert np.isfinite(together.point.x).all()


def test_too_few_iterations_are_marked() -> None:
    few = solve_batch(batch(strongly_convex), max_iterations=2)
    within = np.asarray(worst(few.residuals)) <= TOL
    np.testing.assert_array_equal(np.asarray(few.status) == Status.SOLVED, within)
    assert not within.all()
    assert np.asarray(few.iterations).max() == 2


@pytest.mark.parametrize("make", [strongly_convex, singular, degenerate, linear], ids=lambda make: make.__name__)
def test_single_precision_reaches_its_own_tolerance(make: Callable[[Generator], QuadraticProgram]) -> None:
    problems = jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if leaf.dtype == jnp.float64 else leaf, batch(make))
    solution = solve_batch(problems, default_tolerance(np.float32))
    assert solution.point.x.dtype == jnp.float32
    assert (np.asarray(solution.status) == Status.SOLVED).all()
    assert float(jnp.max(worst(solution.residuals))) < 1.1e-4


@jax.jit
@jax.vmap
def solve_warm(problem: QuadraticProgram, point: Point) -> Solution:
    return solve(problem, warm=point)


def test_a_warm_start_at_the_solution_takes_no_iteration() -> None:
    problems = batch(singular)
    cold = solve_batch(problems)
    warm = solve_warm(problems, cold.point)
    assert (np.asarray(warm.status) == Status.SOLVED).all()
    assert np.asarray(warm.iterations).max() == 0
    np.testing.assert_allclose(warm.objective, cold.objective, rtol=1e-9)


def test_a_useless_warm_start_does_no_harm() -> None:
    problems = batch(strongly_convex)
    cold = solve_batch(problems)
    warm = solve_warm(problems, jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), cold.point))
    assert (np.asarray(warm.status) == Status.SOLVED).all()
    np.testing.assert_allclose(warm.objective, cold.objective, rtol=1e-9)


def test_a_second_call_is_not_traced_again() -> None:
    traced = []

    @jax.jit
    def counted(problem: QuadraticProgram) -> Solution:
        traced.append(1)
        return solve(problem)

    rng = np.random.default_rng(0)
    counted(linear(rng))
    counted(linear(rng))
    assert len(traced) == 1


def test_it_lowers_for_every_platform_with_symbolic_sizes() -> None:
    n, m, p = jax.export.symbolic_shape("n, m, p")

    def array(*shape: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, jnp.float64)

    problem = QuadraticProgram(
        array(n, n), array(n), array(), array(p, n), array(p), array(m, n), array(m), None, array(n), None
    )
    exported = jax.export.export(jax.jit(solve), platforms=["cpu", "cuda", "tpu"])(problem)
    assert "callback" not in exported.mlir_module()


def test_classify_marks_what_is_not_a_number() -> None:
    def at(value: float) -> int:
        residuals = Residuals(jnp.asarray(0.0), jnp.asarray(value), jnp.asarray(0.0))
        return int(classify(residuals, 1e-9))

    expected = [Status.SOLVED, Status.SOLVED_INACCURATE, Status.LIMIT, Status.FAILED]
    assert [at(value) for value in (1e-10, 1e-7, 1e-3, np.nan)] == expected
