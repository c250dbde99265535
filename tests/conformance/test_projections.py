"""Every projection that a set of the library names. A new set is tested without edits here.

p = P(v) is the nearest point of a convex set just where p is in it and ⟨v - p, z - p⟩ <= 0 for all z of it; of a
cone, just where v = p - q with p in K, q in its dual and ⟨p, q⟩ = 0 (Moreau).
"""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.library import load_library
from karush.data.membership import TESTS
from karush.dsl import ast
from karush.solvers.projections.table import PROJECTIONS
from karush.stdlib.set import SET_FACTS

SIZE = 4
LIBRARY = load_library()
SETS = {n: s for n in sorted(LIBRARY.set_names()) if (s := LIBRARY.set(n)) is not None and s.projection is not None}
LEVELS = np.array([-3.0, -1.0, -1e-5, 0.0, 1e-5, 1.0, 3.0])


def shape_of(name: str) -> tuple[int, ...]:
    sizes = SETS[name].declaration.element.sizes
    found = tuple(int(s.value) if isinstance(s, ast.Number) else SIZE for s in sizes)
    return found or (SIZE,)


def arguments_of(name: str, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Numbers in order, each fit for a bound, a radius or an exponent."""
    return tuple(np.sort(random.uniform(0.1, 0.9, len(SETS[name].params))))


@cache
def projection(name: str):
    """The projection of many points at once."""
    function = PROJECTIONS[SETS[name].projection]
    return jax.jit(jax.vmap(lambda v, arguments: function(v, *arguments), in_axes=(0, None)))


def points(name: str, random: np.random.Generator) -> np.ndarray:
    """Points in general position, of all magnitudes, and with entries that are equal, small or 0."""
    shape = shape_of(name)
    general = random.normal(size=(60, *shape)) * 10 ** random.uniform(-3, 3, (60, *(1 for _ in shape)))
    special = random.choice(LEVELS, size=(200, *shape))
    return np.concatenate([general, special])


def inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sum(np.asarray(a) * np.asarray(b), axis=tuple(range(1, np.ndim(a))))


def norms(a: np.ndarray) -> np.ndarray:
    return np.sqrt(inner(a, a))


def is_cone(name: str) -> bool:
    if SETS[name].params and name != "pow_cone":
        return False
    random = np.random.default_rng(0)
    arguments = arguments_of(name, random)
    found = projection(name)(points(name, random)[:20], arguments)
    return all(TESTS[name](factor * np.asarray(p), arguments) is None for p in found for factor in (0.0, 5.0))


def test_closed_convex_sets_have_a_projection_each() -> None:
    closed = {n for n, s in SET_FACTS.items() if s.convex and n not in ("pos", "neg", "pd")}
    assert set(SETS) == closed
    assert {s.projection for s in SETS.values()} == set(PROJECTIONS)


def test_cones_are_cones() -> None:
    cones = {"nonneg", "nonpos", "free", "soc", "exp_cone", "pow_cone", "psd", "sym"}
    assert {n for n in SETS if is_cone(n)} == cones


@pytest.mark.parametrize("name", SETS)
def test_projection_is_the_nearest_point(name: str) -> None:
    random = np.random.default_rng(1)
    for _ in range(3):
        arguments = arguments_of(name, random)
        given = points(name, random)
        nearest = np.asarray(projection(name)(given, arguments))
        assert np.all(np.isfinite(nearest))
        for p in nearest:
            assert TESTS[name](p, arguments) is None, (p, arguments)
        again = np.asarray(projection(name)(nearest, arguments))
        assert np.all(norms(again - nearest) <= 1e-9 * (1 + norms(nearest)))
        away, scale = given - nearest, 1 + norms(given)
        for _ in range(10):
            other = nearest[random.permutation(len(nearest))]
            assert np.all(inner(away, other - nearest) <= 1e-9 * scale * (1 + norms(other)))


@pytest.mark.parametrize("name", [n for n in SETS if is_cone(n)])
def test_moreau_decomposition(name: str) -> None:
    random = np.random.default_rng(2)
    arguments = arguments_of(name, random)
    given = points(name, random)
    p = np.asarray(projection(name)(given, arguments))
    q = p - given  # of the dual cone: P_K*(-v) = P_K(v) - v
    scale = 1e-12 + inner(given, given)
    assert np.all(np.abs(inner(p, q)) <= 1e-10 * scale)
    for _ in range(10):
        other = p[random.permutation(len(p))]
        assert np.all(inner(q, other) >= -1e-10 * (norms(given) + 1e-12) * (norms(other) + 1e-12))


@pytest.mark.parametrize("name", SETS)
def test_derivative_of_a_projection(name: str) -> None:
    """Finite everywhere, the same in both modes, symmetric and between 0 and 1; the true one in general position."""
    random = np.random.default_rng(3)
    arguments = arguments_of(name, random)
    function = PROJECTIONS[SETS[name].projection]
    shape = shape_of(name)

    def flat(v):
        return function(v.reshape(shape), *arguments).ravel()

    given = points(name, random).reshape(-1, int(np.prod(shape)))
    forward = np.asarray(jax.jit(jax.vmap(jax.jacfwd(flat)))(given))
    reverse = np.asarray(jax.jit(jax.vmap(jax.jacrev(flat)))(given))
    assert np.all(np.isfinite(forward))
    np.testing.assert_allclose(forward, reverse, atol=1e-9)
    np.testing.assert_allclose(forward, forward.transpose(0, 2, 1), atol=1e-7)
    spectra = np.linalg.eigvalsh((forward + forward.transpose(0, 2, 1)) / 2)
    assert spectra.min() >= -1e-7 and spectra.max() <= 1 + 1e-7
    near = random.normal(size=(20, given.shape[1]))
    found = np.asarray(jax.jit(jax.vmap(jax.jacfwd(flat)))(near))
    numeric = differences(jax.jit(jax.vmap(flat)), near)
    np.testing.assert_allclose(found, numeric, atol=2e-6)


@pytest.mark.parametrize("name", [n for n in SETS if SETS[n].params])
def test_derivative_in_the_arguments_of_the_set(name: str) -> None:
    random = np.random.default_rng(4)
    arguments = np.asarray(arguments_of(name, random))
    function = PROJECTIONS[SETS[name].projection]
    given = 2 * random.normal(size=(20, *shape_of(name)))

    def moved(numbers: jax.Array) -> jax.Array:
        return jax.vmap(lambda v: function(v, *numbers))(given).ravel()

    found = np.asarray(jax.jacfwd(moved)(jnp.asarray(arguments)))
    np.testing.assert_allclose(found, np.asarray(jax.jacrev(moved)(jnp.asarray(arguments))), atol=1e-9)
    numeric = differences(jax.vmap(moved), arguments[None])[0]
    np.testing.assert_allclose(found, numeric, atol=2e-6)


def differences(function, at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Jacobians by central differences, one for each row of ``at``."""
    columns = []
    for k in range(at.shape[1]):
        move = step * np.eye(at.shape[1])[k]
        columns.append((np.asarray(function(at + move)) - np.asarray(function(at - move))) / (2 * step))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("name", SETS)
def test_single_precision_stays_single(name: str) -> None:
    random = np.random.default_rng(5)
    arguments = tuple(np.float32(a) for a in arguments_of(name, random))
    given = points(name, random).astype(np.float32)
    nearest = projection(name)(given, arguments)
    assert nearest.dtype == jnp.float32
    precise = projection(name)(given.astype(np.float64), tuple(np.float64(a) for a in arguments))
    assert np.all(norms(np.asarray(nearest) - precise) <= 1e-5 * (1 + norms(given)))


@pytest.mark.parametrize("name", SETS)
def test_programs_are_exported_to_every_platform(name: str) -> None:
    arguments = arguments_of(name, np.random.default_rng(6))
    function = PROJECTIONS[SETS[name].projection]

    def total(v):
        return jnp.sum(function(v, *arguments))

    for program in (total, jax.grad(total)):
        text = jax.export.export(jax.jit(program), platforms=("cpu", "cuda", "tpu"))(
            jnp.ones(shape_of(name))
        ).mlir_module()
        assert not [line for line in text.splitlines() if "custom_call" in line and "callback" in line]
