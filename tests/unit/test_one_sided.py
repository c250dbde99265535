"""One-sided derivatives: closed forms at kinks of x, at rows that repeat each other, and where x is not unique."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.problem import loads
from karush.solvers.evidence import DerivativeStatus

KINK = "param p\nvar x in nonneg\nlet square = (x + 1)^2\nminimize (x - p)^2 / 2\n"
REPEATED = "param p, q\nvar x[2]\nminimize sumsq(x) / 2\nsubject to\n  a: x[0] >= p\n  b: x[0] >= q\n"
PRICES = "dim n\nparam c[n]\nvar x[n] in simplex\nminimize c @ x\n"
WITHIN = """param p
model inner(t) {
  var x in nonneg
  minimize (x - t)^2 / 2
}
let y = 3 * inner(t = -2 * p).x + p
"""


@cache
def kept(text):
    """One model for each text: it keeps its compiled functions."""
    return loads(text)


def sides(text, of, tangents, **params):
    """The derivative along a direction from the left and from the right."""
    model = kept(text)
    found = []
    for side in ("left", "right"):
        _, push = karush.jvp(model, of=of, side=side)(**params)
        found.append(push(**tangents))
    return found


def rates(text, of, tangents, **params):
    return [np.asarray(found.tangent) for found in sides(text, of, tangents, **params)]


@pytest.mark.parametrize(("p", "left", "right"), [(0.0, 0, 1), (0.5, 1, 1), (-0.5, 0, 0)])
def test_the_kink_of_a_projection_has_two_slopes(p, left, right):
    found = sides(KINK, "x", {"p": 1.0}, p=p)
    assert np.allclose([part.tangent for part in found], [left, right])
    expected = DerivativeStatus.UNIQUE if p else DerivativeStatus.CONSERVATIVE
    assert all(part.evidence.status is expected for part in found)


def test_a_function_of_the_solution_follows_by_the_chain_rule():
    assert np.allclose(rates(KINK, "square", {"p": 2.0}, p=0.0), [0, 4])


def test_the_value_of_the_projection_is_smooth():
    assert np.allclose(rates(KINK, "objective", {"p": 1.0}, p=0.0), 0)


def test_the_larger_of_two_equal_bounds_and_its_cost():
    at = {"p": 2.0, "q": 2.0}
    assert np.allclose(rates(REPEATED, "x", {"p": 1.0}, **at), [[0, 0], [1, 0]], atol=1e-7)
    assert np.allclose(rates(REPEATED, "x", {"p": 1.0, "q": 3.0}, **at), [[1, 0], [3, 0]], atol=1e-7)
    assert np.allclose(rates(REPEATED, "objective", {"p": 1.0}, **at), [0, 2])
    assert np.allclose(rates(REPEATED, "objective", {"p": 1.0, "q": 3.0}, **at), [2, 6])


def test_multipliers_of_repeated_rows_have_no_derivative():
    found = sides(REPEATED, "dual.a", {"p": 1.0}, p=2.0, q=2.0)
    assert all(part.evidence.status is DerivativeStatus.UNDEFINED for part in found)


def test_the_least_of_equal_prices_is_the_value_of_a_linear_program():
    found = rates(PRICES, "objective", {"c": [1.0, -2.0, 5.0]}, c=[1.0, 1.0, 3.0])
    assert np.allclose(found, [1, -2])  # min over the tied: from the right the least rate, from the left the largest
    jumps = sides(PRICES, "x", {"c": [1.0, -2.0, 5.0]}, c=[1.0, 1.0, 3.0])
    assert all(part.evidence.status is DerivativeStatus.UNDEFINED and np.isnan(part.tangent).any() for part in jumps)


def test_nothing_moves_along_the_direction_zero():
    assert np.array_equal(rates(KINK, "x", {}, p=0.0), [0, 0])
    assert np.array_equal(rates(PRICES, "objective", {}, c=[1.0, 1.0, 3.0]), [0, 0])


def test_a_direction_without_a_solution_has_no_derivative():
    text = "param a\nvar x\nminimize x^2\nsubject to\n  lower: x >= a\n  upper: x <= 0\n"
    left, right = sides(text, "x", {"a": 1.0}, a=0.0)
    assert np.isclose(left.tangent, 0) and np.isnan(right.tangent)
    assert right.evidence.status is DerivativeStatus.UNDEFINED


def test_problems_within_a_file_are_followed_too():
    assert np.allclose(rates(WITHIN, "y", {"p": 1.0}, p=0.0), [-5, 1])


def test_the_multipliers_of_a_kink_have_sides():
    found = rates(KINK, "dual.x", {"p": 1.0}, p=0.0)
    assert np.allclose(found, [-1, 0])


@pytest.mark.parametrize("seed", range(3))
def test_projections_onto_the_simplex_at_ties_agree_with_differences(seed):
    """The projection of a has entries that are zero with the multiplier zero; it is piecewise linear."""
    text = "dim n\nparam a[n]\nvar x[n] in simplex\nminimize sumsq(x - a)\n"
    a = np.array([0.5, 0.5, 0.0, 0.0, -1.0])
    direction = np.random.default_rng(seed).normal(size=5)
    left, right = rates(text, "x", {"a": direction}, a=a)

    def projection(v):
        ordered = np.sort(v)[::-1]
        excess = (np.cumsum(ordered) - 1) / np.arange(1, 6)
        return np.maximum(v - excess[np.nonzero(ordered > excess)[0][-1]], 0)

    step = 1e-3
    assert np.allclose(right, (projection(a + step * direction) - projection(a)) / step, atol=1e-7)
    assert np.allclose(left, (projection(a) - projection(a - step * direction)) / step, atol=1e-7)


def test_directions_are_mapped_as_one_batch():
    model = kept(REPEATED)
    _, push = karush.jvp(model, of="x", side="right")(p=2.0, q=2.0)
    rate = jax.vmap(lambda dp, dq: push(p=dp, q=dq).tangent[0])(jnp.array([1.0, -1, 2]), jnp.array([0.0, -3, 1]))
    assert np.allclose(rate, [1, -1, 2])
