"""Refinement converges where plain refinement would not, never makes a residual worse, and says what is left."""

import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.refinement import MEMORY, refine

SIZE = 30


def perturbed(rng: np.random.Generator, rank: int, size: float) -> tuple[np.ndarray, np.ndarray]:
    """A matrix and the inverse of one that is larger by a given rank and size, as a regularised one is."""
    root = np.eye(SIZE) + 0.1 * rng.normal(size=(SIZE, SIZE)) / SIZE
    K, change = root @ root.T, rng.normal(size=(SIZE, rank))
    return K, np.linalg.inv(K + size * change @ change.T)


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_a_change_of_low_rank_costs_a_step_each(size):
    rng = np.random.default_rng(0)
    K, M = perturbed(rng, MEMORY - 1, size)
    b = rng.normal(size=SIZE)
    u, residual = refine(lambda v: K @ v, lambda v: M @ v, jnp.asarray(b), jnp.ones(SIZE))
    assert residual < 1e-12
    assert np.allclose(u, np.linalg.solve(K, b), atol=1e-11)


def test_a_useless_approximation_does_no_harm():
    rng = np.random.default_rng(1)
    K, _ = perturbed(rng, 1, 0.0)
    M = 1e6 * rng.normal(size=(SIZE, SIZE))
    _, residual = refine(lambda v: K @ v, lambda v: M @ v, jnp.asarray(rng.normal(size=SIZE)), jnp.ones(SIZE))
    assert residual <= 1.0


def test_zero_and_not_a_number():
    u, residual = refine(lambda v: v, lambda v: v, jnp.zeros(SIZE), jnp.ones(SIZE))
    assert residual == 0 and not np.any(u)
    _, residual = refine(lambda v: v, lambda v: v * jnp.nan, jnp.ones(SIZE), jnp.ones(SIZE))
    assert not residual < 1
