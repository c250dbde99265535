"""What the interior point knows of each kind of cone, by the identities that define it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from karush.solvers.cones import product, second_order, semidefinite
from karush.solvers.cones.exponential import EXPONENTIAL
from karush.solvers.cones.nonsymmetric import DEGREE, Barrier, is_near, scale_nonsymmetric
from karush.solvers.cones.power import POWER
from karush.solvers.cones.protocol import ConeScaling
from karush.solvers.forms.cones import ConeKind, ConeRows, Cones

COUNT, DELTA = 5, 1e-3
ORDER = 4
BARRIERS: dict[ConeKind, Barrier] = {"exponential": EXPONENTIAL, "power": POWER}
KINDS: tuple[ConeKind, ...] = ("second_order", "semidefinite", *BARRIERS)


def exponents() -> Array:
    return jnp.asarray(np.random.default_rng(2).uniform(0.1, 0.9, COUNT))


def inside(kind: ConeKind, rng: np.random.Generator, depth: float = 0.2) -> Array:
    """Points inside the cone, (count, d)."""
    if kind == "second_order":
        x = rng.normal(size=(COUNT, 3))
        return jnp.asarray(np.column_stack([np.linalg.norm(x, axis=1) + depth, x]))
    if kind == "semidefinite":
        L = rng.normal(size=(COUNT, ORDER, ORDER))
        return semidefinite.vectors(jnp.asarray(L @ L.swapaxes(1, 2) + depth * np.eye(ORDER)))
    x, y = rng.uniform(0.5, 2, (2, COUNT))
    if kind == "exponential":
        return jnp.asarray(np.column_stack([x * np.log(y / x) - depth, x, y]))
    alpha = np.asarray(exponents())
    return jnp.asarray(np.column_stack([x, y, (1 - depth) * x**alpha * y ** (1 - alpha)]))


def shadow(kind: ConeKind, s: Array) -> Array:
    """−∇f(s)."""
    if kind == "second_order":
        return s * jnp.array([1.0, -1, -1, -1]) / (s[:, :1] ** 2 - jnp.sum(s[:, 1:] ** 2, axis=1, keepdims=True))
    if kind == "semidefinite":
        return semidefinite.vectors(jnp.linalg.inv(semidefinite.matrices(s, ORDER)))
    return jax.vmap(BARRIERS[kind].shadow)(s, exponents())


def dual_shadow(kind: ConeKind, u: Array) -> Array:
    """−∇f*(u); symmetric cones are their own duals."""
    if kind not in BARRIERS:
        return shadow(kind, u)
    return -jax.vmap(jax.grad(BARRIERS[kind].dual))(u, exponents())


def pair(kind: ConeKind, depth: float = 0.2) -> tuple[Array, Array]:
    """s inside K and u inside K*, not on the central path."""
    rng = np.random.default_rng(1)
    s = inside(kind, rng, depth)
    u = shadow(kind, inside(kind, rng, depth))
    return s, 0.7 * u + 0.3 * shadow(kind, s)


def scaling(kind: ConeKind, s: Array, u: Array) -> ConeScaling:
    delta = jnp.asarray(DELTA)
    if kind == "second_order":
        return second_order.scale_second_order(s, u, delta)
    if kind == "semidefinite":
        return semidefinite.scale_semidefinite(s, u, ORDER, delta)
    return scale_nonsymmetric(BARRIERS[kind], s, u, exponents(), delta)


def blocks(s: Array) -> Array:
    return jnp.broadcast_to(jnp.eye(s.shape[1]), (COUNT, s.shape[1], s.shape[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_scaling_takes_the_multiplier_to_the_slack(kind: ConeKind) -> None:
    s, u = pair(kind)
    scale = scaling(kind, s, u)
    np.testing.assert_allclose(scale.multiply(u[:, :, None])[:, :, 0], s, atol=1e-12)
    V = scale.multiply(blocks(s))
    np.testing.assert_allclose(V, V.mT, atol=1e-12)
    assert float(jnp.linalg.eigvalsh(V).min()) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_regularised_inverse_and_its_half(kind: ConeKind) -> None:
    s, u = pair(kind)
    scale, identity = scaling(kind, s, u), blocks(s)
    V = scale.multiply(identity)
    inverse = scale.weigh(identity)
    np.testing.assert_allclose(inverse @ (V + DELTA * identity), identity, atol=1e-11)
    half = scale.half(identity)
    np.testing.assert_allclose(half.mT @ half, inverse, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_predictor_the_loss_is_the_slack_less_centring(kind: ConeKind) -> None:
    s, u = pair(kind)
    zero = jnp.zeros_like(s)
    scale = scaling(kind, s, u)
    np.testing.assert_allclose(scale.loss(zero, zero, jnp.asarray(0.0)), s, atol=1e-12)
    np.testing.assert_allclose(scale.loss(zero, zero, jnp.asarray(0.3)), s - 0.3 * dual_shadow(kind, u), atol=1e-11)


@pytest.mark.parametrize("kind", ["second_order", "semidefinite"])
def test_the_longest_step_ends_on_the_boundary(kind: ConeKind) -> None:
    s, u = pair(kind)
    inwards = jnp.zeros_like(s)
    scale = scaling(kind, s, u)
    outwards = -3 * s[::-1]
    step = scale.longest(outwards, inwards)
    rows = ConeRows(jnp.zeros((s.size, 1)), s.reshape(-1), jnp.zeros(0), (Cones(kind, s.shape[1], COUNT),))
    depth = product._depth(rows.cones[0], s + step * outwards)
    assert abs(float(depth.min())) < 1e-10
    assert float(scale.longest(inwards, s)) == 1


@pytest.mark.parametrize("kind", BARRIERS)
@pytest.mark.parametrize("depth", [1e-5, 0.2, 0.9])
def test_the_barriers_are_conjugate(kind: ConeKind, depth: float) -> None:
    barrier, s = BARRIERS[kind], inside(kind, np.random.default_rng(3), depth)
    u = jax.vmap(barrier.shadow)(s, exponents())
    assert bool(jnp.all(jax.vmap(barrier.inside)(s, exponents())))
    assert bool(jnp.all(jax.vmap(barrier.inside_dual)(u, exponents())))
    back = dual_shadow(kind, u)
    np.testing.assert_allclose(back, s, rtol=0, atol=1e-14 / depth)
    np.testing.assert_allclose(jnp.sum(s * u, axis=1), DEGREE, rtol=1e-14 / depth)


@pytest.mark.parametrize("kind", BARRIERS)
def test_the_scaling_fits_both_shadows(kind: ConeKind) -> None:
    s, u = pair(kind)
    scale = scaling(kind, s, u)
    both = scale.multiply(shadow(kind, s)[:, :, None])[:, :, 0], dual_shadow(kind, u)
    np.testing.assert_allclose(*both, atol=1e-11)


@pytest.mark.parametrize("kind", BARRIERS)
def test_on_the_central_path_the_scaling_is_the_hessian(kind: ConeKind) -> None:
    barrier: Barrier = BARRIERS[kind]
    s = inside(kind, np.random.default_rng(3))
    u = 0.01 * shadow(kind, s)
    hessian = jax.vmap(jax.hessian(barrier.dual))(u, exponents())
    np.testing.assert_allclose(scaling(kind, s, u).multiply(blocks(s)), 0.01 * hessian, rtol=1e-9, atol=1e-9)
    assert bool(is_near(barrier, s, u, exponents(), jnp.asarray(0.01)))
    assert not bool(is_near(barrier, s, u, exponents(), jnp.asarray(1e6)))
    assert not bool(is_near(barrier, -s, u, exponents(), jnp.asarray(0.01)))


def test_the_centre_is_its_own_shadow() -> None:
    cones = (
        Cones("second_order", 3, 2),
        Cones("semidefinite", 6, 2),
        Cones("exponential", 3, 2),
        Cones("power", 3, 2),
    )
    r = sum(group.rows for group in cones)
    rows = ConeRows(jnp.zeros((r, 1)), jnp.zeros(r), jnp.array([0.3, 0.8]), cones)
    e = product.centre(rows)
    scale = product.scale(rows, e, e, jnp.asarray(DELTA))
    zero = jnp.zeros(r)
    np.testing.assert_allclose(scale.loss(zero, zero, jnp.asarray(1.0)), 0, atol=1e-14)
    assert product.degree(rows) == 2 + 6 + 6 + 6


def test_close_to_the_boundary_the_exponential_cone_keeps_its_digits() -> None:
    """μ = 1e-11: the eigenvalues of V spread over more than the digits of a double."""
    s = inside("exponential", np.random.default_rng(3), 1e-9)
    u = 1e-11 * shadow("exponential", s)
    u = u * (1 + 1e-3 * np.random.default_rng(4).uniform(-1, 1, (COUNT, 1)))
    scale = scale_nonsymmetric(EXPONENTIAL, s, u, exponents(), jnp.asarray(1e-8))
    np.testing.assert_allclose(scale.multiply(u[:, :, None])[:, :, 0], s, rtol=1e-6)
    assert bool(jnp.all(jnp.isfinite(scale.weigh(blocks(s)))))
