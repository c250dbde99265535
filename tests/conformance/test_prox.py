"""Every proximal map of the library. An atom that declares one is tested without edits here.

p = prox(v) minimises step f(z) + ‖z - v‖²/2 over z just where (v - p)/step is a subgradient of f at p:
f(z) >= f(p) + ⟨(v - p)/step, z - p⟩ for all z. Of a concave atom f is its negative.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.library import load_library
from karush.dsl import ast
from karush.solvers.proximal import PROXIMAL as MAPS
from karush.stdlib.lattice import Curvature
from karush.stdlib.primitive_names import PROXIMAL_NAMES

LIBRARY = load_library()
PROXIMAL = [n for n in sorted(LIBRARY.atom_names()) if (a := LIBRARY.atom(n)) is not None and a.prox is not None]
STEPS = (0.05, 0.7, 20.0)


def convex_part(here, arguments):
    """The convex function of one argument, by entries where the atom is elementwise, and the argument's name."""
    name = here.atom.proximal
    sign = 1 if here.atom.curvature_in(frozenset({name})).is_convex else -1
    return name, lambda point: sign * np.asarray(here({**arguments, name: point}))


def start(bench, name: str, random: np.random.Generator, scale: float):
    """Arguments to take the map at: it is defined everywhere, also where the atom is not."""
    arguments = bench.sample(name, random)
    moving = bench.probe(name).atom.proximal
    arguments[moving] = scale * within(bench, name, random.normal(size=arguments[moving].shape))
    return arguments


def within(bench, name: str, point: np.ndarray) -> np.ndarray:
    """The point in the space that the atom is a function on: of symmetric matrices, for some."""
    atom = bench.probe(name).atom
    return point + point.T if atom.param(atom.proximal).set_name in ("sym", "psd", "pd") else point


def test_maps_of_the_language_and_of_the_solvers_are_met() -> None:
    assert {"norm1", "norm2", "max", "log", "quad"} <= set(PROXIMAL)
    values = [LIBRARY.atom(name).prox[1] for name in PROXIMAL]
    assert {value.value for value in values if isinstance(value, ast.String)} == MAPS.keys() == PROXIMAL_NAMES


@pytest.mark.parametrize("name", PROXIMAL)
def test_prox_has_an_argument_in_which_the_atom_is_curved(name: str) -> None:
    atom = LIBRARY.atom(name)
    assert atom is not None and atom.proximal is not None
    assert atom.curvature_in(frozenset({atom.proximal})) in (Curvature.CONVEX, Curvature.CONCAVE)


@pytest.mark.parametrize("name", PROXIMAL)
def test_the_step_to_the_proximal_point_is_a_subgradient(bench, name: str) -> None:
    random = np.random.default_rng(7)
    here = bench.probe(name)
    for step in STEPS:
        for scale in (0.0, 0.5, 4.0):
            arguments = start(bench, name, random, scale)
            moving, function = convex_part(here, arguments)
            best = np.asarray(here.prox(arguments, step))
            assert best.shape == arguments[moving].shape
            least = function(best)
            assert np.all(np.isfinite(least))
            slope = (arguments[moving] - best) / step
            for distance in (1e-3, 0.1, 1.0, 10.0):
                for _ in range(5):
                    other = best + distance * within(bench, name, random.normal(size=best.shape))
                    gain = slope * (other - best)
                    bound = least + (gain if least.shape == best.shape else np.sum(gain))
                    value = function(other)
                    assert np.all(np.isnan(value) | (value >= bound - 1e-9 * (1 + np.abs(bound))))


@pytest.mark.parametrize("name", PROXIMAL)
def test_derivative_of_the_proximal_map(bench, name: str) -> None:
    """Finite everywhere, the same in both modes, symmetric and between 0 and 1 as that of every proximal map."""
    random = np.random.default_rng(8)
    here = bench.probe(name)
    moving = here.atom.proximal
    for scale in (0.0, 2.0):
        arguments = start(bench, name, random, scale)

        def prox(point, arguments=arguments):
            return here.prox({**arguments, moving: point}, 0.7).ravel()

        at = np.asarray(arguments[moving])
        forward = np.asarray(jax.jacfwd(prox)(at)).reshape(at.size, at.size)
        reverse = np.asarray(jax.jacrev(prox)(at)).reshape(at.size, at.size)
        assert np.all(np.isfinite(forward))
        np.testing.assert_allclose(forward, reverse, atol=1e-12)
        np.testing.assert_allclose(forward, forward.T, atol=1e-9)
        spectrum = np.linalg.eigvalsh((forward + forward.T) / 2)
        assert spectrum[0] >= -1e-9 and spectrum[-1] <= 1 + 1e-9
        if scale:
            numeric = differences(prox, at)
            np.testing.assert_allclose(forward, numeric, atol=1e-6)


@pytest.mark.parametrize("name", PROXIMAL)
def test_derivative_in_the_step(bench, name: str) -> None:
    here = bench.probe(name)
    arguments = start(bench, name, np.random.default_rng(9), 2.0)
    _, slope = jax.jvp(lambda step: here.prox(arguments, step), (0.7,), (1.0,))
    ahead, behind = (np.asarray(here.prox(arguments, 0.7 + move)) for move in (1e-6, -1e-6))
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, atol=1e-6)


@pytest.mark.parametrize("name", PROXIMAL)
def test_programs_are_exported_to_every_platform(bench, name: str) -> None:
    here = bench.probe(name)
    arguments = start(bench, name, np.random.default_rng(10), 2.0)

    def total(step):
        return jnp.sum(here.prox(arguments, step))

    for program in (total, jax.grad(total)):
        text = jax.export.export(jax.jit(program), platforms=("cpu", "cuda", "tpu"))(0.7).mlir_module()
        assert not [line for line in text.splitlines() if "custom_call" in line and "callback" in line]


@pytest.mark.parametrize("name", ["rel_entr", "kl_div"])
def test_a_reference_of_zero_leaves_only_zero(name: str) -> None:
    v, y = jnp.array([2.0, -1.0]), jnp.array([0.0, 1.0])
    point = MAPS[name](v, y, jnp.asarray(0.5))
    assert point[0] == 0 and point[1] > 0
    assert np.all(np.isfinite(jax.jacfwd(lambda y: MAPS[name](v, y, jnp.asarray(0.5)))(y)))


@pytest.mark.parametrize("v", [-1e3, -1.0, 0.0, 3.0, 1e3, 1e12])
def test_the_map_of_exp_loses_no_digits(v: float) -> None:
    """v - x = step exp x, where x is near log(v/step) and v is not near x."""
    step = 0.3
    x = float(MAPS["exp"](jnp.asarray(v), jnp.asarray(step)))
    residual = x + step * np.exp(x) - v
    assert abs(residual) <= 4 * np.finfo(float).eps * (abs(x) + abs(v) * (1 + abs(x)))


def differences(function, at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    columns = []
    for k in range(at.size):
        move = step * np.eye(at.size)[k].reshape(at.shape)
        columns.append((np.asarray(function(at + move)) - np.asarray(function(at - move))) / (2 * step))
    return np.stack(columns, axis=1)
