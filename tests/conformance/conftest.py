"""Atoms of the library as functions of arrays, and points of their domains, for all conformance tests.

An atom is computed through the language: by a file that applies it to params named as in its header.
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
from karush.compiler.library import load_library
from karush.compiler.lowering.atom_values import atoms_of
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.proximal import proximal_point
from karush.compiler.lowering.scope import Inputs
from karush.compiler.model import Apply, Expr, Named, ParamValue
from karush.dsl.source import Source, Span
from karush.stdlib.atom import Atom, AtomParam
from karush.stdlib.lattice import Interval

SIZE = 3
Arguments = dict[str, np.ndarray]

LIBRARY = load_library()
_STEP = ParamValue("step", shape=(), span=Span(Source("test", "step"), 0, 4))


@dataclass(frozen=True, eq=False)
class Probe:
    """An atom as a function file: ``value`` applies it, ``rule_x`` is the declared derivative."""

    atom: Atom
    shapes: Mapping[str, tuple[int, ...]]
    names: tuple[str, ...]

    def __call__(self, arguments: Mapping[str, jax.typing.ArrayLike], output: str = "value") -> jax.Array:
        _, model, library = _probe_text(self.atom, self.shapes)
        inputs = Inputs({"n": SIZE}, {k: jnp.asarray(v) for k, v in arguments.items()}, {}, jnp.float64)
        evaluator = Evaluator(atoms_of(library))
        return evaluator.array(model.lets[output], evaluator.top(inputs))

    def prox(self, arguments: Mapping[str, jax.typing.ArrayLike], step: jax.typing.ArrayLike) -> jax.Array:
        """The declared proximal map in the argument ``atom.proximal``."""
        _, model, library = _probe_text(self.atom, self.shapes)
        params = {k: jnp.asarray(v) for k, v in {**arguments, "step": step}.items()}
        inputs = Inputs({"n": SIZE}, params, {}, jnp.float64)
        evaluator = Evaluator(atoms_of(library))
        node = _application(model.lets["value"])
        point = proximal_point(evaluator, node, _STEP, evaluator.top(inputs), library)
        assert point is not None
        return point

    def real(self, arguments: Arguments) -> tuple[str, ...]:
        """The arguments that a derivative can be taken in."""
        return tuple(p.name for p in self.atom.params if p.set_name != "index")


def _application(value: Expr) -> Apply:
    inner = value.value if isinstance(value, Named) else value
    assert isinstance(inner, Apply)
    return inner


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
    atom = LIBRARY.atom(name)
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


@dataclass(frozen=True)
class AtomBench:
    """What tests of atoms start from."""

    probe = staticmethod(probe)
    sample = staticmethod(sample)
    ties = staticmethod(tie_points)
    within = staticmethod(within)
    level = staticmethod(_level)


@pytest.fixture(scope="session")
def bench() -> AtomBench:
    """Atoms as functions, and points to take them at."""
    return AtomBench()
