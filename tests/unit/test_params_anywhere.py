"""Params stand anywhere: as constants of any form they leave the verdict as it is, and solutions follow them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.pipeline import compile_source
from karush.dsl.source import Source
from karush.solvers.protocol import Settings
from karush.solvers.result import Status
from karush.stdlib.lattice import Curvature

DECLARATIONS = """
dim n
param a in pos, b in pos, k in neg, s, m in box(1, 3), c[n], d[n] in nonneg, A[n, n], P[n, n] in psd, Q[n, n] in pd
param i in index(n)
var x[n], t, p in nonneg
"""

CONVEX = [
    "a * b * sumsq(x)", "a * (b * abs(t))", "k * k * t^2", "k * s * (k * s) * abs(t)", "exp(s) * sumsq(x)",
    "(s^2 + 1) * norm1(A @ x)", "sumsq(x) / (a + b)", "log(1 + a) * abs(t)", "max(s, 0) * exp(t)", "p^m", "p^(a + 1)",
    "p^-a", "a^t", "(a + b)^t", "exp(s * t)", "abs(s * t - c[i])", "x @ (a * P + s^2 * Q) @ x", "x @ inv(Q) @ x",
    "x @ (P + diag(d)) @ x", "quad(x, A.T @ P @ A)", "norm2(P @ (A @ x) - sin(s) * c)", "norm2(x) * norm2(c)",
    "softplus(s * t) * (if s > 0 then a else b)", "d @ x^2", "sum(d[j] * abs(x[j]) for j in n)", "d[i] * abs(t)",
    "huber(t, a * b)", "sum_largest(x, a + 1)", "norm(x, m)", "quad_over_lin(x, a)", "kl_div(p, a * b)",
    "sqrt(exp(s) * sumsq(x) + a / b)", "lambda_max(s * A + t * P)",
]  # fmt: skip

CONCAVE = ["a * k * sumsq(x)", "p^(1 / m)", "k * exp(s * t)", "log(a * p + b^2)", "a * sqrt(p) - b * t^2"]

NEITHER = [
    "s * t^2",
    "a * k * s * abs(t)",
    "p^(m - 1)",
    "s^t",
    "x @ A @ x",
    "x @ (P - Q) @ x",
    "huber(t, s)",
    "c @ x^2",
]


@pytest.mark.parametrize("text", [*CONVEX, *CONCAVE, *NEITHER])
def test_verdict(text: str) -> None:
    analysis = analyse_text(f"{DECLARATIONS}let e = {text}\nminimize 0\n")
    assert analysis.facts is not None and analysis.model is not None, [f.message for f in analysis.diagnostics]
    found = analysis.facts[analysis.model.lets["e"]].curvature
    wanted = Curvature.CONVEX if text in CONVEX else Curvature.CONCAVE if text in CONCAVE else Curvature.UNKNOWN
    assert found is wanted


PROGRAM = """
dim m, n
param X[m, n], y[m], a in pos, b in pos, s, cap in pos, d[n] in pos
var w[n], e in nonneg
minimize sumsq(a * b * (X @ w) - exp(s) * y) / (a + b) + (s^2 + 0.1) * norm1(w) + a^s * e^2 + sum((w / d)^2) / cap
subject to
  total: log(1 + cap) * sum(w) * b <= cap * a / (1 + s^2) + e
"""


def test_derivatives() -> None:
    """Products, powers and functions of params in every place: gradients against central differences."""
    compiled, analysis = compile_source(Source("m.opt", PROGRAM), {"m": 5, "n": 3}, Settings(tol=1e-12), jnp.float64)
    assert compiled is not None, [finding.message for finding in analysis.diagnostics]
    random = np.random.default_rng(5)
    params = {"X": random.normal(size=(5, 3)), "y": random.normal(size=5) + 1, "d": random.uniform(0.5, 1.5, 3)}
    params |= {"a": 0.8, "b": 1.4, "s": 0.3, "cap": 0.2}
    params = {name: jnp.asarray(value) for name, value in params.items()}
    weights = jnp.asarray(random.normal(size=3))

    @jax.jit
    def output(moved):
        out = compiled.function(moved)
        return weights @ out.values["w"] + out.duals["total"] + out.objective, out.status

    assert output(params)[1] == Status.SOLVED
    gradients = jax.jit(jax.grad(lambda moved: output(moved)[0]))(params)
    for name, value in params.items():
        direction = jnp.asarray(random.normal(size=value.shape))
        step = 1e-5
        ends = [output({**params, name: value + sign * step * direction})[0] for sign in (1, -1)]
        np.testing.assert_allclose(jnp.sum(gradients[name] * direction), (ends[0] - ends[1]) / (2 * step), rtol=1e-5)
