"""The three problems whose parameters Schaller and Boyd tune by gradients, with their exact solutions and gradients.

Schaller, Boyd: Code generation for solving and differentiating through convex optimization problems (2025), section 5:
an elastic net (100 points, 20 features, 10 folds), a controller by approximate dynamic programming (6 states, 3
inputs), a portfolio with holding and trading costs (25 assets, 5 factors). The data are drawn here.

Each is a quadratic program with linear rows. The reference is its solution on the active rows: Clarabel's answer says
which they are, one linear system with refinement gives the point, and the signs of slacks and multipliers prove it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cone_cases import Arrays, Case, Conic

# ---------------------------------------------------------------- the elastic net

POINTS, FEATURES, FOLDS = 100, 20, 10
TRAINED = POINTS - POINTS // FOLDS

ELASTIC_NET = """
## The elastic net, in the scale of the paper.
dim m, n
param G[m, n], h[m], la in pos, om in pos
var x[n]
minimize sumsq(G @ x - h) + la * sumsq(x) + om * norm1(x)
"""


def points(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features G (100, 20), a tenth of each column outliers, and targets h (100,)."""
    rng = np.random.default_rng(seed)
    G = rng.normal(size=(POINTS, FEATURES))
    h = G @ rng.normal(size=FEATURES) + 0.1 * rng.normal(size=POINTS)
    for column in G.T:
        wild = rng.choice(POINTS, POINTS // 10, replace=False)
        column[wild] = np.sign(column[wild]) * rng.uniform(2, 4, wild.size)
    return G, h


def _elastic_draw(batch: int) -> Arrays:
    drawn = [points(seed) for seed in range(batch)]
    G, h = (np.stack([one[k][:TRAINED] for one in drawn]) for k in (0, 1))
    return {"G": G, "h": h, "la": np.full(batch, 1.0), "om": np.linspace(5, 80, batch)}


def _elastic_conic(data: Arrays) -> Conic:
    """Unknowns (x, t) with −t ≤ x ≤ t."""
    G, n = data["G"], data["G"].shape[1]
    P = np.zeros((2 * n, 2 * n))
    P[:n, :n] = 2 * (G.T @ G + data["la"] * np.eye(n))
    q = np.concatenate([-2 * G.T @ data["h"], np.full(n, data["om"])])
    A = np.block([[np.eye(n), -np.eye(n)], [-np.eye(n), -np.eye(n)]])
    return Conic(P, q, A, np.zeros(2 * n), {"num_nonneg_cones": 2 * n})


def _elastic_cvxpy(data: Arrays) -> tuple[Any, dict[str, Any], Any]:
    import cvxpy

    m, n = data["G"].shape
    x = cvxpy.Variable(n)
    given = {"G": cvxpy.Parameter((m, n)), "h": cvxpy.Parameter(m)}
    given |= {"la": cvxpy.Parameter(nonneg=True), "om": cvxpy.Parameter(nonneg=True)}
    penalty = given["la"] * cvxpy.sum_squares(x) + given["om"] * cvxpy.norm1(x)
    return cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(given["G"] @ x - given["h"]) + penalty)), given, x


ELASTIC = Case(
    "elastic net (90 × 20)",
    ELASTIC_NET,
    "om",
    _elastic_draw,
    _elastic_conic,
    lambda dq, db, data: np.sum(dq[:, FEATURES:], axis=1),
    _elastic_cvxpy,
    FEATURES,
)

# ---------------------------------------------------------------- approximate dynamic programming

STATES, INPUTS = 6, 3

CONTROLLER = """
## One step of a controller: the input that is best by a quadratic value function ‖g + H u‖².
dim n, m
param g[n], H[n, m]
var u[m] in box(-1, 1)
minimize sumsq(g + H @ u) + sumsq(u)
"""


def _controller_draw(batch: int) -> Arrays:
    rng = np.random.default_rng(0)
    return {"g": 2 * rng.normal(size=(batch, STATES)), "H": 0.5 * rng.normal(size=(batch, STATES, INPUTS))}


def _controller_conic(data: Arrays) -> Conic:
    H, m = data["H"], data["H"].shape[1]
    A = np.concatenate([np.eye(m), -np.eye(m)])
    return Conic(2 * (H.T @ H + np.eye(m)), 2 * H.T @ data["g"], A, np.ones(2 * m), {"num_nonneg_cones": 2 * m})


def _controller_cvxpy(data: Arrays) -> tuple[Any, dict[str, Any], Any]:
    import cvxpy

    n, m = data["H"].shape
    u = cvxpy.Variable(m)
    given = {"g": cvxpy.Parameter(n), "H": cvxpy.Parameter((n, m))}
    objective = cvxpy.sum_squares(given["g"] + given["H"] @ u) + cvxpy.sum_squares(u)
    return cvxpy.Problem(cvxpy.Minimize(objective), [cvxpy.abs(u) <= 1]), given, u


ADP = Case(
    "ADP controller (6 states, 3 inputs)",
    CONTROLLER,
    "g",
    _controller_draw,
    _controller_conic,
    lambda dq, db, data: 2 * np.einsum("bnm,bm->bn", data["H"][: len(dq)], dq),
    _controller_cvxpy,
    INPUTS,
)

# ---------------------------------------------------------------- a portfolio

ASSETS, FACTORS = 25, 5
COST = 0.001

PORTFOLIO = """
## A portfolio by factors of risk, with the cost of short positions and of trades, and a limit on leverage.
dim n, k
param mu[n], F[n, k], D[n], risk in pos, hold in pos, trade in pos, L, before[n]
var w[n]
maximize mu @ w - risk * (sumsq(F.T @ w) + sumsq(D * w))
         - 0.001 * hold * sum(neg_part(w)) - 0.001 * trade * norm1(w - before)
subject to
  budget:   sum(w) == 1
  leverage: norm1(w) <= L
"""


def market(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Loadings F (25, 5) and idiosyncratic deviations D (25,) of daily returns, in per cent."""
    rng = np.random.default_rng(seed)
    return 0.4 * rng.normal(size=(ASSETS, FACTORS)), rng.uniform(0.5, 1.5, ASSETS)


def _portfolio_draw(batch: int) -> Arrays:
    rng = np.random.default_rng(0)
    F, D = market()
    before = rng.dirichlet(np.ones(ASSETS), batch)
    sizes = {"risk": 1.0, "hold": 1.0, "trade": 10.0, "L": 1.6}
    return {
        "mu": 0.05 + 0.1 * rng.normal(size=(batch, ASSETS)),
        "F": np.tile(F, (batch, 1, 1)),
        "D": np.tile(D, (batch, 1)),
        **{name: np.full(batch, value) for name, value in sizes.items()},
        "before": before,
    }


def _portfolio_conic(data: Arrays) -> Conic:
    """Unknowns (w, a, d) with |w| ≤ a, Σa ≤ L, |w − before| ≤ d; the negative part of w is (a − w)/2."""
    n, eye, none = ASSETS, np.eye(ASSETS), np.zeros((ASSETS, ASSETS))
    P = np.zeros((3 * n, 3 * n))
    P[:n, :n] = 2 * data["risk"] * (data["F"] @ data["F"].T + np.diag(data["D"] ** 2))
    half = COST * data["hold"] / 2
    q = np.concatenate([-data["mu"] - half, np.full(n, half), np.full(n, COST * data["trade"])])
    sums = np.zeros((2, 3 * n))
    sums[0, :n] = sums[1, n : 2 * n] = 1
    A = np.concatenate(
        [
            sums,
            np.block([[eye, -eye, none], [-eye, -eye, none]]),
            np.block([[eye, none, -eye], [-eye, none, -eye]]),
        ]
    )
    b = np.concatenate([[1.0, data["L"]], np.zeros(2 * n), data["before"], -data["before"]])
    return Conic(P, q, A, b, {"num_zero_cones": 1, "num_nonneg_cones": 4 * n + 1})


def _portfolio_cvxpy(data: Arrays) -> tuple[Any, dict[str, Any], Any]:
    import cvxpy

    w, change = cvxpy.Variable(ASSETS), cvxpy.Variable(ASSETS)  # a trade of its own: else it is no DPP
    given = {"mu": cvxpy.Parameter(ASSETS)}
    given |= {name: cvxpy.Parameter(nonneg=True) for name in ("risk", "hold", "trade", "L")}
    given |= {"before": cvxpy.Parameter(ASSETS)}
    variance = cvxpy.sum_squares(data["F"].T @ w) + cvxpy.sum_squares(cvxpy.multiply(data["D"], w))
    costs = given["hold"] * cvxpy.sum(cvxpy.neg(w)) + given["trade"] * cvxpy.norm1(change)
    objective = given["mu"] @ w - given["risk"] * variance - COST * costs
    rows = [cvxpy.sum(w) == 1, cvxpy.norm1(w) <= given["L"], change == w - given["before"]]
    return cvxpy.Problem(cvxpy.Maximize(objective), rows), given, w


MARKOWITZ = Case(
    "portfolio (25 assets, 5 factors)",
    PORTFOLIO,
    "mu",
    _portfolio_draw,
    _portfolio_conic,
    lambda dq, db, data: -dq[:, :ASSETS],
    _portfolio_cvxpy,
    ASSETS,
)

CASES = {"elastic": ELASTIC, "adp": ADP, "portfolio": MARKOWITZ}

# ---------------------------------------------------------------- the reference


def _guess(conic: Conic) -> tuple[np.ndarray, np.ndarray]:
    """Clarabel's point and slacks less multipliers, at its tightest."""
    import clarabel
    from scipy import sparse

    equations = conic.cones.get("num_zero_cones", 0)
    cones = [clarabel.NonnegativeConeT(len(conic.b) - equations)]
    if equations:
        cones = [clarabel.ZeroConeT(equations), *cones]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    P, A = sparse.csc_matrix(np.triu(conic.P)), sparse.csc_matrix(conic.A)
    found = clarabel.DefaultSolver(P, conic.q, A, conic.b, cones, settings).solve()
    return np.asarray(found.x), np.asarray(found.s) - np.asarray(found.z)


def exact_lane(conic: Conic, unknowns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, dq, db) of one lane: the solution and the gradient of the sum of its first ``unknowns`` variables.

    Raises ArithmeticError where the active rows are not proved to be those of the solution.
    """
    n, equations = len(conic.q), conic.cones.get("num_zero_cones", 0)
    _, difference = _guess(conic)
    held = difference < 0
    held[:equations] = True
    rows, k = conic.A[held], int(held.sum())
    K = np.block([[conic.P, rows.T], [rows, np.zeros((k, k))]])
    right = np.concatenate([-conic.q, conic.b[held]])

    def solve(vector: np.ndarray) -> np.ndarray:
        found = np.linalg.solve(K, vector)
        return found + np.linalg.solve(K, vector - K @ found)

    point = solve(right)
    slack = conic.b - conic.A @ point[:n]
    multipliers = point[n:][np.flatnonzero(held) >= equations]
    signs = np.min(slack[~held], initial=1) > 0 and np.min(multipliers, initial=1) > 0
    if np.max(np.abs(K @ point - right)) > 1e-9 or not signs:
        raise ArithmeticError("the active rows of the reference are not those of the solution")
    adjoint = solve(np.concatenate([np.arange(n) < unknowns, np.zeros(k)]))
    db = np.zeros(len(conic.b))
    db[held] = adjoint[n:]
    return point[:unknowns], -adjoint[:n], db


def exact(case: Case, data: Arrays, most: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Solutions and gradients of Σ x in ``case.wrt`` of the first lanes."""
    lanes = range(min(most, len(data[case.wrt])))
    conics = [case.conic({name: value[i] for name, value in data.items()}) for i in lanes]
    x, dq, db = (np.stack(part) for part in zip(*(exact_lane(one, case.unknowns) for one in conics), strict=True))
    return x, case.pulled(dq, db, data)
