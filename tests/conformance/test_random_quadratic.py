"""Random quadratic programs of up to 30 variables against Clarabel, and their derivatives against differences.

There are two shapes, so that two programs are compiled; a row too many has no side. Sizes and sorts are drawn by
hypothesis, numbers by a seed that it draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import cvxpy
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import choose, facts_of, solve
from karush.solvers.result import Status

EQUATIONS = 3
ROWS = {6: 10, 30: 40}  # by the number of variables
STEP = 1e-6
OUTCOMES = {
    cvxpy.OPTIMAL: Status.SOLVED,
    cvxpy.INFEASIBLE: Status.INFEASIBLE,
    cvxpy.UNBOUNDED: Status.UNBOUNDED,
}
NO_SOLUTION = (Status.INFEASIBLE, Status.UNBOUNDED)


@dataclass(frozen=True)
class Drawn:
    """A program with infinite sides where there are none; ``feasible`` if it was made around a point."""

    P: np.ndarray
    q: np.ndarray
    A: np.ndarray
    b: np.ndarray
    G: np.ndarray
    rows: tuple[np.ndarray, np.ndarray]
    bounds: tuple[np.ndarray, np.ndarray]
    feasible: bool = True


def sides(rng: np.random.Generator, value: np.ndarray, present: float, tight: bool) -> tuple[np.ndarray, np.ndarray]:
    """Sides around a value; some pass through it if ``tight``, and some are equal."""
    distance = rng.integers(0, 3, size=(2, value.size)) if tight else rng.uniform(0.1, 2, size=(2, value.size))
    there = rng.random((2, value.size)) < present
    low, up = value - np.where(there[0], distance[0], np.inf), value + np.where(there[1], distance[1], np.inf)
    fixed = rng.random(value.size) < 0.05
    return np.where(fixed, value, low), np.where(fixed, value, up)


@st.composite
def programs(draw: st.DrawFn) -> Drawn:
    """``whole`` numbers make ties and dependent rows likely; what is feasible is so at a point x."""
    n = draw(st.sampled_from(sorted(ROWS)))
    m, rank = draw(st.integers(0, ROWS[n])), draw(st.sampled_from([n, n, 2 * n // 3, n // 3, 0]))
    whole, repeated, bounded, contradiction = (draw(st.booleans()) for _ in range(4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(*shape: int) -> np.ndarray:
        return rng.integers(-3, 4, size=shape).astype(float) if whole else rng.normal(size=shape)

    L, G, A, x = numbers(n, rank), numbers(m, n), numbers(EQUATIONS, n), numbers(n)
    if repeated:
        G[m // 2 : 2 * (m // 2)], A[-1] = G[: m // 2], A[0] + A[1]
    low, up = sides(rng, G @ x, 0.5, whole)
    feasible = not (contradiction and m >= 2 and np.any(G[0]))
    if not feasible:  # two rows that exclude each other
        G[1] = -2 * G[0]
        low[:2], up[:2] = (G[0] @ x + 1, 1 - 2 * (G[0] @ x)), np.inf
    P = L @ L.T + (0.1 * np.eye(n) if rank == n else 0)
    limits = sides(rng, x, 0.9 if bounded else 0.1, whole)
    return Drawn(P, numbers(n), A, A @ x, G, (low, up), limits, feasible)


def padded(drawn: Drawn) -> QuadraticProgram:
    """The program in the shape that is compiled for its number of variables."""
    n, (m, _) = drawn.q.size, drawn.G.shape
    free = np.full(ROWS[n] - m, np.inf)
    rows = np.concatenate([drawn.rows[0], -free]), np.concatenate([drawn.rows[1], free])
    sides = (*rows, *drawn.bounds)
    there = [np.isfinite(side) for side in sides]
    values = [np.where(mask, side, 0) for mask, side in zip(there, sides, strict=True)]
    G = np.concatenate([drawn.G, np.zeros((free.size, n))])
    data = QuadraticProgram(drawn.P, drawn.q, np.zeros(()), drawn.A, drawn.b, G, *values, *there)
    return jax.tree.map(jnp.asarray, data)


def oracle(drawn: Drawn) -> tuple[Status, float]:
    """What cvxpy and Clarabel say; what they are not sure of is not tested."""
    x = cvxpy.Variable(drawn.q.size)
    cost = cvxpy.quad_form(x, cvxpy.psd_wrap(drawn.P)) / 2 + drawn.q @ x
    held = [drawn.A @ x == drawn.b]
    for value, (low, up) in ((drawn.G @ x, drawn.rows), (x, drawn.bounds)):
        for side, sign in ((low, 1), (up, -1)):
            keep = np.flatnonzero(np.isfinite(side))
            held += [sign * (value[keep] - side[keep]) >= 0] if keep.size else []
    problem = cvxpy.Problem(cvxpy.Minimize(cost), held)
    try:
        problem.solve(solver=cvxpy.CLARABEL)
    except cvxpy.SolverError:
        assume(False)
    assume(problem.status in OUTCOMES)
    return OUTCOMES[problem.status], problem.value


def weighted(weights: jax.Array, problem: QuadraticProgram):
    """weights'x + the optimal value, and the solution, by what a model takes that does not know P to be definite."""
    choice = choose(facts_of(problem))
    assert choice.fallback
    found = solve(problem, Settings(), choice)
    return weights @ found.point.x + found.objective, found


@jax.jit
def differentiated(problem: QuadraticProgram, weights: jax.Array):
    """((value, solution), gradient in all data)."""
    arrays = {name: leaf for name, leaf in vars(problem).items() if isinstance(leaf, jax.Array)}
    real = {name: leaf for name, leaf in arrays.items() if leaf.dtype != bool}
    return jax.value_and_grad(lambda data: weighted(weights, replace(problem, **data)), has_aux=True)(real)


def direction(problem: QuadraticProgram, rng: np.random.Generator, everything: bool) -> dict[str, jax.Array]:
    """A change of the data that keeps equal sides equal and dependent equations consistent, or of all matrices too."""
    m, n = problem.inequality_matrix.shape
    x, d, scatter = rng.normal(size=n), rng.normal(size=n), 0.3 * rng.normal(size=(n, n))
    row, bound = problem.inequality_matrix @ d + rng.normal(size=m), d + rng.normal(size=n)
    moved = {"linear": x, "equality_rhs": problem.equality_matrix @ d, "lower": row, "upper": row}
    moved |= {"bound_lower": bound, "bound_upper": bound}
    if everything:
        moved |= {"quadratic": scatter + scatter.T, "inequality_matrix": rng.normal(size=(m, n))}
        moved |= {"equality_matrix": rng.normal(size=(EQUATIONS, n))}
    return {name: jnp.asarray(value) for name, value in moved.items()}


def moved_by(problem: QuadraticProgram, change: dict[str, jax.Array], step: float) -> QuadraticProgram:
    return replace(problem, **{name: getattr(problem, name) + step * part for name, part in change.items()})


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning")
def test_outcomes_and_optimal_values_are_those_of_clarabel() -> None:
    """What is infeasible and falls for ever as well may be called either; a lane in twenty may be marked instead."""
    seen: list[tuple[Status, Status]] = []

    @settings(max_examples=120)
    @given(programs())
    def each(drawn: Drawn) -> None:
        status, value = oracle(drawn)
        (got, found), _ = differentiated(padded(drawn), jnp.zeros(drawn.q.size))
        said = Status(int(found.status))
        if said == Status.SOLVED:
            assert status == Status.SOLVED
            np.testing.assert_allclose(got, value, rtol=1e-6, atol=1e-6)
        elif said in NO_SOLUTION:
            assert said == status if drawn.feasible else status in NO_SOLUTION
        seen.append((status, said))

    each()
    marked = [pair for pair in seen if pair[1] not in OUTCOMES.values()]
    assert min(sum(pair[0] == status for pair in seen) for status in OUTCOMES.values()) >= 5
    assert len(marked) <= len(seen) // 20, marked


def test_gradients_are_those_of_differences() -> None:
    """Of x and the optimal value where both are differentiable, of the value alone where x or a multiplier moves."""
    seen: list[bool] = []

    @settings(max_examples=80)
    @given(programs(), st.integers(0, 2**32 - 1))
    def each(drawn: Drawn, seed: int) -> None:
        problem, rng = padded(drawn), np.random.default_rng(seed)
        at = partial(differentiated, weights=jnp.zeros(drawn.q.size))
        (_, found), gradient = at(problem)
        evidence = found.evidence
        smooth = int(evidence.objective) == DerivativeStatus.UNIQUE and evidence.gap > 1e-3
        near = np.abs(found.point.x).max() < 1e4  # whether what is farther away is solved, the other test asks
        assume(found.status == Status.SOLVED and smooth and near)
        unique = int(evidence.primal) == int(evidence.dual) == DerivativeStatus.UNIQUE and evidence.sigma_min > 1e-3
        if unique:
            at = partial(differentiated, weights=jnp.asarray(rng.normal(size=drawn.q.size)))
            _, gradient = at(problem)
        change = direction(problem, rng, bool(unique))
        rate = sum(jnp.vdot(gradient[name], part) for name, part in change.items())
        values = [at(moved_by(problem, change, step))[0][0] for step in (STEP, -STEP)]
        size = 1 + sum(float(jnp.abs(gradient[name] * part).max()) for name, part in change.items())
        np.testing.assert_allclose(rate, (values[0] - values[1]) / (2 * STEP), atol=1e-4 * size)
        seen.append(bool(unique))

    each()
    assert min(seen.count(True), seen.count(False)) >= 5
