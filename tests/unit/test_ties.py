"""The element of a derivative at a tie: of least norm, or the one that is stated; never a NaN from a masked branch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.stdlib.primitives.table import PRIMITIVES, RULES, primitive
from karush.stdlib.primitives.ties import Element

AT_ZERO = {"abs": 0.0, "relu": 0.0, "neg_part": 0.0}


@pytest.mark.parametrize("name", AT_ZERO)
def test_least_norm_by_default_and_any_other_if_stated(name: str) -> None:
    assert jax.grad(primitive(name))(0.0) == AT_ZERO[name]
    assert jax.grad(primitive(name, Element(0.25)))(0.0) == 0.25
    for x in (-2.0, 3.0):
        assert jax.grad(primitive(name, Element(0.25)))(x) == jax.grad(primitive(name))(x)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_two_equal_ones_share(name: str) -> None:
    assert jax.grad(primitive(name), (0, 1))(1.0, 1.0) == (0.5, 0.5)
    assert jax.grad(primitive(name, Element(0.75)), (0, 1))(1.0, 1.0) == (0.75, 0.25)
    np.testing.assert_allclose(jax.grad(primitive(name), (0, 1, 2))(1.0, 1.0, 1.0), [1 / 3] * 3)


def test_equal_entries_share_an_order_statistic() -> None:
    median, quantile = PRIMITIVES["median"], PRIMITIVES["quantile"]
    np.testing.assert_allclose(jax.grad(median)(jnp.array([2.0, 1.0, 1.0, 1.0, 0.0])), [0, 1 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(jax.grad(quantile)(jnp.array([1.0, 3.0, 3.0]), 0.25), [0.5, 0.25, 0.25])


def test_every_tie_is_of_a_primitive() -> None:
    assert set(RULES) <= set(PRIMITIVES)


@pytest.mark.parametrize("bound", [0, 1])
def test_clip_moves_with_its_bound(bound: int) -> None:
    """d/dt clip(t, t, 9) = 1: what lax.clamp gets wrong."""

    def along(t: jax.Array) -> jax.Array:
        return PRIMITIVES["clip"](t, t, 9.0) if bound == 0 else PRIMITIVES["clip"](t, -9.0, t)

    assert jax.grad(along)(0.5) == 1.0
    assert jax.jvp(along, (0.5,), (1.0,))[1] == 1.0


def test_clip_to_a_point_moves_once() -> None:
    assert jax.grad(lambda t: PRIMITIVES["clip"](t, t, t))(0.5) == 1.0


STEEP = {"sqrt": 0.0, "log": 0.0, "log1p": -1.0, "asin": 1.0, "acos": -1.0, "xlogx": 0.0, "entropy": 0.0}


@pytest.mark.parametrize("name", STEEP)
def test_a_masked_singularity_leaves_no_nan(name: str) -> None:
    """The loss looks at the first lane only; the second stands at the singularity."""
    lanes = jnp.array([0.5, STEEP[name]])

    def loss(x: jax.Array) -> jax.Array:
        return jnp.sum(jnp.array([1.0, 0.0]) * jnp.where(jnp.array([True, False]), PRIMITIVES[name](x), 0.0))

    gradient = jax.grad(loss)(lanes)
    assert np.isfinite(gradient[0]) and gradient[1] == 0
    assert np.all(np.isfinite(jax.hessian(loss)(lanes)))
    assert np.isinf(jax.grad(PRIMITIVES[name])(STEEP[name]))


@pytest.mark.parametrize("name", ["norm1", "norm2", "norminf"])
def test_norms_have_the_derivative_zero_at_zero(name: str) -> None:
    assert not np.any(jax.grad(PRIMITIVES[name])(jnp.zeros(3)))


def test_norm2_does_not_underflow() -> None:
    assert PRIMITIVES["norm2"](jnp.array([3e-200, 4e-200])) == pytest.approx(5e-200)


@pytest.mark.parametrize("name", ["max", "min", "norminf"])
def test_ties_of_many_share_equally(name: str) -> None:
    np.testing.assert_allclose(jax.grad(PRIMITIVES[name])(jnp.full(4, 2.0)), [0.25] * 4)


def test_sum_largest_shares_what_is_left_among_equals() -> None:
    gradient = jax.grad(PRIMITIVES["sum_largest"])(jnp.array([3.0, 1.0, 1.0, 0.0]), 2)
    np.testing.assert_allclose(gradient, [1.0, 0.5, 0.5, 0.0])


def test_spectral_functions_at_repeated_eigenvalues() -> None:
    identity = jnp.eye(3)
    np.testing.assert_allclose(jax.grad(PRIMITIVES["lambda_max"])(identity), identity / 3, atol=1e-15)
    np.testing.assert_allclose(jax.grad(PRIMITIVES["norm_nuc"])(identity), identity, atol=1e-14)
    np.testing.assert_allclose(jax.grad(PRIMITIVES["sigma_max"])(jnp.zeros((2, 3))), np.zeros((2, 3)))


def test_second_derivative_of_lambda_max_beside_a_repeated_eigenvalue() -> None:
    """The greatest eigenvalue is simple, so the function is smooth, though the others are equal."""
    matrix, direction = jnp.diag(jnp.array([2.0, 1.0, 1.0])), jnp.ones((3, 3))
    bend = jax.jvp(jax.grad(PRIMITIVES["lambda_max"]), (matrix,), (direction,))[1]
    step = 1e-5
    ahead, behind = (jax.grad(PRIMITIVES["lambda_max"])(matrix + s * direction) for s in (step, -step))
    np.testing.assert_allclose(bend, (ahead - behind) / (2 * step), atol=1e-6)


def test_product_with_zeros() -> None:
    entries = jnp.array([0.0, 0.0, 3.0])
    assert not np.any(jax.grad(PRIMITIVES["prod"])(entries))
    assert jax.hessian(PRIMITIVES["prod"])(entries)[0, 1] == 3.0


def test_single_precision_stays_single() -> None:
    x = jnp.linspace(0, 1, 4, dtype=jnp.float32)
    values = (PRIMITIVES["clip"](x, 0, 1), PRIMITIVES["norm"](x, 2), PRIMITIVES["sum_largest"](x, 2))
    assert all(value.dtype == jnp.float32 for value in values)
