"""Derivatives of cone programs in all of their arrays: three ways, in batches, twice; and their polish."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.cones import Cones
from karush.solvers.implicit import solve_differentiable
from karush.solvers.kkt import flatten
from karush.solvers.residuals import kkt_residuals, worst
from tests.cone_programs import Nearby, random_direction, random_program

STEP = 1e-4
FAMILIES = {
    "second-order": ((Cones("second_order", 3, 2), Cones("second_order", 1, 1), Cones("second_order", 4, 1)), 14),
    "three rows": ((Cones("exponential", 3, 2), Cones("power", 3, 2)), 12),
    "semidefinite": ((Cones("semidefinite", 6, 1), Cones("semidefinite", 3, 1)), 10),
}
MIXED = (Cones("second_order", 3, 1), Cones("exponential", 3, 1), Cones("semidefinite", 3, 1))
LANES = 3
solved = jax.jit(jax.vmap(Nearby()))


@jax.jit
def rates(programs, warm, directions, weights):
    """The solution; the JVP, and the VJP of ``weights`` applied to the same direction, of (x, y, z, u, value)."""

    def one(program, point, direction, weight):
        def outputs(data):
            found = solve_differentiable(Nearby(polished=False), data, point)
            return jnp.append(flatten(found.point), found.objective), found

        _, rate, found = jax.jvp(outputs, (program,), (direction,), has_aux=True)
        (pulled,) = jax.vjp(lambda data: outputs(data)[0], program)[1](weight)
        both = zip(*map(jax.tree.leaves, (pulled, direction)), strict=True)
        return found, rate, sum(jnp.vdot(a, b) for a, b in both)

    return jax.vmap(one)(programs, warm, directions, weights)


def stacked(values):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *values)


@pytest.mark.parametrize("name", FAMILIES)
def test_derivatives_three_ways(name):
    cones, n = FAMILIES[name]
    pairs = [random_program(seed, cones, n) for seed in range(LANES)]
    programs, points = (stacked(values) for values in zip(*pairs, strict=True))
    directions = stacked([random_direction(7 + seed, program) for seed, (program, _) in enumerate(pairs)])

    def at(k):
        found = solved(jax.tree.map(lambda a, b: a + k * STEP * b, programs, directions), points)
        assert np.all(worst(found.residuals) < 1e-13)
        return jnp.concatenate([jax.vmap(flatten)(found.point), found.objective[:, None]], axis=1)

    # central differences, extrapolated three times (Richardson): the error is O(h⁸)
    first, second, third, fourth = ((at(k) - at(-k)) / (2 * k * STEP) for k in (1, 2, 3, 4))
    expected = (8 / 5) * first - (4 / 5) * second + (8 / 35) * third - (1 / 35) * fourth
    weights = jnp.asarray(np.random.default_rng(1).normal(size=expected.shape))
    found, forward, reverse = rates(programs, points, directions, weights)
    assert np.all(found.evidence.primal == DerivativeStatus.UNIQUE)
    assert np.all(found.evidence.dual == DerivativeStatus.UNIQUE) and np.all(found.evidence.gap > 1e-4)
    assert np.all(np.abs(forward - expected) < 1e-7 * (1 + np.abs(expected).max(axis=1, keepdims=True)))
    assert np.allclose(np.sum(np.asarray(weights) * np.asarray(forward), axis=1), reverse, rtol=1e-9, atol=1e-9)


def test_the_polish_reaches_rounding_level_and_is_never_worse():
    pairs = [random_program(seed, MIXED, 11) for seed in range(LANES)]
    programs, points = (stacked(values) for values in zip(*pairs, strict=True))
    noise = np.random.default_rng(3)
    rough = jax.tree.map(lambda a: a * (1 + 1e-5 * noise.normal(size=a.shape)), points)
    polished = solved(programs, rough)
    assert np.all(worst(polished.residuals) < 1e-13)
    assert np.abs(jax.vmap(flatten)(polished.point) - jax.vmap(flatten)(points)).max() < 1e-12
    wild = jax.tree.map(lambda a: a + noise.normal(size=a.shape), points)
    before, after = jax.vmap(kkt_residuals)(programs, wild), solved(programs, wild).residuals
    assert np.all(worst(after) <= worst(before))


def test_second_derivatives():
    program, point = random_program(0, MIXED, 11)
    direction = random_direction(7, program)

    def moved(t):
        return jax.tree.map(lambda a, b: a + t * b, program, direction)

    def at(t, method, warm):
        found = solve_differentiable(method, moved(t), warm)
        return jnp.append(found.point.x, found.objective)

    rate = jax.jit(lambda t, warm: jax.jacfwd(at)(t, Nearby(polished=False), warm))
    twice = jax.jit(lambda t: jax.jacfwd(jax.jacrev(at))(t, Nearby(polished=False), point))(0.0)
    single = jax.jit(Nearby())
    step = 1e-5
    forth, back = (rate(t, single(moved(t), point).point) for t in (step, -step))
    expected = (forth - back) / (2 * step)
    assert np.all(np.abs(twice - expected) < 1e-5 * (1 + np.abs(expected)))
