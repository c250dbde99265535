"""Expressions without curvature by composition that have one all the same: verdicts, and the other way to write."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.lowering.atom_values import atoms_of
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.scope import Inputs
from karush.compiler.model import Expr
from karush.compiler.pipeline import compile_source
from karush.dsl.source import Source
from karush.solvers.protocol import Settings
from karush.stdlib.lattice import Curvature

DECLARATIONS = """
dim n
param a in pos, c[n], d[n] in pos, s, A[n, n]
var x, y, p in nonneg, r in nonneg, u[n], v[n] in nonneg, X[n, n]
"""
CONVEX, CONCAVE, UNKNOWN = Curvature.CONVEX, Curvature.CONCAVE, Curvature.UNKNOWN

REWRITTEN = [
    ("sqrt(sumsq(u) + 1)", CONVEX, "SOCP"),
    ("sqrt(sumsq(u - c) + x^2 + a)", CONVEX, "SOCP"),
    ("sqrt(u @ u)", CONVEX, "SOCP"),
    ("sqrt(sum(d * u^2))", CONVEX, "SOCP"),
    ("sqrt(sum(d[i] * u[i]^2 for i in n) / a + 3 * y^2)", CONVEX, "SOCP"),
    ("sum(sqrt((u - c)^2 + a))", CONVEX, "SOCP"),
    ("(x^2 + square(y))^0.5", CONVEX, "SOCP"),
    ("sqrt(sumsq(abs(u) + 1) + 1)", CONVEX, "SOCP"),
    ("sqrt(p * r)", CONCAVE, "SOCP"),
    ("sum(sqrt(v * r))", CONCAVE, "SOCP"),
    ("x^2 / p", CONVEX, "SOCP"),
    ("a * sumsq(u - c) / (p + r)", CONVEX, "SOCP"),
    ("sum(u^2 / v)", CONVEX, "SOCP"),
    ("x^2 / sqrt(p)", CONVEX, "SOCP"),
    ("log(exp(x) + exp(y))", CONVEX, "EXP"),
    ("log(sum(exp(u)) + 2)", CONVEX, "EXP"),
    ("log(sum(d[i] * exp(c[i] * x) for i in n))", CONVEX, "EXP"),
    ("sum(log(1 + exp(-c * u)))", CONVEX, "EXP"),
    ("sum(log1p(exp(u)))", CONVEX, "EXP"),
    ("sum(log(exp(u) + d * exp(x)))", CONVEX, "EXP"),
    ("sum(v * log(v))", CONVEX, "EXP"),
    ("sum(2 * v * log(v / d))", CONVEX, "EXP"),
    ("p * (log(p) - log(r))", CONVEX, "EXP"),
    ("a * exp(x) * exp(-2 * y)", CONVEX, "EXP"),
    ("norm2(u - c)^2 + norm_fro(A - X)^2", CONVEX, "QP"),
    ("square(norm2(x * c)) + norm2(u) * norm2(u) / a", CONVEX, "QP"),
    ("sqrt(sumsq(u - c) + a)^2", CONVEX, "QP"),
    ("sum(abs(u - y)^2)", CONVEX, "QP"),
    ("norm2(abs(u - c))^2", CONVEX, "QP"),
]

OF_ONE_QUANTITY = [
    ("p * exp(p)", CONVEX),
    ("p^2 * exp(2 * p + 1)", CONVEX),
    ("sum(v * exp(v))", CONVEX),
    ("exp(-p) / a * (1 / p)", CONVEX),
    ("pos_part(x) * softplus(x)", CONVEX),
    ("min(p, 1) * sqrt(2 - min(p, 2))", UNKNOWN),
    ("sqrt(p) * sqrt(a * p) * exp(p)", UNKNOWN),
]

NOTHING_KNOWN = [
    "p * r", "p * exp(r)", "x * exp(x)", "v * exp(r)", "sqrt(x^2 - y^2)", "sqrt(s * x^2 + 1)", "x^2 / y", "p^3 / r",
    "log(exp(x) - exp(y))", "log(s * exp(x) + exp(y))", "p * log(r)", "x * log(x / y)", "sqrt(x * y)", "u @ (d * v)",
    "exp(p) * exp(-r^2)",
]  # fmt: skip


def analysed(text: str, goal: str = "minimize 0"):
    analysis = analyse_text(f"{DECLARATIONS}let e = {text}\n{goal}\n")
    assert analysis.facts is not None and analysis.model is not None
    return analysis, analysis.facts[analysis.model.lets["e"]]


@pytest.mark.parametrize(("text", "curvature", "problem_class"), REWRITTEN, ids=[text for text, *_ in REWRITTEN])
def test_curvature_and_class(text: str, curvature: Curvature, problem_class: str) -> None:
    goal = "minimize e" if curvature is CONVEX else "maximize e"
    analysis, fact = analysed(text, goal)
    assert fact.curvature is curvature
    assert analysis.classification is not None and analysis.classification.convex
    assert analysis.classification.problem_class == problem_class


@pytest.mark.parametrize(("text", "curvature"), OF_ONE_QUANTITY)
def test_products(text: str, curvature: Curvature) -> None:
    assert analysed(text)[1].curvature is curvature


@pytest.mark.parametrize("text", NOTHING_KNOWN)
def test_nothing_known(text: str) -> None:
    assert analysed(text)[1].curvature is UNKNOWN


# ---------------------------------------------------------------- values


def point(random: np.random.Generator) -> Inputs:
    def positive(*shape: int) -> jax.Array:
        return jnp.asarray(random.uniform(0.1, 2.0, shape))

    def free(*shape: int) -> jax.Array:
        return jnp.asarray(random.normal(size=shape))

    params = {"a": positive(), "c": free(3), "d": positive(3), "s": free(), "A": free(3, 3)}
    scalars = {"x": free(), "y": free(), "p": positive(), "r": positive()}
    variables = {**scalars, "u": free(3), "v": positive(3), "X": free(3, 3)}
    return Inputs({"n": 3}, params, variables, jnp.float64)


@pytest.mark.parametrize("text", [text for text, *_ in REWRITTEN])
def test_values(text: str) -> None:
    """The other way has the same value, and the midpoint inequality holds on chords."""
    analysis, fact = analysed(text)
    assert analysis.facts is not None and analysis.model is not None and analysis.facts.equivalents
    evaluator = Evaluator(atoms_of(analysis.library))
    random = np.random.default_rng(0)

    def value(expr: Expr, inputs: Inputs) -> np.ndarray:
        return np.asarray(evaluator.array(expr, evaluator.top(inputs)))

    for _ in range(5):
        here = point(random)
        for node, other in analysis.facts.equivalents.items():
            np.testing.assert_allclose(value(other, here), value(node, here), rtol=1e-12, atol=1e-12)
        there = point(random)
        there = Inputs(here.dims, here.params, there.vars, here.dtype)
        middle = {name: (here.vars[name] + there.vars[name]) / 2 for name in here.vars}
        whole = analysis.model.lets["e"]
        ends = (value(whole, here) + value(whole, there)) / 2
        excess = value(whole, Inputs(here.dims, here.params, middle, here.dtype)) - ends
        assert (excess <= 1e-9) if fact.curvature is CONVEX else (excess >= -1e-9)


def test_a_linear_program_in_another_way() -> None:
    """log(a exp x) is affine: x + log a."""
    text = "param a in pos\nvar x in box(0.5, 3)\nminimize log(a * exp(x))\n"
    compiled, analysis = compile_source(Source("m.opt", text), {}, Settings(), jnp.float64)
    assert compiled is not None and analysis.classification is not None
    assert analysis.classification.problem_class == "LP"
    value, slope = jax.value_and_grad(lambda a: compiled.function({"a": a}).objective)(2.0)
    np.testing.assert_allclose([value, slope], [0.5 + np.log(2.0), 0.5], rtol=1e-9)
