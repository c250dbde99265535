"""Whole models: outcomes with their duals, slacks, conflicts and derivatives; what the program may and may not hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from karush.compiler.pipeline import compile_source
from karush.dsl.source import Source
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.protocol import Settings
from karush.solvers.result import Status


def compiled(text, dims=None, settings=None, dtype=jnp.float64):
    model, analysis = compile_source(Source("t.opt", text), dims or {}, settings or Settings(), dtype)
    assert model is not None, [d.message for d in analysis.diagnostics]
    return model


def solved(model, params, wrt):
    """The outcome, and the gradient of the objective in some params: one program, compiled once."""

    def objective(moved):
        out = model.function({**params, **moved})
        return out.objective, out

    moved = {name: jnp.asarray(params[name], float) for name in wrt}
    (_, out), gradient = jax.jit(jax.value_and_grad(objective, has_aux=True))(moved)
    return out, gradient


PRICES = """
param e, f, g, p, q, lo, hi, c[3]
var x[3], y in box(lo, hi), k in nonneg
{goal} {sign} (sumsq(x - c) / 2 + (y - 2)^2 + (k + 1)^2)
subject to
  eq: sum(x) == 1 + e
  qe: 2 + e == x[1] + y * 0 + 2
  le: x[0] <= 1 + f
  ge: x[0] + x[2] >= 0.6 - g
  rng: -0.1 - p <= x[2] - 2 * x[0] <= 0.1 + q
"""


@pytest.mark.parametrize("goal, sign", [("minimize", 1.0), ("maximize", -1.0)])
def test_a_dual_is_the_derivative_of_the_optimal_value(goal, sign):
    """d(opt)/dε for equations; the gain per unit of slack, nonnegative, for inequalities in either sense."""
    model = compiled(PRICES.format(goal=goal, sign="" if sign > 0 else "-"))
    assert model.choice.name == "active_set"
    params = {**dict.fromkeys("efgpq", 0.0), "lo": 1.0, "hi": 1.5, "c": jnp.array([2.0, 1.0, -3.0])}
    out, slopes = solved(model, params, ["e", "f", "g", "p", "q", "hi"])
    assert out.status == Status.SOLVED
    both = out.duals["eq"] - out.duals["qe"]  # e moves both; the second disturbs its left side
    np.testing.assert_allclose(slopes["e"], both, atol=1e-9)
    gains = {"f": out.duals["le"], "g": out.duals["ge"], "p": out.duals["rng"]["lower"], "q": out.duals["rng"]["upper"]}
    for name, gain in gains.items():
        assert gain >= -1e-9
        np.testing.assert_allclose(slopes[name], -sign * gain, atol=1e-9)
    assert max(gains.values()) > 0.1
    np.testing.assert_allclose(slopes["hi"], -sign * out.duals["y"]["upper"], atol=1e-9)
    np.testing.assert_allclose(out.duals["y"]["lower"], 0, atol=1e-9)
    np.testing.assert_allclose(out.duals["k"], 2, atol=1e-9)  # the reduced cost of k = 0
    np.testing.assert_allclose(out.slacks["y"]["lower"], 0.5, atol=1e-9)
    np.testing.assert_allclose(out.slacks["eq"], 0, atol=1e-9)
    active = {label: bool(np.all(mask)) for label, mask in out.derivative.active.items() if label in ("k", "y")}
    assert active == {"k": True, "y": True}


GRAPHS = """
dim n, m
param A[m, n], y[m], w[m], lam in nonneg, c[3]
var x[n], p[3] in simplex, q[3] in l1_ball(1), r[3] in linf_ball(0.5)
let f = sum(abs(A[i] @ x - y[i]) for i in m if w[i] > 0) + max(A[i] @ x for i in m) + sum(huber(x, 0.5))
        + norminf(x) + 0.3 * norm1(A @ x) + sum_largest(x, 2) + sum(hinge(w[i] * (A[i] @ x)) for i in m)
        + sum(max(x[j], 0.1, -x[j]) for j in n) + sumsq(x) / 10
minimize f + lam * norm1(x) + sumsq(p - c) + sumsq(q - c) + sumsq(r - c)
"""


def test_graph_forms_and_sets():
    """The graph forms are tight at the optimum, which no point nearby beats; sets are projected on."""
    model = compiled(GRAPHS, {"n": 3, "m": 4})
    random = np.random.default_rng(5)
    A, y, w = random.normal(size=(4, 3)), random.normal(size=4), np.array([1.0, -1.0, 0.5, 2.0])
    params = {"A": A, "y": y, "w": w, "lam": 0.0, "c": np.array([1.0, 0.6, -2.0])}
    out, gradient = solved(model, params, ["y"])
    assert out.status == Status.SOLVED and set(out.values) == {"x", "p", "q", "r", "f"}

    def by_numpy(x, y=y):
        r = A @ x
        small = np.where(abs(x) <= 0.5, x**2 / 2, 0.5 * (abs(x) - 0.25)).sum()
        total = abs(r - y)[w > 0].sum() + r.max() + small + abs(x).max() + 0.3 * abs(r).sum()
        total += np.sort(x)[-2:].sum() + np.maximum(1 - w * r, 0).sum()
        return total + np.maximum(np.maximum(x, -x), 0.1).sum() + x @ x / 10

    best = np.asarray(out.values["x"])
    np.testing.assert_allclose(by_numpy(best), out.values["f"], rtol=1e-10)
    nearby = best + random.normal(size=(300, 3)) * np.logspace(-4, 0, 300)[:, None]
    assert min(map(by_numpy, nearby)) >= by_numpy(best) - 1e-9
    np.testing.assert_allclose(out.values["p"], [0.7, 0.3, 0.0], atol=1e-8)
    np.testing.assert_allclose(out.values["q"], [0.0, 0.0, -1.0], atol=1e-8)
    np.testing.assert_allclose(out.values["r"], [0.5, 0.5, -0.5], atol=1e-8)
    rest = sum(((np.asarray(out.values[name]) - params["c"]) ** 2).sum() for name in "pqr")
    np.testing.assert_allclose(out.objective, out.values["f"] + rest, rtol=1e-8)  # no gap between graph and atom
    assert out.duals["p"].shape == (3,) and out.duals["q"].shape == () and set(out.duals["r"]) == {"lower", "upper"}
    np.testing.assert_allclose(out.duals["q"], 2.0, atol=1e-7)  # the ball's radius: d/dr (c₂ + r)²
    slope = (by_numpy(best, y + 1e-6) - by_numpy(best, y - 1e-6)) / 2e-6  # the envelope formula
    np.testing.assert_allclose(gradient["y"].sum(), slope, atol=1e-7)
    # at lam = 0 the t of its norm may move, but no var of the model may
    assert out.derivative.evidence.primal != DerivativeStatus.UNDEFINED


def test_a_conflict_names_labels_lines_and_sets():
    text = "param a\nvar x in nonneg, y[2]\nminimize sumsq(y) + x^2\nsubject to\n  x <= a\n  other: y == 1\n"
    out = compiled(text).jitted({"a": -1.0})
    assert out.status == Status.INFEASIBLE
    assert {name: bool(part) for name, part in out.conflict.items()} == {"x": True, "line 5": True, "other": False}
    assert np.isnan(out.values["x"]) and np.isnan(out.objective) and np.isnan(out.values["y"]).all()


FLOW = """
dim n, l
param src[l] in index(n), dst[l] in index(n), cost[l], supply[n], cap[l], keep[l] = [1.0 for i in l]
var f[l] in nonneg
minimize sumsq(f) / 2 + cost @ f
subject to
  flow: sum(f[k] for k in l if src[k] == i) - sum(f[k] for k in l if dst[k] == i) == supply[i]  for i in range(1, n)
  cap:  f[k] <= cap[k]  for k in l if keep[k] > 0.5
"""


def test_filters_infinite_bounds_defaults_and_batches():
    model = compiled(FLOW, {"n": 3, "l": 4})
    params = {
        "src": np.array([0, 0, 1, 2]),
        "dst": np.array([1, 2, 2, 0]),
        "cost": np.array([1.0, 2.0, 0.5, 1.0]),
        "supply": np.array([2.0, -0.5, -1.5]),
        "cap": np.array([0.6, np.inf, 1.0, 0.0]),
    }
    out, gradient = solved(model, params, ["cap"])
    assert out.status == Status.SOLVED and out.duals["flow"].shape == (2,) and out.duals["cap"].shape == (4,)
    f = np.asarray(out.values["f"])
    np.testing.assert_allclose([f[2] - f[0], f[3] - f[1] - f[2]], [-0.5, -1.5], atol=1e-8)
    assert out.slacks["cap"][1] == np.inf and f[0] <= 0.6 + 1e-9
    np.testing.assert_allclose(gradient["cap"], -out.duals["cap"], atol=1e-8)
    assert np.isfinite(gradient["cap"]).all()
    keeps = np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
    batched = jax.jit(jax.vmap(lambda keep: model.function({**params, "keep": keep})))
    lanes = batched(keeps)
    np.testing.assert_allclose(lanes.values["f"][0], f, atol=1e-8)
    assert lanes.duals["cap"][1, 0] == 0 and lanes.slacks["cap"][1, 0] == 0
    assert lanes.objective[1] < lanes.objective[0]
    batched(1 - keeps)
    assert batched._cache_size() == 1


def test_a_function_file():
    text = "dim n\nparam b[n], a = sum(b), k in int\nlet s = a * sum(b) + k\nlet t = [a * b[i] for i in n]\n"
    model = compiled(text, {"n": 2})
    out = model.jitted({"b": jnp.array([1.0, 2.0]), "k": 3})
    assert out.values["s"] == 12 and out.objective is None and model.counts()["variables"] == 0
    gradient = jax.grad(lambda b: model.function({"b": b, "k": 3}).values["s"])(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(gradient, [6.0, 6.0])  # through the default, too
    model.jitted({"b": jnp.array([5.0, 2.0]), "k": 1})
    assert model.jitted._cache_size() == 1


MPC = """
dim T, nx, nu
param A[nx, nx], B[nx, nu], x0[nx], Q[nx, nx] in psd, R[nu, nu] in pd, umax in pos
var x[T + 1, nx], u[T, nu] in box(-umax, umax)
minimize sum(quad(x[t], Q) + quad(u[t], R) for t in T) + quad(x[T], Q)
subject to
  start:    x[0] == x0
  dynamics: x[t + 1] == A @ x[t] + B @ u[t]      for t in T
  rate:     -1 <= u[t] - u[t - 1] <= 1           for t in range(1, T)
"""


def test_program_size_does_not_grow_with_the_horizon():
    sizes = []
    for horizon in (10, 1000, 10000):
        model = compiled(MPC, {"T": horizon, "nx": 2, "nu": 1}, Settings(solver="ipm"))
        text = jax.jit(model.function).lower(model.specification()).as_text()
        sizes.append(len(text.splitlines()))
        assert "callback" not in text
        assert max(len(line) for line in text.splitlines() if "constant dense<" in line) < 1000
    assert len(set(sizes)) == 1


CHOICES = [
    ("param p\nvar x\nminimize (x - p)^2 / 2\n", "active_set", True),
    ("param p in pos\nvar x in nonneg\nminimize p * x\n", "ipm", False),
    ("param p, P[2, 2] in pd\nvar x[2], y\nminimize quad(x, P) + p * y\n", "active_set", False),
    ("param P[2, 2] in psd\nvar x[2]\nminimize quad(x, P)\n", "active_set", None),
    ("param P[2, 2] in pd, c[2], g in pos\nvar x[2]\nmaximize sum(x) - g / 2 * quad(x - c, P)\n", "active_set", True),
    ("param P[2, 2] in pd, g in nonneg\nvar x[2]\nminimize g * (x @ P @ x)\n", "active_set", None),
    ("param P[2, 2] in pd\nvar x[2]\nminimize quad(x, P) + norm1(x)\n", "active_set", False),
    ("param a in nonneg\nvar x[2]\nminimize 2 * (sumsq(x) + a * norm1(x)) / 3\n", "active_set", False),
]


@pytest.mark.parametrize("text, solver, strongly_convex", CHOICES)
def test_the_choice_of_a_solver(text, solver, strongly_convex):
    model = compiled(text)
    assert model.strongly_convex is strongly_convex
    assert model.choice.name == solver and model.choice.reason


SYMBOLIC = """
dim n
param P[n, n] in pd, q[n], w0[n]
var x[n] in simplex
maximize q @ x - sum(x[i] * x[i] * q[i]^2 for i in n) - quad(x, P)
subject to
  turn: norm1(x - w0) <= 1
"""


def test_the_template_has_symbolic_sizes():
    (n,) = export.symbolic_shape("n", constraints=["n >= 1"])
    model = compiled(SYMBOLIC, {"n": n})
    exported = export.export(jax.jit(model.template))(model.specification())
    params = {"P": jnp.eye(3), "q": jnp.array([1.0, 0.0, 2.0]), "w0": jnp.ones(3) / 3}
    for got, want in zip(
        jax.tree.leaves(exported.call(params)),
        jax.tree.leaves(compiled(SYMBOLIC, {"n": 3}).template(params)),
        strict=True,
    ):
        np.testing.assert_allclose(got, want)


@pytest.mark.parametrize(
    "text, dims", [(SYMBOLIC, {"n": 3}), (FLOW, {"n": 3, "l": 4}), (MPC, {"T": 3, "nx": 2, "nu": 1})]
)
def test_single_precision_stays_single(text, dims):
    model = compiled(text, dims, dtype=jnp.float32)
    leaves = jax.tree.leaves(jax.eval_shape(model.template, model.specification()))
    assert {leaf.dtype for leaf in leaves} <= {jnp.dtype(jnp.float32), jnp.dtype(bool)}
    outcome = jax.eval_shape(model.function, model.specification())
    assert all(v.dtype == jnp.float32 for v in jax.tree.leaves((outcome.values, outcome.duals, outcome.slacks)))
