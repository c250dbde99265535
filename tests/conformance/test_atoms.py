"""Every atom of the library against what its declaration claims. A new atom is tested without edits here."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.library import load_library
from karush.stdlib.lattice import Monotonicity, Smoothness
from karush.stdlib.primitives.table import PRIMITIVES
from karush.stdlib.primitives.table import RULES as TIE_RULES
from karush.stdlib.shape import SHAPE_RULES, ShapeError, Size, result_shape
from karush.stdlib.smoothness import smoothness

LIBRARY = load_library()
ATOMS = {name: LIBRARY.atom(name) for name in sorted(LIBRARY.atom_names())}


def smooth_enough(name: str) -> bool:
    """Has the atom a finite conservative derivative everywhere on its domain?"""
    atom = ATOMS[name]
    return atom is not None and smoothness(atom.primitive) <= Smoothness.NONSMOOTH


# ---------------------------------------------------------------- the table itself


def test_every_operation_with_a_tie_has_its_place_among_the_facts() -> None:
    assert all(smoothness(name) is Smoothness.NONSMOOTH for name in TIE_RULES)


def test_primitives_and_atoms_cover_each_other() -> None:
    assert {a.primitive for a in ATOMS.values() if a and a.primitive} == set(PRIMITIVES)
    operators = {"matmul", "transpose", "concat", "stack"}
    assert set(SHAPE_RULES) - operators <= set(PRIMITIVES)


@pytest.mark.parametrize("name", ATOMS)
def test_declaration_is_complete(name: str) -> None:
    atom = ATOMS[name]
    assert atom is not None and atom.doc
    assert (atom.primitive is None) != (atom.value is None)
    names = {p.name for p in atom.params}
    claimed = {n for clause, _ in atom.curvature for n in clause} | {c.name for c in atom.monotonicity}
    assert claimed | set(atom.rules) <= names


@pytest.mark.parametrize("name", ATOMS)
def test_value_is_finite_and_of_the_declared_shape_and_range(bench, name: str) -> None:
    random = np.random.default_rng(0)
    here = bench.probe(name)
    for _ in range(5):
        arguments = bench.sample(name, random)
        value = np.asarray(here(arguments))
        if here.atom.primitive is not None:
            raw = PRIMITIVES[here.atom.primitive](*(arguments[p.name] for p in here.atom.params))
            np.testing.assert_allclose(value, raw, rtol=1e-12, atol=1e-14)
            sizes = tuple(tuple(map(Size.constant, here.shapes[p.name])) for p in here.atom.params)
            shape = result_shape(here.atom.primitive, sizes)
            assert not isinstance(shape, ShapeError)
            assert value.shape == tuple(size.value for size in shape)
        assert np.all(value >= here.atom.range.lower) and np.all(value <= here.atom.range.upper)


# ---------------------------------------------------------------- curvature and monotonicity

CURVED = [(n, clause) for n, a in ATOMS.items() if a for clause in a.curvature]


@pytest.mark.parametrize(("name", "clause"), CURVED, ids=[f"{n}-{c[1].value}-{'-'.join(c[0])}" for n, c in CURVED])
def test_midpoint_convexity(bench, name: str, clause) -> None:
    names, curvature = clause
    random = np.random.default_rng(1)
    here = bench.probe(name)
    for _ in range(30):
        first, second = bench.sample(name, random), bench.sample(name, random)
        second = {k: second[k] if k in names else first[k] for k in first}
        weight = random.uniform()
        middle = {k: weight * first[k] + (1 - weight) * second[k] if k in names else first[k] for k in first}
        chord = weight * here(first) + (1 - weight) * here(second)
        gap = np.asarray(chord - here(middle))
        slack = 1e-9 * (1 + np.abs(np.asarray(chord)))
        assert np.all(gap >= -slack) or not curvature.is_convex
        assert np.all(gap <= slack) or not curvature.is_concave


MOVING = [(n, clause) for n, a in ATOMS.items() if a for clause in a.monotonicity]
MOVING_IDS = [f"{n}-{c.monotonicity.value}-{c.name}-{c.interval}" for n, c in MOVING]


@pytest.mark.parametrize(("name", "clause"), MOVING, ids=MOVING_IDS)
def test_monotonicity(bench, name: str, clause) -> None:
    random = np.random.default_rng(2)
    here = bench.probe(name)
    sign = 1 if clause.monotonicity is Monotonicity.NONDECREASING else -1
    param = here.atom.param(clause.name)
    for _ in range(30):
        low = bench.sample(name, random)
        if clause.interval is not None:
            low[clause.name] = bench.within(clause.interval, here.shapes[clause.name], random)
        step = random.uniform(0, 0.5, here.shapes[clause.name])
        ends = param.interval if clause.interval is None else clause.interval
        high = {**low, clause.name: np.minimum(low[clause.name] + step, ends.upper)}
        values = here(low), here(high)
        assert np.all(sign * (values[1] - values[0]) >= -1e-9 * (1 + np.abs(values[0])))


# ---------------------------------------------------------------- derivatives


def _of_real(here, arguments, output: str = "value"):
    names = here.real(arguments)
    rest = {k: v for k, v in arguments.items() if k not in names}
    return (lambda real: here({**rest, **real}, output)), {k: jnp.asarray(arguments[k]) for k in names}


DIFFERENTIABLE = [n for n, a in ATOMS.items() if a and smoothness(a.primitive) is not Smoothness.DISCONTINUOUS]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivative_is_the_limit_of_differences(bench, name: str) -> None:
    random = np.random.default_rng(3)
    arguments = bench.sample(name, random)
    function, real = _of_real(bench.probe(name), arguments)
    direction = {k: random.uniform(-1, 1, v.shape) for k, v in real.items()}
    direction = {
        k: d + d.T if ATOMS[name].param(k).set_name in ("sym", "pd", "psd") else d for k, d in direction.items()
    }
    step = 1e-6
    ahead, behind = ({k: v + s * direction[k] for k, v in real.items()} for s in (step, -step))
    slope = jax.jvp(function, (real,), (direction,))[1]
    np.testing.assert_allclose(slope, (function(ahead) - function(behind)) / (2 * step), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_forward_is_the_transpose_of_reverse(bench, name: str) -> None:
    points = [bench.sample(name, np.random.default_rng(4)), *(bench.ties(name) if smooth_enough(name) else [])]
    for arguments in points:
        function, real = _of_real(bench.probe(name), arguments)
        forward, reverse = jax.jacfwd(function)(real), jax.jacrev(function)(real)
        for key in real:
            assert np.all(np.isfinite(forward[key]))
            np.testing.assert_allclose(forward[key], reverse[key], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if smooth_enough(n)])
def test_derivative_at_ties_is_conservative(bench, name: str) -> None:
    """Along the tie itself, where all entries move as one, the derivative is the true one (derivatives.md, 2b)."""
    for level in (0.3, 0.8):
        here = bench.probe(name)
        arguments = {p.name: bench.level(p, here.shapes[p.name], level) for p in here.atom.params}
        vectors = tuple(k for k in here.real(arguments) if arguments[k].ndim < 2)
        inside = all(level in here.atom.param(k).interval for k in vectors)
        function, real = _of_real(here, arguments)
        together = {k: np.ones(v.shape) if k in vectors else np.zeros(v.shape) for k, v in real.items()}
        step = 1e-6
        ahead, behind = ({k: v + s * together[k] for k, v in real.items()} for s in (step, -step))
        if inside and vectors:
            slope = jax.jvp(function, (real,), (together,))[1]
            np.testing.assert_allclose(slope, (function(ahead) - function(behind)) / (2 * step), rtol=1e-6, atol=1e-6)


REGULAR = sorted({n for n, _ in CURVED if n in DIFFERENTIABLE and smooth_enough(n)})


@pytest.mark.parametrize("name", REGULAR)
def test_derivative_at_ties_is_a_subgradient(bench, name: str) -> None:
    """Of a convex or concave function it lies between the one-sided derivatives, in every direction."""
    random = np.random.default_rng(5)
    for arguments in bench.ties(name):
        function, real = _of_real(bench.probe(name), arguments)
        direction = {k: random.uniform(0.5, 1, v.shape) for k, v in real.items()}
        step = 1e-7
        ahead, behind = ({k: v + s * direction[k] for k, v in real.items()} for s in (step, -step))
        sides = (function(ahead) - function(real)) / step, (function(real) - function(behind)) / step
        slope = jax.jvp(function, (real,), (direction,))[1]
        known = np.isfinite(sides[0]) & np.isfinite(sides[1])
        assert np.all((slope >= np.minimum(*sides) - 1e-5) | ~known)
        assert np.all((slope <= np.maximum(*sides) + 1e-5) | ~known)


RULES = [(n, r) for n, a in ATOMS.items() if a for r in a.rules]


@pytest.mark.parametrize(("name", "argument"), RULES)
def test_declared_rule_is_the_derivative(bench, name: str, argument: str) -> None:
    here = bench.probe(name)
    points = [bench.sample(name, np.random.default_rng(6)), *(bench.ties(name) if smooth_enough(name) else [])]
    for arguments in points:
        stated = here(arguments, f"rule_{argument}")
        computed = jax.grad(lambda v, a=arguments: jnp.sum(here({**a, argument: v})))(jnp.asarray(arguments[argument]))
        np.testing.assert_allclose(jnp.broadcast_to(stated, computed.shape), computed, rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------- programs

PLATFORMS = ("cpu", "cuda", "tpu")


@pytest.mark.parametrize("name", [n for n in ATOMS if n in DIFFERENTIABLE])
def test_value_and_gradient_are_exported_to_every_platform(bench, name: str) -> None:
    here = bench.probe(name)
    function, real = _of_real(here, bench.sample(name, np.random.default_rng(9)))

    def total(arguments):
        return jnp.sum(function(arguments))

    for program in (total, jax.grad(total)):
        text = jax.export.export(jax.jit(program), platforms=PLATFORMS)(real).mlir_module()
        assert not [line for line in text.splitlines() if "custom_call" in line and "callback" in line]
        # lax.clamp of reals loses the derivative where an argument meets its bound
        assert not [line for line in text.splitlines() if "stablehlo.clamp" in line and "f64" in line]
