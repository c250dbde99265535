"""Multipliers of rows in cones, u = Π_K*(−v), as part of a larger program and for many points at a time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.projections.cones import project_dual_rows, project_rows

COUNT, POINTS, ALPHA = 2, 500, 0.4
KINDS = ["exponential", "power", "second_order"]
INNER = {
    "exponential": np.array([-1.0, 1.0, 2.0]),
    "power": np.array([1.0, 1.0, 0.0]),
    "second_order": np.array([1.0, 0.0, 0.0]),
}


def rows_of(kind: str, matrix: np.ndarray) -> ConeRows:
    exponents = jnp.full(COUNT, ALPHA) if kind == "power" else jnp.zeros(0)
    return ConeRows(jnp.asarray(matrix), jnp.zeros(3 * COUNT), exponents, (Cones(kind, 3, COUNT),))


def points(rng: np.random.Generator) -> np.ndarray:
    """Values of all sizes, one of three with entries that are zero."""
    v = rng.normal(size=(POINTS, 3 * COUNT)) * 10 ** rng.uniform(-4, 4, size=(POINTS, 1))
    return np.where((rng.random(v.shape) < 0.3) & (np.arange(POINTS)[:, None] % 3 == 0), 0.0, v)


def contains(kind: str, points: np.ndarray) -> bool:
    """Whether points (n, 3) of size 1 are in the cone after 1e-12 of a step inwards."""
    x, y, z = (points + 1e-12 * INNER[kind]).T
    match kind:
        case "second_order":
            inside = np.hypot(y, z) <= x
        case "power":
            inside = (x > 0) & (y > 0) & (np.abs(z) <= np.abs(x) ** ALPHA * np.abs(y) ** (1 - ALPHA))
        case _:
            inside = (y > 0) & (z > 0) & (x <= y * np.log(np.abs(z) / np.abs(y)))
    return bool(np.all(inside))


def as_primal(kind: str, u: np.ndarray) -> np.ndarray:
    """The dual cone, which is the cone itself after a linear map."""
    x, y, z = u.T
    match kind:
        case "second_order":
            return u
        case "power":
            return np.stack([x / ALPHA, y / (1 - ALPHA), z], axis=1)
        case _:  # −x exp(y/x − 1) ≤ z
            return np.stack([x - y, -x, z], axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_conditions_of_moreau(kind):
    v = points(np.random.default_rng(1))
    rows = rows_of(kind, np.eye(3 * COUNT))
    s, u = jax.jit(jax.vmap(lambda w: (project_rows(rows, w), project_dual_rows(rows, -w))))(jnp.asarray(v))
    s, u, v = (np.asarray(a).reshape(-1, 3) for a in (s, u, v))
    size = np.linalg.norm(v, axis=1, keepdims=True)
    s, u, v = (a / np.where(size > 0, size, 1) for a in (s, u, v))
    assert np.max(np.abs(s - u - v)) < 1e-14 and np.max(np.abs(np.sum(s * u, axis=1))) < 1e-13
    assert contains(kind, s) and contains(kind, as_primal(kind, u))


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_within_a_larger_program(kind):
    """Each lane as if alone, where v is a value of the same program that nothing else needs."""
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(3 * COUNT, 3))
    rows, w = rows_of(kind, matrix), points(rng)
    x, y = rng.normal(size=(2, POINTS, 3))

    def pull(w, x, y):
        v = w + rows.matrix @ x - rows.matrix @ y
        return rows.matrix.T @ project_dual_rows(rows, -v)

    found = jax.jit(jax.vmap(pull))(*map(jnp.asarray, (w, x, y)))
    v = w + x @ matrix.T - y @ matrix.T
    alone = jax.jit(lambda v: project_rows(rows, v))
    expected = np.stack([np.asarray(alone(row)) - row for row in v]) @ matrix
    assert np.allclose(found, expected, rtol=1e-10, atol=1e-10 * np.max(np.abs(v), axis=1, keepdims=True))
