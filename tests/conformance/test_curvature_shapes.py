"""Verdicts on random expressions of arrays, and on problems made of them, against CVXPY's DCP ruleset.

A verdict equals CVXPY's or says more; where it says more, the midpoint inequality holds at sampled points.
"""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from karush.compiler.analyse import Analysis, analyse_text
from karush.compiler.facts.fact import Fact
from karush.dsl.diagnostics import Diagnostic
from karush.stdlib.lattice import Curvature
from tests.conformance.random_expressions import BEYOND, DECLARATIONS, MATRIX, SCALAR, VARIABLES, VECTOR, grow

SHAPES = (SCALAR, VECTOR, MATRIX)
RELATIONS = {"<=": lambda e, f: e <= f, ">=": lambda e, f: e >= f, "==": lambda e, f: e == f}


def analysed(problem: str) -> Analysis:
    analysis = analyse_text(f"{DECLARATIONS}{problem}\n")
    assert analysis.facts is not None, (problem, [finding.message for finding in analysis.diagnostics])
    return analysis


def fact_of(text: str) -> Fact:
    analysis = analysed(f"let e = {text}\nminimize 0")
    assert analysis.facts is not None and analysis.model is not None
    return analysis.facts[analysis.model.lets["e"]]


def grown(random: np.random.Generator, shape: str, depth: int) -> tuple[str, Any]:
    """A random expression that CVXPY can be asked about; it refuses some constants outright."""
    while True:
        try:
            text, expression = grow(random, shape, depth)
            expression.is_convex()
        except Exception:  # whatever CVXPY says of an expression that it does not take
            continue
        return text, expression


# ---------------------------------------------------------------- sampling


def sampled(random: np.random.Generator) -> dict[str, np.ndarray]:
    found = {}
    for name, variable in VARIABLES.items():
        value = random.uniform(-1.5, 1.5, variable.shape)
        found[name] = np.abs(value) if variable.is_nonneg() else -np.abs(value) if variable.is_nonpos() else value
    return found


def value_at(expression: Any, point: dict[str, np.ndarray]) -> np.ndarray | None:
    """The value; None outside the domain."""
    for name, variable in VARIABLES.items():
        variable.value = point[name]
    with np.errstate(all="ignore"):
        if not all(constraint.value() for constraint in expression.domain):
            return None
        value = np.asarray(expression.value, dtype=float)
    return value if np.all(np.isfinite(value)) and np.max(np.abs(value)) < 1e6 else None


def breaks(random: np.random.Generator, expression: Any, curvature: Curvature) -> bool:
    """Does a sampled chord contradict the curvature?"""
    for _ in range(40):
        first, second = sampled(random), sampled(random)
        ends = value_at(expression, first), value_at(expression, second)
        middle = value_at(expression, {name: (first[name] + second[name]) / 2 for name in first})
        if ends[0] is None or ends[1] is None or middle is None:
            continue
        excess = middle - (ends[0] + ends[1]) / 2
        slack = 1e-9 * (1 + np.abs(ends[0]) + np.abs(ends[1]))
        if (curvature.is_convex and np.any(excess > slack)) or (curvature.is_concave and np.any(excess < -slack)):
            return True
    return False


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize("seed", range(24))
def test_expressions(seed: int) -> None:
    random = np.random.default_rng(1000 + seed)
    for depth in (1, 2, 2, 3, 3, 4) * 3:
        text, expression = grown(random, SHAPES[random.integers(3)], depth)
        fact = fact_of(text)
        assert fact.curvature.is_convex or not expression.is_convex(), (text, fact.reason)
        assert fact.curvature.is_concave or not expression.is_concave(), (text, fact.reason)
        assert fact.interval.is_nonnegative or not expression.is_nonneg(), (text, fact.interval)
        assert fact.interval.is_nonpositive or not expression.is_nonpos(), (text, fact.interval)
        if fact.curvature is not Curvature.UNKNOWN and not (expression.is_convex() or expression.is_concave()):
            assert not breaks(random, expression, fact.curvature), text


@pytest.mark.parametrize("seed", range(24))
def test_beyond_the_ruleset(seed: int) -> None:
    """Verdicts that CVXPY has no rule for hold at sampled chords."""
    random = np.random.default_rng(3000 + seed)
    for production in BEYOND:
        parts = [grown(random, shape, random.integers(3)) for shape in production.arguments]
        text = production.text.format(*(text for text, _ in parts))
        fact = fact_of(text)
        if fact.curvature is not Curvature.UNKNOWN:
            assert not breaks(random, production.build(*(e for _, e in parts)), fact.curvature), text


def accepted(diagnostics: tuple[Diagnostic, ...]) -> bool:
    return not any(finding.code == "W0501" for finding in diagnostics)


@pytest.mark.parametrize("seed", range(24))
def test_problems(seed: int) -> None:
    """What may be minimized, maximized, bounded and equated is what CVXPY takes."""
    random = np.random.default_rng(2000 + seed)
    for depth in (1, 2, 3):
        shape = SHAPES[random.integers(3)]
        (left, e), (right, f), (goal, g) = (grown(random, s, depth) for s in (shape, shape, SCALAR))
        for sense, aim in (("minimize", cp.Minimize), ("maximize", cp.Maximize)):
            for word, relation in RELATIONS.items():
                stated = f"{sense} {goal}\nsubject to\n  {left} {word} {right}"
                if cp.Problem(aim(g), [relation(e, f)]).is_dcp():
                    assert accepted(analysed(stated).diagnostics), stated
