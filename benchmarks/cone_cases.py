"""Layers whose problem is a cone program, with their exact solutions and gradients, independent of what is measured.

Each case is a smooth, strongly convex function of x near its solution, so that Newton's method gives the solution to
rounding, and the implicit function theorem the gradient: the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Conic:
    """minimize ½ x'Px + q'x  subject to  b − Ax ∈ K, one lane: dense arrays; ``cones`` as moreau takes them."""

    P: np.ndarray
    q: np.ndarray
    A: np.ndarray
    b: np.ndarray
    cones: dict


@dataclass(frozen=True)
class Case:
    """``model`` is the .opt text, ``wrt`` the param whose gradient is compared.

    ``conic(data)`` is the cone program of one lane, its first ``unknowns`` variables those of the model, and
    ``pulled(dq, db, data)`` the gradient in ``wrt`` of a batch from those in the data of its cone programs.
    ``cvxpy(data)`` gives CVXPY's problem, its parameters by name and its variable; what is no parameter has the value
    of the lane. ``value(x, data)`` is the objective where Newton's method gives the reference (`exact`).
    """

    name: str
    model: str
    wrt: str
    draw: Callable[[int], Arrays]
    conic: Callable[[Arrays], Conic]
    pulled: Callable[[np.ndarray, np.ndarray, Arrays], np.ndarray]
    cvxpy: Callable[[Arrays], tuple[Any, dict[str, Any], Any]]
    unknowns: int
    value: Callable[[jax.Array, Arrays], jax.Array] | None = None


# ---------------------------------------------------------------- least squares with errors in the matrix

POINTS, FEATURES = 20, 10
RADIUS = 0.3

ROBUST = """
## Least squares against the worst matrix within a distance: ‖Ax − b‖ + ρ‖x‖ (El Ghaoui and Lebret).
dim m, n
param A[m, n], b[m], rho in pos
var x[n]
minimize norm2(A @ x - b) + rho * norm2(x)
"""


def _robust_draw(batch: int) -> Arrays:
    rng = np.random.default_rng(0)
    A = rng.normal(size=(batch, POINTS, FEATURES))
    b = np.einsum("bij,bj->bi", A, rng.normal(size=(batch, FEATURES))) + rng.normal(size=(batch, POINTS))
    return {"A": A, "b": b, "rho": np.full(batch, RADIUS)}


def _robust_value(x: jax.Array, data: Arrays) -> jax.Array:
    return jnp.linalg.norm(data["A"] @ x - data["b"]) + data["rho"] * jnp.linalg.norm(x)


def _robust_conic(data: Arrays) -> Conic:
    """Unknowns (x, s, t): (s, Ax − b) and (t, x) in second-order cones."""
    m, n = data["A"].shape
    A = np.zeros((m + n + 2, n + 2))
    A[0, n] = A[m + 1, n + 1] = -1
    A[1 : m + 1, :n] = -data["A"]
    A[m + 2 :, :n] = -np.eye(n)
    b = np.concatenate([[0], -data["b"], np.zeros(n + 1)])
    q = np.concatenate([np.zeros(n), [1, float(data["rho"])]])
    return Conic(np.zeros((n + 2, n + 2)), q, A, b, {"so_cone_dims": [m + 1, n + 1]})


def _robust_cvxpy(data: Arrays) -> tuple[Any, dict[str, Any], Any]:
    import cvxpy

    m, n = data["A"].shape
    x = cvxpy.Variable(n)
    given = {"A": cvxpy.Parameter((m, n)), "b": cvxpy.Parameter(m), "rho": cvxpy.Parameter(nonneg=True)}
    objective = cvxpy.norm(given["A"] @ x - given["b"]) + given["rho"] * cvxpy.norm(x)
    return cvxpy.Problem(cvxpy.Minimize(objective)), given, x


ROBUST_LEAST_SQUARES = Case(
    "robust least squares (2 second-order cones)",
    ROBUST,
    "b",
    _robust_draw,
    _robust_conic,
    lambda dq, db, data: -db[:, 1 : POINTS + 1],
    _robust_cvxpy,
    FEATURES,
    _robust_value,
)


# ---------------------------------------------------------------- logistic regression towards a prior

ROWS, WIDTH = 100, 50
PULL = 0.1

LOGISTIC = """
## Logistic regression that is drawn towards a prior.
dim m, n
param X[m, n], prior[n], lam in pos
var w[n]
minimize sum(logistic(X @ w)) + lam / 2 * sumsq(w - prior)
"""


def _logistic_draw(batch: int) -> Arrays:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(batch, ROWS, WIDTH)) / np.sqrt(WIDTH)
    sign = np.sign(np.einsum("bij,bj->bi", X, rng.normal(size=(batch, WIDTH))) + rng.normal(size=(batch, ROWS)))
    return {"X": -sign[:, :, None] * X, "prior": rng.normal(size=(batch, WIDTH)), "lam": np.full(batch, PULL)}


def _logistic_value(w: jax.Array, data: Arrays) -> jax.Array:
    return jnp.sum(jnp.logaddexp(0, data["X"] @ w)) + data["lam"] / 2 * jnp.sum((w - data["prior"]) ** 2)


def _logistic_conic(data: Arrays) -> Conic:
    """Unknowns (w, t, u, v): u + v ≤ 1, (−t, 1, u) and (Xw − t, 1, v) in exponential cones."""
    X, lam = data["X"], float(data["lam"])
    m, n = X.shape
    total = n + 3 * m
    t, u, v = n + np.arange(m), n + m + np.arange(m), n + 2 * m + np.arange(m)
    A, b = np.zeros((7 * m, total)), np.zeros(7 * m)
    row = np.arange(m)
    A[row, u] = A[row, v] = b[row] = 1
    first, second = m + 6 * row, m + 6 * row + 3
    A[first, t] = A[second, t] = 1
    A[second, :n] = -X
    b[first + 1] = b[second + 1] = 1
    A[first + 2, u] = A[second + 2, v] = -1
    P = np.zeros((total, total))
    P[:n, :n] = lam * np.eye(n)
    q = np.concatenate([-lam * data["prior"], np.ones(m), np.zeros(2 * m)])
    return Conic(P, q, A, b, {"num_nonneg_cones": m, "num_exp_cones": 2 * m})


def _logistic_cvxpy(data: Arrays) -> tuple[Any, dict[str, Any], Any]:
    import cvxpy

    m, n = data["X"].shape
    w = cvxpy.Variable(n)
    given = {"X": cvxpy.Parameter((m, n)), "prior": cvxpy.Parameter(n)}
    pull = float(data["lam"]) / 2 * cvxpy.sum_squares(w - given["prior"])
    return cvxpy.Problem(cvxpy.Minimize(cvxpy.sum(cvxpy.logistic(given["X"] @ w)) + pull)), given, w


LOGISTIC_REGRESSION = Case(
    "logistic regression, 50 features (200 exponential cones)",
    LOGISTIC,
    "prior",
    _logistic_draw,
    _logistic_conic,
    lambda dq, db, data: -PULL * dq[:, :WIDTH],
    _logistic_cvxpy,
    WIDTH,
    _logistic_value,
)

CASES = {"robust": ROBUST_LEAST_SQUARES, "logistic": LOGISTIC_REGRESSION}


# ---------------------------------------------------------------- the reference


def exact(case: Case, data: Arrays, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solutions and gradients of Σ x in ``case.wrt`` for a batch, by Newton's method from a guess."""
    objective = case.value
    assert objective is not None

    def one(start: jax.Array, lane: Arrays) -> tuple[jax.Array, jax.Array]:
        def improve(_: int, x: jax.Array) -> jax.Array:
            return x - jnp.linalg.solve(jax.hessian(objective)(x, lane), jax.grad(objective)(x, lane))

        x = jax.lax.fori_loop(0, 20, improve, start)
        adjoint = jnp.linalg.solve(jax.hessian(objective)(x, lane), jnp.ones_like(x))

        def slope(wrt: jax.Array) -> jax.Array:
            return -adjoint @ jax.grad(objective)(x, {**lane, case.wrt: wrt})

        return x, jax.grad(slope)(jnp.asarray(lane[case.wrt]))

    x, gradient = jax.jit(jax.vmap(one))(guess, dict(data))
    return np.asarray(x), np.asarray(gradient)
