"""Rows taken out of a final working set: the inverses are those of the smaller set, in both forms."""

import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.active_set_downdate import without
from karush.solvers.active_set_factor import ActiveSetFactor

VARIABLES, ROWS = 8, 12


def factor_of(W: np.ndarray, working: np.ndarray, in_gram_form: bool) -> ActiveSetFactor:
    """The factorisation as a solve leaves it, by numpy."""
    held = np.flatnonzero(working)
    gram = np.zeros((ROWS, ROWS))
    gram[np.ix_(held, held)] = np.linalg.inv(W[held] @ W[held].T)
    pseudo = gram @ W
    null = np.zeros((VARIABLES, VARIABLES))
    null[: VARIABLES - held.size] = np.linalg.svd(W[held])[2][held.size :]
    parts = (gram, None, None) if in_gram_form else (None, pseudo, null)
    leaves = (None if part is None else jnp.asarray(part) for part in parts)
    identity = jnp.eye(VARIABLES)
    return ActiveSetFactor(identity, jnp.asarray(W), jnp.ones(ROWS), jnp.asarray(working * 1.0), *leaves, (0, ROWS))


@pytest.mark.parametrize("in_gram_form", [True, False])
@pytest.mark.parametrize("dropped", [[], [2], [1, 4, 5], [0, 1, 2, 3, 4, 5]])
def test_the_smaller_working_set_solves_the_smaller_system(in_gram_form, dropped):
    rng = np.random.default_rng(0)
    W = rng.normal(size=(ROWS, VARIABLES))
    working = np.arange(ROWS) < 6
    smaller = working & ~np.isin(np.arange(ROWS), dropped)
    got = without(factor_of(W, working, in_gram_form), jnp.asarray(np.isin(np.arange(ROWS), [*dropped, 9])))
    want = factor_of(W, smaller, in_gram_form)
    assert np.array_equal(got.working, smaller)
    r_x, r_rows = jnp.asarray(rng.normal(size=VARIABLES)), jnp.asarray(smaller * rng.normal(size=ROWS))
    for mine, theirs in zip(got.solve_stacked(r_x, r_rows), want.solve_stacked(r_x, r_rows), strict=True):
        assert np.allclose(mine, theirs, atol=1e-11)
