"""The data of the quadratic program against the expressions they come from, at random points.

A quadratic program's rows and objective are read off by structure (affine.py, quadratic.py); here each is compared
with the value of the expression itself, which knows nothing of that.
"""

import re
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karush.compiler.analyse import analyse_text
from karush.compiler.lowering.infinities import bounding_params
from karush.compiler.lowering.lower import lower
from karush.compiler.lowering.scope import Inputs
from karush.compiler.lowering.split_infinities import split_infinities
from karush.solvers.protocol import Settings

DIMS = {"n": 3, "m": 4, "T": 5}
HEADER = """dim n, m, T
param A[m, n], B[n, n], P[n, n] in psd, R[n, n] in psd, a[n], b[n], v[m], s, t in pos, c[T] in nonneg
param src[m] in index(n), h[m], wide in nonneg, perm[n] in index(n)
var x[n], y[m], z[T, n], u, w[m], r[n + 2]
"""
VARS = {"x": (3,), "y": (4,), "z": (5, 3), "u": (), "w": (4,), "r": (5,)}
RNG = np.random.default_rng(3)


def positive_semidefinite(n):
    root = RNG.normal(size=(n, n))
    return root @ root.T


PARAMS = {
    "A": RNG.normal(size=(4, 3)),
    "B": RNG.normal(size=(3, 3)),
    "P": positive_semidefinite(3),
    "R": positive_semidefinite(3),
    "a": RNG.normal(size=3),
    "b": RNG.normal(size=3),
    "v": RNG.normal(size=4),
    "s": np.array(0.6),
    "t": np.array(1.7),
    "c": np.abs(RNG.normal(size=5)),
    "src": np.array([2, 0, 2, 1]),
    "h": RNG.normal(size=4),
    "wide": np.array(2.0),
    "perm": np.array([2, 0, 2]),
}


def compiled(text):
    """The compiled model of a text, and its analysis."""
    analysis = analyse_text(HEADER + text)
    assert not analysis.failed, [d.message for d in analysis.diagnostics]
    return lower(analysis.whole, analysis.parts, DIMS, Settings(), jnp.float64)


def point(seed):
    random = np.random.default_rng(seed)
    return {name: jnp.asarray(random.normal(size=shape)) for name, shape in VARS.items()}


def value(model, expr, vars_):
    """The value of an expression of the model at a point."""
    params = {k: jnp.asarray(p) for k, p in PARAMS.items()}
    params = split_infinities(params, bounding_params(model.model))
    inputs = Inputs(DIMS, params, vars_, jnp.float64)
    return model.evaluator.array(expr, model.evaluator.top(inputs))


def flat(vars_):
    return jnp.concatenate([jnp.ravel(vars_[name]) for name in VARS])


OBJECTIVES = [
    "minimize quad(x, P)",
    "minimize x @ P @ x / 2 + a @ x + s",
    "minimize sumsq(A @ x - v)",
    "minimize sumsq(A @ x + u - v) / (2 * m) + t * sumsq(x)",
    "maximize a @ x - s^2 * quad(x, P) - t / 2 * sumsq(u - s)",
    "minimize sum((A[i] @ x + u - v[i])^2 for i in m)",
    "minimize sum(quad(z[k], P) + quad(z[k] - z[k + 1], R) for k in range(T - 1)) + quad(z[T - 1], P)",
    "minimize sum(c[k] * (z[k, j] - a[j] * u)^2 for k in T, j in n)",
    "minimize sum(c[k] * sumsq(z[k]) for k in T if c[k] > 0.5) + u",
    "minimize mean((y[i] - w[i])^2 for i in m)",
    "minimize sum(square(y - w)) + c @ square(z @ a) + sum(y)",
    "minimize (u - s)^2 / t + (a @ x)^2",
    "minimize sum([(x[i] - a[i])^2 for i in n]) + mean(square(y))",
    "minimize sumsq(B @ x) + sumsq(concat(x, y)) + trace(diag(x)) + sum(cumsum(x))",
    "minimize quad_over_lin(x - a, t) + (x - b) @ (x - b)",
    "minimize quad(A @ x - v, A @ A.T) + sumsq(x.T) / (n + 1)",
    "minimize (x[0] + x[1]) * (x[0] + x[1]) + (2 * u) * (2 * u)",
    "minimize sum((x[src[l]] - y[l])^2 for l in m)",
    "minimize sum(if v[i] > 0 then (y[i] - 1)^2 else y[i]^2 for i in m)",
    "minimize sum(sum((z[k, j] - a[j])^2 for j in n if j != 1) for k in T)",
    "minimize -(s - quad(x, P)) + y @ v",
    "minimize sum(a[i] * x[i] for i in n) - mean(w[i] for i in m)",
]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objective(objective):
    model = compiled(objective + "\n")
    program = jax.jit(model.template)(PARAMS)
    sign = -1.0 if objective.startswith("maximize") else 1.0
    for seed in range(4):
        at = point(seed)
        x = flat(at)
        got = program.linear @ x + program.constant
        if program.quadratic is not None:
            np.testing.assert_allclose(program.quadratic, program.quadratic.T)
            got = got + 0.5 * x @ program.quadratic @ x
        want = sign * value(model, model.model.objective.value, at)
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)


def test_a_linear_objective_has_no_quadratic_term():
    assert compiled(OBJECTIVES[-1] + "\n").template(PARAMS).quadratic is None


CONSTRAINTS = [
    "A @ x <= h",
    "h >= A @ x",
    "A @ x >= h - v",
    "A @ x + u <= y * s",
    "-wide <= x - a <= wide",
    "y - w == A @ x - v",
    "z[0] == a",
    "z[k + 1] == B @ z[k] + a * u  for k in range(T - 1)",
    "z[k] - z[k - 1] <= c[k]  for k in range(1, T)",
    "sum(y[l] for l in m if src[l] == i) - x[i] == b[i]  for i in n",
    "sum(A[l, i] * x[i] for i in n) <= y[l]  for l in m",
    "sum(x) + mean(y) - u <= s^2",
    "(x - a) / t + B.T @ x * s - 2 * x >= 0",
    "concat(x, [u]) + 1 <= concat(r[0:n], [w[0]])",
    "diag(x) @ a + x @ B >= -t * x",
    "z @ a <= c",
    "z.T @ c <= x",
    "reshape(z, T * n)[3] == u",
    "cumsum(x) + diff(r[0:n + 1]) <= a",
    "x[src] == y",
    "z[:, 1] <= c",
    "z[i, j] <= c[i] * x[j]  for i in T, j in n",
    "[x[i] + a[j] for i in n, j in n] <= P",
    "[x[src[l]] for l in m] <= v + u",
    "(if s > 0 then x else 2 * x) <= a",
    "trace(diag(x)) + sum(kron(diag(x), B)) <= t",
    "min(a) * x + norm2(a) * u <= b",
    "y >= v  ",
    "2 * x[0] - x[-1] == log(t) * u",
]


def sides(relation):
    """(less, more) of an inequality, (left, right) of an equation; a chain gives two pairs."""
    operands = relation.operands if relation.operators[0] != ">=" else relation.operands[::-1]
    return list(pairwise(operands))


def row_difference(model, relation, at):
    """lhs − rhs of every row of a relation, by the expressions, the binders run through in Python."""
    params = split_infinities({k: jnp.asarray(p) for k, p in PARAMS.items()}, bounding_params(model.model))
    scope = model.evaluator.top(Inputs(DIMS, params, at, jnp.float64))
    lanes = [scope]
    for binder in relation.binders:
        start, length = binder.start.evaluate(DIMS), binder.length.evaluate(DIMS)
        lanes = [lane.inner({binder: start + binder.step * k}) for lane in lanes for k in range(length)]
    shape = max((tuple(d.evaluate(DIMS) for d in o.shape) for o in relation.operands), key=len)
    found = []
    for left, right in sides(relation):
        rows = [model.evaluator.array(left, e) - model.evaluator.array(right, e) for e in lanes]
        found.append(jnp.concatenate([jnp.ravel(jnp.broadcast_to(row, shape)) for row in rows]))
    return found


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_rows(constraint):
    model = compiled(f"minimize 0\nsubject to\n  row: {constraint}\n")
    (relation,) = model.model.constraints
    program = jax.jit(model.template)(PARAMS)
    for seed in range(4):
        at = point(seed)
        x = flat(at)
        differences = row_difference(model, relation, at)
        if relation.operators == ("==",):
            got = program.equality_matrix @ x - program.equality_rhs
            np.testing.assert_allclose(np.abs(got), np.abs(differences[0]), rtol=1e-11, atol=1e-11)
            continue
        row = program.inequality_matrix @ x
        found = []
        if program.lower is not None:
            found.append(program.lower - row)
        if program.upper is not None:
            found.append(row - program.upper)
        assert len(found) == len(differences)
        for got, want in zip(found, differences, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)


def test_rows_of_a_matrix_are_that_matrix():
    """No arithmetic: the arrays of the program are the params themselves."""
    analysis = analyse_text(
        "dim n, m\nparam P[n, n] in pd, q[n], G[m, n], h[m]\nvar x[n]\n"
        "minimize quad(x, P) / 2 + q @ x\nsubject to\n  cap: G @ x <= h\n"
    )
    model = lower(analysis.whole, analysis.parts, {"n": 5, "m": 7}, Settings(), jnp.float64)
    jaxpr = jax.make_jaxpr(model.template)(model.specification())
    names = [eqn.primitive.name for eqn in jaxpr.eqns]
    assert "dot_general" not in names and "scatter-add" not in names
    assert model.strongly_convex
    (matrix,) = [v for v, name in zip(jaxpr.jaxpr.invars, sorted(model.specification()), strict=True) if name == "G"]
    assert matrix in jaxpr.jaxpr.outvars


def test_infinite_bounds_become_masks():
    model = compiled("var q[n] in box(-wide, wide)\nminimize 0\nsubject to\n  row: h - 1 <= A @ x <= h\n  e: u <= s\n")
    params = {**PARAMS, "h": np.array([1.0, np.inf, 2.0, -np.inf]), "wide": np.array(np.inf)}
    program = jax.jit(model.template)(params)
    np.testing.assert_array_equal(program.has_upper, [True, False, True, True, True])
    np.testing.assert_array_equal(program.has_lower, [True, True, True, False, False])
    assert np.isnan(program.lower[1]) and np.isnan(program.upper[3])  # nothing lies above ∞ or below −∞
    assert not program.has_bound_lower.any() and not program.has_bound_upper.any()
    finite = [
        program.lower[np.array([0, 2])],
        program.upper[np.array([0, 2])],
        program.bound_lower,
        program.bound_upper,
    ]
    assert all(np.isfinite(part).all() for part in finite)


def test_a_side_that_cannot_be_infinite_has_no_mask():
    program = compiled("minimize 0\nsubject to\n  row: A @ x <= 1\n").template(PARAMS)
    assert program.has_upper is None and program.lower is None and program.bound_lower is None


def test_rows_that_a_filter_leaves_out():
    model = compiled(
        "minimize 0\nsubject to\n  row: y[i] <= v[i] for i in m if v[i] > 0\n  e: w[i] == 1 for i in m if i != 2\n"
    )
    program = model.template(PARAMS)
    np.testing.assert_array_equal(program.has_upper, PARAMS["v"] > 0)
    np.testing.assert_array_equal(np.abs(program.inequality_matrix).sum(axis=1), PARAMS["v"] > 0)
    np.testing.assert_array_equal(program.equality_rhs, [1, 1, 0, 1])
    np.testing.assert_array_equal(np.abs(program.equality_matrix).sum(axis=1), [1, 1, 0, 1])


def test_counts():
    model = compiled(
        "var p[n] in simplex, q[m] in box(0, 1)\nminimize 0\n"
        "subject to\n  row: -1 <= y <= 1\n  e: w == 1\n  f: u <= s\n"
    )
    total = sum(int(np.prod(shape)) for shape in VARS.values())
    assert model.counts() == {"variables": total + 3 + 4, "equalities": 1 + 4, "inequalities": 3 + 8 + 8 + 1}


# ---------------------------------------------------------------- random expressions

VECTORS = ["x", "a", "b", "r[0:n]", "z[2]", "r[2:n + 2]", "x[perm]", "ones(n)"]
SCALARS = ["u", "s", "x[1]", "sum(y)", "z[3, 1]", "a @ x", "mean(w)", "t"]
VARYING = re.compile(r"\b[xyzuwr]\b")


@st.composite
def affine_vectors(draw, depth=3):
    if depth == 0:
        return draw(st.sampled_from(VECTORS))
    kind = draw(st.integers(0, 8))
    part = draw(affine_vectors(depth=depth - 1))
    other = draw(affine_vectors(depth=depth - 1))
    scalar = draw(st.sampled_from(SCALARS))
    return [
        f"({part} + {other})",
        f"({part} - {scalar})",
        f"(s * {part})",
        f"(B @ {part})",
        f"({part} @ B)",
        f"(-{part} / t)",
        f"(a * {part})",
        f"[({part})[i] + {scalar} for i in n]",
        f"concat(({part})[1:n], [{scalar}])",
    ][kind]


@settings(max_examples=40)
@given(affine_vectors(), affine_vectors(depth=2))
def test_random_affine_rows(left, right):
    if not VARYING.search(left):
        left = f"({left} + x)"
    model = compiled(f"minimize sumsq({left}) + u\nsubject to\n  row: {left} <= {right}\n")
    (relation,) = model.model.constraints
    program = model.template(PARAMS)
    for seed in range(2):
        at = point(seed)
        x = flat(at)
        row = program.inequality_matrix @ x
        got = row - program.upper if program.upper is not None else program.lower - row
        np.testing.assert_allclose(got, row_difference(model, relation, at)[0], rtol=1e-9, atol=1e-9)
        got = program.linear @ x + program.constant + 0.5 * x @ program.quadratic @ x
        np.testing.assert_allclose(got, value(model, model.model.objective.value, at), rtol=1e-9, atol=1e-9)
