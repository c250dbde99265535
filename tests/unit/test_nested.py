"""Models within models: values, derivatives and statuses against NumPy, in clauses, two deep, inline."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.solvers.result import Status

RNG = np.random.default_rng(4)
A, b, Y, lam = RNG.normal(size=(4, 2)), RNG.normal(size=4), RNG.normal(size=(3, 4)), 0.7

RIDGE = """
dim n, m, k
param A[m, n], b[m], Y[k, m], lam in pos
model ridge(y[m]) {
  var w[n]
  minimize cost: sumsq(A @ w - y) + lam * sumsq(w)
}
"""
DATA = {"A": A, "b": b, "Y": Y, "lam": lam}


def ridge(y, weight=lam):
    return np.linalg.solve(A.T @ A + weight * np.eye(2), A.T @ y)


def soft(v, t):
    return np.sign(v) * np.maximum(np.abs(v) - t, 0)


def difference(function, at, step=1e-5):
    return (function(at + step) - function(at - step)) / (2 * step)


def test_a_call_its_fields_and_their_derivatives() -> None:
    """``grad`` of the optimal value is the envelope's; a Jacobian and a Hessian go through the solution."""
    model = karush.loads(
        RIDGE + "let fit = ridge(y = b)\nlet w = fit.w\nlet value = fit.objective\n"
        "let slope = grad(fit.objective, lam)\nlet H = hessian(sumsq(A @ fit.w), lam)\nlet J = jacobian(fit.w, b)\n"
        "let v = vjp(fit.w, b, fit.w)\nlet t = jvp(fit.w, lam, 1.0)\n"
    )
    found = model(**DATA)
    w = ridge(b)
    inverse = np.linalg.inv(A.T @ A + lam * np.eye(2))
    np.testing.assert_allclose(found.w, w, rtol=1e-12)
    np.testing.assert_allclose(found.value, np.sum((A @ w - b) ** 2) + lam * w @ w, rtol=1e-12)
    np.testing.assert_allclose(found.slope, w @ w, rtol=1e-10)
    np.testing.assert_allclose(found.J, inverse @ A.T, rtol=1e-10)
    np.testing.assert_allclose(found.v, w @ inverse @ A.T, rtol=1e-10)
    np.testing.assert_allclose(found.t, -inverse @ w, rtol=1e-10)

    def first(weight):
        return difference(lambda s: np.sum((A @ ridge(b, s)) ** 2), weight)

    np.testing.assert_allclose(found.H, difference(first, lam, 1e-4), rtol=1e-4)


def test_a_clause_is_one_batch_two_models_deep() -> None:
    model = karush.loads(
        RIDGE + "model chain(y[m]) {\n  model part(v[m]) {\n    var z[m] in nonneg\n"
        "    minimize sumsq(z - v) / 2 + lam * norm1(z)\n  }\n  let w = ridge(y = part(v = y).z).w\n}\n"
        "let W = [chain(y = Y[i]).w for i in k]\n"
    )
    found = model(**DATA)
    np.testing.assert_allclose(found.W, [ridge(np.maximum(y - lam, 0)) for y in Y], atol=1e-12)
    slope = jax.jacfwd(lambda s: model(**{**DATA, "lam": s}).W)(lam)
    want = difference(lambda s: np.array([ridge(np.maximum(y - s, 0), s) for y in Y]), lam)
    np.testing.assert_allclose(slope, want, atol=1e-7)


def test_inline_problems_see_params_binders_and_other_solutions() -> None:
    model = karush.loads(
        "dim k, m\nparam Y[k, m], lam in pos\n"
        "let S = [argmin((y - Y[i, j])^2 / 2 + lam * abs(y) for y) for i in k, j in range(1, m)]\n"
        "let v = [minimum(sumsq(y - S[i]) for y[m - 1] in box(0, 1)) for i in k]\n"
    )
    found = model(Y=Y, lam=lam)
    np.testing.assert_allclose(found.S, soft(Y[:, 1:], lam), atol=1e-12)
    shrunk = soft(Y[:, 1:], lam)
    np.testing.assert_allclose(found.v, np.sum((np.clip(shrunk, 0, 1) - shrunk) ** 2, axis=1), atol=1e-12)


def test_an_outer_problem_takes_the_inner_solution_as_data_and_reports_what_follows() -> None:
    """Before the solve a call is data; in a let that uses the var it is solved after it."""
    model = karush.loads(
        "dim n\nparam c[n]\nmodel part(v[n]) {\n  var z[n] in nonneg\n  minimize sumsq(z - v)\n}\n"
        "let start = part(v = c).z\nvar x[n]\nminimize sumsq(x - start + 1)\nlet after = part(v = x).z\n"
    )
    c = np.array([2.0, -1.0, 0.5])
    found = model(c=c)
    np.testing.assert_allclose(found.x, np.maximum(c, 0) - 1, atol=1e-12)
    np.testing.assert_allclose(found.after, np.maximum(np.maximum(c, 0) - 1, 0), atol=1e-12)
    slope = jax.jacrev(lambda c: model(c=c).after)(c)
    np.testing.assert_allclose(slope, np.diag([1.0, 0.0, 0.0]), atol=1e-10)


@pytest.fixture(scope="module")
def boxed():
    return karush.loads(
        "dim k\nparam lo[k], use[k]\nmodel inner(l) {\n  var x\n  minimize x^2\n  subject to\n    l <= x <= 1\n}\n"
        "let total = sum(inner(l = lo[i]).x for i in k if use[i] > 0)\n"
    )


def test_the_status_is_that_of_the_worst_inner_problem_in_use(boxed) -> None:
    found = boxed(lo=np.array([0.5, 2.0]), use=np.array([1.0, 1.0]))
    assert found.status == Status.INFEASIBLE and np.isnan(found.total)


def test_an_inner_problem_that_is_not_used_does_not_count(boxed) -> None:
    found = boxed(lo=np.array([0.5, 2.0]), use=np.array([1.0, 0.0]))
    assert found.status == Status.SOLVED
    np.testing.assert_allclose(found.total, 0.5)
    slope = jax.grad(lambda lo: boxed(lo=lo, use=jnp.array([1.0, 0.0])).total)(jnp.array([0.5, 2.0]))
    np.testing.assert_allclose(slope, [1.0, 0.0], atol=1e-12)


def test_infinite_bounds_pass_into_an_inner_model() -> None:
    """As an argument and as a param of the file in sight: no bound there, and a derivative of zero."""
    model = karush.loads(
        "dim n, k\nparam c[k, n], ub[n], lb[n]\nmodel cut(v[n], top[n]) {\n  var x[n]\n  minimize sumsq(x - v)\n"
        "  subject to\n    lb <= x <= top\n}\nlet X = [cut(v = c[i], top = ub).x for i in k]\n"
    )
    c, ub, lb = np.array([[1.0, 2.0], [3.0, -4.0]]), np.array([1.5, np.inf]), np.array([-np.inf, -1.0])
    np.testing.assert_allclose(model(c=c, ub=ub, lb=lb).X, np.clip(c, lb, ub), atol=1e-12)
    slope = jax.grad(lambda ub: model(c=c, ub=ub, lb=lb).X.sum())(ub)
    np.testing.assert_allclose(slope, [1.0, 0.0], atol=1e-12)


def test_infinite_bounds_of_the_outer_problem_pass_into_an_inner_one_solved_after_it() -> None:
    model = karush.loads(
        "dim n\nparam c[n], ub[n]\nmodel cut(v[n], top[n]) {\n  var z[n]\n  minimize sumsq(z - v)\n"
        "  subject to\n    z <= top\n}\nvar x[n]\nminimize sumsq(x - c)\nsubject to\n  cap: x <= ub\n"
        "let z = cut(v = x + 1, top = ub).z\n"
    )
    c, ub = np.array([1.0, 2.0]), np.array([1.5, np.inf])
    np.testing.assert_allclose(model(c=c, ub=ub).z, [1.5, 3.0], atol=1e-12)
