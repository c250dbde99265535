"""Cone programs with sparse rows: solved by products alone, differentiated without making the rows dense."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO
from jax.extend.core import jaxprs_in_params

from karush.solvers import certificates, cone_frame, implicit, pdhg
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.minres import minres
from karush.solvers.projections.cones import symmetric_matrix
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import choose, facts_of, solve
from karush.solvers.residuals import kkt_residuals, worst
from karush.solvers.result import Status
from tests.cone_programs import Nearby, random_direction, random_program

MIXED = (
    Cones("second_order", 7, 2),
    Cones("second_order", 3, 1),
    Cones("exponential", 3, 1),
    Cones("power", 3, 1),
    Cones("semidefinite", 6, 2),
)


def sparse(matrix) -> BCOO:
    return BCOO.from_scipy_sparse(scipy.sparse.coo_matrix(np.asarray(matrix))).sort_indices()


def sparsified(problem: QuadraticProgram) -> QuadraticProgram:
    assert problem.cone_rows is not None
    return replace(
        problem,
        quadratic=None if problem.quadratic is None else sparse(problem.quadratic),
        equality_matrix=sparse(problem.equality_matrix),
        inequality_matrix=sparse(problem.inequality_matrix),
        cone_rows=replace(problem.cone_rows, matrix=sparse(problem.cone_rows.matrix)),
    )


def like(matrix: BCOO, values) -> BCOO:
    """The entries of a dense matrix at the positions of a sparse one."""
    data = values[matrix.indices[:, 0], matrix.indices[:, 1]]
    return BCOO((data, matrix.indices), shape=matrix.shape, unique_indices=True, indices_sorted=True)


def moved(program: QuadraticProgram, direction: QuadraticProgram, t) -> QuadraticProgram:
    """program + t direction, on the pattern of the program; the direction is dense."""

    def one(value, change):
        if isinstance(value, BCOO):
            return with_data(value, value.data + t * like(value, change).data)
        return value + t * change

    return jax.tree.map(one, program, direction, is_leaf=lambda leaf: isinstance(leaf, BCOO))


def with_data(matrix: BCOO, data) -> BCOO:
    return BCOO((data, matrix.indices), shape=matrix.shape, unique_indices=True, indices_sorted=True)


def of_rows(problem: QuadraticProgram, matrix) -> QuadraticProgram:
    return replace(problem, cone_rows=replace(problem.cone_rows, matrix=matrix))


def summary(method, point, along, entries):
    """(tangent of the solution along t, its reverse derivative in the entries of F, the evidence), in one program."""

    def outputs(given):
        found = implicit.solve_differentiable(method, given, point)
        return (found.point, found.objective), found.evidence

    def weighted(values):
        found = jax.tree.leaves(outputs(along(0.0, values))[0])
        return sum(jnp.sum(leaf * jnp.cos(jnp.arange(leaf.size)).reshape(leaf.shape)) for leaf in found)

    def all_of_it(values):
        _, tangent, evidence = jax.jvp(lambda t: outputs(along(t, values)), (0.0,), (1.0,), has_aux=True)
        return tangent, jax.grad(weighted)(values), evidence

    return jax.jit(all_of_it)(entries)


@pytest.fixture(scope="module")
def regular():
    """A program around a solution at which everything is differentiable, and what its dense derivative says."""
    program, point = random_program(7, MIXED, 24, p=2, m=4)
    direction = random_direction(3, program)

    def along(t, F):
        return moved(of_rows(program, F), direction, t)

    return program, point, direction, summary(Nearby(polished=False), point, along, program.cone_rows.matrix)


@pytest.mark.parametrize("on_host", [True, False], ids=["factorised", "products"])
def test_the_derivative_is_that_of_the_dense_program(regular, on_host, monkeypatch):
    program, point, direction, (wanted, dense, theirs) = regular
    monkeypatch.setattr(cone_frame, "factorised_on_host", lambda cones: on_host)
    slim = sparsified(program)
    F = slim.cone_rows.matrix

    def along(t, data):
        return moved(of_rows(slim, with_data(F, data)), direction, t)

    # another threshold is another method: nothing is taken from the compiled programs of the other choice
    method = Nearby(polished=False, threshold=1.1e-6 if on_host else 1.2e-6)
    found, gradient, ours = summary(method, point, along, F.data)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-7, atol=1e-8), found, wanted)
    np.testing.assert_allclose(gradient, like(F, dense).data, rtol=1e-6, atol=1e-7)
    assert ours.primal == theirs.primal and ours.dual == theirs.dual
    np.testing.assert_allclose(ours.sigma_min, theirs.sigma_min, rtol=1e-3)


def random_sparse(kind: str, n: int, seed: int) -> QuadraticProgram:
    """min qᵀx, a few equations, −2 ≤ x ≤ 2, and sparse rows in cones with x = 0 inside of them all."""
    rng = np.random.default_rng(seed)
    groups = {
        "second_order": (Cones("second_order", 5, n // 5), Cones("second_order", 12, 4)),
        "exponential": (Cones("exponential", 3, n // 3),),
        "semidefinite": (Cones("semidefinite", 21, n // 20),),
    }[kind]
    rows = sum(group.rows for group in groups)
    F = scipy.sparse.random(rows, n, 3 / n, random_state=seed, data_rvs=rng.standard_normal)
    F = (F + scipy.sparse.csr_matrix((np.ones(rows), (np.arange(rows), rng.integers(0, n, rows))), (rows, n))).tocoo()
    inside = {
        "second_order": lambda d: np.concatenate([[1.0], np.zeros(d - 1)]),
        "exponential": lambda d: np.array([-1.0, 1.0, 1.5]),
        "semidefinite": lambda d: np.concatenate([np.append(np.zeros(k), 1.0) for k in range(6)]),
    }[kind]
    offset = np.concatenate([np.tile(inside(group.dimension), group.count) for group in groups])
    A = scipy.sparse.random(n // 10, n, 0.1, random_state=seed + 1, data_rvs=rng.standard_normal)
    return QuadraticProgram(
        quadratic=None,
        linear=jnp.asarray(rng.normal(size=n)),
        constant=jnp.zeros(()),
        equality_matrix=BCOO.from_scipy_sparse(A).sort_indices(),
        equality_rhs=jnp.zeros(n // 10),
        inequality_matrix=jnp.zeros((0, n)),
        lower=None,
        upper=None,
        bound_lower=jnp.full(n, -2.0),
        bound_upper=jnp.full(n, 2.0),
        cone_rows=ConeRows(BCOO.from_scipy_sparse(F).sort_indices(), jnp.asarray(offset), jnp.zeros(0), groups),
    )


def by_cvxpy(problem: QuadraticProgram) -> float:
    """The optimal value by Clarabel."""
    x = cp.Variable(problem.linear.size)
    rows = problem.cone_rows
    F = scipy.sparse.csr_matrix(np.asarray(rows.matrix.todense()))
    value, limits = F @ x + np.asarray(rows.offset), [x >= -2, x <= 2]
    limits.append(np.asarray(problem.equality_matrix.todense()) @ x == 0)
    for group, at, _ in rows.groups():
        for k in range(group.count):
            part = value[at.start + k * group.dimension : at.start + (k + 1) * group.dimension]
            if group.kind == "second_order":
                limits.append(cp.SOC(part[0], part[1:]))
            elif group.kind == "exponential":
                limits.append(cp.ExpCone(part[0], part[1], part[2]))
            else:
                unit = jax.vmap(partial(symmetric_matrix, order=group.order))(jnp.eye(group.dimension))
                maps = np.asarray(unit).reshape(group.dimension, -1)
                limits.append(cp.reshape(maps.T @ part, (group.order, group.order), order="C") >> 0)
    found: float = cp.Problem(cp.Minimize(np.asarray(problem.linear) @ x), limits).solve(solver="CLARABEL")
    return found


@pytest.mark.parametrize("kind", ["second_order", "exponential", "semidefinite"])
def test_a_sparse_cone_program_is_solved_and_differentiated(kind):
    problem = random_sparse(kind, 120, 4)
    rows, choice = problem.cone_rows, choose(facts_of(problem), "pdhg")
    assert rows.offset.size >= 100

    def given(t):
        F = with_data(rows.matrix, rows.matrix.data * (1 + t * jnp.cos(jnp.arange(rows.matrix.nse))))
        return replace(of_rows(problem, F), linear=problem.linear * (1 + t))

    alone = jax.jit(lambda t: pdhg.solve(given(t), 1e-10))
    found = alone(0.0)
    assert found.status == Status.SOLVED and worst(kkt_residuals(problem, found.point)) <= 1e-10
    np.testing.assert_allclose(found.objective, by_cvxpy(problem), rtol=1e-6)

    def outputs(ended):
        return jnp.stack([ended.objective, ended.point.x @ jnp.sin(jnp.arange(120.0))])

    def slope(t):
        values, push = jax.linearize(lambda t: outputs(solve(given(t), Settings(tol=1e-10), choice)), t)
        return values, push(1.0), jax.vmap(jax.linear_transpose(push, t))(jnp.eye(2))[0]

    values, forward, back = jax.jit(slope)(0.0)
    np.testing.assert_allclose(values, outputs(found), rtol=1e-7)
    np.testing.assert_allclose(back, forward, rtol=1e-7, atol=1e-9)
    ends = outputs(alone(1e-5)), outputs(alone(-1e-5))
    np.testing.assert_allclose((ends[0] - ends[1]) / 2e-5, forward, rtol=1e-4, atol=1e-5)


def test_no_array_has_all_rows_and_variables():
    problem = random_sparse("second_order", 600, 5)
    n, least = 600, 240 * 600
    choice = choose(facts_of(problem), "pdhg")

    def value(data):
        rows = problem.cone_rows
        given = replace(problem, cone_rows=replace(rows, matrix=with_data(rows.matrix, data)))
        return solve(given, Settings(), choice).point.x @ jnp.ones(n)

    sizes: list[int] = []

    def walk(jaxpr):
        for equation in jaxpr.eqns:
            sizes.extend(out.aval.size for out in equation.outvars if hasattr(out.aval, "size"))
            for inner in jaxprs_in_params(equation.params):
                walk(inner)

    walk(jax.make_jaxpr(jax.grad(value))(problem.cone_rows.matrix.data).jaxpr)
    assert 1000 < max(sizes) < least


def test_certificates_of_sparse_cones_verify_by_lane():
    """x₁ ≥ ‖x‖ + shift within −1 ≤ x ≤ 1: none for a shift of 2, and no lower end without the bounds."""
    n = 30
    F = sparse(np.concatenate([np.eye(n)[:1], np.eye(n)]))
    nothing = jnp.zeros((0, n))
    base = QuadraticProgram(
        None, -jnp.eye(n)[0], jnp.zeros(()), nothing, jnp.zeros(0), nothing, None, None, -jnp.ones(n), jnp.ones(n),
        cone_rows=ConeRows(F, jnp.zeros(n + 1), jnp.zeros(0), (Cones("second_order", n + 1, 1),)),
    )  # fmt: skip

    def problem(shift, bounded):
        offset = jnp.zeros(n + 1).at[0].set(-shift)
        mask = jnp.full(n, bounded)
        rows = replace(base.cone_rows, offset=offset)
        return replace(base, cone_rows=rows, has_bound_lower=mask, has_bound_upper=mask)

    def lane(shift, bounded):
        return pdhg.solve(problem(shift, bounded), 1e-6, 20_000)

    found = jax.jit(jax.vmap(lane))(jnp.array([0.0, 2.0, 0.0]), jnp.array([True, True, False]))
    assert found.status.tolist() == [Status.SOLVED, Status.INFEASIBLE, Status.UNBOUNDED]
    proofs = [jax.tree.map(lambda leaf, k=k: leaf[k], found.certificate) for k in range(3)]
    assert certificates.infeasibility_defect(problem(2.0, True), proofs[1]) <= 1e-6
    assert certificates.unboundedness_defect(problem(0.0, False), proofs[2]) <= 1e-6


def test_a_batch_in_single_precision_reaches_its_own_tolerance():
    def narrow(leaf):
        return leaf.astype(jnp.float32) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    problem = jax.tree.map(narrow, random_sparse("second_order", 120, 6))
    choice = choose(facts_of(problem), "pdhg")

    def lane(linear):
        found = solve(replace(problem, linear=linear), Settings(), choice)
        return found.objective + jnp.sum(found.point.x), (found.status, found.point.x)

    costs = jnp.stack([problem.linear, -problem.linear])
    slopes, (status, x) = jax.jit(jax.vmap(jax.grad(lane, has_aux=True)))(costs)
    assert np.all(status <= Status.SOLVED_INACCURATE) and x.dtype == slopes.dtype == jnp.float32
    # the value moves by x; the sum of x does not, along the cost itself: twice the cost has the same solution
    np.testing.assert_allclose(np.sum(slopes * costs, axis=1), np.sum(x * costs, axis=1), rtol=2e-2)


def test_minres_solves_indefinite_and_singular_systems():
    rng = np.random.default_rng(2)
    Q, _ = np.linalg.qr(rng.normal(size=(30, 30)))
    values = np.concatenate([rng.uniform(0.5, 2, 14), -rng.uniform(0.5, 2, 14), np.zeros(2)])
    K = jnp.asarray((Q * values) @ Q.T)
    rhs = K @ jnp.asarray(rng.normal(size=30))
    found = minres(lambda u: K @ u, rhs, 200, 1e-13)
    np.testing.assert_allclose(K @ found, rhs, atol=1e-11)
    np.testing.assert_allclose(Q[:, 28:].T @ found, 0, atol=1e-11)
    assert np.all(minres(lambda u: K @ u, jnp.zeros(30), 200, 1e-13) == 0)
