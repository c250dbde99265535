"""Geometric programs with posynomials: values as CVXPY finds them (``gp=True``), duals as derivatives in the sides."""

from __future__ import annotations

from functools import cache

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np

from karush.compiler.analyse import analyse_text
from karush.compiler.pipeline import compile_analysis
from karush.solvers.protocol import Settings
from karush.solvers.result import Status

BOX = """
dim n
param a in pos, b in pos, c[n] in pos, q[n] in pos, r in pos
var h in pos, w in pos, d in pos, z[n] in pos
minimize 1 / (h * w * d) + 0.1 * sum(c * z) + sqrt(h)
subject to
  wall: 2 * (h * w + h * d) + z[0] <= a
  floor: w * d <= b
  ratio: 0.5 <= h / w <= 2
  even: d / w == r
  each: z[i] * h - w >= q[i]  for i in n
  few: sum(w / z[i] for i in n if i > 0) + norm2(z) / 20 <= 1
using ipm(curvature = loglog)
"""
DATA = {"a": 7.0, "b": 4.0, "c": np.array([0.5, 1.0, 0.7]), "q": np.array([0.3, 0.2, 0.4]), "r": 1.5}


@cache
def solver():
    model = compile_analysis(analyse_text(BOX), {"n": 3}, Settings(tol=1e-10), jnp.float64)

    def function(params):
        out = model.function(params)
        return out.objective, out

    return jax.jit(jax.value_and_grad(function, has_aux=True))


def arrays() -> dict[str, jax.Array]:
    return {name: jnp.asarray(value, float) for name, value in DATA.items()}


def test_a_solution() -> None:
    (objective, out), _ = solver()(arrays())
    assert out.status == Status.SOLVED
    h, w, d, z = cp.Variable(pos=True), cp.Variable(pos=True), cp.Variable(pos=True), cp.Variable(3, pos=True)
    goal = 1 / (h * w * d) + 0.1 * cp.sum(cp.multiply(DATA["c"], z)) + h**0.5
    rows = [2 * (h * w + h * d) + z[0] <= DATA["a"], w * d <= DATA["b"], h / w <= 2, h / w >= 0.5, d / w == DATA["r"]]
    rows += [z[i] * h >= DATA["q"][i] + w for i in range(3)]
    rows += [w / z[1] + w / z[2] + cp.pnorm(z, 2) / 20 <= 1]
    wanted = cp.Problem(cp.Minimize(goal), rows).solve(gp=True, solver="CLARABEL")
    np.testing.assert_allclose(objective, wanted, rtol=1e-6)
    for name, variable in (("h", h), ("w", w), ("d", d), ("z", z)):
        np.testing.assert_allclose(out.values[name], variable.value, rtol=1e-3)


def test_duals_and_gradients() -> None:
    """Each side's derivative of the optimal value is its row's dual, and finite differences say the same."""
    (_, out), slopes = solver()(arrays())
    duals = out.duals
    np.testing.assert_allclose(slopes["a"], -duals["wall"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(slopes["b"], -duals["floor"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(slopes["q"], duals["each"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(slopes["r"], duals["even"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(slopes["c"], 0.1 * out.values["z"], rtol=1e-6)
    assert float(jnp.sum(jnp.abs(duals["each"]) > 1e-3)) >= 1
    data = arrays()
    for name, value in data.items():
        direction = jnp.cos(1.0 + jnp.arange(value.size)).reshape(value.shape)
        ends = [solver()({**data, name: value + step * direction})[0][0] for step in (1e-5, -1e-5)]
        np.testing.assert_allclose(jnp.sum(slopes[name] * direction), (ends[0] - ends[1]) / 2e-5, rtol=1e-4, atol=1e-7)
