"""Values of expressions against NumPy, and what must not happen on the way: NaN, masks of size n × m, unrolling."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.lowering.atom_values import atoms_of
from karush.compiler.lowering.evaluate import evaluate_all
from karush.compiler.lowering.scope import Inputs

RNG = np.random.default_rng(7)
DIMS = {"n": 4, "m": 6, "k": 3}
HEADER = """dim n, m, k
param a[n], b[n], A[m, n], B[m, n], S[n, n], s, t in pos
param src[m] in index(n), dst[m] in index(n), v[m], x0[n]
"""
PARAMS = {
    "a": RNG.normal(size=4),
    "b": RNG.normal(size=4),
    "A": RNG.normal(size=(6, 4)),
    "B": RNG.normal(size=(6, 4)),
    "S": RNG.normal(size=(4, 4)),
    "s": np.float64(0.7),
    "t": np.float64(1.3),
    "src": np.array([0, 2, 2, 3, 0, 2]),
    "dst": np.array([1, 1, 3, 0, 2, 0]),
    "v": RNG.normal(size=6),
    "x0": np.array([0.0, 1.0, 0.0, 2.0]),
}


def function(expression: str, dims=DIMS):
    """The expression as a function of the params."""
    analysis = analyse_text(HEADER + f"let out = {expression}\n")
    assert not analysis.failed, [d.message for d in analysis.diagnostics]
    atoms = atoms_of(analysis.library)

    def value(params):
        arrays = {name: jnp.asarray(p) for name, p in params.items()}
        return evaluate_all(analysis.model.lets, Inputs(dims, arrays, {}, jnp.float64), atoms)["out"]

    return value


def value(expression: str):
    return np.asarray(jax.jit(function(expression))(PARAMS))


P = PARAMS
CASES = {
    "2 * a + b / 4 - s": 2 * P["a"] + P["b"] / 4 - P["s"],
    "a^2 - a^3": P["a"] ** 2 - P["a"] ** 3,
    "A @ a": P["A"] @ P["a"],
    "A.T @ v": P["A"].T @ P["v"],
    "a @ S @ b": P["a"] @ P["S"] @ P["b"],
    "sum(a) / n": P["a"].mean(),
    "quad(a, S)": P["a"] @ P["S"] @ P["a"],
    "huber(a, 0.5)": np.where(abs(P["a"]) <= 0.5, P["a"] ** 2 / 2, 0.5 * (abs(P["a"]) - 0.25)),
    "[a[i] * b[i] for i in n]": P["a"] * P["b"],
    "[A[i] @ a + v[i] for i in m]": P["A"] @ P["a"] + P["v"],
    "[A[i, j] - B[i, j] * a[j] for i in m, j in n]": P["A"] - P["B"] * P["a"],
    "[S[j, i] for i in n, j in n]": P["S"].T,
    "[S[i, i] for i in n]": np.diag(P["S"]),
    "[a[i] - a[i - 1] for i in range(1, n)]": np.diff(P["a"]),
    "[a[i] for i in range(0, n, 2)]": P["a"][::2],
    "sum(A[i, j] * a[j] for i in m, j in n)": (P["A"] @ P["a"]).sum(),
    "sum(A[i] for i in m)": P["A"].sum(axis=0),
    "sum(v[l] for l in m if v[l] > 0)": P["v"][P["v"] > 0].sum(),
    "mean(v[l] for l in m if v[l] > 0)": P["v"][P["v"] > 0].mean(),
    "max(v[l] for l in m if src[l] == 2)": P["v"][P["src"] == 2].max(),
    "min(A[i] @ a for i in m)": (P["A"] @ P["a"]).min(),
    "prod(b[i] for i in n)": P["b"].prod(),
    "logsumexp(v[l] for l in m if src[l] != 0)": np.log(np.exp(P["v"][P["src"] != 0]).sum()),
    "a[src]": P["a"][P["src"]],
    "S[0, src]": P["S"][0, P["src"]],
    "[S[i, src] for i in n]": P["S"][:, P["src"]],
    "[S[src[l], dst[l]] for l in m]": P["S"][P["src"], P["dst"]],
    "[sum(v[l] for l in m if src[l] == i) for i in n]": np.bincount(P["src"], P["v"], 4),
    "[sum(A[l] * b[i] for l in m if src[l] == i) for i in n]": np.stack(
        [P["A"][P["src"] == i].sum(axis=0) * P["b"][i] for i in range(4)]
    ),
    "[sum(v[l] for l in m if src[l] == i and dst[l] > i) for i in n]": np.array(
        [P["v"][(P["src"] == i) & (P["dst"] > i)].sum() for i in range(4)]
    ),
    "[sum(v[l] * a[dst[l]] for l in m if src[l] == i) for i in range(1, n)]": np.bincount(
        P["src"], P["v"] * P["a"][P["dst"]], 4
    )[1:],
    "[sum(v[l] * b[j] for l in m if src[l] == i) for i in n, j in n]": np.outer(
        np.bincount(P["src"], P["v"], 4), P["b"]
    ),
    "[sum(v[l] for l in m if src[l] == i) + sum(v[l] for l in m if dst[l] == j) for i in n, j in n]": np.add.outer(
        np.bincount(P["src"], P["v"], 4), np.bincount(P["dst"], P["v"], 4)
    ),
    "if s > 0 then a else b": P["a"],
    "[if a[i] > 0 then a[i] else i for i in n]": np.where(P["a"] > 0, P["a"], np.arange(4)),
    "max(a, b, s)": np.maximum(np.maximum(P["a"], P["b"]), P["s"]),
    "min(a, b)": np.minimum(P["a"], P["b"]),
    "concat(a, [s, 1.0])": np.concatenate([P["a"], [P["s"], 1.0]]),
    "[a, b]": np.stack([P["a"], P["b"]]),
    "diag(a) + eye(n)": np.diag(P["a"]) + np.eye(4),
    "reshape(A, n * m)": P["A"].reshape(-1),
    "zeros(n) + 1": np.ones(4),
    "1 / 3 + 2^3": 1 / 3 + 8,
    "a[-1] + a[0:2][1]": P["a"][-1] + P["a"][1],
}


@pytest.mark.parametrize("expression", CASES)
def test_values(expression):
    np.testing.assert_allclose(value(expression), CASES[expression], rtol=1e-13, atol=1e-13)


def test_a_let_used_twice_is_computed_once():
    analysis = analyse_text(HEADER + "let r = A @ a\nlet out = sum([r[i] * r[i] for i in m]) + sum(r)\n")
    atoms = atoms_of(analysis.library)

    def lets(params):
        return evaluate_all(analysis.model.lets, Inputs(DIMS, params, {}, jnp.float64), atoms)

    text = jax.jit(lets).lower({k: jnp.asarray(v) for k, v in PARAMS.items()}).as_text()
    assert len(re.findall(r"stablehlo\.dot_general", text)) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "[a[i + 1] - a[i] * S[i, 0] for i in range(0, n - 1)]",
        "sum(A[l] @ a for l in m if v[l] > 0)",
        "[sum(v[l] * a[src[l]] for l in m if dst[l] == i) for i in n]",
    ],
)
def test_program_size_does_not_depend_on_sizes(expression):
    def lines(n, m):
        shapes = {"a": (n,), "b": (n,), "A": (m, n), "B": (m, n), "S": (n, n), "s": (), "t": (), "v": (m,), "x0": (n,)}
        params = {name: jax.ShapeDtypeStruct(shape, jnp.float64) for name, shape in shapes.items()}
        params |= {name: jax.ShapeDtypeStruct((m,), jnp.int64) for name in ("src", "dst")}
        text = jax.jit(function(expression, {"n": n, "m": m, "k": 3})).lower(params).as_text()
        return len(text.splitlines()), max(map(len, text.splitlines()))

    small, large = lines(10, 20), lines(1000, 3000)
    assert small[0] == large[0]
    assert large[1] < 400  # no constant of the length of a dim


def test_a_filter_by_key_is_a_segment_sum_without_mask():
    expression = "[sum(v[l] * a[i] for l in m if src[l] == i) for i in n]"
    params = {k: jnp.asarray(p) for k, p in PARAMS.items()}
    jaxpr = str(jax.make_jaxpr(function(expression))(params))
    assert "scatter-add" in jaxpr or "scatter_add" in jaxpr
    assert "[4,6]" not in jaxpr and "[6,4]" not in jaxpr.replace("f64[6,4]", "", 2)


def test_a_binder_index_is_a_slice_not_a_gather():
    jaxpr = str(
        jax.make_jaxpr(function("[A[i] @ a + v[i] for i in m]"))({k: jnp.asarray(p) for k, p in PARAMS.items()})
    )
    assert "gather" not in jaxpr


@pytest.mark.parametrize(
    "expression, wrt",
    [
        ("sum(if x0 > 0 then sqrt(x0) else 0)", "x0"),
        ("sum(if x0[i] > 0 then log(x0[i]) else 0 for i in n)", "x0"),
        ("sum(1 / x0[i] for i in n if x0[i] > 0)", "x0"),
        ("sum(a[i]^x0[i] * log(x0[i]) for i in n if x0[i] > 0.5)", "x0"),
        ("[sum(v[l] / x0[i] for l in m if src[l] == i and x0[i] > 0) for i in n] @ b", "x0"),
    ],
)
def test_no_nan_from_what_is_left_out(expression, wrt):
    params = {k: jnp.abs(jnp.asarray(p)) if k == "a" else jnp.asarray(p) for k, p in PARAMS.items()}
    f = function(expression)
    gradient = jax.grad(lambda p: f({**params, wrt: p}))(params[wrt])
    assert np.isfinite(gradient).all()
    step = 1e-6 * jnp.where(params[wrt] > 0, 1.0, 0.0)
    for index in np.flatnonzero(np.asarray(step)):
        e = jnp.zeros(4).at[index].set(1e-6)
        slope = (f({**params, wrt: params[wrt] + e}) - f({**params, wrt: params[wrt] - e})) / 2e-6
        np.testing.assert_allclose(gradient[index], slope, rtol=1e-5, atol=1e-8)


def test_ties_of_a_maximum_share_equally():
    f = function("sum(max(a, b, x0))")
    same = {**{k: jnp.asarray(p) for k, p in PARAMS.items()}, "a": jnp.ones(4), "b": jnp.ones(4), "x0": jnp.ones(4)}
    for name in ("a", "b", "x0"):
        gradient = jax.grad(lambda p, name=name: f({**same, name: p}))(same[name])
        np.testing.assert_allclose(gradient, np.full(4, 1 / 3))


@pytest.mark.parametrize("expression", ["sum(a / x0)", "a[0] / x0[1] + s / 3", "sum(s / x0)"])
def test_a_quotient_has_its_derivatives_of_both_orders(expression):
    params = {**{k: jnp.asarray(p) for k, p in PARAMS.items()}, "x0": jnp.arange(1.0, 5.0)}
    f = function(expression)
    text = expression.replace("sum", "jnp.sum")

    def reference(p):
        return eval(text, {"jnp": jnp}, dict(p))  # the same text is Python

    for wrt in ("a", "x0", "s"):
        mine = jax.hessian(lambda p, wrt=wrt: f({**params, wrt: p}))(params[wrt])
        theirs = jax.hessian(lambda p, wrt=wrt: reference({**params, wrt: p}))(params[wrt])
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


def test_single_precision_stays_single():
    analysis = analyse_text(HEADER + "let out = [a[i] / n + i * 0.5 + 1 / 3 for i in n]\nlet k2 = mean(a) / 2 + n\n")
    arrays = {k: jnp.asarray(p, jnp.float32) if p.dtype == np.float64 else jnp.asarray(p) for k, p in PARAMS.items()}
    found = evaluate_all(analysis.model.lets, Inputs(DIMS, arrays, {}, jnp.float32), atoms_of(analysis.library))
    assert {v.dtype for v in found.values()} == {jnp.dtype(jnp.float32)}
