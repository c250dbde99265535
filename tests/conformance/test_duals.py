"""Dual numbers against JAX's forward mode: the ring, every primitive, compositions. A new primitive is tested too."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.library import load_library
from karush.stdlib.duals.lift import LIFTED, lift
from karush.stdlib.duals.number import Dual, derivative
from karush.stdlib.lattice import Smoothness
from karush.stdlib.primitive_names import ELEMENTWISE
from karush.stdlib.primitives.table import PRIMITIVES
from karush.stdlib.smoothness import smoothness

LIBRARY = load_library()
ATOMS = {a.primitive: a for n in sorted(LIBRARY.atom_names()) if (a := LIBRARY.atom(n)) is not None and a.primitive}


def test_every_primitive_has_a_formula_of_its_own() -> None:
    missing = sorted(set(PRIMITIVES) - LIFTED)
    assert not missing, (
        f"add {missing} to stdlib/duals (elementwise.SLOPES or arrays.TANGENTS): see docs/dual_numbers.md"
    )
    assert set(PRIMITIVES) >= LIFTED


def test_a_primitive_without_a_formula_is_named() -> None:
    with pytest.raises(KeyError, match=r"SLOPES in\s+stdlib/duals/elementwise.py"):
        lift("no_such_primitive")


# ---------------------------------------------------------------- every primitive


def agrees(name: str, primals: list, tangents: list) -> None:
    """The dual number of the value, against jax.jvp of the primitive in its real arguments."""
    real = [k for k, p in enumerate(primals) if np.issubdtype(np.asarray(p).dtype, np.floating)]

    def function(*moving):
        whole = list(primals)
        for k, array in zip(real, moving, strict=True):
            whole[k] = array
        return PRIMITIVES[name](*whole)

    value, slope = jax.jvp(function, [jnp.asarray(primals[k]) for k in real], [jnp.asarray(tangents[k]) for k in real])
    found = lift(name)(*(Dual(jnp.asarray(p), jnp.asarray(t)) if k in real else p
                         for k, (p, t) in enumerate(zip(primals, tangents, strict=True))))  # fmt: skip
    assert found.primal.shape == found.tangent.shape == value.shape
    np.testing.assert_allclose(found.primal, value, rtol=0, atol=0)
    np.testing.assert_allclose(found.tangent, slope, rtol=1e-9, atol=1e-9)


def directions(primals: list, random: np.random.Generator) -> list:
    """A tangent of every argument; symmetric where the argument is."""
    found = []
    for primal in map(np.asarray, primals):
        tangent = random.uniform(-1, 1, primal.shape)
        symmetric = primal.ndim == 2 and primal.shape[0] == primal.shape[1] and np.array_equal(primal, primal.T)
        found.append(tangent + tangent.T if symmetric else tangent)
    return found


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_a_primitive_on_dual_numbers_is_its_jvp(bench, name: str) -> None:
    random = np.random.default_rng(0)
    atom = ATOMS[name]
    points = [bench.sample(atom.name, random) for _ in range(3)]
    if smoothness(name) is not Smoothness.DISCONTINUOUS:
        points += bench.ties(atom.name)
    for point in points:
        primals = [point[p.name] for p in atom.params]
        agrees(name, primals, directions(primals, random))
        agrees(name, primals, [np.zeros(np.shape(p)) for p in primals])


PARTLY_TIED = {
    "max": [np.array([2.0, 2.0, 1.0])],
    "min": [np.array([2.0, 1.0, 1.0])],
    "norminf": [np.array([-2.0, 2.0, 1.0])],
    "norm1": [np.array([0.0, 2.0, -1.0])],
    "prod": [np.array([0.0, 2.0, 3.0])],
    "sum_largest": [np.array([1.0, 2.0, 2.0, 2.0]), 2.5],
    "sum_smallest": [np.array([1.0, 1.0, 1.0, 2.0]), 2.0],
    "median": [np.array([1.0, 1.0, 3.0, 3.0])],
    "tv": [np.array([1.0, 1.0, 3.0])],
    "maximum": [np.array([1.0, 2.0]), np.array([1.0, 0.0])],
    "minimum": [np.array([1.0, 2.0]), np.array([1.0, 0.0])],
    "clip": [np.array([0.0, 1.0, 0.5, 1.0]), np.array([0.0, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])],
    "leaky_relu": [np.array([0.0, 1.0, -1.0]), np.full(3, 0.1)],
    "lambda_max": [np.diag([1.0, 2.0, 2.0])],
    "lambda_min": [np.diag([1.0, 1.0, 2.0])],
    "sigma_max": [np.diag([1.0, 2.0, 2.0])],
    "norm_nuc": [np.diag([1.0, 2.0, 0.0])],
    "cross_entropy": [np.array([0.3, 0.3, -1.0]), 1],
    "quantile": [np.array([1.0, 1.0, 2.0]), 0.25],
}


@pytest.mark.parametrize("name", PARTLY_TIED)
def test_some_entries_at_a_tie(name: str) -> None:
    agrees(name, PARTLY_TIED[name], directions(PARTLY_TIED[name], np.random.default_rng(1)))


SINGULAR = [
    ("sqrt", 0.0),
    ("log", 0.0),
    ("log1p", -1.0),
    ("asin", 1.0),
    ("acos", -1.0),
    ("xlogx", 0.0),
    ("entropy", 0.0),
]


@pytest.mark.parametrize(("name", "end"), SINGULAR)
def test_an_infinite_slope_is_0_along_a_zero_tangent(name: str, end: float) -> None:
    agrees(name, [np.array([end, end])], [np.array([1.0, 0.0])])
    assert np.isinf(lift(name)(Dual(jnp.asarray(end), jnp.asarray(1.0))).tangent)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extremes_of_more_than_two_share_alike(name: str) -> None:
    agrees(name, [np.array(1.0)] * 3, [np.array(t) for t in (3.0, 6.0, 9.0)])


@pytest.mark.parametrize("name", sorted(ELEMENTWISE & {"maximum", "rel_entr", "atan2", "clip"}))
def test_elementwise_arguments_broadcast(name: str) -> None:
    rest = [np.array(0.7)] * (2 if name == "clip" else 1)
    primals = [np.array([0.5, 1.5]), *rest]
    agrees(name, primals, directions(primals, np.random.default_rng(2)))


# ---------------------------------------------------------------- the ring

X, Y = np.array([0.5, -1.5, 2.0]), np.array([2.0, 0.7, -1.1])
A, B = np.arange(9.0).reshape(3, 3) / 7, np.eye(3) + np.arange(9.0).reshape(3, 3) / 11

PROGRAMS = {
    "sum": (lambda x, y: x + y, X, Y),
    "subtraction": (lambda x, y: x - y, X, Y),
    "product": (lambda x, y: x * y, X, Y),
    "division": (lambda x, y: x / y, X, Y),
    "negation": (lambda x, y: -x + y, X, Y),
    "with constants": (lambda x, y: 2 - (3 + x) * 4 / (y / 5 - 1) + 1 / x - 2 * y, X, Y),
    "constants on the right": (lambda x, y: (x + 2) * 3 - y * np.array([1.0, 2.0, 3.0]), X, Y),
    "an array on the left": (lambda x, y: np.array([1.0, 2.0, 3.0]) * x + jnp.ones(3) * y, X, Y),
    "whole powers": (lambda x, y: x**3 + y**2 - x**-2, X, Y),
    "a power of 0": (lambda x, y: (x - X) ** 2 + (y - Y) ** 1 + (x - X) ** 0, X, Y),
    "a real power": (lambda x, y: (x * x) ** 1.7 + y, X, Y),
    "a power of a power": (lambda x, y: (x * x + 1) ** (y * x), X, Y),
    "exponential": (lambda x, y: 2.5 ** (x * y), X, Y),
    "matrix product": (lambda x, y: x @ y, A, B),
    "matrix and vector": (lambda x, y: x @ y, A, X),
    "constant matrix": (lambda x, y: A @ x + y @ B, X, Y),
    "transpose and entries": (lambda x, y: (x.T @ y)[1:, 0] * x[0, 1], A, B),
    "sums": (lambda x, y: x.sum(axis=0) * y.sum() + x.reshape(9)[2], A, B),
    "a branch": (lambda x, y: x * y if bool((x * x).sum() > 1) else x - y, X, Y),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_on_dual_numbers_is_its_jvp(name: str) -> None:
    function, *primals = PROGRAMS[name]
    tangents = directions([np.asarray(p) * 1.0001 + 0.01 for p in primals], np.random.default_rng(3))
    value, slope = jax.jvp(function, tuple(map(jnp.asarray, primals)), tuple(map(jnp.asarray, tangents)))
    found = derivative(function, tuple(primals), tuple(tangents))
    np.testing.assert_allclose(found[0], value, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(found[1], slope, rtol=1e-12, atol=1e-12)


def test_division_undoes_multiplication() -> None:
    x, y = Dual(jnp.asarray(X), jnp.asarray([1.0, 2.0, 3.0])), Dual(jnp.asarray(Y), jnp.asarray([-1.0, 0.5, 0.2]))
    again = x * y / y
    np.testing.assert_allclose(again.primal, x.primal, rtol=1e-15)
    np.testing.assert_allclose(again.tangent, x.tangent, rtol=1e-13)
    assert float((x - x).tangent.sum()) == 0


def test_the_square_of_e_is_0() -> None:
    e = Dual(jnp.asarray(0.0), jnp.asarray(1.0))
    assert float((e * e).primal) == 0 and float((e * e).tangent) == 0


def test_comparisons_are_of_the_primal_parts() -> None:
    x = Dual(jnp.asarray([1.0, 2.0]), jnp.asarray([5.0, -5.0]))
    assert (x < 2).tolist() == [True, False] and (x <= x.primal).all() and (x > 1).tolist() == [False, True]
    assert (
        (x >= 2).tolist() == [False, True]
        and (x == 1.0).tolist() == [True, False]
        and (x != 1.0).tolist() == [False, True]
    )


def composed(exp, sin, norm2, softmax, x, y):
    inner = softmax(sin(x) * exp(y / 2) - x / (y * y + 1))
    return norm2(inner - 0.2) ** 2 + (inner @ x) / norm2(y)


def test_compositions_follow_the_chain_rule() -> None:
    names = ("exp", "sin", "norm2", "softmax")
    tangents = (np.array([0.3, -0.2, 1.0]), np.array([1.0, 0.4, -0.6]))
    plain = tuple(PRIMITIVES[n] for n in names)
    expected = jax.jvp(
        lambda x, y: composed(*plain, x, y), (jnp.asarray(X), jnp.asarray(Y)), tuple(map(jnp.asarray, tangents))
    )
    found = derivative(lambda x, y: composed(*map(lift, names), x, y), (X, Y), tangents)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_dual_numbers_are_a_pytree_that_jax_compiles_batches_and_differentiates() -> None:
    function = lift("norm2")

    def slope(primal, tangent):
        return function(Dual(primal, tangent)).tangent

    point, along = jnp.asarray(X), jnp.asarray(Y)
    assert jax.jit(function)(Dual(point, along)).tangent.shape == ()
    rows = jax.vmap(lambda t: slope(point, t))(jnp.eye(3))
    np.testing.assert_allclose(rows, jax.grad(PRIMITIVES["norm2"])(point), rtol=1e-13)
    twice = jax.jvp(lambda p: slope(p, along), (point,), (along,))[1]
    np.testing.assert_allclose(twice, along @ jax.hessian(PRIMITIVES["norm2"])(point) @ along, rtol=1e-9)
