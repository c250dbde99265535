"""Second derivatives of the projections onto cones: forward, reverse and mixed, against central differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.projections.exponential import exponential
from karush.solvers.projections.power import power
from karush.solvers.projections.second_order import second_order
from karush.solvers.projections.semidefinite import semidefinite

STEP = 1e-5
POINTS = {
    "second-order": (second_order, jnp.asarray([0.3, 1.0, -0.5])),
    "exponential, steep": (exponential, jnp.asarray([1.0, 0.5, 0.4])),
    "exponential, flat": (exponential, jnp.asarray([-0.8, -0.3, 0.6])),
    "exponential, inside": (exponential, jnp.asarray([-1.0, 1.0, 2.0])),
    "power": (lambda v: power(v, 0.3), jnp.asarray([0.5, -0.2, 1.3])),
    "power in its exponent": (lambda v: power(v.at[2].set(1.3), v[2]), jnp.asarray([0.5, 0.4, 0.3])),
    "semidefinite": (semidefinite, jnp.asarray([[1.0, 0.5, -2.0], [0.5, -1.0, 0.3], [-2.0, 0.3, 0.2]])),
    "semidefinite, equal eigenvalues": (semidefinite, jnp.diag(jnp.asarray([1.0, 1.0, -1.0]))),
}  # fmt: skip


def direction(seed, like):
    values = np.random.default_rng(seed).normal(size=like.shape)
    return jnp.asarray(values + values.T if like.ndim == 2 else values)


@pytest.mark.parametrize("name", POINTS)
def test_second_derivatives(name):
    function, point = POINTS[name]
    first, second, weight = (direction(seed, point) for seed in range(3))

    def rate(at):
        return jax.jvp(function, (at,), (first,))[1]

    def pulled(at):
        return jax.grad(lambda v: jnp.vdot(weight, function(v)))(at)

    forward = jax.jvp(rate, (point,), (second,))[1]
    near, far = (rate(point + k * STEP * second) - rate(point - k * STEP * second) for k in (1, 2))
    assert np.allclose(forward, (8 * near - far) / (12 * STEP), atol=1e-8)
    mixed = jax.jvp(pulled, (point,), (second,))[1]
    twice = jax.grad(lambda v: jnp.vdot(pulled(v), first))(point)
    expected = np.vdot(weight, forward)
    assert np.isclose(np.vdot(mixed, first), expected, atol=1e-11)
    assert np.isclose(np.vdot(twice, second), expected, atol=1e-11)
