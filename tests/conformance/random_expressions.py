"""Random expressions over the atoms that the language shares with CVXPY, as text and as CVXPY's own.

Scalars, vectors of three and 3 × 3 matrices; vars and params with and without signs. Params stand anywhere: CVXPY is
asked for its DCP verdict, never for its DPP one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np

N = 3
SCALAR, VECTOR, MATRIX = "scalar", "vector", "matrix"

DECLARATIONS = """\
param k in neg, a in pos, s, c[3], d[3] in nonneg, A[3, 3], B[3, 3] in nonneg, P[3, 3] in psd
var x, p in nonneg, q in nonpos, u[3], v[3] in nonneg, w[3] in nonpos, X[3, 3], Y[3, 3] in nonneg
"""

VARIABLES = {
    "x": cp.Variable(),
    "p": cp.Variable(nonneg=True),
    "q": cp.Variable(nonpos=True),
    "u": cp.Variable(N),
    "v": cp.Variable(N, nonneg=True),
    "w": cp.Variable(N, nonpos=True),
    "X": cp.Variable((N, N)),
    "Y": cp.Variable((N, N), nonneg=True),
}

PARAMETERS = {
    "k": cp.Parameter(neg=True, value=-0.7),
    "a": cp.Parameter(pos=True, value=1.3),
    "s": cp.Parameter(value=0.4),
    "c": cp.Parameter(N, value=np.array([0.5, -1.2, 0.3])),
    "d": cp.Parameter(N, nonneg=True, value=np.array([0.2, 0.0, 1.1])),
    "A": cp.Parameter((N, N), value=np.array([[0.3, -1.0, 0.2], [0.9, 0.4, -0.5], [-0.1, 0.7, 1.2]])),
    "B": cp.Parameter((N, N), nonneg=True, value=np.array([[0.3, 1.0, 0.2], [0.0, 0.4, 0.5], [0.1, 0.7, 0.2]])),
    "P": cp.Parameter((N, N), PSD=True, value=np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.4], [0.1, -0.4, 0.5]])),
}


@dataclass(frozen=True)
class Leaf:
    """A name or a number."""

    text: str
    expression: Any


def _leaf(name: str) -> Leaf:
    return Leaf(name, {**VARIABLES, **PARAMETERS}[name])


LEAVES = {
    SCALAR: [*map(_leaf, "xxppqkas"), Leaf("2", cp.Constant(2)), Leaf("0.5", cp.Constant(0.5))],
    VECTOR: [*map(_leaf, "uuvvwcd"), Leaf("ones(3)", cp.Constant(np.ones(N)))],
    MATRIX: [*map(_leaf, "XXYYABP"), Leaf("eye(3)", cp.Constant(np.eye(N)))],
}


@dataclass(frozen=True)
class Production:
    """An atom: the shapes of its arguments, its text with places for them, the same in CVXPY."""

    arguments: tuple[str, ...]
    text: str
    build: Callable[..., Any]


def _elementwise(shape: str) -> list[Production]:
    """What takes any shape to the same."""

    def one(text: str, build: Callable[[Any], Any]) -> Production:
        return Production((shape,), text, build)

    def two(text: str, build: Callable[[Any, Any], Any]) -> Production:
        return Production((shape, shape), text, build)

    return [
        one("exp({})", cp.exp),
        one("log({})", cp.log),
        one("log1p({})", cp.log1p),
        one("sqrt({})", cp.sqrt),
        one("abs({})", cp.abs),
        one("({})^2", cp.square),
        one("({})^4", lambda e: cp.power(e, 4)),
        one("abs({})^1.5", lambda e: cp.power(cp.abs(e), 1.5)),
        one("pos_part({})^3", lambda e: cp.power(cp.pos(e), 3)),
        one("({})^0.3", lambda e: cp.power(e, 0.3)),
        one("-({})", lambda e: -e),
        one("2 * ({})", lambda e: 2 * e),
        one("({}) / -3", lambda e: e / -3),
        one("({}) / a", lambda e: e / PARAMETERS["a"]),
        one("k * ({})", lambda e: PARAMETERS["k"] * e),
        one("a * k * ({})", lambda e: PARAMETERS["a"] * PARAMETERS["k"] * e),
        one("exp(s) * ({})", lambda e: cp.exp(PARAMETERS["s"]) * e),
        one("pos_part({})", cp.pos),
        one("neg_part({})", cp.neg),
        one("inv_pos({})", cp.inv_pos),
        one("entropy({})", cp.entr),
        one("softplus({})", cp.logistic),
        one("huber({})", lambda e: cp.huber(e, 1) / 2),
        two("({}) + ({})", lambda e, f: e + f),
        two("({}) - ({})", lambda e, f: e - f),
        two("max({}, {})", cp.maximum),
        two("min({}, {})", cp.minimum),
        two("rel_entr({}, {})", cp.rel_entr),
        two("kl_div({}, {})", cp.kl_div),
        one("({}) + 1", lambda e: e + 1),
    ]


def _broadcast(shape: str) -> list[Production]:
    """What takes a scalar beside an array."""
    return [
        Production((SCALAR, shape), "({}) + ({})", lambda e, f: e + f),
        Production((SCALAR, shape), "max({}, {})", cp.maximum),
        Production((SCALAR, shape), "s^2 * ({}) - ({})", lambda e, f: cp.square(PARAMETERS["s"]) * e - f),
    ]


REDUCTIONS = [
    Production((VECTOR,), "sum({})", cp.sum),
    Production((VECTOR,), "mean({})", cp.mean),
    Production((VECTOR,), "max({})", cp.max),
    Production((VECTOR,), "min({})", cp.min),
    Production((VECTOR,), "norm1({})", cp.norm1),
    Production((VECTOR,), "norm2({})", lambda e: cp.norm(e, 2)),
    Production((VECTOR,), "norminf({})", cp.norm_inf),
    Production((VECTOR,), "norm({}, 3)", lambda e: cp.pnorm(e, 3)),
    Production((VECTOR,), "sumsq({})", cp.sum_squares),
    Production((VECTOR,), "logsumexp({})", cp.log_sum_exp),
    Production((VECTOR,), "geo_mean({})", cp.geo_mean),
    Production((VECTOR,), "sum_largest({}, 2)", lambda e: cp.sum_largest(e, 2)),
    Production((VECTOR,), "sum_smallest({}, 2)", lambda e: cp.sum_smallest(e, 2)),
    Production((VECTOR,), "tv({})", cp.tv),
    Production((VECTOR,), "c @ ({})", lambda e: PARAMETERS["c"] @ e),
    Production((VECTOR,), "d @ ({})", lambda e: PARAMETERS["d"] @ e),
    Production((VECTOR,), "({})[1]", lambda e: e[1]),
    Production((VECTOR,), "quad({}, P)", lambda e: cp.quad_form(e, PARAMETERS["P"])),
    Production((VECTOR,), "quad({}, eye(3))", lambda e: cp.quad_form(e, np.eye(N))),
    Production((VECTOR,), "quad({}, -eye(3))", lambda e: cp.quad_form(e, -np.eye(N))),
    Production((VECTOR, SCALAR), "quad_over_lin({}, {})", cp.quad_over_lin),
    Production((MATRIX,), "sum({})", cp.sum),
    Production((MATRIX,), "max({})", cp.max),
    Production((MATRIX,), "sumsq({})", cp.sum_squares),
    Production((MATRIX,), "trace({})", cp.trace),
    Production((MATRIX,), "norm_fro({})", lambda e: cp.norm(e, "fro")),
    Production((MATRIX,), "sigma_max({})", cp.sigma_max),
    Production((MATRIX,), "norm_nuc({})", lambda e: cp.norm(e, "nuc")),
    Production((MATRIX,), "lambda_max({})", cp.lambda_max),
    Production((MATRIX,), "lambda_min({})", cp.lambda_min),
    Production((MATRIX,), "logdet({})", cp.log_det),
    Production((VECTOR, MATRIX), "matrix_frac({}, {})", cp.matrix_frac),
    Production((MATRIX,), "sum(({})[i, 1] for i in range(0, 3))", lambda e: cp.sum(e[:, 1])),
]

VECTORS = [
    Production((VECTOR,), "A @ ({})", lambda e: PARAMETERS["A"] @ e),
    Production((VECTOR,), "B @ ({})", lambda e: PARAMETERS["B"] @ e),
    Production((VECTOR,), "d * ({})", lambda e: cp.multiply(PARAMETERS["d"], e)),
    Production((VECTOR,), "cumsum({})", cp.cumsum),
    Production((MATRIX,), "diag({})", cp.diag),
    Production((MATRIX,), "({}) @ d", lambda e: e @ PARAMETERS["d"]),
    Production((MATRIX,), "({})[0]", lambda e: e[0]),
    Production((MATRIX,), "[max(({})[i]) for i in range(0, 3)]", lambda e: cp.max(e, axis=1)),
    Production((SCALAR, SCALAR, SCALAR), "[{}, {}, {}]", lambda *parts: cp.hstack(parts)),
    Production((VECTOR, SCALAR), "concat(({})[0:2], [{}])", lambda e, f: cp.hstack([e[:2], f])),
]

MATRICES = [
    Production((MATRIX,), "({}).T", lambda e: e.T),
    Production((MATRIX,), "A @ ({})", lambda e: PARAMETERS["A"] @ e),
    Production((MATRIX,), "({}) @ B", lambda e: e @ PARAMETERS["B"]),
    Production((MATRIX,), "B * ({})", lambda e: cp.multiply(PARAMETERS["B"], e)),
    Production((VECTOR,), "diag({})", cp.diag),
]

PRODUCTIONS = {
    SCALAR: [*_elementwise(SCALAR), *REDUCTIONS],
    VECTOR: [*_elementwise(VECTOR), *_broadcast(VECTOR), *VECTORS, *VECTORS],
    MATRIX: [*_elementwise(MATRIX), *_broadcast(MATRIX), *MATRICES, *MATRICES],
}


def grow(random: np.random.Generator, shape: str, depth: int) -> tuple[str, Any]:
    """A random expression of a shape as text and in CVXPY, of at most this depth."""
    if depth == 0 or random.uniform() < 0.08:
        leaf = LEAVES[shape][random.integers(len(LEAVES[shape]))]
        return leaf.text, leaf.expression
    production = PRODUCTIONS[shape][random.integers(len(PRODUCTIONS[shape]))]
    parts = [grow(random, argument, depth - 1) for argument in production.arguments]
    return production.text.format(*(text for text, _ in parts)), production.build(*(e for _, e in parts))


BEYOND = [
    Production((VECTOR,), "sqrt(sumsq({0}) + 1)", lambda e: cp.sqrt(cp.sum_squares(e) + 1)),
    Production((SCALAR, SCALAR), "sqrt(({0})^2 + a * ({1})^2)", lambda e, f: cp.sqrt(e**2 + PARAMETERS["a"] * f**2)),
    Production((SCALAR, SCALAR), "({0})^2 / ({1})", lambda e, f: e**2 / f),
    Production((VECTOR, SCALAR), "sumsq({0}) / ({1})", lambda e, f: cp.sum_squares(e) / f),
    Production((SCALAR, SCALAR), "log(exp({0}) + a * exp({1}))",
               lambda e, f: cp.log(cp.exp(e) + PARAMETERS["a"] * cp.exp(f))),
    Production((VECTOR,), "log(sum(exp({0})))", lambda e: cp.log(cp.sum(cp.exp(e)))),
    Production((SCALAR,), "({0}) * log({0})", lambda e: e * cp.log(e)),
    Production((SCALAR, SCALAR), "({0}) * log(({0}) / ({1}))", lambda e, f: e * cp.log(e / f)),
    Production((SCALAR, SCALAR), "sqrt(({0}) * ({1}))", lambda e, f: cp.sqrt(e * f)),
    Production((SCALAR,), "({0}) * ({0})", lambda e: e * e),
    Production((SCALAR,), "({0}) * exp({0})", lambda e: e * cp.exp(e)),
    Production((SCALAR, SCALAR), "({0}) * ({1})", lambda e, f: e * f),
    Production((SCALAR, SCALAR), "exp({0}) * exp({1})", lambda e, f: cp.exp(e) * cp.exp(f)),
    Production((SCALAR,), "({0}) * softplus(2 * ({0}) + 1)", lambda e: e * cp.logistic(2 * e + 1)),
    Production((SCALAR,), "1 / ({0})", lambda e: 1 / e),
    Production((VECTOR,), "({0}) @ ({0})", lambda e: e @ e),
    Production((VECTOR,), "({0}) @ P @ ({0})", lambda e: e @ PARAMETERS["P"] @ e),
]  # fmt: skip
"""What CVXPY builds and computes and has no rule for."""
