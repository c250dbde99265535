"""Models with cones whose rows are assembled sparse: the same program as the dense one, and its gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO

import karush
from karush.compiler.lowering.sparse_template import sparse_program
from karush.solvers.matrices import all_dense
from karush.solvers.result import Status


def numbers(*shape):
    return 0.5 + 0.4 * np.sin(1.0 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


CASES = {
    "second_order": (
        """dim n
param A[n, n], b[n], r[n]
var x[n], t[n]
minimize sum(t) + b @ x
subject to
  A @ x <= 3
  norm2(A[i, :] * x + r[i]) <= t[i] + 1 for i in n if r[i] > 0.4
""",
        {"A": numbers(6, 6), "b": numbers(6), "r": numbers(6)},
    ),
    "semidefinite": (
        """dim n
param C[n, n]
var X[n, n] in psd, y[n]
minimize sum(C * X) + sum(exp(y[i]) for i in n)
subject to
  X[i, i] == 1 + y[i] for i in n
  lmi: X + diag(y) + 0.1 * C - 0.2 * C.T in psd
  family: C[i, j] * (X + X.T) + diag(y) in psd for i in n, j in n if i > j
""",
        {"C": numbers(4, 4)},
    ),
    "three_rows": (
        """dim n
param a[n], b[n, 3]
var x[n, 3]
minimize sum(x)
subject to
  x[i, :] + b[i, :] in pow_cone(a[i]) for i in n
  [x[i, 0], 1.0 + x[j, 2], x[i, 1]] in exp_cone for i in n, j in range(2) if i > j
""",
        {"a": numbers(4), "b": numbers(4, 3)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_sparse_program_is_the_dense_one(name):
    text, data = CASES[name]
    prepared = karush.loads(text).prepare(data)
    compiled, params = prepared.compiled, dict(prepared.arrays)
    direction = {key: jnp.cos(jnp.arange(1.0, 1 + value.size)).reshape(value.shape) for key, value in params.items()}

    def plain(given):
        return compiled.form.program(compiled.start(given).params, compiled._moved)

    def stored(given):
        return all_dense(sparse_program(compiled.form, compiled.start(given).params, compiled._moved))

    def rows(program):
        cones = program.cone_rows
        equations = program.equality_matrix, program.equality_rhs, program.inequality_matrix
        return *equations, cones.matrix, cones.offset, cones.exponents

    pairs = (jax.jit(lambda p, d, make=make: jax.jvp(lambda q: rows(make(q)), (p,), (d,))) for make in (plain, stored))
    wanted, found = (pair(params, direction) for pair in pairs)
    for one, other in zip(jax.tree.leaves(wanted), jax.tree.leaves(found), strict=True):
        assert one.shape == other.shape and np.allclose(one, other, atol=1e-13)
    cones = sparse_program(compiled.form, compiled.start(params).params, compiled._moved).cone_rows
    assert isinstance(cones.matrix, BCOO) and cones.cones == plain(params).cone_rows.cones


HULLS = """dim m, n
param A[m, n], b[m], c[n]
var x[n], t[n]
minimize sum(t) + c @ x
subject to
  fit: A @ x >= b
  hull: [t[i], x[i], 0.5] in soc for i in n
"""
M, N = 90, 260


@pytest.mark.parametrize("solver", ["auto", "pdhg"])
def test_a_model_with_sparse_cones_and_its_gradient_on_the_pattern(solver):
    pytest.importorskip("clarabel")
    model = karush.loads(HULLS if solver == "auto" else HULLS + f"using {solver}\n")
    A = scipy.sparse.random(M, N, 3 / N, random_state=1, format="csr")
    matrix = BCOO.from_scipy_sparse(abs(A + 0.5 * scipy.sparse.eye_array(M, N, format="csr")).tocsr())
    b, c = 1 + 0.1 * np.cos(np.arange(float(M))), 0.3 * np.sin(np.arange(float(N)) ** 2)
    compiled = model.prepare({"A": matrix, "b": b, "c": c}).compiled
    assert compiled.assembly.is_sparse and compiled.choice.name == ("clarabel" if solver == "auto" else "pdhg")

    def outputs(entries):
        found = model(A=BCOO((entries, matrix.indices), shape=matrix.shape), b=b, c=c)
        values = found.objective, found.x @ jnp.cos(jnp.arange(float(N))), found.dual.fit @ jnp.ones(M)
        return jnp.stack(values), (found.status, found.x)

    def in_reverse(entries):
        values, pull, rest = jax.vjp(outputs, entries, has_aux=True)
        return values, jax.vmap(pull)(jnp.eye(3))[0], rest

    values, slopes, (status, x) = jax.jit(in_reverse)(matrix.data)
    assert np.isclose(values[0], np.sum(np.sqrt(x**2 + 0.25)) + c @ x)  # t is as small as its cone allows
    assert status == Status.SOLVED and slopes.shape == (3, matrix.nse)
    direction = jnp.cos(jnp.arange(1.0, 1 + matrix.nse))
    solve = jax.jit(lambda e: outputs(e)[0])
    ends = solve(matrix.data + 1e-5 * direction), solve(matrix.data - 1e-5 * direction)
    assert np.allclose((ends[0] - ends[1]) / 2e-5, slopes @ direction, rtol=1e-3, atol=1e-3)
