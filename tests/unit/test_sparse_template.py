"""The sparse program of a model is its dense program, entry by entry and derivative by derivative."""

from pathlib import Path

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from hypothesis import strategies as st
from jax.experimental.sparse import BCOO

import karush
from karush.compiler.analyse import analyse_text
from karush.compiler.lowering.sparse_template import sparse_program
from karush.compiler.lowering.sparse_values import LARGEST_DENSE
from karush.data.json_file import read_json
from karush.sparse import like
from karush.sparse import numbers as numbers_of

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "models"
EXAMPLES = ("mpc", "portfolio")


def dense(matrix):
    return matrix.todense() if isinstance(matrix, BCOO) else matrix


def reduced(program, n):
    """The program without the variables that stand for products: P, q, c and the rows of the first n alone."""
    A, P, q = dense(program.equality_matrix), dense(program.quadratic), program.linear
    new = q.shape[0] - n
    p = A.shape[0] - new
    F, g = A[p:, :n], -program.equality_rhs[p:]
    T, t = jnp.concatenate([jnp.eye(n), F]), jnp.concatenate([jnp.zeros(n), g])
    P = jnp.zeros((q.shape[0], q.shape[0])) if P is None else P
    whole = (T.T @ P @ T, T.T @ (q + P @ t), program.constant + q @ t + 0.5 * t @ P @ t)
    G = dense(program.inequality_matrix)
    return *whole, A[:p, :n], program.equality_rhs[:p], G[:, :n], A[p:, n:], (A[:p, n:], G[:, n:])


def sides(program, n):
    """All sides, absent ones as infinities."""
    m = program.inequality_matrix.shape[0]

    def side(value, mask, count, absent):
        if value is None:
            return jnp.full(count, absent)
        return value[:count] if mask is None else jnp.where(mask[:count], value[:count], absent)

    rows = side(program.lower, program.has_lower, m, -jnp.inf), side(program.upper, program.has_upper, m, jnp.inf)
    low, up = program.bound_lower, program.bound_upper
    return *rows, side(low, program.has_bound_lower, n, -jnp.inf), side(up, program.has_bound_upper, n, jnp.inf)


def both(text, data):
    """The functions from params to the dense and to the sparse program, and the params."""
    prepared = karush.loads(text).prepare(data)
    compiled, params = prepared.compiled, dict(prepared.arrays)

    def plain(given):
        return compiled.form.program(compiled.start(given).params, compiled._moved)

    def stored(given):
        kept = {name: value for name, value in given.items() if isinstance(value, BCOO)}
        return sparse_program(compiled.form, {**compiled.start(given).params, **kept}, compiled._moved)

    return plain, stored, params


def is_unique(matrix):
    """Whether a matrix that says so has every position once."""
    if matrix is None or not matrix.unique_indices:
        return True
    indices = np.asarray(matrix.indices)
    indices = indices[(indices < np.array(matrix.shape)).all(axis=1)]
    return len(np.unique(indices, axis=0)) == len(indices)


def check_same(text, data):
    """The sparse program; it must be the dense one, and have its derivatives in the real params."""
    plain, stored, params = both(text, data)
    found, wanted_program = jax.jit(stored)(params), jax.jit(plain)(params)
    n = wanted_program.linear.shape[0]
    real = (name for name, value in params.items() if jnp.issubdtype(value.dtype, jnp.floating))
    moving = {name: numbers_of(params[name], jnp.float64) for name in real}
    tangent = {name: jnp.cos(jnp.arange(1.0, 1 + array.size)).reshape(array.shape) for name, array in moving.items()}

    def at(values):
        return {**params, **{name: like(params[name], value) for name, value in values.items()}}

    def moved(make):
        return jax.jit(lambda d: jax.jvp(lambda m: reduced(make(at(m)), n)[:6], (moving,), (d,)))(tangent)

    for wanted, got in zip(jax.tree.leaves(moved(plain)), jax.tree.leaves(moved(stored)), strict=True):
        assert wanted.shape == got.shape and np.allclose(wanted, got, atol=1e-10)
    for wanted, got in zip(sides(wanted_program, n), sides(found, n), strict=True):
        assert np.allclose(wanted, got, atol=1e-10)
    *_, own, others = reduced(found, n)
    assert np.array_equal(own, -np.eye(own.shape[0])) and not any(part.any() for part in others)
    assert all(map(is_unique, (found.quadratic, found.equality_matrix, found.inequality_matrix)))
    return found


def numbers(*shape):
    return np.sin(1.0 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


SPARSE = scipy.sparse.random(5, 4, 0.5, random_state=1)
GRAPH = {"src": [0, 0, 1, 2, 3, 3], "dst": [1, 2, 2, 3, 0, 1], "cost": np.abs(numbers(6)), "b": numbers(4)}
ARCS = "dim nodes, arcs\nparam src[arcs] in index(nodes), dst[arcs] in index(nodes), cost[arcs] in nonneg, b[nodes]\n"
CASES = {
    "horizon": (
        """dim T, nx, nu
param A[nx, nx], B[nx, nu], x0[nx], Q[nx, nx] in psd, ref[T, nx], umax
var x[T + 1, nx], u[T, nu] in box(-umax, umax)
minimize sum(quad(x[t, :] - ref[t, :], Q) for t in T) + 0.1 * sumsq(u) + sum(x[T, :])
subject to
  x[0, :] == x0
  dyn: x[t + 1, :] == A @ x[t, :] + B @ u[t, :] for t in T
  lim: -3 <= x[t, 0] + 2 * u[t, 0] <= 4 + t for t in T if t >= 1
  rate: u[t + 1, j] - u[t, j] <= 1 for t in range(0, T - 1), j in nu
""",
        {
            "A": numbers(3, 3), "B": numbers(3, 2), "x0": numbers(3), "Q": np.eye(3) + 0.1, "ref": numbers(5, 3),
            "umax": 1.0,
        },
    ),
    "network": (
        ARCS + """var f[arcs] in nonneg, s[nodes]
minimize cost @ f + sum(s[i]^2 for i in nodes) + sum((sum(f[l] for l in arcs if dst[l] == i) - 1)^2 for i in nodes)
subject to
  sum(f[l] for l in arcs if src[l] == i) - sum(2 * f[l] for l in arcs if dst[l] == i) + s[i] == b[i] for i in nodes
  mean(f[l] + cost[l] for l in arcs if src[l] == i and l >= 1) <= 1 for i in nodes if i != 1 and i != 0
""",
        GRAPH,
    ),
    "commodities": (
        ARCS + """dim goods
param d[goods, nodes]
var f[goods, arcs] in nonneg, h[nodes]
minimize sum(cost[l] * f[k, l]^2 for l in arcs, k in goods) + sumsq(f)
subject to
  sum(f[k, l] for l in arcs if src[l] == i) - sum(f[k, l] for l in arcs if dst[l] == i) == d[k, i]
    for i in nodes, k in goods
  sum(f[k, l] for k in goods) <= 3 + cost[l] for l in arcs
  h[src[l]] - 2 * h[dst[l]] <= 9 for l in arcs
""",
        {**GRAPH, "d": numbers(2, 4)},
    ),
    "sparse matrix": (
        """dim m, n
param A[m, n], b[m], c[m]
var x[n]
let r = A @ x - b
minimize sumsq(r) + sumsq(x) + sum(c[i] * r[i] for i in m)
subject to
  2 * r[i] <= 5 + i for i in m
  c[i] * r[i] >= -9 for i in m if i >= 1
  r[1:4] <= 7
  A.T @ b + x >= -8
  x @ (2 * A).T <= 11
  A[0, 1] * x[0] <= 1
""",
        {"A": SPARSE, "b": numbers(5), "c": numbers(5)},
    ),
    "tall dense matrix": (
        "dim m, n\nparam A[m, n], b[m], w[m] in nonneg\nvar x[n], t\n"
        "minimize sumsq(A @ x - b) + sum(w[i] * (A[i, :] @ x - t)^2 for i in m)\nsubject to\n  A @ x <= t\n",
        {"A": numbers(9, 2), "b": numbers(9), "w": np.abs(numbers(9))},
    ),
    "wide dense matrix": (
        "dim m, n\nparam A[m, n], b[m]\nvar x[n], y[n]\n"
        "minimize sumsq(A @ x - b) + (A @ x) @ (A @ x) + sumsq(x - y)\nsubject to\n  x + 2 * x <= y\n",
        {"A": numbers(2, 12), "b": numbers(2)},
    ),
    "structure": (
        """dim n
param c[n], p
var x[n], Y[n, n], s
minimize sumsq(x) + sumsq(Y) + s^2 + mean(x) + trace(Y)
subject to
  diff(concat(x, x)) <= 3
  cumsum(x) <= 4
  stack(x, 2 * x, c) <= 9
  Y.T @ c == x
  c @ Y <= 5
  Y @ diag(c) <= 6
  diag(Y) >= -7
  vec(Y) >= -8
  vec(2 * Y) <= 10
  kron(Y, eye(n)) <= 30
  (if p >= 0 then 2 * x else x) <= 4
  [x[i] + s for i in n] <= 5
  sum(Y[i, j] * c[j] for j in n) <= 6 + i for i in n
  mean(Y[i, j] for j in n if j >= i) <= 2 for i in n
  max(c) * sum(x) + s <= 3
  -s <= 1
""",
        {"c": numbers(3), "p": 1.0},
    ),
    "graph forms": (
        "dim n\nparam c[n]\nvar x[n] in box(-2, 3)\nminimize norm1(x - c) + max(x) + sum(pos_part(x - c))\n",
        {"c": numbers(4)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_sparse_program_is_the_dense_one(name):
    check_same(*CASES[name])


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_have_the_same_program_sparse_and_dense(name):
    folder = ROOT / "examples" / name
    data = read_json((folder / "data.json").read_text(), "data.json")
    check_same((folder / f"{name}.opt").read_text(), {given.name: given.value for given in data.values})


def shared_models():
    """The folders of linear and quadratic programs among the shared models; none where they are not there."""
    found = []
    for file in sorted(SHARED.glob("*/model.opt")):
        kind = analyse_text(file.read_text(), "m.opt").classification
        if kind is not None and kind.problem_class in ("LP", "QP"):
            found.append(file.parent)
    return found


@pytest.mark.skipif(not SHARED.exists(), reason="the shared models are not beside the repository")
@pytest.mark.parametrize("folder", shared_models(), ids=lambda folder: folder.name)
def test_shared_models_have_the_same_program_sparse_and_dense(folder):
    data = read_json((folder / "data.json").read_text(), "data.json")
    check_same((folder / "model.opt").read_text(), {given.name: given.value for given in data.values})


# ---------------------------------------------------------------- random models

VECTORS = st.recursive(
    st.sampled_from(
        ["x", "Y[:, 1]", "Y[0, :]", "c", "[x[n - 1 - i] for i in n]", "[Y[i, i] for i in n]", "y * ones(n)"]
    ),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["{} + {}", "{} - {}"]), inner, inner).map(lambda t: f"({t[0].format(t[1], t[2])})"),
        inner.map("(c * {})".format),
        inner.map("(-2 * {})".format),
        inner.map("(B @ {})".format),
        inner.map("({} @ A)".format),
        inner.map("[({})[at[i]] for i in n]".format),
        inner.map("[sum(c[j] * ({})[j] for j in n if j <= i) for i in n]".format),
        inner.map("[sum(({})[l] for l in n if at[l] == i) for i in n]".format),
        inner.map("concat(({})[1:n], [y])".format),
    ),
    max_leaves=4,
)


@hypothesis.settings(max_examples=15)
@hypothesis.given(VECTORS, VECTORS, VECTORS)
def test_random_models_have_the_same_program_sparse_and_dense(row, side, square):
    text = (
        "dim n\nparam A[n, n], B[n, n], c[n], at[n] in index(n)\nvar x[n], Y[n, n], y\n"
        f"minimize sumsq({square}) + sum(c[i] * ({row})[i] for i in n) + y^2\n"
        f"subject to\n  ({row}) <= 3 + ({side})\n  ({side}) + x[0] == c\n"
    )
    A = scipy.sparse.random(4, 4, 0.4, random_state=3)
    check_same(text, {"A": A, "B": numbers(4, 4), "c": numbers(4), "at": [2, 0, 3, 2]})


# ---------------------------------------------------------------- large programs


def test_the_work_grows_with_the_entries_alone():
    text = CASES["horizon"][0]
    data = dict(CASES["horizon"][1])
    sizes = []
    for stages in (1_000, 4_000):
        compiled = karush.loads(text).prepare({**data, "ref": np.zeros((stages, 3))}).compiled
        assert compiled.assembly.is_sparse
        cost = jax.jit(compiled.template).lower(compiled.specification()).cost_analysis()
        sizes.append(cost["bytes accessed"])
    assert sizes[1] < 5 * sizes[0]


def test_a_small_program_is_dense_and_says_why():
    compiled = karush.loads(CASES["horizon"][0]).prepare(CASES["horizon"][1]).compiled
    assert not compiled.assembly.is_sparse and "variables" in compiled.assembly.reason


def test_what_has_no_sparse_rule_and_would_fill_the_memory_is_refused_with_its_place():
    n = int(LARGEST_DENSE**0.5) + 1000
    text = "dim n\nparam c[n]\nvar x[n]\nminimize sumsq(x - c)\nsubject to\n  cumsum(x) <= 1\n"
    with pytest.raises(karush.ModelError, match="too large to be made dense") as caught:
        karush.loads(text)(c=np.zeros(n))
    assert caught.value.diagnostics[0].labels[0].span.line == 6
