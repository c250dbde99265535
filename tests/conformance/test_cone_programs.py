"""Models whose graph forms are cones, against values and optima that know nothing of cones."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.compiler.library import load_library
from karush.compiler.lowering.square_roots import root_of_matrix
from karush.stdlib.lattice import Curvature
from tests.conformance.cone_oracle import Answer, compiled

SIZE = 3
LIBRARY = load_library()
RANDOM = np.random.default_rng(5)

CURVED = [
    (name, names, curvature)
    for name in sorted(LIBRARY.atom_names())
    if (atom := LIBRARY.atom(name)) is not None
    for names, curvature in atom.curvature
    if curvature is not Curvature.AFFINE
]
CLOSURES = {"pos": "nonneg", "pd": "psd"}


@pytest.mark.parametrize(
    ("name", "names", "curvature"), CURVED, ids=[f"{n}-{'-'.join(names)}" for n, names, _ in CURVED]
)
def test_the_program_of_an_atom_has_its_value(bench: Any, name: str, names: tuple[str, ...], curvature: Curvature):
    """The atom of vars that are fixed by equations, as the objective of a model."""
    atom = LIBRARY.atom(name)
    assert atom is not None
    here = bench.probe(name)
    arguments = bench.sample(name, np.random.default_rng(8))
    lines, rows = ["dim n"], []
    for item in atom.declaration.header:
        sizes = f"[{', '.join('n' for _ in here.shapes[item.name])}]" if here.shapes[item.name] else ""
        stated = "" if item.set is None else "index(n)" if "index" in item.set.span.text else item.set.span.text
        kind = f" in {stated}" if stated else ""
        if item.name in names:
            closed = f" in {CLOSURES.get(stated, stated)}" if stated in ("psd", "pd", "sym") else ""
            lines += [f"param {item.name}_at{sizes}{kind}", f"var {item.name}{sizes}{closed}"]
            rows.append(f"  {item.name} == {item.name}_at")
        else:
            lines.append(f"param {item.name}{sizes}{kind}")
    sense = "minimize" if curvature is Curvature.CONVEX else "maximize"
    called = f"{name}({', '.join(p.name for p in atom.params)})"
    text = "\n".join(
        [*lines, f"{sense} {called if here(arguments).ndim == 0 else f'sum({called})'}", "subject to", *rows]
    )
    params = {f"{k}_at" if k in names else k: v for k, v in arguments.items()}
    found = Answer(text + "\n", {"n": SIZE}, params).objective
    np.testing.assert_allclose(found, np.sum(here(arguments)), rtol=1e-6, atol=1e-6)


OPERATORS = {
    "minimize sum(x^p)": lambda x, p: cp.sum(cp.power(x, 2.5)),
    "minimize sum(x^3) - sum(x^0.25)": lambda x, p: cp.sum(cp.power(x, 3)) - cp.sum(cp.power(x, 0.25)),
    "minimize sum(x^(-1.5) + x^0.5 * (-2) + 1 / x)": lambda x, p: cp.sum(
        cp.power(x, -1.5) - 2 * cp.sqrt(x) + cp.inv_pos(x)
    ),
    "minimize sum((x - 1)^4)": lambda x, p: cp.sum(cp.power(x - 1, 4)),
    "minimize sum(q^x[i] for i in n if i != 1)": lambda x, p: cp.exp(x[0] * np.log(0.5)) + cp.exp(x[2] * np.log(0.5)),
    "minimize logsumexp(2 * x[i] for i in n if i > 0) - x[0] / 9": lambda x, p: cp.log_sum_exp(2 * x[1:]) - x[0] / 9,
    "minimize sum(logsumexp(x[i] * j + x[j] for j in n if j != i) for i in n)": lambda x, p: sum(
        cp.log_sum_exp(cp.hstack([x[i] * j + x[j] for j in range(3) if j != i])) for i in range(3)
    ),
    "minimize exp(sumsq(x)) + max(x[i]^2 for i in n)": lambda x, p: cp.exp(cp.sum_squares(x)) + cp.max(cp.square(x)),
    "minimize sumsq(square(x)) + huber(norm2(x) + 1)": lambda x, p: (
        cp.sum(cp.power(x, 4)) + cp.huber(cp.norm2(x) + 1, 1) / 2
    ),
    "maximize sum(log(1 - x[i]^2 / 9) for i in n) + min(x)": lambda x, p: (
        -cp.sum(cp.log(1 - cp.square(x) / 9)) - cp.min(x)
    ),
    "maximize log(geo_mean(x)) - abs(x[0]^2)": lambda x, p: -cp.log(cp.geo_mean(x)) + cp.abs(cp.square(x[0])),
}


@pytest.mark.parametrize("objective", OPERATORS)
def test_the_optimum_is_that_of_cvxpy(objective: str) -> None:
    """Powers, quotients, clauses, and quadratic parts below other functions; sum(x) is fixed, x is bounded."""
    names = "dim n\nparam p in box(2, 3), q in box(0.1, 0.9)\nvar x[n] in box(0, 2.5)\n"
    text = f"{names}{objective}\nsubject to\n  e: x[0] + 2 * x[1] + x[2] == 3\n"
    x = cp.Variable(SIZE)
    rows = [x >= 0, x <= 2.5, x[0] + 2 * x[1] + x[2] == 3]
    theirs = cp.Problem(cp.Minimize(OPERATORS[objective](x, 2.5)), rows)
    theirs.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    ours = Answer(text, {"n": SIZE}, {"p": 2.5, "q": 0.5})
    sign = -1 if objective.startswith("maximize") else 1
    np.testing.assert_allclose(ours.objective, sign * theirs.value, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(ours.values["x"], x.value, atol=2e-3)


def test_a_matrix_that_is_not_known_to_be_symmetric_is_made_so() -> None:
    objective = "minimize sum(X[i, j]^2 for i in n, j in n) + 2 * X[0, 1]"
    found = Answer(f"dim n\nvar X[n, n]\n{objective}\nsubject to\n  m: X - eye(n) in psd\n", {"n": SIZE}, {})
    assert found.form is not None and found.form.counts()["equalities"] == 3
    np.testing.assert_allclose(found.values["X"], found.values["X"].T, atol=1e-8)
    assert found.duals["m"].shape == (SIZE, SIZE)
    np.testing.assert_allclose(found.duals["m"], found.duals["m"].T)


@pytest.mark.parametrize(
    "matrix",
    [
        "A.T @ X + X @ A - t * B.T @ S @ B",
        "concat(concat(X, A.T).T, concat(A, t * eye(n)).T)",
        "sum(y[i] * X for i in n) + S / 2 - 3 * diag(y)",
    ],
)
def test_matrices_that_mirror_themselves_cost_no_equations(matrix: str) -> None:
    sizes = "dim n\nparam A[n, n], B[n, n], S[n, n] in sym, y[n]\nvar X[n, n] in psd, t\n"
    model = compiled(f"{sizes}minimize trace(X) + t\nsubject to\n  {matrix} in psd\n", {"n": SIZE})
    assert model.form is not None and model.form.counts()["equalities"] == 0
    params = {"A": RANDOM.normal(size=(3, 3)), "B": np.eye(3), "S": np.ones((3, 3)), "y": np.ones(3)}
    program = jax.jit(model.template)({name: jnp.asarray(value) for name, value in params.items()})
    assert program.cone_rows is not None and program.equality_matrix.shape[0] == 0


def test_the_root_of_a_singular_matrix_has_the_derivative_of_its_square() -> None:
    """2 (Sx)ᵀ dS x = xᵀ dP x for every x and dP, also where P has a kernel; second derivatives of xᵀPx in P are 0."""
    factor, x = jnp.asarray(RANDOM.normal(size=(2, 4))), jnp.asarray(RANDOM.normal(size=4))
    singular = factor.T @ factor

    def squared(matrix: jax.Array) -> jax.Array:
        return jnp.sum((root_of_matrix(matrix) @ x) ** 2)

    np.testing.assert_allclose(squared(singular), x @ singular @ x, rtol=1e-10)
    np.testing.assert_allclose(jax.grad(squared)(singular), jnp.outer(x, x), rtol=1e-6)
    definite = singular + jnp.eye(4)
    np.testing.assert_allclose(jax.jacfwd(squared)(definite), jnp.outer(x, x), rtol=1e-12)
    np.testing.assert_allclose(jax.jacfwd(jax.grad(squared))(definite), 0, atol=1e-12)
