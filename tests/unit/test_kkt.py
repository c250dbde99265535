"""The KKT system at fixed rows: accurate where it is regular, minimal where singular, honest where it has none."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers import kkt
from karush.solvers.forms.quadratic import Point, QuadraticProgram

VARIABLES, EQUALITIES, ROWS = 20, 4, 15


def system(rng: np.random.Generator) -> tuple[QuadraticProgram, np.ndarray, np.ndarray]:
    """A problem with a positive definite P, and masks with 7 rows and 3 bounds active."""
    n, p, m = VARIABLES, EQUALITIES, ROWS
    root = rng.uniform(size=(n, n))
    problem = QuadraticProgram(
        quadratic=jnp.asarray(root @ root.T + 1e-3 * np.eye(n)),
        linear=jnp.asarray(rng.normal(size=n)),
        constant=jnp.zeros(()),
        equality_matrix=jnp.asarray(rng.normal(size=(p, n))),
        equality_rhs=jnp.zeros(p),
        inequality_matrix=jnp.asarray(rng.normal(size=(m, n))),
        lower=jnp.zeros(m),
        upper=None,
        bound_lower=jnp.zeros(n),
        bound_upper=None,
    )
    return problem, np.arange(m) < 7, np.arange(n) < 3


def vertex(rng):
    problem, _, _ = system(rng)
    return replace(problem, quadratic=jnp.zeros((VARIABLES, VARIABLES))), np.arange(ROWS) < 13, np.arange(VARIABLES) < 3


def low_rank(rng):
    problem, z, w = system(rng)
    root = rng.normal(size=(VARIABLES, 8))
    return replace(problem, quadratic=jnp.asarray(root @ root.T)), z, w


def badly_scaled(rng):
    problem, z, w = system(rng)
    rows, columns = 10 ** rng.uniform(-3, 3, size=(ROWS, 1)), 10 ** rng.uniform(-2, 2, size=VARIABLES)
    P = columns[:, None] * problem.quadratic * columns
    return replace(problem, quadratic=P, inequality_matrix=rows * problem.inequality_matrix * columns), z, w


REGULAR = {"positive definite": system, "vertex of an LP": vertex, "low rank": low_rank, "badly scaled": badly_scaled}


@jax.jit
def solved(problem, active_z, active_w, rhs):
    return kkt.refined_solve(problem, kkt.factor(problem, active_z, active_w), rhs)


def direction(rng: np.random.Generator) -> Point:
    return Point(*(jnp.asarray(rng.normal(size=k)) for k in (VARIABLES, EQUALITIES, ROWS, VARIABLES)))


def dense(problem, active_z, active_w) -> np.ndarray:
    """The matrix of the KKT system, column by column."""
    size = 2 * VARIABLES + EQUALITIES + ROWS

    def column(e):
        return kkt.flatten(kkt.matvec(problem, active_z, active_w, kkt.unflatten(problem, e, True)))

    return np.asarray(jax.vmap(column)(jnp.eye(size))).T


@pytest.mark.parametrize("kind", REGULAR)
def test_a_regular_system_is_solved_to_rounding(kind):
    rng = np.random.default_rng(1)
    problem, z, w = REGULAR[kind](rng)
    wanted = direction(rng)
    rhs = kkt.matvec(problem, z, w, wanted)
    got, residual = solved(problem, z, w, rhs)
    K = dense(problem, z, w)
    by_numpy = np.linalg.solve(K, kkt.flatten(rhs))
    error = np.abs(kkt.flatten(got) - by_numpy).max()
    assert residual < 1e-12
    assert error <= 1e-13 * np.linalg.cond(K) + 1e-12
    assert np.allclose(K @ kkt.flatten(got), kkt.flatten(rhs), rtol=1e-9, atol=1e-10)


def test_two_steps_after_the_first_reach_rounding_level():
    rng = np.random.default_rng(2)
    problem, z, w = system(rng)
    rhs = kkt.matvec(problem, z, w, direction(rng))
    _, residual = kkt.refined_solve(problem, kkt.factor(problem, z, w), rhs, steps=0)
    assert residual < 1e-13


def test_redundant_rows_leave_x_right_and_multipliers_least():
    rng = np.random.default_rng(3)
    problem, z, w = system(rng)
    A = problem.equality_matrix.at[1].set(problem.equality_matrix[0])
    problem = replace(problem, equality_matrix=A)
    wanted = direction(rng)
    got, residual = solved(problem, z, w, kkt.matvec(problem, z, w, wanted))
    assert residual < 1e-12
    assert np.allclose(got.x, wanted.x, atol=1e-8)
    assert np.isclose(got.y[0], got.y[1], atol=1e-8)
    assert np.isclose(got.y[0] + got.y[1], wanted.y[0] + wanted.y[1], atol=1e-7)


def test_a_free_direction_is_left_alone():
    rng = np.random.default_rng(4)
    problem, _, _ = system(rng)
    problem = replace(problem, quadratic=jnp.zeros((VARIABLES, VARIABLES)))
    z, w = np.arange(ROWS) < 6, np.arange(VARIABLES) < 3
    rhs = kkt.matvec(problem, z, w, direction(rng))
    got, residual = solved(problem, z, w, rhs)
    assert residual < 1e-12
    assert np.abs(kkt.flatten(kkt.matvec(problem, z, w, got)) - kkt.flatten(rhs)).max() < 1e-9


def test_an_inconsistent_system_keeps_its_residual():
    rng = np.random.default_rng(5)
    problem, z, w = system(rng)
    A = problem.equality_matrix.at[1].set(problem.equality_matrix[0])
    rhs = kkt.matvec(problem, z, w, direction(rng))
    rhs = replace(rhs, y=rhs.y.at[1].add(1.0))
    got, residual = solved(replace(problem, equality_matrix=A), z, w, rhs)
    assert residual > 1e-3
    assert np.all(np.isfinite(kkt.flatten(got)))


def test_the_solve_is_its_own_adjoint_up_to_signs():
    rng = np.random.default_rng(6)
    problem, z, w = system(rng)
    signs = np.concatenate([np.ones(VARIABLES), -np.ones(EQUALITIES + ROWS + VARIABLES)])
    active = np.concatenate([np.ones(VARIABLES + EQUALITIES), z, w])
    r, c = (active * kkt.flatten(direction(rng)) for _ in range(2))
    forth, back = (kkt.flatten(solved(problem, z, w, kkt.unflatten(problem, v, True))[0]) for v in (r, signs * c))
    assert np.isclose(c @ forth, (signs * back) @ r, rtol=1e-9)


def test_without_bounds_and_in_single_precision():
    rng = np.random.default_rng(7)
    problem, z, _ = system(rng)
    problem = replace(problem, bound_lower=None, quadratic=problem.quadratic + jnp.eye(VARIABLES))
    single = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), problem)
    wanted = replace(direction(rng), w=None)
    rhs = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), kkt.matvec(problem, z, None, wanted))
    got, residual = kkt.refined_solve(single, kkt.factor(single, jnp.asarray(z), None), rhs)
    assert got.x.dtype == jnp.float32
    assert got.w is None
    assert residual < 1e-5
    assert np.allclose(got.x, wanted.x, atol=2e-3)
