"""Every atom of the library against what its declaration claims. A new atom is tested without edits here.

The claims are checked through the language: a file that applies the atom to params named as in its header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.atom_values import atoms_of
from karush.compiler.evaluate import Evaluator
from karush.compiler.library import load_library
from karush.compiler.scope import Inputs
from karush.stdlib.atom import Atom, AtomParam
from karush.stdlib.enclosure import smoothness
from karush.stdlib.lattice import Interval, Monotonicity, Smoothness
from karush.stdlib.primitives.table import PRIMITIVES
from karush.stdlib.shape import SHAPE_RULES, ShapeError, Size, result_shape

SIZE = 3
Arguments = dict[str, np.ndarray]

LIBRARY = load_library()
ATOMS = {name: LIBRARY.atom(name) for name in sorted(LIBRARY.atom_names())}


@dataclass(frozen=True, eq=False)
class Probe:
    """An atom as a function file: ``value`` applies it, ``rule_x`` is the declared derivative in x."""

    atom: Atom
    shapes: Mapping[str, tuple[int, ...]]
    names: tuple[str, ...]

    def __call__(self, arguments: Mapping[str, jax.typing.ArrayLike], output: str = "value") -> jax.Array:
        _, model, library = _probe_text(self.atom, self.shapes)
        inputs = Inputs({"n": SIZE}, {k: jnp.asarray(v) for k, v in arguments.items()}, {}, jnp.float64)
        evaluator = Evaluator(atoms_of(library))
        return evaluator.array(model.lets[output], evaluator.top(inputs))

    def real(self, arguments: Arguments) -> tuple[str, ...]:
        """The arguments that a derivative can be taken in."""
        return tuple(p.name for p in self.atom.params if p.set_name != "index")


def _declaration(param: AtomParam, shape: tuple[int, ...]) -> str:
    sizes = f"[{', '.join('n' for _ in shape)}]" if shape else ""
    return f"param {param.name}{sizes}{' in index(n)' if param.set_name == 'index' else ''}"


def _text(atom: Atom, shapes: Mapping[str, tuple[int, ...]]) -> str:
    own = {size for p in atom.params for size in p.sizes or ()}
    lines = ["dim n", *(_declaration(p, shapes[p.name]) for p in atom.params)]
    lines.append(f"let value = {atom.name}({', '.join(p.name for p in atom.params)})")
    for name, rule in atom.rules.items():
        body = re.sub(rf"\b({'|'.join(own)})\b(?!\()", "n", rule.span.text) if own else rule.span.text
        lines.append(f"let rule_{name} = {body}")
    return "\n".join(lines) + "\n"


def _probe_text(atom: Atom, shapes: Mapping[str, tuple[int, ...]]):
    return _analysed(_text(atom, shapes))


@cache
def _analysed(text: str):
    analysis = analyse_text(text)
    return text, analysis.model, analysis.library


@cache
def probe(name: str) -> Probe:
    """The atom with arguments of some shapes that it takes: arrays where it is elementwise or of any rank."""
    atom = ATOMS[name]
    assert atom is not None
    sized = any(p.sizes for p in atom.params)
    for rank in (0, 1, 2) if sized else (1, 2):
        shapes = {p.name: (SIZE,) * (len(p.sizes) if p.sizes else rank) for p in atom.params}
        if _probe_text(atom, shapes)[1] is not None:
            return Probe(atom, shapes, tuple(p.name for p in atom.params))
    raise AssertionError(f"{name} takes none of these shapes: {_text(atom, shapes)}")


# ---------------------------------------------------------------- points


def draw(param: AtomParam, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """A value of an argument within its declared set."""
    free = random.uniform(-2, 2, shape)
    match param.set_name:
        case "index":
            return random.integers(0, SIZE, shape)
        case "sym":
            return free + free.T
        case "psd" | "pd":
            return free @ free.T + 0.1 * np.eye(SIZE)
        case None if len(shape) == 2:
            return free + 3 * np.eye(SIZE)
    return within(param.interval, shape, random)


def within(interval: Interval, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Uniform on an interval, at most 4 wide."""
    low = interval.lower if np.isfinite(interval.lower) else max(-2.0, min(0.0, interval.upper - 2.0) - 2.0)
    low = min(low, interval.upper - 4.0) if np.isinf(interval.lower) and interval.upper < 2 else low
    high = min(interval.upper, low + 4.0)
    return random.uniform(low, high, shape) + (1e-3 if interval.lower_open and np.isfinite(interval.lower) else 0.0)


def sample(name: str, random: np.random.Generator) -> Arguments:
    """Arguments in the domain: where the value is finite."""
    here = probe(name)
    for _ in range(50):
        arguments = {p.name: draw(p, here.shapes[p.name], random) for p in here.atom.params}
        if np.all(np.isfinite(here(arguments))):
            return arguments
    raise AssertionError(f"{name} is finite at none of 50 points of its domain")


def tie_points(name: str) -> list[Arguments]:
    """Points where entries are equal: to 0, to 1, matrices to the identity."""
    here = probe(name)
    found = []
    for level in (0.0, 1.0):
        point = {p.name: _level(p, here.shapes[p.name], level) for p in here.atom.params}
        inside = all(p.set_name in ("index", "sym", "psd", "pd") or level in p.interval for p in here.atom.params)
        if inside and np.all(np.isfinite(here(point))):
            found.append(point)
    return found


def _level(param: AtomParam, shape: tuple[int, ...], level: float) -> np.ndarray:
    if param.set_name == "index":
        return np.zeros(shape, int)
    if len(shape) == 2:
        return np.eye(SIZE) if level or param.set_name in ("pd", None) else np.zeros(shape)
    return np.full(shape, level)


def smooth_enough(name: str) -> bool:
    """Has the atom a finite conservative derivative everywhere on its domain?"""
    atom = ATOMS[name]
    return atom is not None and smoothness(atom.primitive) <= Smoothness.NONSMOOTH


# ---------------------------------------------------------------- the table itself


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
def test_value_is_finite_and_of_the_declared_shape_and_range(name: str) -> None:
    random = np.random.default_rng(0)
    here = probe(name)
    for _ in range(5):
        arguments = sample(name, random)
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
def test_midpoint_convexity(name: str, clause) -> None:
    names, curvature = clause
    random = np.random.default_rng(1)
    here = probe(name)
    for _ in range(30):
        first, second = sample(name, random), sample(name, random)
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
def test_monotonicity(name: str, clause) -> None:
    random = np.random.default_rng(2)
    here = probe(name)
    sign = 1 if clause.monotonicity is Monotonicity.NONDECREASING else -1
    param = here.atom.param(clause.name)
    for _ in range(30):
        low = sample(name, random)
        if clause.interval is not None:
            low[clause.name] = within(clause.interval, here.shapes[clause.name], random)
        step = random.uniform(0, 0.5, here.shapes[clause.name])
        ends = param.interval if clause.interval is None else clause.interval
        high = {**low, clause.name: np.minimum(low[clause.name] + step, ends.upper)}
        values = here(low), here(high)
        assert np.all(sign * (values[1] - values[0]) >= -1e-9 * (1 + np.abs(values[0])))


# ---------------------------------------------------------------- derivatives


def _of_real(here: Probe, arguments: Arguments, output: str = "value"):
    names = here.real(arguments)
    rest = {k: v for k, v in arguments.items() if k not in names}
    return (lambda real: here({**rest, **real}, output)), {k: jnp.asarray(arguments[k]) for k in names}


DIFFERENTIABLE = [n for n, a in ATOMS.items() if a and smoothness(a.primitive) is not Smoothness.DISCONTINUOUS]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivative_is_the_limit_of_differences(name: str) -> None:
    random = np.random.default_rng(3)
    arguments = sample(name, random)
    function, real = _of_real(probe(name), arguments)
    direction = {k: random.uniform(-1, 1, v.shape) for k, v in real.items()}
    direction = {
        k: d + d.T if ATOMS[name].param(k).set_name in ("sym", "pd", "psd") else d for k, d in direction.items()
    }
    step = 1e-6
    ahead, behind = ({k: v + s * direction[k] for k, v in real.items()} for s in (step, -step))
    slope = jax.jvp(function, (real,), (direction,))[1]
    np.testing.assert_allclose(slope, (function(ahead) - function(behind)) / (2 * step), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_forward_is_the_transpose_of_reverse(name: str) -> None:
    points = [sample(name, np.random.default_rng(4)), *(tie_points(name) if smooth_enough(name) else [])]
    for arguments in points:
        function, real = _of_real(probe(name), arguments)
        forward, reverse = jax.jacfwd(function)(real), jax.jacrev(function)(real)
        for key in real:
            assert np.all(np.isfinite(forward[key]))
            np.testing.assert_allclose(forward[key], reverse[key], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if smooth_enough(n)])
def test_derivative_at_ties_is_conservative(name: str) -> None:
    """Along the tie itself, where all entries move as one, the derivative is the true one (derivatives.md, 2b)."""
    for level in (0.3, 0.8):
        here = probe(name)
        arguments = {p.name: _level(p, here.shapes[p.name], level) for p in here.atom.params}
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
def test_derivative_at_ties_is_a_subgradient(name: str) -> None:
    """Of a convex or concave function it lies between the one-sided derivatives, in every direction."""
    random = np.random.default_rng(5)
    for arguments in tie_points(name):
        function, real = _of_real(probe(name), arguments)
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
def test_declared_rule_is_the_derivative(name: str, argument: str) -> None:
    here = probe(name)
    points = [sample(name, np.random.default_rng(6)), *(tie_points(name) if smooth_enough(name) else [])]
    for arguments in points:
        stated = here(arguments, f"rule_{argument}")
        computed = jax.grad(lambda v, a=arguments: jnp.sum(here({**a, argument: v})))(jnp.asarray(arguments[argument]))
        np.testing.assert_allclose(jnp.broadcast_to(stated, computed.shape), computed, rtol=1e-9, atol=1e-9)
