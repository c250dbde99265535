"""Geometric programs: solved in logarithms, with the values, duals and derivatives of the problem as written."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.pipeline import compile_source
from karush.data.bind import bounding_params
from karush.dsl.source import Source
from karush.solvers.protocol import Settings
from karush.solvers.result import Status

MONOMIALS = """
dim n
param a in pos, b in pos, c in pos, cap[n] in pos, top in pos, low in pos, p[n] in pos
var x in pos, y in box(0.1, top), z[n] in pos
let area = x * y
{goal} c * x^0.5 * y{sign}1 * prod(z){sign}0.5
subject to
  one: a <= x * y^2
  two: x^2 * y <= b
  each: z[i] * x <= cap[i] * sqrt(y)  for i in n
  even: z[0] * x == p[0]
  odd: p[1] == z[1] * y
  both: low <= y * x <= 20
  sure: z[1] >= 0
using ipm(curvature = loglog, tol = 1e-12)
"""
DATA = {"a": 1.1, "b": 9.0, "c": 2.5, "cap": [2.0, 3.0], "top": 1.3, "low": 0.3, "p": [0.7, 0.9]}


def compiled(text: str, dims: dict[str, int]):
    found, analysis = compile_source(Source("m.opt", text), dims, Settings(tol=1e-12), jnp.float64)
    assert found is not None, [finding.message for finding in analysis.diagnostics]
    assert analysis.classification is not None and analysis.classification.problem_class == "GP"
    return found


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_duals_are_derivatives_in_the_sides(goal: str) -> None:
    """Of every kind of row, in either sense: the gain per unit of slack; the derivative in ε of an equation."""
    model = compiled(MONOMIALS.format(goal=goal, sign=" / y^2 * prod(z)^" if goal == "minimize" else "^"), {"n": 2})
    data = {name: jnp.asarray(value) for name, value in DATA.items()}
    out = jax.jit(model.function)(data)
    assert out.status == Status.SOLVED
    values = out.values
    np.testing.assert_allclose(values["area"], values["x"] * values["y"], rtol=1e-12)
    slopes = jax.jit(jax.grad(lambda moved: model.function(moved).objective))(data)
    sign = -1 if goal == "minimize" else 1
    gains = {"a": -out.duals["one"], "b": out.duals["two"], "low": -out.duals["both"]["lower"]}
    gains["top"] = out.duals["y"]["upper"]
    for name, gain in gains.items():
        np.testing.assert_allclose(slopes[name], sign * gain, rtol=1e-7, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(slopes["cap"], sign * out.duals["each"] * jnp.sqrt(values["y"]), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(slopes["p"], [out.duals["even"], -out.duals["odd"]], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(slopes["c"], out.objective / data["c"], rtol=1e-8)
    for label in ("sure", "x", "z"):
        np.testing.assert_array_equal(out.duals[label], jnp.zeros_like(out.slacks[label]))
    assert sum(float(jnp.sum(jnp.abs(leaf) > 1e-3)) for leaf in jax.tree.leaves(out.duals)) >= 3


def test_derivatives_of_a_solution() -> None:
    model = compiled(MONOMIALS.format(goal="minimize", sign=" / y^2 * prod(z)^"), {"n": 2})
    data = {name: jnp.asarray(value) for name, value in DATA.items()}
    random = np.random.default_rng(0)

    @jax.jit
    def output(moved):
        out = model.function(moved)
        return jnp.log(out.values["x"]) + out.values["z"] @ jnp.array([1.0, 2.0]) + out.duals["one"]

    gradients = jax.jit(jax.grad(output))(data)
    for name, value in data.items():
        direction = jnp.asarray(random.normal(size=value.shape))
        ends = [output({**data, name: value + step * direction}) for step in (1e-6, -1e-6)]
        wanted = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(jnp.sum(gradients[name] * direction), wanted, rtol=1e-5, atol=1e-7, err_msg=name)


def test_an_infeasible_one() -> None:
    text = "param a in pos\nvar x in pos\nminimize x\nsubject to\n  up: x <= a\n  low: x >= 2 * a\n"
    model = compiled(text + "using ipm(curvature = loglog)\n", {})
    out = model.function({"a": 1.0})
    assert out.status == Status.INFEASIBLE
    assert out.conflict["up"] and out.conflict["low"]
    assert np.isnan(out.values["x"]) and np.isnan(out.objective)


ERRORS = {
    "var x\nminimize x + 1 / x": "`x` is not known to be positive",
    "var x in nonneg\nminimize x + 1 / x": "`x` is not known to be positive",
    "var x in box(0, 3)\nminimize x": "`x` is not known to be positive",
    "param s\nvar x in pos\nminimize s * x": "`s` is not known to be positive",
    "var x in pos\nminimize sin(x)": "no rule gives the log-log curvature of `sin(x)`",
    "var x in pos\nminimize x - 1 / x": "no rule gives the log-log curvature of `x - 1 / x`",
    "var x in pos\nmaximize x + 1": "a term that is maximized must be log-log concave",
    "var x in pos\nminimize x\nsubject to\n  x + 1 >= 3": "the greater side",
    "var x in pos\nminimize x\nsubject to\n  x + x^2 == 3": "both sides of `==` must be log-log affine",
    "var x in pos\nminimize x\nsubject to\n  x + 2 <= 0": "a sum of positive terms is never 0 or less",
    "var x[3] in pos\nminimize sum(x)\nsubject to\n  x in simplex": "has no rule in logarithms",
}


@pytest.mark.parametrize("text", ERRORS)
def test_errors(text: str) -> None:
    analysis = analyse_text(f"{text}\nusing ipm(curvature = loglog)\n")
    finding = next(finding for finding in analysis.diagnostics if finding.code == "E0504")
    assert ERRORS[text] in finding.labels[0].message
    assert finding.fixes


def test_a_taken_open_set_is_not_warned_of() -> None:
    text = "var x in pos\nminimize x\nsubject to\n  x^2 >= 2\n"
    assert "W0611" in [finding.code for finding in analyse_text(text).diagnostics]
    assert not analyse_text(text + "using ipm(curvature = loglog)\n").diagnostics


def test_bounds_are_finite() -> None:
    text = "param top\nvar x in pos\nmaximize x\nsubject to\n  x <= top\n"
    assert bounding_params(analyse_text(text).whole.model) == {"top"}
    logs = analyse_text(text.replace("param top", "param top in pos") + "using ipm(curvature = loglog)\n")
    assert not bounding_params(logs.whole.model)
