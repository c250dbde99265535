"""Factorisations without the variables that separate: the same solutions, from parts that a model itself shows."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.solvers import interior_point, kkt
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.forms.separable import Separable
from karush.solvers.parted_matrix import corner, parted_matrix
from karush.solvers.separable import in_parts, parted

ROWS, WIDTH = 10, 3

LOGISTIC = """
dim m, n
param X[m, n], lam in pos
var w[n]
minimize sum(logistic(X @ w)) + lam / 2 * sumsq(w)
"""

COUPLED = """
dim m, n
param X[m, n], cap in pos
var w[n], t[m]
minimize sum(w)
subject to
  each:  exp(X[i] @ w) <= t[i]  for i in m
  whole: sum(t) <= cap
"""


def program(text: str, **data: np.ndarray | float) -> QuadraticProgram:
    prepared = karush.loads(text).prepare(data)
    return prepared.compiled.program(prepared.compiled.start(prepared.arrays))


def features(seed: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(ROWS, WIDTH))


def test_parts_give_the_inverse_of_the_whole():
    rng = np.random.default_rng(2)
    # parts i = 0 … 7: variables 2 + i and 10 + i of 20, row 1 + i of G and rows 9 + 2i, 10 + 2i of the rest
    part = Separable(columns=(2, 10), rows=((1, 1), (9, 2)), count=8)
    rows = rng.normal(size=(2 + 9 + 16, 20))
    for i in range(8):
        own = [2 + 1 + i, 2 + 9 + 2 * i, 2 + 10 + 2 * i]
        others = np.setdiff1d(np.arange(27), own)
        rows[np.ix_(others, [2 + i, 10 + i])] = 0
    diagonal = rng.uniform(0.5, 1, size=20)
    root = np.zeros((20, 20))
    rest = np.r_[0, 1, 18, 19]
    root[np.ix_(rest, rest)] = rng.normal(size=(4, 4))
    P = root @ root.T
    E, matrix = jnp.asarray(rows[:2]), parted_matrix(jnp.asarray(rows[2:]), (part,), 0)
    factor = parted(corner(jnp.asarray(P), (part,)), jnp.asarray(diagonal), E, (matrix,))
    H = P + np.diag(diagonal) + rows.T @ rows
    np.testing.assert_allclose(factor.apply(jnp.eye(20)), np.linalg.inv(H), atol=1e-12)
    np.testing.assert_allclose(factor.apply(jnp.ones(20)), np.linalg.solve(H, np.ones(20)), atol=1e-12)


def test_a_matrix_that_is_not_positive_definite_is_not_a_number():
    part = Separable(columns=(0,), rows=((0, 1),), count=8)
    rows = jnp.concatenate([jnp.eye(8, 10), jnp.zeros((1, 10))])
    for diagonal in (jnp.full(10, -2.0), jnp.ones(10).at[9].set(-1)):
        matrix = parted_matrix(rows, (part,), 0)
        assert np.isnan(parted(None, diagonal, jnp.zeros((0, 10)), (matrix,)).apply(jnp.ones(10))).any()


def test_the_unknowns_of_a_graph_form_separate():
    (part,) = program(LOGISTIC, X=features(), lam=0.5).separable
    assert part.count == ROWS and len(part.columns) == 3 and [width for _, width in part.rows] == [1, 3, 3]


def test_what_a_row_or_the_objective_joins_stays():
    joined = program(COUPLED, X=features(), cap=30.0).separable
    assert all(WIDTH not in part.columns for part in joined)  # t, the second var, which `whole` adds up
    squared = LOGISTIC.replace("sum(logistic(X @ w))", "sumsq([logistic(X[i] @ w) for i in m])")
    (part,) = program(squared, X=features(), lam=0.5).separable
    assert len(part.columns) == 2  # of the three unknowns the first is squared


@pytest.mark.parametrize("text, data", [(LOGISTIC, {"lam": 0.5}), (COUPLED, {"cap": 30.0})], ids=["free", "coupled"])
def test_the_solution_is_that_of_the_whole(text, data):
    problem = program(text, X=features(), **data)
    found = jax.jit(interior_point.solve)(problem)
    whole = jax.jit(interior_point.solve)(replace(problem, separable=()))
    assert found.status == whole.status == 0
    np.testing.assert_allclose(found.point.x, whole.point.x, atol=1e-8)
    np.testing.assert_allclose(found.objective, whole.objective, rtol=1e-10)


def test_the_kkt_factorisation_goes_by_parts_too():
    problem = program(LOGISTIC, X=features(), lam=0.5)
    assert problem.cone_rows is not None
    stack = jnp.concatenate([jnp.asarray(problem.inequality_matrix), problem.cone_rows.matrix])
    system = in_parts(replace(problem, inequality_matrix=stack, cone_rows=None))
    whole = replace(problem, inequality_matrix=stack, cone_rows=None, separable=())
    shares = jnp.linspace(0, 1, stack.shape[0])
    right = jnp.cos(jnp.arange(stack.shape[0] + stack.shape[1]))
    answers = []
    for one in (system, whole):
        factor = kkt.factor(one, shares, None, fractional=True)
        answers.append(kkt.flatten(kkt.precondition(one, factor, kkt.unflatten(one, right, False))))
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-6, atol=1e-8)
