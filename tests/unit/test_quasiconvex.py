"""Quotients that are optimised, by bisection: values by direct formulas, duals and derivatives by differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from karush.compiler.analyse import analyse_text
from karush.compiler.pipeline import compile_source
from karush.dsl.source import Source
from karush.solvers.protocol import Settings
from karush.solvers.result import Status

FRACTIONAL = """
param c[3], d[3] in nonneg, r in pos, b in pos, e, low, m
var x[3] in nonneg
{goal}
subject to
  cap: sum(x) <= b
  mix: x[0] - x[1] == m
  least: x[2] + x[1] >= low
using bisection
"""
DATA = {"c": [1.0, -2.0, 0.5], "d": [1.0, 0.5, 2.0], "r": 0.7, "b": 2.0, "e": 1.0, "low": 0.3, "m": 0.2}
GOALS = {
    "minimize (c @ x + e) / (d @ x + r)": (1, lambda t: t),
    "maximize (c @ x + e) / (d @ x + r)": (-1, lambda t: t),
    "minimize 3 - 2 * exp((c @ x + e) / (d @ x + r))": (-1, lambda t: 3 - 2 * np.exp(t)),
    "maximize r * atan((c @ x + e) / (d @ x + r)) + e": (-1, lambda t: 0.7 * np.arctan(t) + 1.0),
}


def compiled(text: str):
    model, analysis = compile_source(Source("m.opt", text), {}, Settings(), jnp.float64)
    assert model is not None, [finding.message for finding in analysis.diagnostics]
    assert analysis.classification is not None and analysis.classification.problem_class == "NLP"
    return model


def arrays(**changed: float) -> dict[str, jax.Array]:
    return {name: jnp.asarray(value, float) for name, value in {**DATA, **changed}.items()}


def by_charnes_and_cooper(sign: int) -> float:
    """min s (cᵀy + e t) with dᵀy + r t = 1 and the rows in (y, t) = (x, 1)/(dᵀx + r)."""
    rows = [[1, 1, 1, -DATA["b"]], [0, -1, -1, DATA["low"]]]
    equations = [[1, -1, 0, -DATA["m"]], [*DATA["d"], DATA["r"]]]
    cost = sign * np.array([*DATA["c"], DATA["e"]])
    return sign * linprog(cost, rows, [0, 0], equations, [0, 1], bounds=(0, None)).fun


@pytest.mark.parametrize("goal", GOALS)
def test_linear_fractional(goal: str) -> None:
    model = compiled(FRACTIONAL.format(goal=goal))
    sign, outer = GOALS[goal]

    def function(params):
        out = model.function(params)
        return out.objective, out

    solver = jax.jit(jax.value_and_grad(function, has_aux=True))
    (objective, out), slopes = solver(arrays())
    assert out.status == Status.SOLVED
    np.testing.assert_allclose(objective, outer(by_charnes_and_cooper(sign)), rtol=1e-9)
    way = -1 if goal.startswith("minimize") else 1
    np.testing.assert_allclose(slopes["b"], way * out.duals["cap"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(slopes["low"], -way * out.duals["least"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(slopes["m"], out.duals["mix"], rtol=1e-7, atol=1e-9)
    for name, value in DATA.items():
        direction = jnp.cos(1.0 + jnp.arange(np.size(value))).reshape(np.shape(value))
        ends = [solver({**arrays(), name: arrays()[name] + h * direction})[0][0] for h in (1e-6, -1e-6)]
        wanted = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(jnp.sum(slopes[name] * direction), wanted, rtol=1e-5, atol=1e-7, err_msg=name)


QUADRATIC = """
param c[2], d[2] in nonneg, r in pos
var x[2] in nonneg
let energy = sumsq(x - c) + 1
minimize energy / (d @ x + r)
using bisection
"""


def test_a_quadratic_over_an_affine_function() -> None:
    """The stationary point of (‖x - c‖² + 1)/(dᵀx + r); the solution and its derivative, and a batch."""
    model = compiled(QUADRATIC)
    params = {"c": jnp.array([1.0, 0.5]), "d": jnp.array([0.5, 1.0]), "r": jnp.asarray(0.3)}

    def solution(moved):
        out = model.function(moved)
        return out.values["x"], (out.objective, out.status, out.values["energy"])

    x, (objective, status, energy) = jax.jit(solution)(params)
    assert status == Status.SOLVED
    np.testing.assert_allclose(2 * (x - params["c"]), objective * params["d"], rtol=1e-8)
    np.testing.assert_allclose(objective, energy / (params["d"] @ x + params["r"]), rtol=1e-9)
    jacobian = jax.jit(jax.jacrev(lambda r: solution({**params, "r": r})[0]))(params["r"])
    ends = [jax.jit(solution)({**params, "r": params["r"] + h})[0] for h in (1e-5, -1e-5)]
    np.testing.assert_allclose(jacobian, (ends[0] - ends[1]) / 2e-5, rtol=1e-5)
    many = jax.jit(jax.vmap(lambda r: solution({**params, "r": r})[1]))(jnp.array([0.3, 0.9]))
    np.testing.assert_allclose(many[0][0], objective, rtol=1e-9)
    assert many[0][1] < many[0][0] and np.all(many[1] == Status.SOLVED)


SEVERAL = """
param A[3, 3] in pos, B[3, 3] in pos, b in pos
var x[3] in nonneg
let rates = (B @ x) / (A @ x)
{goal}
subject to
  total: sum(x) == b
using bisection
"""
GREATEST = {
    "maximize min((B[i] @ x) / (A[i] @ x) for i in range(3))": None,
    "maximize 2 - exp(-min(rates))": None,
    "minimize max(max((A @ x) / (B @ x)), 2 * x[0])": 2.0,
}


def level_of_several(A: np.ndarray, B: np.ndarray, total: float, slope: float | None) -> float:
    """The greatest t with Bx >= tAx for some x, or the least with Ax <= tBx and slope x[0] <= t."""

    def is_met(t: float) -> bool:
        rows = t * A - B if slope is None else np.vstack([A - t * B, slope * np.eye(1, 3)])
        sides = np.zeros(3) if slope is None else np.array([0, 0, 0, t])
        return linprog(np.zeros(3), rows, sides, np.ones((1, 3)), [total], bounds=(0, None)).status == 0

    low, high = 0.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if is_met(middle) == (slope is None) else (low, middle)
    return (low + high) / 2


@pytest.mark.parametrize("goal", GREATEST)
def test_the_greatest_or_least_of_several_quotients(goal: str) -> None:
    """Rates of growth as von Neumann's model has them; the reference by linear programs level by level."""
    model, random = compiled(SEVERAL.format(goal=goal)), np.random.default_rng(5)
    params = {"A": jnp.asarray(random.uniform(0.5, 2, (3, 3))), "B": jnp.asarray(random.uniform(0.5, 2, (3, 3)))}
    params["b"] = jnp.asarray(1.3)

    def function(moved):
        out = model.function(moved)
        return out.objective, out

    solver = jax.jit(jax.value_and_grad(function, has_aux=True))
    (objective, out), slopes = solver(params)
    assert out.status == Status.SOLVED
    wanted = level_of_several(np.asarray(params["A"]), np.asarray(params["B"]), 1.3, GREATEST[goal])
    wanted = 2 - np.exp(-wanted) if "exp" in goal else wanted
    np.testing.assert_allclose(objective, wanted, rtol=1e-6)
    np.testing.assert_allclose(slopes["b"], out.duals["total"], rtol=1e-7, atol=1e-9)
    for name, value in params.items():
        direction = jnp.cos(1.0 + jnp.arange(value.size)).reshape(value.shape)
        ends = [solver({**params, name: value + h * direction})[0][0] for h in (1e-6, -1e-6)]
        found = jnp.sum(slopes[name] * direction)
        np.testing.assert_allclose(found, (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-7, err_msg=name)


def test_statuses() -> None:
    model = compiled(FRACTIONAL.format(goal="minimize (c @ x + e) / (d @ x + r)"))
    out = jax.jit(model.function)(arrays(low=5.0))
    assert out.status == Status.INFEASIBLE
    assert np.isnan(out.objective)
    assert out.conflict["cap"] and out.conflict["least"]


def test_an_unbounded_dividend() -> None:
    """min (-x + 1)/(x + 2) over x >= 0 tends to -1 and is met nowhere; with x <= b it is met at b."""
    text = "param b\nvar x in nonneg\nminimize (1 - x) / (x + 2)\nsubject to\n  x <= b\nusing bisection\n"
    out = jax.jit(compiled(text).function)({"b": 7.0})
    np.testing.assert_allclose([out.objective, out.values["x"]], [-6 / 9, 7.0], rtol=1e-9)


def test_a_divisor_that_may_vanish() -> None:
    """At the level 0 nothing holds the divisor, which may be 0 or rounding there; the least is met at its bound."""
    text = "param b\nvar x in nonneg, y in nonneg\nminimize (1 + x) / y\nsubject to\n  y <= b\nusing bisection\n"
    out = jax.jit(compiled(text).function)({"b": 2.0})
    np.testing.assert_allclose([out.objective, out.values["y"]], [0.5, 2.0], rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("var x\nminimize x^2\nusing bisection\n", "E0606"),
        ("var x in box(0, 1)\nminimize x / (x - 2)\nusing bisection\n", "W0501"),
        ("var x in box(0, 1), y in box(1, 2)\nminimize x * y\nusing bisection\n", "W0501"),
        ("var x in nonneg\nmaximize x^2 / (x + 1)\nusing bisection\n", "W0501"),
        ("var x in nonneg\nminimize min(1 / (x + 1), x / (x + 2))\nusing bisection\n", "W0501"),
        ("var x in nonneg\nminimize x / (x + 1) + 1 / (x + 2)\nusing bisection\n", "W0501"),
    ],
)
def test_what_bisection_does_not_take(text: str, code: str) -> None:
    assert code in [finding.code for finding in analyse_text(text).diagnostics]
