"""Programs with sparse matrices from the text to the solution and its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO

import karush
from karush.solvers.result import Status

MODEL = """dim m, n
param A[m, n], b[m], c[n]
var x[n] in nonneg
minimize c @ x + 0.5 * sumsq(A @ x - b)
subject to
  cap: A @ x >= 0.9 * b
  all: sum(x) <= 900
"""
M, N = 160, 400


@pytest.fixture(scope="module")
def given():
    A = scipy.sparse.random(M, N, 0.02, random_state=1, format="csr") + scipy.sparse.eye_array(M, N, format="csr")
    return abs(A.tocsr()), 1 + 0.1 * np.cos(np.arange(float(M))), 1 + 0.3 * np.sin(np.arange(float(N)) ** 2)


def test_a_sparse_param_goes_to_a_host_solver_and_its_gradient_comes_back_on_the_pattern(given):
    pytest.importorskip("clarabel")
    A, b, c = given
    model = karush.loads(MODEL)
    matrix = BCOO.from_scipy_sparse(A)
    compiled = model.prepare({"A": A, "b": b, "c": c}).compiled
    assert compiled.assembly.is_sparse and compiled.choice.solver.on_host
    dense = model.prepare({"A": A.toarray(), "b": b, "c": c}).compiled
    assert not dense.assembly.is_sparse and not dense.choice.solver.on_host

    def outputs(entries):
        found = model(A=BCOO((entries, matrix.indices), shape=matrix.shape), b=b, c=c)
        return found.objective, found.x @ jnp.cos(jnp.arange(float(N))), found.dual.cap @ jnp.ones(M)

    def all_rows(entries):
        return jax.jacrev(lambda e: jnp.stack(outputs(e)))(entries), outputs(entries)

    rows, values = jax.jit(all_rows)(matrix.data)
    whole = model(A=A.toarray(), b=b, c=c)
    assert whole.status == Status.SOLVED and np.isclose(whole.objective, values[0], rtol=1e-8)

    def plain(entries):
        found = model(A=jnp.zeros(matrix.shape).at[matrix.indices[:, 0], matrix.indices[:, 1]].set(entries), b=b, c=c)
        return jnp.stack([found.objective, found.x @ jnp.cos(jnp.arange(float(N))), found.dual.cap @ jnp.ones(M)])

    wanted = jax.jit(jax.jacrev(plain))(matrix.data)
    assert np.allclose(rows, wanted, rtol=1e-5, atol=1e-6)
    direction = jnp.cos(jnp.arange(1.0, 1 + matrix.nse))
    solve = jax.jit(outputs)
    ends = [jnp.stack(solve(matrix.data + sign * 1e-6 * direction)) for sign in (1, -1)]
    assert np.allclose((ends[0] - ends[1]) / 2e-6, rows @ direction, rtol=1e-4, atol=1e-4)
