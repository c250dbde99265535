"""The branches of choices compared where they switch, near given data.

Of ``if c(p) then f(p) else g(p)``, whose branches could not be proved to agree, the params (and unknowns) are moved
along fixed directions until c changes, the place is found by bisection, and |f - g| is looked at there. What is found
is a jump; that nothing is found is no proof.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.compiler.analyse import Analysis
from karush.compiler.dependence import Dependence, walk
from karush.compiler.facts.differentiability import behind
from karush.compiler.facts.fact import Facts, Meeting
from karush.compiler.facts.guards import Around, conditions_around
from karush.compiler.facts.reach import places
from karush.compiler.facts.verdicts import Place
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.scope import Inputs
from karush.compiler.model import (
    Apply,
    Binder,
    Comprehension,
    DualValue,
    Expr,
    InlineProblem,
    Kind,
    ModelField,
    Reduce,
)
from karush.compiler.nodes import number
from karush.dsl.source import Span

DIRECTIONS = 6
REACH = 4.0
HALVINGS = 12
MOST_SWITCHES = 16
BISECTIONS = 60
MOST_NUMBERS = 30_000_000
"""So many directions; how far along them, over the size of a param; points on the way (REACH halved so often); switches
looked at; steps to each; conditions evaluated in all."""

EMPTY = {"sum": 0.0, "prod": 1.0}


@dataclass(frozen=True, eq=False)
class Choice:
    """An ``if`` (or a filter) under its binders, and the conditions of the choices around it that lead to it."""

    test: Expr
    then: Expr
    orelse: Expr
    around: Around
    place: Place


@dataclass(frozen=True)
class Switched:
    """What was found of a choice: how many switches, the greatest gap there over 1 + the size, and where.

    ``jump`` is None where no switch was met, or the choice could not be evaluated by itself.
    """

    span: Span
    met: int = 0
    jump: float | None = None
    branches: tuple[float, float] | None = None
    index: tuple[int, ...] = ()


def switched(
    analysis: Analysis, compiled: Compiled, of: str, given: Mapping[str, Any], found: Mapping[str, Any]
) -> list[Switched]:
    """What is found of every choice behind an output whose branches are not proved to agree.

    ``found`` are the values of the unknowns.
    """
    model, facts = analysis.model, analysis.facts
    assert model is not None and facts is not None
    return [_tried(choice, facts, compiled, given, found) for choice in unproved(facts, behind(model, facts, of))]


# ---------------------------------------------------------------- choices and the way to them


def unproved(facts: Facts, roots: Sequence[Expr]) -> Iterator[Choice]:
    """The choices below the roots that are not proved to be continuous."""
    wanted = {
        node: Place(node, rough)
        for node, rough in places(facts, *roots)
        if node in facts.seams and facts.seams[node].meeting is Meeting.UNPROVED
    }
    if wanted:
        around = conditions_around(roots)
        for node, place in wanted.items():
            yield from _choice(node, place, around[node])


def _choice(node: Expr, place: Place, around: Around) -> Iterator[Choice]:
    match node:
        case Apply(atom="if", arguments=(test, then, orelse)):
            yield Choice(test, then, orelse, around, place)
        case Reduce(condition=Expr() as test, operator=operator) if operator in EMPTY:
            yield Choice(test, node.body, number(EMPTY[operator], node.span), around, place)


# ---------------------------------------------------------------- one choice on data


def _tried(
    choice: Choice, facts: Facts, compiled: Compiled, given: Mapping[str, Any], found: Mapping[str, Any]
) -> Switched:
    span = choice.place.span
    parts = (choice.test, choice.then, choice.orelse, *(test for test, _ in choice.around))
    if any(isinstance(node, ModelField | InlineProblem | DualValue) for node in walk(*parts)):
        return Switched(span)
    dependence = facts[choice.place.expr].dependence.join(facts[choice.test].dependence)
    params = dict(compiled.complete(given))
    names = [n for n in sorted(dependence.params) if n in params and facts.model.params[n].kind is Kind.REAL]
    start = {name: params[name] for name in names} | {n: jnp.asarray(found[n]) for n in sorted(dependence.vars)}
    at = _values(choice, compiled, params)
    shape = jax.eval_shape(at, start)[0].shape
    count = max(1, min(DIRECTIONS, MOST_NUMBERS // (2 * HALVINGS * max(1, math.prod(shape)))))
    line = _line(start, count)
    return _compared(choice, at, line, count, shape)


Moved = dict[str, Array]
Values = tuple[Array, Array, Array, Array]


def _values(choice: Choice, compiled: Compiled, params: Mapping[str, Any]) -> Callable[[Moved], Values]:
    """(condition, first branch, second branch, is it evaluated?) at every place of the choice, for moved values."""
    free = Dependence()
    parts = (choice.test, choice.then, choice.orelse)
    around = [test for test, _ in choice.around]
    binders = tuple(sorted(frozenset().union(*(free.binders(p) for p in parts)), key=lambda binder: binder.name))
    used = [(t, holds) for t, holds in choice.around if free.binders(t) <= {*binders}] if around else []
    evaluator = compiled.evaluator

    def at(moved: Moved) -> Values:
        named = {name: array for name, array in moved.items() if name in params}
        rest = {name: array for name, array in moved.items() if name not in params}
        inputs = Inputs(compiled.dims, {**params, **named}, rest, compiled.dtype)
        scope = evaluator.top(inputs, compiled.dependence)
        lengths = inputs.shape(tuple(binder.length for binder in binders))
        bodies = [inputs.shape(part.shape) for part in parts]
        body = max(bodies, key=len)

        def whole(expr: Expr) -> Array:
            array = evaluator.array(_over(expr, binders), scope)
            missing = (1,) * (len(body) - len(expr.shape))
            own = array.reshape(lengths + missing + array.shape[len(lengths) :])
            return jnp.broadcast_to(own, lengths + body)

        holds = jnp.asarray(True)
        for test, value in used:
            held = whole(test) if len(test.shape) <= len(body) else jnp.asarray(True)
            holds = holds & (held == value)
        side, *branches = map(whole, parts)
        then, orelse = (branch.astype(compiled.dtype) for branch in branches)
        return side, then, orelse, jnp.broadcast_to(holds, side.shape)

    return at


def _over(expr: Expr, binders: tuple[Binder, ...]) -> Expr:
    if not binders:
        return expr
    shape = (*(binder.length for binder in binders), *expr.shape)
    return Comprehension(binders, expr, shape=shape, kind=expr.kind, span=expr.span)


def _line(start: Moved, count: int) -> Callable[[Array, Array], Moved]:
    """(direction, t) ↦ start + t · direction; entries of a direction are cosines, over the size of the param."""
    phases = np.arange(count)

    def ways(array: Array, offset: int) -> np.ndarray:
        angles = phases.reshape((-1, *(1,) * array.ndim)) * (1 + np.arange(array.size).reshape(array.shape) + offset)
        return np.cos(angles) * max(1.0, float(jnp.max(jnp.abs(array), initial=0.0)))

    directions = {name: jnp.asarray(ways(a, k), a.dtype) for k, (name, a) in enumerate(start.items())}

    def moved(direction: Array, t: Array) -> Moved:
        return {name: array + t * directions[name][direction] for name, array in start.items()}

    return moved


def _compared(
    choice: Choice,
    at: Callable[[Moved], Values],
    line: Callable[[Array, Array], Moved],
    count: int,
    shape: tuple[int, ...],
) -> Switched:
    """Find where the condition changes along the lines, and compare the branches there."""
    steps = REACH * 0.5 ** np.arange(HALVINGS)
    ts = np.concatenate([-steps, [0.0], steps[::-1]])
    sides = np.asarray(jax.jit(lambda: _sides(at, line, count, jnp.asarray(ts)))())
    sides = sides.reshape(count, ts.size, -1)
    way, gap, entry = np.nonzero(sides[:, 1:] != sides[:, :-1])
    if way.size == 0:
        return Switched(choice.place.span)
    near = np.argsort(np.minimum(np.abs(ts[gap]), np.abs(ts[gap + 1])), kind="stable")[:MOST_SWITCHES]
    way, gap, entry = way[near], gap[near], entry[near]
    ends = jax.jit(lambda *brackets: _bisected(at, line, *brackets))(way, entry, ts[gap], ts[gap + 1])
    then, orelse, holds = (np.asarray(array) for array in ends)
    size = 1 + np.maximum(np.abs(then), np.abs(orelse))
    jumps = np.abs(then - orelse) / size
    usable = holds.all(axis=1) & np.isfinite(jumps).all(axis=1)
    if not usable.any():
        return Switched(choice.place.span)
    least = np.where(usable, jumps.min(axis=1), -1.0)
    worst = int(np.argmax(least))
    index = tuple(int(k) for k in np.unravel_index(entry[worst], shape)) if shape else ()
    branches = (float(then[worst, 0]), float(orelse[worst, 0]))
    return Switched(choice.place.span, int(usable.sum()), float(least[worst]), branches, index)


def _sides(at: Callable[[Moved], Values], line: Callable[[Array, Array], Moved], count: int, ts: Array) -> Array:
    """The condition at all points of all lines."""
    grid = jnp.repeat(jnp.arange(count), ts.size), jnp.tile(ts, count)
    return jax.lax.map(lambda point: at(line(*point))[0], grid)


def _bisected(
    at: Callable[[Moved], Values],
    line: Callable[[Array, Array], Moved],
    way: Array,
    entry: Array,
    low: Array,
    high: Array,
) -> tuple[Array, Array, Array]:
    """Both branches, and whether they are evaluated, at both ends of the smallest brackets around switches."""

    def here(k: Array, t: Array, e: Array) -> tuple[Array, ...]:
        return tuple(jnp.ravel(array)[e] for array in at(line(k, t)))

    every = jax.vmap(here)
    first = every(way, low, entry)[0]

    def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = bracket
        middle = (a + b) / 2
        same = every(way, middle, entry)[0] == first
        return jnp.where(same, middle, a), jnp.where(same, b, middle)

    ends = jax.lax.fori_loop(0, BISECTIONS, halve, (jnp.asarray(low), jnp.asarray(high)))
    values = [every(way, end, entry) for end in ends]
    then, orelse, evaluated = (jnp.stack([v[k] for v in values], axis=1) for k in (1, 2, 3))
    return then, orelse, evaluated


def entries(found: Sequence[Switched]) -> list[dict[str, Any]]:
    """What was found, as JSON."""
    return [
        {
            "line": one.span.line,
            "text": " ".join(one.span.text.split()),
            "switches": one.met,
            "jump": one.jump,
            "branches": one.branches,
            "index": list(one.index),
        }
        for one in found
    ]
