"""Conservative gradients and true Clarke ones at ties: what they are, and what they cost.

At a tie the plain derivative of a program is an element of a conservative field, which may be outside of the Clarke
derivative: two programs of one function can have two. A Clarke element costs a gradient and a directional derivative
(S. Kakade, J. Lee, Provably correct automatic subdifferentiation for qualified programs, NeurIPS 2018); by forward
derivatives along all entries, and lexicographically, it costs p of them.

A ReLU network F without biases is positively homogeneous, so that its Clarke element at 0 along d is ∇F(d): that is
what is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from karush.derivative import Arrays, Differentiated, differentiated
from karush.directional import clarke_by_columns, clarke_jacobian, lexicographic_jacobian, random_direction
from karush.enumeration import vertices
from karush.figures.figure import Figure, Panel
from karush.figures.measuring import build, in_turn, operations, quotient
from karush.jacobian import Jacobian
from karush.problem import Problem, loads
from karush.solvers.projections.table import PROJECTIONS

SIZES = (3, 8, 32)
ENUMERATED = 3
"""Up to so many inputs all vertices of the Clarke derivative are enumerated."""
ARTEFACTS = {"relu(x) - relu(-x)": 1.0, "relu(-x) + x - relu(x)": 0.0}
"""Programs of x and of 0, whose plain derivatives at 0 are 0 and 1; their true ones."""
NETWORK = "dim p, h\nparam x[p], A[h, p], B[h, h], c[h]\nlet y = c @ relu(B @ relu(A @ x))\n"

Given = Mapping[str, Any]
Method = Callable[[Arrays, Given], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Case:
    """A program at a tie: its output as a function of x, and the derivative that a direction must give."""

    name: str
    p: int
    function: Differentiated
    arrays: Given
    expected: Callable[[Arrays], Array]


def clarke(p: Sequence[int] = SIZES, rounds: int = 7) -> Figure:
    """The figure; in double precision, which needs JAX's 64-bit types."""
    rows = [row for case in cases(p) for row in measured(case, rounds)]
    notes = (
        "`operations / P`: of the program with its derivative, over the program, by the table of costs; `time / P`: "
        "processor times (medians in turns).",
        "`off`: the greatest entry of the difference from the Clarke element that the direction leads to; for the "
        f"plain derivative, which follows none, from the nearest point of the Clarke derivative, the hull of all its "
        f"`vertices`, enumerated for p ≤ {ENUMERATED} (in general NP-hard).",
        "The lexicographic derivative follows e₁ + ε e₂ + ε² e₃ + …: its element is compared for small p.",
    )
    ratio = ("operations / P", *(("time / P",) if rounds else ()))
    network = (("program", "network"),)
    panels = tuple(Panel(f"{name} of a ReLU network", "p", (name,), "method", True, network) for name in ratio)
    return Figure("clarke", "Clarke elements at ties", tuple(rows), notes, panels)


def _always(value: Array, direction: Arrays) -> Array:
    """The same derivative along every direction."""
    del direction
    return value


def cases(sizes: Sequence[int]) -> Iterator[Case]:
    """The two programs, and a network of weights −1, 0, 1 at x = 0 for every size."""
    for text, true in ARTEFACTS.items():
        problem = loads(f"param x\nlet y = {text}").with_options(dtype="f64")
        yield case_of(text, problem, {"x": 0.0}, partial(_always, jnp.full(1, true, jnp.float64)))
    for p in sizes:
        random = np.random.default_rng(p)
        data = {"A": (2 * p, p), "B": (2 * p, 2 * p), "c": (2 * p,)}
        params = {name: random.integers(-1, 2, shape).astype(float) for name, shape in data.items()}
        yield case_of("network", loads(NETWORK).with_options(dtype="f64"), {"x": np.zeros(p), **params}, None)


def case_of(name: str, problem: Problem, params: Mapping[str, Any], expected: Callable[[Arrays], Array] | None) -> Case:
    """A program with its data; of a network the expected derivative along d is ∇F(d)."""
    prepared = problem.prepare(params)
    function = differentiated(problem, prepared.compiled, "y", ["x"])
    arrays = dict(prepared.arrays)

    def gradient(direction: Arrays) -> Array:
        return plain(function)(direction, {**arrays, **direction})[1]

    return Case(name, int(np.size(params["x"])), function, arrays, expected or gradient)


def methods(function: Differentiated) -> dict[str, Method]:
    """(direction, params) ↦ value, and the derivative as a vector, by every method."""

    def vector(found: Jacobian) -> tuple[Array, Array]:
        return found.value, ravel_pytree(found.gradients)[0]

    return {
        "plain": plain(function),
        "clarke": lambda d, given: vector(clarke_jacobian(function, d, given)),
        "p forward derivatives": lambda d, given: vector(clarke_by_columns(function, d, given)),
        "lexicographic": lambda d, given: vector(lexicographic_jacobian(function, given)),
    }


def plain(function: Differentiated) -> Method:
    """The conservative gradient."""

    def gradient(direction: Arrays, given: Given) -> tuple[Array, Array]:
        value, found = jax.value_and_grad(lambda m: function.value(m, given)[0])(function.start(given))
        return value, ravel_pytree(found)[0]

    return gradient


def measured(case: Case, rounds: int) -> list[dict[str, Any]]:
    """One row a method."""
    function = case.function
    direction = random_direction(function, 0)

    def value(given: Given) -> Array:
        return function.value(function.start(given), given)[0]

    found = methods(function)
    price = operations(value, case.arrays)
    built = {}
    if rounds:
        built = {name: build(method, direction, case.arrays) for name, method in found.items()}
        built["P"] = build(value, case.arrays)
    times = in_turn({name: one.call for name, one in built.items()}, rounds)
    corners = vertices_of(case)
    rows = []
    for name, method in found.items():
        _, result = jax.jit(method)(direction, case.arrays)
        rows.append({
            "program": case.name,
            "p": case.p,
            "vertices": None if corners is None else len(corners),
            "method": name,
            "value": float(result[0]) if case.p == 1 else None,
            "off": off(case, name, result, direction, corners),
            "operations / P": operations(method, direction, case.arrays) / price,
            "time / P": quotient(times.get(name), times.get("P")),
        })  # fmt: skip
    return rows


def off(case: Case, method: str, result: Array, direction: Arrays, vertices: np.ndarray | None) -> float | None:
    """How far a result is from the Clarke element that it must be, or from the Clarke derivative."""
    if method == "plain":
        return None if vertices is None else from_hull(vertices, np.asarray(result))
    if method == "lexicographic":
        if case.p > ENUMERATED:
            return None
        entered = jnp.asarray(1e-3 ** np.arange(case.p), jnp.float64)
        direction = {"x": entered.reshape(direction["x"].shape)}
    return float(jnp.max(jnp.abs(result - case.expected(direction))))


def vertices_of(case: Case) -> np.ndarray | None:
    """All vertices of the Clarke derivative, one a row; None where there may be too many."""
    if case.p > ENUMERATED:
        return None
    found = vertices(case.function, case.arrays).gradients["x"]
    return found.reshape(len(found), case.p)


def from_hull(corners: np.ndarray, point: np.ndarray, steps: int = 3000) -> float:
    """The greatest entry of point − its projection on the hull of the corners, by accelerated projected gradients.

    With weights λ in the simplex, ½ |λ V − g|² (Beck & Teboulle 2009); a single corner needs none.
    """
    offsets = jnp.asarray(corners - point)
    step = 1 / jnp.maximum(jnp.linalg.norm(offsets, 2) ** 2, 1e-30)

    def improved(k: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
        weights, ahead = state
        moved = PROJECTIONS["simplex"](ahead - step * offsets @ (ahead @ offsets))
        return moved, moved + k / (k + 3) * (moved - weights)

    start = jnp.full(len(corners), 1 / len(corners))
    weights, _ = jax.lax.fori_loop(0, steps if len(corners) > 1 else 0, improved, (start, start))
    return float(jnp.max(jnp.abs(weights @ offsets)))
