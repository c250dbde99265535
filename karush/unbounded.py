"""Unbounded models explained: which vars go where, how fast the objective follows, and which bound would stop it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from karush.compiler.lowering.compiled import Compiled
from karush.dsl.diagnostics import Diagnostic, Label
from karush.solvers.conflicts.conditions import Conditions
from karush.solvers.conflicts.rays import simple_ray, stopping
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.told import Teller, amount
from karush.trouble import problem_span

MOST_SHOWN = 6
MOST_TRIED = 16


@dataclass(frozen=True)
class Moving:
    """An entry of a var that moves along the ray; ``stops``: a bound on it alone ends all descent (None: not tried)."""

    name: str
    index: tuple[int, ...]
    by: float
    stops: bool | None


@dataclass(frozen=True)
class Ray:
    """The entries that move, the largest by 1, and the change of the stated objective for a step of 1."""

    moving: tuple[Moving, ...]
    rate: float


def explain_ray(compiled: Compiled, conditions: Conditions, program: QuadraticProgram, direction: np.ndarray) -> Ray:
    """The ray that starts from the direction (n,) of a certificate."""
    assert compiled.form is not None
    ray = simple_ray(conditions, program, direction)
    own = [entry for entry in _entries(compiled) if ray[entry[0]] != 0 and entry[1] in compiled.model.vars]
    own.sort(key=lambda entry: -abs(ray[entry[0]]))
    tried = np.array([at for at, _, _ in own[:MOST_TRIED]], int)
    stops = stopping(conditions, program, ray, tried) if len(tried) else np.zeros(0, bool)
    known = [*map(bool, stops), *(None for _ in own[MOST_TRIED:])]
    moving = tuple(Moving(n, i, float(ray[at]), s) for (at, n, i), s in zip(own, known, strict=True))
    return Ray(moving, compiled.form.sign * float(np.asarray(program.linear) @ ray))


def _entries(compiled: Compiled) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Position in x, var and index of every entry."""
    assert compiled.form is not None
    at = 0
    for name, shape in compiled.form.layout.shapes.items():
        for index in np.ndindex(*shape):
            yield at, name, index
            at += 1


def diagnostic(ray: Ray, teller: Teller) -> Diagnostic:
    """R0702."""
    falls = "falls" if ray.rate < 0 else "grows"
    shown = [f"{_entry(one, teller)} by {one.by:+.4g}" for one in ray.moving[:MOST_SHOWN]]
    more = len(ray.moving) - len(shown)
    path = ", ".join(shown) + (f", and {more} more" if more else "")
    labels = [Label(problem_span(teller.model), f"{falls} by {amount(abs(ray.rate))} for each step along the ray")]
    for name in dict.fromkeys(one.name for one in ray.moving):
        labels.append(Label(teller.model.vars[name].span, "moves along it"))
    notes = [("note", f"the ray: {path}"), ("help", _stop_words(ray, teller))]
    return Diagnostic("R0702", f"unbounded: the objective {falls} without end", tuple(labels), tuple(notes))


def _stop_words(ray: Ray, teller: Teller) -> str:
    stops = [one for one in ray.moving if one.stops]
    if stops:
        said = [f"{_entry(one, teller)} {'<=' if one.by > 0 else '>='} …" for one in stops[:MOST_SHOWN]]
        return f"one such bound would stop it: {', or '.join(said)}"
    said = [f"{_entry(one, teller)} {'<=' if one.by > 0 else '>='} …" for one in ray.moving[:MOST_SHOWN]]
    return f"a bound such as {', or '.join(said)} stops this ray; there are other rays, each needs one"


def _entry(one: Moving, teller: Teller) -> str:
    return teller.entry(one.name, teller.model.vars[one.name].shape, one.index)


def record(ray: Ray, teller: Teller) -> dict[str, Any]:
    """The ray as JSON data."""
    return {
        "ray": [{"var": _entry(one, teller), "by": one.by, "stops": one.stops} for one in ray.moving],
        "rate": ray.rate,
    }
