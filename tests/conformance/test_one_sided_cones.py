"""One-sided derivatives at kinks of cones: projections and proximal maps whose derivatives along it are known."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.problem import loads
from karush.solvers.projections.exponential import exponential
from karush.solvers.projections.power import power
from karush.solvers.projections.second_order import second_order

NEAREST = "param v[3]\nvar x[3]\nminimize sumsq(x - v) / 2\nsubject to\n  k: x in {cone}\n"
MATRIX = "dim n = 3\nparam C[n, n] in sym\nvar X[n, n] in psd\nminimize sumsq(X - C) / 2\n"
SHRUNK = "dim n = 2\nparam p[n], lam in pos\nvar x[n]\nminimize sumsq(x - p) / 2 + lam * norm2(x)\n"
STEP = 1e-6


@cache
def kept(text):
    """One model for each text: it keeps its compiled functions."""
    return loads(text)


def rates(text, of, tangents, **params):
    """The derivative along a direction from the left and from the right."""
    found = []
    for side in ("left", "right"):
        _, push = karush.jvp(kept(text), of=of, side=side)(**params)
        found.append(np.asarray(push(**tangents).tangent))
    return found


def differences(function, point, direction):
    """The quotients of differences to the left and to the right."""
    here = np.asarray(function(point))
    left, right = (np.asarray(function(point + h * direction)) for h in (-STEP, STEP))
    return (here - left) / STEP, (right - here) / STEP


BOUNDARY = {
    "soc": (second_order, [[5.0, 3.0, 4.0], [-5.0, 3.0, 4.0], [0.0, 0.0, 0.0]]),
    "exp_cone": (exponential, [[0.0, 1.0, 1.0], [1.0, 2.0, 2 * np.exp(0.5)]]),
    "pow_cone(0.3)": (lambda v: power(v, 0.3), [[1.0, 1.0, 1.0], [2.0, 0.5, -(2**0.3) * 0.5**0.7]]),
}
CASES = [(cone, tuple(point)) for cone, (_, points) in BOUNDARY.items() for point in points]


@pytest.mark.parametrize(("cone", "point"), CASES)
def test_a_projection_at_the_boundary_of_its_cone(cone, point):
    project, _ = BOUNDARY[cone]
    point = jnp.asarray(point)
    for seed in (0.3, 2.1):
        direction = jnp.cos(seed + 1.7 * jnp.arange(3))
        wanted = differences(project, point, direction)
        found = rates(NEAREST.format(cone=cone), "x", {"v": direction}, v=point)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_multipliers_of_a_projection_have_sides():
    """Π(v) − v presses on the cone, and follows where the point leaves it."""
    point, direction = jnp.array([5.0, 3.0, 4.0]), jnp.array([-1.0, 0.5, 0.2])
    found = rates(NEAREST.format(cone="soc"), "dual.k", {"v": direction}, v=point)
    wanted = differences(lambda v: second_order(v) - v, point, direction)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_zero_eigenvalues_of_a_projection_follow_their_own_cone():
    """C = diag(1, 0, 0): the block of the two zeros becomes its positive part, from either side."""
    H = np.array([[0.4, -1.0, 0.7], [-1.0, 0.5, 0.9], [0.7, 0.9, -0.8]])

    def positive(B):
        values, vectors = np.linalg.eigh(B)
        return (vectors * np.maximum(values, 0)) @ vectors.T

    def along(direction):
        found = direction.copy()
        found[1:, 1:] = positive(direction[1:, 1:])
        return found

    left, right = rates(MATRIX, "X", {"C": jnp.asarray(H)}, C=jnp.diag(jnp.array([1.0, 0.0, 0.0])))
    np.testing.assert_allclose(right, along(H), atol=1e-6)
    np.testing.assert_allclose(left, -along(-H), atol=1e-6)


def test_a_shrunk_vector_leaves_zero_on_one_side():
    """prox of λ‖·‖ at ‖p‖ = λ: 0 inwards, the part along p outwards; likewise in λ."""
    p = jnp.array([0.6, 0.8])
    direction = jnp.array([0.5, 0.1])
    left, right = rates(SHRUNK, "x", {"p": direction}, p=p, lam=1.0)
    np.testing.assert_allclose(left, [0, 0], atol=1e-6)
    np.testing.assert_allclose(right, p * (p @ direction), atol=1e-6)
    left, right = rates(SHRUNK, "x", {"lam": 1.0}, p=p, lam=1.0)
    np.testing.assert_allclose(left, -p, atol=1e-6)
    np.testing.assert_allclose(right, [0, 0], atol=1e-6)


def test_where_there_is_no_kink_both_sides_are_the_derivative():
    point, direction = jnp.array([1.0, 3.0, 4.0]), jnp.array([-1.0, 0.5, 0.2])
    wanted = jax.jvp(second_order, (point,), (direction,))[1]
    for found in rates(NEAREST.format(cone="soc"), "x", {"v": direction}, v=point):
        np.testing.assert_allclose(found, wanted, atol=1e-9)
