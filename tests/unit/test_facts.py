"""Curvature, sign and degree of expressions, against what is known of them by hand."""

from __future__ import annotations

from functools import partial

import pytest

from karush.compiler.facts.fact import Fact, Facts
from karush.compiler.facts.infer import derive_facts
from karush.compiler.library import load_library
from karush.compiler.model import Model
from karush.compiler.reductions.values import value_of
from karush.compiler.resolving.resolve import extend_library, resolve_file
from karush.dsl.parse import parse
from karush.dsl.source import Source
from karush.stdlib.lattice import Curvature, Smoothness

DECLARATIONS = """
dim n, m
param c[n], A[m, n], B[n, n], P[n, n] in psd, Q[n, n] in pd, S[n, n] in sym, R[m, m] in psd
param a in pos, k in neg, s, u in box(0, 1), d[n] in nonneg, idx[m] in index(n)
var x[n], y[n], p[n] in nonneg, q[n] in nonpos, t, v in box(1, 2), X[n, n]
"""


def facts_of(expression: str) -> Fact:
    """The fact of an expression in the names above."""
    return derived(f"{DECLARATIONS}let probe = {expression}\nminimize 0\n")[1]


def derived(text: str) -> tuple[Facts, Fact]:
    source = Source("test.opt", text)
    module, errors = parse(source)
    library = load_library()
    resolved = resolve_file(module, library)
    extended = extend_library(module, library)
    model = resolved.model
    assert not errors and isinstance(model, Model), [f.message for f in (*errors, *resolved.findings)]
    facts = derive_facts(model, extended, partial(value_of, extended))
    return facts, facts[next(reversed(model.lets.values()))]


CURVATURES = {
    Curvature.CONSTANT: ["3", "c @ c", "sum(d) / n", "A @ c", "norm2(A[0])", "if s > 0 then 1 else 2", "x^0"],
    Curvature.AFFINE: [
        "x", "2 * t + 1", "s * t", "c @ x", "A @ x", "x @ A.T", "x[0]", "x[1:n]", "sum(x)", "mean(x)", "diff(x)",
        "cumsum(x)", "[c[i] * x[i] for i in n]", "sum(A[j, i] * x[i] for i in n, j in m)", "[t, v]", "concat(x, y)",
        "if s > 0 then x else -y", "t / s", "x.T", "trace(X)", "diag(X)", "vec(X)", "x[idx]", "t^1", "B @ X @ B",
        "sum(x[i] for i in n if c[i] > 0)",
    ],
    Curvature.CONVEX: [
        "t^2", "x^2", "t * t", "2 * t * t", "t * (3 * t)", "(t - s)^2 / 2", "t^4", "v^3", "p^1.5", "1 / v", "v^-1",
        "a / v", "2^t", "a^t", "exp(t)", "exp(t^2)", "exp(-log(v))", "abs(x)", "norm1(A @ x - A @ c)", "norm2(x)",
        "norminf(x)", "max(x)", "max(x, y)", "max(t, v, 3)", "max(t^2, exp(t))", "huber(t)", "huber(t, a)", "hinge(t)",
        "relu(t)", "pos_part(abs(t) - 1)", "sumsq(x)", "sumsq(A @ x)", "sumsq(p^2)", "abs(p^2)", "square(x)",
        "x @ x", "x @ P @ x", "x @ (P @ x)", "x @ Q @ x", "x.T @ P @ x", "0.5 * x @ P @ x", "a * x @ P @ x / 2",
        "x @ (P + Q) @ x", "x @ (2 * P) @ x", "x @ (P + eye(n)) @ x", "x @ (B.T @ B) @ x", "x @ B.T @ B @ x",
        "(B @ x) @ (B @ x)", "(A @ x) @ R @ (A @ x)", "x @ A.T @ R @ A @ x", "x @ diag(d) @ x", "x @ (d * x)",
        "(x - c) @ P @ (x - c)", "x @ eye(n) @ x", "x @ inv(Q) @ x", "-(x @ (-P) @ x)", "quad(x, P)",
        "quad(x - c, Q)", "quad(x, B.T @ B)", "quad_over_lin(x, v)", "quad_over_lin(x, a)", "-min(x)", "-log(v)",
        "-sqrt(t)", "logsumexp(x)", "logsumexp(c[i] * t for i in n)", "max(c[i] * t for i in n)", "sum_largest(x, 2)",
        "-sum_smallest(x, 2)", "tv(x)", "softplus(t)", "logistic(t)", "xlogx(t)", "-entropy(p)", "rel_entr(p, v)",
        "kl_div(p, v)", "inv_pos(t)", "cross_entropy(x, 0)", "lambda_max(X)", "sigma_max(X)", "norm_nuc(X)",
        "norm_fro(X)", "sum(abs(x[i]) for i in n)", "mean(x^2)", "[x[i]^2 for i in n]", "u * t^2", "(1 - u) * t^2",
        "(1 + n) * t^2", "s^2 * t^2", "-k * t^2", "k * log(t)", "abs(t) + t", "max(x) - min(x)", "squared(t)",
        "absolute(t)", "normal_nll(t, s)", "poisson_nll(a, t)", "leaky_relu(t)", "neg_part(log(t))",
        "if s > 0 then t^2 else abs(t)", "norm(x, 3)", "matrix_frac(x, Q)",
    ],
    Curvature.CONCAVE: [
        "-t^2", "sqrt(t)", "log(t)", "log1p(t)", "entropy(t)", "min(x)", "min(x, y)", "min(t, -abs(t))", "geo_mean(x)",
        "sum_smallest(x, 3)", "log(sqrt(v))", "t^0.5", "k * t^2", "k * abs(t)", "-x @ P @ x", "x @ (-P) @ x",
        "x @ (-Q - P) @ x", "c @ x - a / 2 * (x @ P @ x)", "logdet(X)", "lambda_min(X)", "sum(log(x))", "k / v",
    ],
    Curvature.UNKNOWN: [
        "t * v", "x * y", "x @ y", "x @ B @ x", "x @ S @ x", "x @ P @ y", "s * t^2", "t^2 - v^2", "t^3", "sin(t)",
        "tanh(t)", "log(abs(t))", "abs(t^2 - 1)", "sumsq(abs(x) - 1)", "1 / t", "exp(log(t))",
        "x[0] / x[1]", "t^-1", "huber(t, s)", "quad(x, B)", "quad(x, S)", "prod(x)", "softmax(x)", "median(x)",
        "sort(x)", "round(t)",
        "if t > 0 then t else 0", "max(t, -t^2)", "min(t, t^2)", "X @ X", "det(X)", "norm(x, s)", "x @ (P - Q) @ x",
        "s^t", "k^t", "t^s", "x @ (c * x)", "sum(x[i] for i in n if x[i] > 0)", "clip(t, 0, 1)", "(abs(t) - 1)^2",
        "bernoulli_nll(t, v)", "x @ P @ abs(x)", "(P @ x) @ (Q @ x)",
    ],
}  # fmt: skip

CASES = [(text, curvature) for curvature, texts in CURVATURES.items() for text in texts]


@pytest.mark.parametrize(("text", "curvature"), CASES, ids=[text for text, _ in CASES])
def test_curvature(text: str, curvature: Curvature) -> None:
    fact = facts_of(text)
    assert fact.curvature is curvature
    assert fact.degree == 0 or not fact.is_constant


DEGREES = {
    0: ["s", "A @ c"],
    1: ["x", "B @ x - c", "sum(x) / 3", "x[0] + t"],
    2: ["t^2", "t * v", "x @ B @ y", "sumsq(A @ x)", "quad(x, P)", "quad_over_lin(x, a)", "sum(x^2) + t", "square(x)"],
    None: ["t^3", "exp(t)", "abs(t)", "t * v * t", "1 / t", "sumsq(x^2)", "norm2(x)"],
}
DEGREE_CASES = [(text, degree) for degree, texts in DEGREES.items() for text in texts]


@pytest.mark.parametrize(("text", "degree"), DEGREE_CASES, ids=[text for text, _ in DEGREE_CASES])
def test_degree(text: str, degree: int | None) -> None:
    assert facts_of(text).degree == degree


REDUCED = {
    "abs(t)": (1, set()),
    "norm1(x) + sumsq(x)": (2, set()),
    "huber(t)": (2, set()),
    "max(x, abs(y))": (1, set()),
    "sumsq(abs(x))": (2, set()),
    "max(t^2, v)": (1, {"SOCP"}),
    "abs(huber(t))": (1, {"SOCP"}),
    "norm2(A @ x)": (1, {"SOCP"}),
    "exp(abs(t))": (1, {"EXP"}),
    "lambda_max(X)": (1, {"SDP"}),
    "max(exp(t), norm2(x))": (1, {"EXP", "SOCP"}),
    "quad_over_lin(x, a)": (2, set()),
    "quad_over_lin(x, v)": (1, {"SOCP"}),
    "sum_largest(x, 2) - min(y)": (1, set()),
    "norm(x, 3)": (1, {"SOCP"}),
    "matrix_frac(x, Q)": (2, set()),
    "t * v": (1, {"NLP"}),
}


@pytest.mark.parametrize("text", REDUCED)
def test_what_graph_forms_leave(text: str) -> None:
    degree, classes = REDUCED[text]
    reduced = facts_of(text).reduced
    assert (reduced.degree, reduced.classes) == (degree, classes)


INTERVALS = {
    "1 - u": "[0, 1]",
    "(1 - u) / 2": "[0, 0.5]",
    "a / 2": "(0, inf)",
    "k": "(-inf, 0)",
    "u^2": "[0, 1]",
    "s^2": "[0, inf)",
    "s * s": "[0, inf)",
    "abs(s) + 1": "[1, inf)",
    "sum(d)": "[0, inf)",
    "sumsq(x)": "[0, inf)",
    "x @ P @ x": "[0, inf)",
    "2 * m": "[0, inf)",
    "1 / (2 * m)": "(0, inf)",
    "[i + 1 for i in n]": "[1, inf)",
    "sum(u for i in range(0, 4))": "[0, 4]",
    "max(u, 2)": "[2, 2]",
    "min(s, 0)": "(-inf, 0]",
    "clip(s, -1, 1)": "[-1, 1]",
    "tanh(s)": "[-1, 1]",
    "idx[0]": "[0, inf)",
    "if s > 0 then u else 2": "[0, 2]",
    "1 / (s - s)": "(-inf, inf)",
    "1 / 0": "(-inf, inf)",
}


@pytest.mark.parametrize("text", INTERVALS)
def test_interval(text: str) -> None:
    assert str(facts_of(text).interval) == INTERVALS[text]


SMOOTH = {
    "sumsq(x)": Smoothness.SMOOTH,
    "norm1(x)": Smoothness.NONSMOOTH,
    "norm1(exp(x))": Smoothness.SMOOTH,
    "norm2(x)^2": Smoothness.SMOOTH,
    "hinge(t)": Smoothness.NONSMOOTH,
    "hinge(-v)": Smoothness.SMOOTH,
    "huber(t)": Smoothness.ONCE,
    "huber(t, a)": Smoothness.ONCE,
    "elu(t)": Smoothness.SMOOTH,
    "elu(t, 0.5)": Smoothness.NONSMOOTH,
    "relu(v)": Smoothness.SMOOTH,
    "max(t, s)": Smoothness.NONSMOOTH,
    "max(v, -v)": Smoothness.SMOOTH,
    "clip(u, -1, 2)": Smoothness.SMOOTH,
    "sqrt(t)": Smoothness.SINGULAR,
    "sqrt(v)": Smoothness.SMOOTH,
    "sqrt(t^2 + 1)": Smoothness.SMOOTH,
    "log(1 + exp(t))": Smoothness.SMOOTH,
    "log(s)": Smoothness.SINGULAR,
    "t^0.5": Smoothness.SINGULAR,
    "t^1.5": Smoothness.ONCE,
    "t^3": Smoothness.SMOOTH,
    "t / a": Smoothness.SMOOTH,
    "t / s": Smoothness.SINGULAR,
    "sum(x) / n": Smoothness.SMOOTH,
    "asin(t)": Smoothness.SINGULAR,
    "asin(u / 2)": Smoothness.SMOOTH,
    "atan2(t, s)": Smoothness.SINGULAR,
    "atan2(t, a)": Smoothness.SMOOTH,
    "inv(Q)": Smoothness.SMOOTH,
    "inv(P)": Smoothness.SINGULAR,
    "round(s)": Smoothness.DISCONTINUOUS,
    "sign(v)": Smoothness.SMOOTH,
    "floor(u / 2 + 0.25)": Smoothness.SMOOTH,
    "if s > 0 then s else 0": Smoothness.NONSMOOTH,
    "if s > 0 then s^2 else 0": Smoothness.ONCE,
    "if s > 0 then 1 else 0": Smoothness.DISCONTINUOUS,
    "if t > 0.5 then sqrt(t) else t / sqrt(0.5)": Smoothness.DISCONTINUOUS,
    "if t > 1 then sqrt(t) else t": Smoothness.NONSMOOTH,
    "max(abs(t), sign(t))": Smoothness.DISCONTINUOUS,
    "sum(if i < 2 then x[i] else 0 for i in n)": Smoothness.SMOOTH,
    "sum(x[i] for i in n if x[i] > 0)": Smoothness.NONSMOOTH,
    "sum(1 for i in n if x[i] > 0)": Smoothness.DISCONTINUOUS,
    "grad(t^3, t)": Smoothness.SMOOTH,
    "grad(huber(t), t)": Smoothness.NONSMOOTH,
    "grad(abs(t), t)": Smoothness.DISCONTINUOUS,
}


@pytest.mark.parametrize("text", SMOOTH)
def test_smoothness(text: str) -> None:
    assert facts_of(text).smoothness is SMOOTH[text]


def test_reasons_name_the_sets() -> None:
    facts, fact = derived(
        "dim n\nparam S[n, n] in psd\nparam g in pos\nvar w[n]\nlet risk = w @ S @ w\n"
        "let cost = g / 2 * risk\nminimize cost\n"
    )
    cost = facts.model.lets["cost"]
    assert fact.curvature is Curvature.CONVEX
    assert facts.explain(cost) == (
        "w @ S @ w is convex, for S in psd (line 2)",
        "g / 2 >= 0, for g in pos (line 3)",
    )


CAUSES = {
    "s * t^2 + abs(t)": ("the sign of `s` is not known",),
    "x @ B @ x + t": ("`B` is not known to be psd",),
    "t + t * v": ("`t * v` multiplies two parts that both depend on unknowns",),
    "huber(t, s)": ("`s` is not known to be in pos, as `huber` needs it",),
    "exp(sin(t)) + 1": ("`sin` is neither convex nor concave in `t`",),
    "log(t^2)": ("`t^2` is convex, and `log` is concave and nondecreasing: no rule gives its curvature",),
}


@pytest.mark.parametrize("text", CAUSES)
def test_causes_of_unknown_curvature(text: str) -> None:
    facts, fact = derived(f"{DECLARATIONS}let probe = {text}\nminimize 0\n")
    assert fact.curvature is Curvature.UNKNOWN
    assert facts.explain(facts.model.lets["probe"]) == CAUSES[text]


def test_a_long_sum_is_no_deep_recursion() -> None:
    terms = " + ".join(["t^2"] * 150)
    assert facts_of(terms).curvature is Curvature.CONVEX
