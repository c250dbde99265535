"""Small programs with a singular quadratic term: active set, regularised, the interior point behind it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush import loads
from karush.solvers.quadratic_driver import choose
from karush.solvers.result import Status

LASSO = """dim m, n
param A[m, n], b[m], l in pos, cap
var x[n]
minimize sumsq(A @ x - b) / 2 + l * norm1(x)
subject to
  total: sum(x) <= cap
"""
LINEAR = """param c[3], r
var x[3] in nonneg, t
minimize x[0]^2 + c @ x + t
subject to
  low: t >= x[1] - 2
  sum: sum(x) == r
"""


def data(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(12, 6))
    return {"A": A, "b": A @ np.array([1.0, -2, 0, 0, 0.5, 0]) + 0.1 * rng.normal(size=12), "l": 0.7, "cap": -0.8}


def test_it_is_the_choice_for_small_ones_alone() -> None:
    facts = loads(LASSO).compile_for({"m": 12, "n": 6}).problem
    choice = choose(facts)
    assert (choice.name, choice.regularised, choice.fallback) == ("active_set", True, True)
    assert loads(LASSO).compile_for({"m": 12, "n": 600}).choice.name == "ipm"


@pytest.mark.parametrize("seed", range(3))
def test_solution_duals_and_derivatives_are_those_of_the_interior_point(seed) -> None:
    given = {name: jnp.asarray(value) for name, value in data(seed).items()}
    models = [loads(LASSO), loads(LASSO).with_options(solver="ipm")]
    found, other = (model(**given) for model in models)
    assert found.status == Status.SOLVED and found.derivative.primal == 0
    residuals = found.statistics.residuals
    assert max(float(residuals.primal), float(residuals.dual), float(residuals.gap)) < 1e-12
    np.testing.assert_allclose(found.x, other.x, atol=1e-9)
    np.testing.assert_allclose(found.dual.total, other.dual.total, atol=1e-9)

    def slope(model):
        return jax.grad(lambda d: jnp.sum(jnp.sin(model(**d).x)) + model(**d).dual.total)(given)

    for got, want in zip(*map(jax.tree.leaves, map(slope, models)), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-7)


def test_without_a_solution_in_lanes_of_a_batch() -> None:
    """Solved, infeasible, unbounded and solved again: what the active set cannot settle the interior point does."""
    model = loads(LINEAR)
    c = jnp.array([[1.0, 2, 3], [1, 2, 3], [1, -5, 3], [0, 0, 0]])
    found = jax.vmap(lambda c, r: model(c=c, r=r))(c, jnp.array([2.0, -1.0, 2.0, 1.0]))
    assert list(np.asarray(found.status)) == [0, 2, 0, 0]
    alone = [model.with_options(solver="ipm")(c=c[i], r=[2.0, -1.0, 2.0, 1.0][i]).objective for i in (0, 2, 3)]
    np.testing.assert_allclose(found.objective[jnp.array([0, 2, 3])], jnp.stack(alone), atol=1e-8)
    free = loads("param c\nvar x, y\nminimize x^2 + c * y\n")
    assert free(c=1.0).status == Status.UNBOUNDED
    assert free(c=0.0).status == Status.SOLVED and free(c=0.0).derivative.primal == 2


def test_single_precision() -> None:
    found = loads(LASSO).with_options(dtype="f32")(**data(0))
    assert found.status == Status.SOLVED
    np.testing.assert_allclose(found.x, loads(LASSO)(**data(0)).x, atol=1e-4)
