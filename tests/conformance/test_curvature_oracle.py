"""Facts of random expressions: curvature never weaker than by CVXPY's rules, nothing wrong at sampled points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.facts.fact import Fact

DECLARATIONS = "param k in neg, a in pos, s\nvar x, y, p in nonneg\n"

UNARY: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "exp": ("exp({})", cp.exp),
    "log": ("log({})", cp.log),
    "sqrt": ("sqrt({})", cp.sqrt),
    "abs": ("abs({})", cp.abs),
    "square": ("({})^2", cp.square),
    "fourth": ("({})^4", lambda e: cp.power(e, 4)),
    "negate": ("-({})", lambda e: -e),
    "double": ("2 * ({})", lambda e: 2 * e),
    "third": ("({}) / -3", lambda e: e / -3),
    "pos_part": ("pos_part({})", cp.pos),
    "neg_part": ("neg_part({})", cp.neg),
    "inv_pos": ("inv_pos({})", cp.inv_pos),
    "entropy": ("entropy({})", cp.entr),
    "softplus": ("softplus({})", cp.logistic),
    "huber": ("huber({})", lambda e: cp.huber(e, 1) / 2),
}

BINARY: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "add": ("({}) + ({})", lambda e, f: e + f),
    "subtract": ("({}) - ({})", lambda e, f: e - f),
    "max": ("max({}, {})", cp.maximum),
    "min": ("min({}, {})", cp.minimum),
    "rel_entr": ("rel_entr({}, {})", cp.rel_entr),
}

X, Y, P = cp.Variable(), cp.Variable(), cp.Variable(nonneg=True)
K, A, S = cp.Parameter(neg=True), cp.Parameter(pos=True), cp.Parameter()
K.value, A.value, S.value = -0.7, 1.3, 0.4
LEAVES = [("x", X), ("y", Y), ("p", P), ("k", K), ("a", A), ("s", S), ("2", cp.Constant(2)), ("0.5", cp.Constant(0.5))]
SCALES = [("k", K), ("a", A), ("s", S)]


def grow(random: np.random.Generator, depth: int) -> tuple[str, cp.Expression]:
    """A random expression as text and in CVXPY."""
    kind = random.uniform()
    if depth == 0 or kind < 0.1:
        return LEAVES[random.integers(len(LEAVES))]
    text, inner = grow(random, depth - 1)
    if kind < 0.55:
        pattern, function = UNARY[random.choice(list(UNARY))]
        return pattern.format(text), function(inner)
    if kind < 0.65:
        name, scale = SCALES[random.integers(len(SCALES))]
        return f"{name} * ({text})", scale * inner
    other_text, other = grow(random, depth - 1)
    pattern, combine = BINARY[random.choice(list(BINARY))]
    return pattern.format(text, other_text), combine(inner, other)


def verdict(text: str) -> Fact:
    analysis = analyse_text(f"{DECLARATIONS}let e = {text}\nminimize 0\n")
    assert analysis.facts is not None and analysis.model is not None, text
    return analysis.facts[analysis.model.lets["e"]]


def value_at(expression: cp.Expression, point: np.ndarray) -> float:
    for variable, number in zip((X, Y, P), point, strict=True):
        variable.value = number
    with np.errstate(all="ignore"):
        inside = all(constraint.value() for constraint in expression.domain)
        return float(expression.value) if inside else np.nan


@pytest.mark.parametrize("seed", range(40))
def test_verdicts(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(12):
        text, expression = grow(random, 4)
        fact = verdict(text)
        found = fact.curvature
        if expression.is_convex() or expression.is_concave():
            assert found.is_convex or not expression.is_convex(), text
            assert found.is_concave or not expression.is_concave(), text
        for _ in range(20):
            ends = random.uniform(-1.5, 1.5, (2, 3))
            ends[:, 2] = np.abs(ends[:, 2])
            first, second = (value_at(expression, end) for end in ends)
            middle = value_at(expression, ends.mean(axis=0))
            if np.isfinite(first) and np.isfinite(second) and max(abs(first), abs(second)) < 1e6:
                slack = 1e-9 * (1 + abs(first) + abs(second))
                assert fact.interval.lower - slack <= first <= fact.interval.upper + slack, text
                assert not found.is_convex or middle <= (first + second) / 2 + slack, text
                assert not found.is_concave or middle >= (first + second) / 2 - slack, text
