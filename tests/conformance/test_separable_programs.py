"""Programs whose variables separate, solved and differentiated by parts and as a whole: the same in every respect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

import karush
from karush.solvers import certificates, direction
from karush.solvers.facts import facts_of
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.parted_matrix import PartedMatrix
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import choose, solve
from karush.solvers.result import Status

PARTS, WIDTH = 8, 3

LOGISTIC = """
dim m, n
param X[m, n], lam in pos
var w[n]
minimize sum(logistic(X @ w)) + lam / 2 * sumsq(w)
"""

# every norm is a cone of four rows, three of them with entries at x, and t has bounds
NORMS = """
dim m, d, n
param A[m, d, n], b[m, d], cap[m]
var x[n], t[m] in nonneg
minimize sum(t) + 0.1 * sum(x)
subject to
  each: norm2(A[i] @ x - b[i]) <= t[i] for i in m
  high: t[i] <= cap[i] for i in m
  sums: sum(x) == 1
"""

# exp(shift_i + w) ≤ t_i ≤ cap_i: without a solution where a cap is negative, without a bound where nothing pulls w up
EXPONENTS = """
dim m
param shift[m], cap[m], slope
var w, t[m]
minimize slope * w + sum(t)
subject to
  each: exp(w + shift[i]) <= t[i] for i in m
  high: t[i] <= cap[i] for i in m
"""

RNG = np.random.default_rng(6)
CASES: dict[str, tuple[str, dict[str, Any], Status]] = {
    "logistic": (LOGISTIC, {"X": RNG.normal(size=(PARTS, WIDTH)), "lam": 0.5}, Status.SOLVED),
    "norms": (
        NORMS,
        {
            "A": RNG.normal(size=(PARTS, WIDTH, 4)),
            "b": RNG.normal(size=(PARTS, WIDTH)),
            "cap": np.full(PARTS, 50.0),
        },
        Status.SOLVED,
    ),
    "exponents": (EXPONENTS, {"shift": RNG.normal(size=PARTS), "cap": np.ones(PARTS), "slope": -1.0}, Status.SOLVED),
    "infeasible": (
        EXPONENTS,
        {"shift": np.zeros(PARTS), "cap": np.r_[np.ones(PARTS - 1), -1.0], "slope": -1.0},
        Status.INFEASIBLE,
    ),
    "unbounded": (EXPONENTS, {"shift": np.zeros(PARTS), "cap": np.ones(PARTS), "slope": 1.0}, Status.UNBOUNDED),
}


def program(text: str, data: dict[str, Any]) -> QuadraticProgram:
    prepared = karush.loads(text).prepare(data)
    return prepared.compiled.program(prepared.compiled.start(prepared.arrays))


def answers(problem: QuadraticProgram) -> Any:
    """The solution, the pullback of a cotangent of x to the problem's arrays, and what is known of it."""
    choice = choose(facts_of(problem), "auto")
    solution, back = jax.vjp(lambda data: solve(data, Settings(), choice).point.x, problem)
    whole = solve(problem, Settings(), choice)
    seed = jnp.cos(jnp.arange(solution.shape[0]))
    cotangent = replace(jax.tree.map(jnp.zeros_like, whole.point), x=seed)
    found = direction.adjoint_evidence(problem, whole, cotangent)
    kernel = direction.kernel_cotangents(problem, whole)[0]
    return whole, back(seed)[0], found, kernel


def certificate_defect(problem: QuadraticProgram, certificate: Point, status: Status) -> Array:
    if status is Status.INFEASIBLE:
        return certificates.infeasibility_defect(problem, certificate)
    return certificates.unboundedness_defect(problem, certificate)


@pytest.mark.parametrize("name", CASES)
def test_by_parts_and_as_a_whole(name):
    text, data, status = CASES[name]
    problem = program(text, data)
    assert problem.separable
    parted, parted_back, parted_found, parted_kernel = jax.jit(answers)(problem)
    whole, back, found, kernel = jax.jit(answers)(replace(problem, separable=()))
    assert isinstance(parted.linearisation.frame.rows, PartedMatrix)
    assert parted.status == whole.status == status
    if status is not Status.SOLVED:
        for solution in (parted, whole):
            assert certificate_defect(problem, solution.certificate, status) < 1e-9
        return
    np.testing.assert_allclose(parted.point.x, whole.point.x, atol=1e-8)
    np.testing.assert_allclose(parted.objective, whole.objective, rtol=1e-10)
    for field in ("primal", "dual", "objective"):
        assert getattr(parted.evidence, field) == getattr(whole.evidence, field), field
    np.testing.assert_allclose(parted.evidence.sigma_min, whole.evidence.sigma_min, rtol=0.2)
    np.testing.assert_array_equal(parted.evidence.active_u, whole.evidence.active_u)
    assert parted_found.status == found.status and parted_found.residual < 1e-9
    # of a cotangent of a matrix the entries that parts rule out are left out: no param reaches them
    for got, want in ((parted_back, back), (parted_kernel, kernel)):
        for leaf, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            if leaf.dtype != jax.dtypes.float0:
                ruled_out = (np.asarray(leaf) == 0) & (leaf.ndim == 2)
                np.testing.assert_allclose(leaf, np.where(ruled_out, 0, other), atol=1e-6)
