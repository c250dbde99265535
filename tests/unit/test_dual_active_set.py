"""The dual active-set method, in both forms: its answers are certified from the data, not from its iterates."""

from collections.abc import Callable
from functools import partial

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers import dual_active_set
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.result import Solution, Status
from tests.unit.active_set_families import (
    INFEASIBLE,
    INFINITY,
    LANES,
    ROWS,
    SOLVABLE,
    N,
    boxes,
    boxes_and_rows,
    crossing_sides,
    duplicated_rows,
    ranges_and_fixed_rows,
    redundant_equalities,
    rows_through_one_point,
    three_rows_a_variable,
    times,
)

# certification, in NumPy, from the data alone


def sides_of(p: QuadraticProgram) -> tuple[np.ndarray, np.ndarray]:
    """Sides of (equalities, rows, bounds) with infinities."""
    b = np.asarray(p.equality_rhs)
    low = [b, np.where(p.has_lower, p.lower, -INFINITY), np.where(p.has_bound_lower, p.bound_lower, -INFINITY)]
    up = [b, np.where(p.has_upper, p.upper, INFINITY), np.where(p.has_bound_upper, p.bound_upper, INFINITY)]
    return np.concatenate(low, 1), np.concatenate(up, 1)


def all_rows(p: QuadraticProgram) -> np.ndarray:
    identity = np.broadcast_to(np.eye(p.linear.shape[1]), p.quadratic.shape)
    return np.concatenate([p.equality_matrix, p.inequality_matrix, identity], 1)


def multipliers(point: Point) -> np.ndarray:
    return np.concatenate([point.y, point.z, point.w], 1)


def kkt_error(p: QuadraticProgram, point: Point) -> np.ndarray:
    """Each lane's worst violation of the optimality conditions, each relative to 1 + its largest term."""
    C, (low, up) = all_rows(p), sides_of(p)
    x, v = np.asarray(point.x), multipliers(point)
    value, P = times(C, x), np.asarray(p.quadratic)
    row_scale = 1 + np.abs(C * x[:, None, :]).max(2)
    primal = np.maximum(low - value, value - up).clip(0) / row_scale
    terms = np.maximum(np.abs(P * x[:, None, :]).max(2), np.abs(C * v[:, :, None]).max(1))
    dual_scale = 1 + np.maximum(terms, np.abs(p.linear))
    dual = np.abs(times(P, x) + np.asarray(p.linear) - times(C.transpose(0, 2, 1), v)) / dual_scale
    pressed = np.where(v > 0, low, up)
    slack = np.where(v == 0, 0, np.abs(value - np.where(v == 0, 0, pressed)) / row_scale)
    return np.concatenate([primal, dual, slack], 1).max(1)


def assert_certified(p: QuadraticProgram, solution: Solution, tol: float) -> None:
    np.testing.assert_array_equal(solution.status, Status.SOLVED)
    assert np.max(kkt_error(p, solution.point)) <= tol
    for certificate in jax.tree.leaves(solution.certificate):
        assert not np.any(certificate)


def assert_proves_infeasibility(p: QuadraticProgram, certificate: Point) -> None:
    C, (low, up), v = all_rows(p), sides_of(p), multipliers(certificate)
    pressed = np.where(v > 0, low, up)
    assert np.all(np.isfinite(pressed[v != 0]))
    np.testing.assert_allclose(np.sum(np.where(v == 0, 0, pressed) * v, 1, where=v != 0), 1, rtol=1e-9)
    terms = np.abs(C * v[:, :, None]).max((1, 2))
    assert np.all(np.abs(times(C.transpose(0, 2, 1), v)).max(1) <= 1e-9 * terms)
    np.testing.assert_array_equal(certificate.x, 0)


# the tests


@pytest.fixture(params=["tableau", "primal"], scope="module")
def solve(request: pytest.FixtureRequest) -> Callable[..., Solution]:
    """A batched solve in one of the two forms, whatever the sizes; compiled once a form and shape."""
    before = dual_active_set.PRIMAL_FROM

    def one(p: QuadraticProgram, tol: float, most: int) -> Solution:
        return dual_active_set.solve(p, tol, most)

    batched = jax.jit(jax.vmap(one, (0, None, None)))

    def run(p: QuadraticProgram, tol: float = 1e-9, most: int = 1000) -> Solution:
        dual_active_set.PRIMAL_FROM = 0.0 if request.param == "primal" else INFINITY
        try:
            return batched(p, tol, most)
        finally:
            dual_active_set.PRIMAL_FROM = before

    return run


@pytest.mark.parametrize("family", SOLVABLE, ids=lambda f: f.__name__)
def test_every_lane_is_solved(solve: Callable[..., Solution], family: Callable) -> None:
    p = family(np.random.default_rng(1))
    assert_certified(p, solve(p), 1e-9)


@pytest.mark.parametrize("family", INFEASIBLE, ids=lambda f: f.__name__)
def test_every_infeasible_lane_is_proved_so(solve: Callable[..., Solution], family: Callable) -> None:
    p = family(np.random.default_rng(2))
    solution = solve(p)
    np.testing.assert_array_equal(solution.status, Status.INFEASIBLE)
    assert_proves_infeasibility(p, solution.certificate)


def test_crossing_sides_are_infeasible(solve: Callable[..., Solution]) -> None:
    p = crossing_sides(np.random.default_rng(3))
    solution = solve(p)
    np.testing.assert_array_equal(solution.status, Status.INFEASIBLE)
    np.testing.assert_allclose(np.asarray(solution.certificate.z)[:, 0], 100, rtol=1e-9)


@pytest.mark.parametrize("family", [boxes_and_rows, ranges_and_fixed_rows, redundant_equalities, duplicated_rows])
def test_agrees_with_clarabel(solve: Callable[..., Solution], family: Callable) -> None:
    p = family(np.random.default_rng(4))
    found = solve(p)
    C, (low, up) = all_rows(p), sides_of(p)
    for lane in range(3):
        x = cp.Variable(N)
        cost = cp.quad_form(x, cp.psd_wrap(np.asarray(p.quadratic[lane]))) / 2 + np.asarray(p.linear[lane]) @ x
        above, below = np.isfinite(low[lane]), np.isfinite(up[lane])
        rows = [C[lane][above] @ x >= low[lane][above], C[lane][below] @ x <= up[lane][below]]
        value = cp.Problem(cp.Minimize(cost), rows).solve(solver="CLARABEL")
        np.testing.assert_allclose(found.objective[lane], value, rtol=1e-6, atol=1e-6)


def test_what_is_not_definite_or_not_finite_is_marked(solve: Callable[..., Solution]) -> None:
    p = boxes_and_rows(np.random.default_rng(5))
    singular = np.asarray(p.quadratic).copy()
    singular[0] = 0
    singular[1] = np.ones((N, N))
    singular[2, 0, 0] = -1
    singular[3, 1, 1] = np.nan
    q = np.asarray(p.linear).copy()
    q[4, 0] = np.nan
    upper = np.asarray(p.upper).copy()
    upper[5, 0] = np.nan
    solution = solve(
        QuadraticProgram(
            jnp.asarray(singular), jnp.asarray(q), *jax.tree.leaves(p)[2:7], jnp.asarray(upper), *jax.tree.leaves(p)[8:]
        )
    )
    np.testing.assert_array_equal(solution.status[:6], Status.FAILED)
    np.testing.assert_array_equal(solution.status[6:], Status.SOLVED)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(solution.point))


def test_too_few_iterations_are_told(solve: Callable[..., Solution]) -> None:
    p = boxes(np.random.default_rng(6))
    enough = solve(p)
    short = solve(p, most=2)
    late = np.asarray(enough.iterations) > 2
    assert np.any(late)
    np.testing.assert_array_equal(np.asarray(short.status)[~late], Status.SOLVED)
    assert not np.any(np.asarray(short.status)[late] == Status.SOLVED)
    assert np.any(np.asarray(short.status)[late] == Status.LIMIT)


@pytest.mark.parametrize("family", [three_rows_a_variable, boxes_and_rows, redundant_equalities, duplicated_rows])
def test_single_precision(solve: Callable[..., Solution], family: Callable) -> None:
    p = family(np.random.default_rng(7))
    single = jax.tree.map(lambda leaf: leaf if leaf.dtype == bool else leaf.astype(jnp.float32), p)
    solution = solve(single, tol=1e-4)
    assert solution.point.x.dtype == jnp.float32
    assert np.all(np.asarray(solution.status) <= Status.SOLVED_INACCURATE)
    solved = np.asarray(solution.status) == Status.SOLVED
    assert np.mean(solved) > 0.95
    assert np.max(kkt_error(single, solution.point)[solved]) <= 1e-4


@pytest.mark.parametrize("family", [boxes_and_rows, redundant_equalities, rows_through_one_point])
def test_factor_solves_the_linearised_system(solve: Callable[..., Solution], family: Callable) -> None:
    rng = np.random.default_rng(8)
    p = family(rng)
    factor = solve(p).factor
    assert all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(factor))
    r_x, r_z, r_w = (jnp.asarray(rng.normal(size=(LANES, k))) for k in (N, ROWS, N))
    r_y = jnp.einsum("bij,bj->bi", p.equality_matrix, jnp.asarray(rng.normal(size=(LANES, N))))
    dx, dy, dz, dw = jax.jit(jax.vmap(lambda f, *r: f.solve(*r)))(factor, r_x, r_y, r_z, r_w)
    G, A = np.asarray(p.inequality_matrix), np.asarray(p.equality_matrix)
    stationarity = times(p.quadratic, dx) - times(A.transpose(0, 2, 1), dy) - times(G.transpose(0, 2, 1), dz) - dw
    # no refinement: what ill-conditioned working sets lose, the caller's refinement takes back
    typical = partial(np.quantile, q=0.9)
    assert typical(np.abs(stationarity - r_x).max(1) / np.abs(dz).max(1)) < 1e-8
    assert typical(np.abs(np.where(factor.active_z, times(G, dx), dz) - r_z).max(1)) < 1e-5
    assert typical(np.abs(np.where(factor.active_w, dx, dw) - r_w).max(1)) < 1e-5
    assert typical(np.abs(times(A, dx) - r_y).max(1)) < 1e-5


def test_one_lane_alone_and_nested_batches() -> None:
    p = boxes_and_rows(np.random.default_rng(9))
    nested = jax.tree.map(lambda leaf: leaf.reshape(2, LANES // 2, *leaf.shape[1:]), p)
    one = jax.jit(partial(dual_active_set.solve, tol=1e-9, max_iterations=1000))
    batch = jax.jit(jax.vmap(jax.vmap(one)))(nested)
    flat = jax.tree.map(lambda leaf: leaf.reshape(LANES, *leaf.shape[2:]), batch)
    assert_certified(p, flat, 1e-9)
    alone = one(jax.tree.map(lambda leaf: leaf[3], p))
    np.testing.assert_allclose(alone.point.x, flat.point.x[3], atol=1e-9)


def test_batch_that_shares_its_matrices() -> None:
    p = jax.tree.map(lambda leaf: leaf[0], boxes_and_rows(np.random.default_rng(10)))
    linear = jnp.asarray(np.random.default_rng(11).normal(size=(LANES, N)))

    def at(q: jax.Array) -> Solution:
        return dual_active_set.solve(QuadraticProgram(p.quadratic, q, *jax.tree.leaves(p)[2:]), 1e-9, 1000)

    solution = jax.jit(jax.vmap(at))(linear)
    shared = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (LANES, *leaf.shape)), p)
    assert_certified(QuadraticProgram(shared.quadratic, linear, *jax.tree.leaves(shared)[2:]), solution, 1e-9)


def tiny(A: list, b: list, G: list, upper: list, bound: float | None = None) -> Solution:
    """One variable, objective ½x² − 2x."""
    return jax.jit(partial(dual_active_set.solve, tol=1e-9, max_iterations=100))(
        QuadraticProgram(
            jnp.eye(1),
            jnp.array([-2.0]),
            jnp.array(0.5),
            jnp.reshape(jnp.array(A), (-1, 1)),
            jnp.array(b),
            jnp.reshape(jnp.array(G), (-1, 1)),
            None,
            jnp.array(upper),
            None,
            None if bound is None else jnp.array([bound]),
        )
    )


def test_one_variable_and_no_rows() -> None:
    free = tiny([], [], [], [])
    assert (int(free.status), float(free.point.x[0]), float(free.objective)) == (Status.SOLVED, 2.0, -1.5)
    held = tiny([], [], [2.0], [1.0])
    assert (int(held.status), float(held.point.x[0]), float(held.point.z[0])) == (Status.SOLVED, 0.5, -0.75)
    bounded = tiny([], [], [], [], bound=1.0)
    assert (float(bounded.point.x[0]), float(bounded.point.w[0])) == (1.0, -1.0)


def test_rows_of_zeros() -> None:
    assert int(tiny([0.0], [0.0], [0.0], [1.0]).status) == Status.SOLVED
    empty = tiny([], [], [0.0], [-2.0])
    assert (int(empty.status), float(empty.certificate.z[0])) == (Status.INFEASIBLE, -0.5)
    assert int(tiny([0.0], [1.0], [], []).status) == Status.INFEASIBLE


def test_linear_programs_are_refused() -> None:
    none, sides = jnp.zeros((0, 1)), jnp.zeros(0)
    with pytest.raises(ValueError, match="quadratic term"):
        dual_active_set.solve(
            QuadraticProgram(None, jnp.ones(1), jnp.array(0.0), none, sides, none, None, sides, None, None), 1e-9, 9
        )
