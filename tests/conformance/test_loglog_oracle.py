"""Log-log curvature of random positive expressions: that of CVXPY's DGP ruleset or more, and true at sampled points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.lowering.atom_values import atoms_of
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.scope import Inputs

DECLARATIONS = """
param a in pos, s in pos, c[3] in pos, A[3, 3] in pos
var x in pos, y in pos, v[3] in pos, w[3] in pos
"""
X, Y, V, W = cp.Variable(pos=True), cp.Variable(pos=True), cp.Variable(3, pos=True), cp.Variable(3, pos=True)
A, C, M = cp.Parameter(pos=True, value=1.7), cp.Parameter(3, pos=True), cp.Parameter((3, 3), pos=True)
C.value = np.array([0.4, 1.2, 2.0])
M.value = np.array([[0.3, 1.0, 0.2], [0.9, 0.4, 0.5], [0.1, 0.7, 1.2]])
S = 0.6

Build = Callable[..., Any]
LEAVES = {
    0: [("x", X), ("y", Y), ("a", A), ("2", cp.Constant(2.0)), ("0.5", cp.Constant(0.5))],
    1: [("v", V), ("w", W), ("c", C)],
}
SAME: list[tuple[str, int, Build]] = [
    ("({}) + ({})", 2, lambda e, f: e + f),
    ("({}) * ({})", 2, cp.multiply),
    ("({}) / ({})", 2, lambda e, f: e / f),
    ("max({}, {})", 2, cp.maximum),
    ("min({}, {})", 2, cp.minimum),
    ("({})^2", 1, lambda e: e**2),
    ("({})^-1.5", 1, lambda e: e**-1.5),
    ("({})^s", 1, lambda e: e**S),
    ("sqrt({})", 1, cp.sqrt),
    ("inv_pos({})", 1, lambda e: e**-1),
    ("exp({})", 1, cp.exp),
    ("log({})", 1, cp.log),
    ("a * ({})", 1, lambda e: A * e),
    ("exp(s) * ({})", 1, lambda e: np.exp(S) * e),
]
TO_SCALAR: list[tuple[str, int, Build]] = [
    ("sum({})", 1, cp.sum),
    ("prod({})", 1, cp.prod),
    ("max({})", 1, cp.max),
    ("min({})", 1, cp.min),
    ("geo_mean({})", 1, cp.geo_mean),
    ("norm1({})", 1, cp.norm1),
    ("norm2({})", 1, lambda e: cp.pnorm(e, 2)),
    ("norm({}, 3)", 1, lambda e: cp.pnorm(e, 3)),
    ("norminf({})", 1, cp.norm_inf),
    ("sumsq({})", 1, cp.sum_squares),
    ("({}) @ c", 1, lambda e: e @ C),
    ("({}) @ ({})", 2, lambda e, f: cp.sum(cp.multiply(e, f))),
    ("({})[1]", 1, lambda e: e[1]),
]
TO_VECTOR: list[tuple[str, int, Build]] = [("A @ ({})", 1, lambda e: M @ e)]


def grow(random: np.random.Generator, rank: int, depth: int) -> tuple[str, Any]:
    if depth == 0 or random.uniform() < 0.1:
        return LEAVES[rank][random.integers(len(LEAVES[rank]))]
    other = TO_SCALAR if rank == 0 else TO_VECTOR
    down = random.uniform() < (0.45 if rank == 0 else 0.15)
    choices = other if down else SAME
    pattern, count, build = choices[random.integers(len(choices))]
    inner = 1 if down or rank == 1 else 0
    parts = [grow(random, inner, depth - 1) for _ in range(count)]
    return pattern.format(*(text for text, _ in parts)), build(*(e for _, e in parts))


def accepted(text: str, sense: str) -> bool:
    """Is the expression taken as a goal of this sense, apart from what is not solved yet?"""
    analysis = analyse_text(f"{DECLARATIONS}{sense} {text}\nusing ipm(curvature = loglog)\n")
    assert analysis.classification is not None, [finding.message for finding in analysis.diagnostics]
    assert analysis.classification.problem_class == "GP"
    return bool(analysis.classification.convex)


@pytest.mark.parametrize("seed", range(16))
def test_verdicts(seed: int) -> None:
    random = np.random.default_rng(seed)
    for depth in (1, 2, 2, 3, 3, 4) * 3:
        text, expression = grow(random, 0, depth)
        found = {sense: accepted(text, sense) for sense in ("minimize", "maximize")}
        assert found["minimize"] or not expression.is_log_log_convex(), text
        assert found["maximize"] or not expression.is_log_log_concave(), text
        for _ in range(0 if "log(" in text else 20):  # log f is defined in logarithms where f > 1 only
            ends = [random.uniform(-1, 1, 8) for _ in range(2)]
            low, high, middle = (log_value(expression, u) for u in (*ends, (ends[0] + ends[1]) / 2))
            if np.all(np.isfinite([low, high, middle])):
                slack = 1e-9 * (1 + abs(low) + abs(high))
                assert not found["minimize"] or middle <= (low + high) / 2 + slack, text
                assert not found["maximize"] or middle >= (low + high) / 2 - slack, text


def log_value(expression: Any, u: np.ndarray) -> float:
    X.value, Y.value, V.value, W.value = np.exp(u[0]), np.exp(u[1]), np.exp(u[2:5]), np.exp(u[5:])
    with np.errstate(all="ignore"):
        return float(np.log(np.asarray(expression.value, dtype=float)))


@pytest.mark.parametrize("seed", range(8))
def test_logarithms(seed: int) -> None:
    """The problem in logarithms has the logarithm of the value, at the logarithms of the point."""
    random = np.random.default_rng(100 + seed)
    for depth in (1, 2, 3):
        text, expression = grow(random, 0, depth)
        analysis = analyse_text(f"{DECLARATIONS}minimize {text}\nusing ipm(curvature = loglog)\n")
        inside = analysis.whole.logarithms
        if inside is None:
            continue
        u = random.uniform(-1, 1, 8)
        logs = {"x": u[0], "y": u[1], "v": u[2:5], "w": u[5:]}
        params = {"a": A.value, "s": S, "c": C.value, "A": M.value}
        arrays = [{name: jnp.asarray(value) for name, value in given.items()} for given in (params, logs)]
        inputs = Inputs({}, *arrays, jnp.float64)
        assert inside.model.objective is not None
        evaluator = Evaluator(atoms_of(analysis.library))
        value = evaluator.array(inside.model.objective.value, evaluator.top(inputs))
        wanted = log_value(expression, u)
        if np.isfinite(wanted):
            np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-12, err_msg=text)
