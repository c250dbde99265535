"""Greatest and least of several, and under a clause, where unknowns occur: linear rows, checked against SciPy."""

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

import karush

RNG = np.random.default_rng(5)
HALF = RNG.normal(size=(3, 3))
A = np.concatenate([HALF, -HALF])
B = RNG.normal(size=6)


def least_maximum(rows: np.ndarray, offsets: np.ndarray) -> float:
    """min_x max_i rows[i] @ x + offsets[i], as a linear program in (x, t)."""
    count, size = rows.shape
    cost = np.append(np.zeros(size), 1.0)
    return linprog(cost, np.c_[rows, -np.ones(count)], -offsets, bounds=(None, None)).fun


@pytest.mark.parametrize(
    "goal, sign",
    [("minimize max(A[i] @ x + b[i] for i in m)", 1), ("maximize min(-(A[i] @ x) - b[i] for i in m)", -1)],
)
def test_an_extreme_under_a_clause(goal, sign):
    """The value, and its derivative in b: the multipliers of the rows, which are a distribution."""
    model = karush.loads(f"dim m, n\nparam A[m, n], b[m]\nvar x[n]\n{goal}\n")
    assert model.analysis.classification.problem_class == "LP"
    np.testing.assert_allclose(model(A=A, b=B).objective, sign * least_maximum(A, B), atol=1e-7)
    slope = sign * jax.grad(lambda b: model(A=A, b=b).objective)(jnp.asarray(B))
    np.testing.assert_allclose([slope.sum(), slope @ B], [1, least_maximum(A, B)], atol=1e-6)


def test_the_greatest_of_several():
    """``max`` of four and ``min`` of four."""
    greatest = karush.loads("var x[2]\nminimize max(x[0], 2 - x[0], x[1], 1) + 0.1 * x[1]\nsubject to\n  x[1] >= -3\n")
    assert greatest.analysis.classification.problem_class == "LP"
    solution = greatest()
    np.testing.assert_allclose(solution.x, [1, -3], atol=1e-6)
    np.testing.assert_allclose(solution.objective, 0.7, atol=1e-7)
    least = karush.loads("param c\nvar x[2]\nmaximize min(x[0], c - x[0], x[1], 4)\n")
    np.testing.assert_allclose(least(c=2.0).objective, 1.0, atol=1e-7)
    np.testing.assert_allclose(least(c=10.0).objective, 4.0, atol=1e-7)


def test_an_extreme_within_an_extreme_under_a_filter():
    """In a row, with a filter: rows that it leaves out bound nothing."""
    text = """dim m, n
param A[m, n], b[m]
var x[n]
minimize sumsq(x)
subject to
  max(max(A[i] @ x, -1) + b[i] for i in m if i > 0) <= -0.5
"""
    model = karush.loads(text)
    assert model.analysis.classification.problem_class == "QP"
    offsets = np.full(6, -0.4)
    offsets[2] = 0.5
    offsets[0] = 100.0
    rows = np.abs(A)
    solution = model(A=rows, b=offsets)
    x = cp.Variable(3)
    expected = cp.Problem(cp.Minimize(cp.sum_squares(x)), [rows[1:] @ x <= [-0.1, -1, -0.1, -0.1, -0.1]])
    expected.solve()
    np.testing.assert_allclose(solution.x, x.value, atol=1e-5)
    np.testing.assert_allclose((np.maximum(rows @ solution.x, -1) + offsets)[1:].max(), -0.5, atol=1e-6)
