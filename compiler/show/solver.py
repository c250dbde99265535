"""Which solver a model is solved by, as far as its text tells: without sizes, without data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karush.compiler.analyse import Analysis
from karush.compiler.model import Model
from karush.compiler.part import Part
from karush.compiler.resolving.options import SOLVERS
from karush.compiler.show.text import call_words

CONES = (
    ("ipm", "a cone program: homogeneous interior point"),
    ("clarabel, then scs", "large, on the CPU"),
)
CANDIDATES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "LP": (
        ("ipm", "a linear program: homogeneous interior point with an active-set refinement"),
        ("highs, then clarabel", "large or sparse, on the CPU"),
    ),
    "QP": (
        ("knapsack", "50 variables or more, a diagonal quadratic term, bounds, at most one equation"),
        ("active_set", "small: dual active set, regularised where the quadratic term is singular; then ipm"),
        ("ipm", "larger: homogeneous interior point"),
        ("clarabel, then osqp", "large or sparse, on the CPU"),
    ),
    "SOCP": CONES,
    "EXP": CONES,
    "SDP": CONES,
}
"""By class: (solver, when it is the choice of a program of this class)."""


def candidates_of(part: Part) -> tuple[tuple[str, str], ...]:
    """The solvers that may be chosen, with when; the one that the file asks for is the only one."""
    asked, kind = part.model.using, part.solved.classification.problem_class
    if asked is not None and SOLVERS[asked.name].available and part.family is None:
        return ((asked.name, f"asked for in line {asked.span.line}"),)
    return CANDIDATES.get(kind, ())


def way_of(part: Part) -> str:
    """What is solved in the model's stead, if anything, in words."""
    kind = part.solved.classification.problem_class
    if part.logarithms is not None:
        return f"solved in the logarithms of its unknowns, a problem of class {kind}"
    if part.family is not None:
        return f"solved by bisection, at each level a problem of class {kind}"
    return ""


def solver_lines(part: Part) -> list[str]:
    """The lines about one model."""
    if part.classification.problem_class == "FUNCTION":
        return ["none: the outputs are computed directly"]
    found = candidates_of(part)
    if not found:
        return ["none yet for this class of problems"]
    width = max(len(name) for name, _ in found)
    way = [way_of(part)] if way_of(part) else []
    return way + [f"{name:<{width}}  {when}" for name, when in found]


def show_solver(analysis: Analysis) -> str:
    """The candidates of a model and of the models within it."""
    part = analysis.whole
    lines = [f"solver of class {part.classification.problem_class}"]
    lines += [f"  {line}" for line in solver_lines(part)]
    if len(candidates_of(part)) > 1:
        lines.append("  sizes are not known: with -d DATA the choice and its reason are shown")
    for model, inner in inner_parts(analysis):
        lines.append(f"  inner problem {call_words(model)}: {inner.classification.problem_class}")
        lines += [f"    {line}" for line in solver_lines(inner)]
    return "\n".join(lines) + "\n"


def inner_parts(analysis: Analysis) -> list[tuple[Model, Part]]:
    """The models within, in the order of the file."""
    return list(reversed(list(analysis.parts.items())))


def solver_record(analysis: Analysis) -> dict[str, Any]:
    """The same as JSON data."""
    inner = [{"model": model.name, **_record(part)} for model, part in inner_parts(analysis)]
    return {"v": 1, "model": analysis.whole.model.name, **_record(analysis.whole), "inner": inner}


def _record(part: Part) -> dict[str, Any]:
    found = [{"name": name, "when": when} for name, when in candidates_of(part)]
    return {
        "class": part.classification.problem_class,
        "sizes_known": False,
        "solver": None,
        "matrices": None,
        "candidates": found,
    }
