"""Restarted hybrid gradients on sparse and on dense programs, judged by KKT residuals and verified certificates."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO

from karush.solvers import certificates
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.pdhg import solve
from karush.solvers.primal_dual_step import norms
from karush.solvers.residuals import kkt_residuals, worst
from karush.solvers.result import Status

TOL = 1e-7
_solve = jax.jit(lambda problem, warm=None: solve(problem, TOL, 40_000, warm))


def sparse(matrix: np.ndarray) -> BCOO:
    return BCOO.from_scipy_sparse(scipy.sparse.coo_matrix(matrix)).sort_indices()


def transport(quadratic: bool = False) -> QuadraticProgram:
    """Ship from 4 places to 5 at least cost, x ≥ 0 flat: row sums ≤ the supply, column sums ≥ the demand."""
    rng = np.random.default_rng(5)
    cost = rng.uniform(1, 4, size=20)
    supply, demand = np.array([5.0, 6, 7, 4]), np.array([3.0, 2, 6, 5, 4])
    G = np.concatenate([np.kron(np.eye(4), np.ones(5)), np.kron(np.ones(4), np.eye(5))])
    P = sparse(np.diag(rng.uniform(0, 0.5, size=20)) + 0.05) if quadratic else None
    zero = np.zeros(9)
    return QuadraticProgram(
        quadratic=P,
        linear=jnp.asarray(cost),
        constant=jnp.zeros(()),
        equality_matrix=jnp.zeros((0, 20)),
        equality_rhs=jnp.zeros(0),
        inequality_matrix=sparse(G),
        lower=jnp.asarray(np.concatenate([zero[:4], demand])),
        upper=jnp.asarray(np.concatenate([supply, zero[:5]])),
        bound_lower=jnp.zeros(20),
        bound_upper=None,
        has_lower=jnp.arange(9) >= 4,
        has_upper=jnp.arange(9) < 4,
    )


def dense(problem: QuadraticProgram) -> QuadraticProgram:
    return jax.tree.map(
        lambda leaf: leaf.todense() if isinstance(leaf, BCOO) else leaf,
        problem,
        is_leaf=lambda leaf: isinstance(leaf, BCOO),
    )


@pytest.mark.parametrize("quadratic", [False, True], ids=["linear", "quadratic"])
def test_sparse_and_dense_programs_have_the_same_solution(quadratic):
    problem = transport(quadratic)
    found, other = _solve(problem), _solve(dense(problem))
    assert found.status == other.status == Status.SOLVED
    assert worst(kkt_residuals(dense(problem), found.point)) <= TOL
    assert worst(kkt_residuals(dense(problem), other.point)) <= 1e-12  # active-set refinement ends it
    np.testing.assert_allclose(found.objective, other.objective, rtol=1e-5)


def test_a_sparse_program_is_never_factorised_or_made_dense():
    text = jax.jit(lambda problem: solve(problem, TOL)).lower(transport(quadratic=True)).as_text()
    assert "cholesky" not in text and "lapack" not in text and "callback" not in text
    assert "9x20x" not in text


def test_no_supply_is_infeasible_with_a_certificate():
    problem = transport()
    problem = replace(problem, upper=problem.upper * 0.5)
    found = _solve(problem)
    assert found.status == Status.INFEASIBLE
    assert certificates.infeasibility_defect(dense(problem), found.certificate) <= TOL


def test_paid_for_shipping_it_is_unbounded_with_a_ray():
    problem = transport()
    problem = replace(problem, linear=-problem.linear, has_upper=jnp.zeros(9, bool))
    found = _solve(problem)
    assert found.status == Status.UNBOUNDED
    assert certificates.unboundedness_defect(dense(problem), found.certificate) <= TOL


def test_lanes_of_a_batch_end_on_their_own():
    good = transport()
    supply, cost, limited = good.upper, good.linear, good.has_upper

    def lane(upper, linear, has_upper):
        return solve(replace(good, upper=upper, linear=linear, has_upper=has_upper), TOL, 40_000)

    none = jnp.zeros(9, bool)
    uppers, costs = jnp.stack([supply, 0.5 * supply, supply]), jnp.stack([cost, cost, -cost])
    found = jax.vmap(lane)(uppers, costs, jnp.stack([limited, limited, none]))
    assert found.status.tolist() == [Status.SOLVED, Status.INFEASIBLE, Status.UNBOUNDED]
    np.testing.assert_allclose(found.objective[0], _solve(good).objective, rtol=1e-12)


def test_a_warm_start_saves_iterations_and_a_bad_one_does_no_harm():
    problem = transport(quadratic=True)
    cold = _solve(problem)
    warm = _solve(replace(problem, linear=problem.linear * (1 + 1e-6)), cold.point)
    assert warm.status == Status.SOLVED and warm.iterations < cold.iterations
    lost = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), cold.point)
    assert _solve(problem, lost).status == Status.SOLVED


def test_the_limit_and_bad_numbers_are_said():
    problem = transport()
    stopped = jax.jit(lambda problem: solve(problem, 1e-12, 50))(problem)
    assert stopped.status == Status.LIMIT and stopped.iterations == 50
    broken = _solve(replace(problem, linear=problem.linear.at[3].set(jnp.nan)))
    assert broken.status == Status.FAILED and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(broken.point))


def test_a_cone_program_is_solved_by_projections():
    """The point of the ball ‖x − c‖ ≤ 1 with the least qᵀx is c − q/‖q‖."""
    centre, q = np.array([1.0, -2, 0.5]), np.array([2.0, 1, -2])
    rows = ConeRows(
        jnp.asarray(np.concatenate([np.zeros((1, 3)), np.eye(3)])),
        jnp.asarray(np.concatenate([[1.0], -centre])),
        jnp.zeros(0),
        (Cones("second_order", 4, 1),),
    )
    nothing = jnp.zeros((0, 3))
    problem = QuadraticProgram(
        None, jnp.asarray(q), jnp.zeros(()), nothing, jnp.zeros(0), nothing, None, None, None, None, cone_rows=rows
    )
    found = _solve(problem)
    assert found.status == Status.SOLVED
    np.testing.assert_allclose(found.point.x, centre - q / 3, atol=1e-10)
    np.testing.assert_allclose(found.point.u, [3, 2, 1, -2], atol=1e-10)


def test_the_norms_are_the_largest_singular_values():
    problem = dense(transport(quadratic=True))
    found = norms(problem)
    np.testing.assert_allclose(found.rows, np.linalg.norm(problem.inequality_matrix, 2), rtol=0.01)
    np.testing.assert_allclose(found.quadratic, np.linalg.norm(problem.quadratic, 2), rtol=0.01)
