"""The status of a derivative in one param, where the rows in force do not determine it."""

import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.problem import loads
from karush.solvers.evidence import DerivativeStatus

TWICE = """param p, q
var x[2]
minimize sumsq(x) / 2
subject to
  a: x[0] {relation} p
  b: x[0] {relation} q
"""


def pulled(relation, of, seed, **params):
    model = loads(TWICE.format(relation=relation)).with_options(solver="active_set")
    _, pull = karush.vjp(model, of=of)(**params)
    return pull(jnp.asarray(seed))


@pytest.fixture(scope="module")
def equations():
    return pulled("==", "x", [1.0, 1.0], p=1.0, q=1.0)


@pytest.fixture(scope="module")
def inequalities():
    return pulled(">=", "x", [1.0, 1.0], p=1.0, q=1.0)


def test_moving_one_of_two_equal_equations_leaves_no_solution(equations):
    assert equations.evidence.status is DerivativeStatus.UNDEFINED
    assert np.isnan(equations.p) and np.isnan(equations.q)


def test_the_larger_of_two_equal_bounds_is_a_kink(inequalities):
    assert inequalities.evidence.status is DerivativeStatus.CONSERVATIVE
    assert np.isclose(inequalities.p + inequalities.q, 1)
    assert -1e-9 <= float(inequalities.p) <= 1 + 1e-9


def test_a_zero_cotangent_has_the_derivative_zero_all_the_same():
    assert pulled("==", "x", [0.0, 0.0], p=1.0, q=1.0).p == 0


def test_apart_from_the_kink_everything_is_unique():
    found = pulled(">=", "x", [1.0, 1.0], p=1.0, q=0.5)
    assert found.evidence.status is DerivativeStatus.UNIQUE
    assert np.allclose([found.p, found.q], [1, 0], atol=1e-9)
    assert bool(found.evidence.active.a) and not bool(found.evidence.active.b)
