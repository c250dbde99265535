"""Derivatives where other systems give a wrong one, none, or one without saying so.

Every lane is min ½‖x‖² + (q + p·dq)ᵀx over x in R⁴ with two equations, a row G x ≥ l + p·dl and bounds, and asks for
the derivative of x in p. Idle variables are held by the equations, so that nothing but the point in question is
degenerate. One program serves the whole table, so a bad lane has every chance to spoil its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import choose, facts_of, solve
from karush.solvers.result import Status

UNIQUE, CONSERVATIVE, UNDEFINED = DerivativeStatus
HELD = ((0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


@dataclass(frozen=True)
class HardPoint:
    """A lane: its data, and the truth: x_0, an interval for dx_0/dp (None: no derivative), dV/dp, the verdicts."""

    name: str
    p: float
    x: float | None
    rate: tuple[float, float] | None
    value_rate: float | None
    verdicts: tuple[DerivativeStatus, DerivativeStatus, DerivativeStatus]
    status: Status = Status.SOLVED
    linear_rate: float = -1.0
    equations: tuple[tuple[float, ...], ...] = HELD
    rhs: tuple[float, float] = (0.0, 0.0)
    row: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0)
    lower_rate: float = 0.0
    lower: float = -1.0
    has_bound: tuple[bool, ...] = field(default=(True, False, False, False))
    bound_is_upper: bool = False


SAME = ((1.0, 1.0, 0.0, 0.0), (1.0, 1.0, 0.0, 0.0))
TWICE = ((1.0, 1.0, 0.0, 0.0), (2.0, 2.0, 0.0, 0.0))
TABLE = [
    HardPoint("kink", 0.0, 0.0, (0.0, 1.0), 0.0, (CONSERVATIVE, CONSERVATIVE, UNIQUE)),
    HardPoint("above the kink", 0.01, 0.01, (1.0, 1.0), -0.01, (UNIQUE, UNIQUE, UNIQUE)),
    HardPoint("below the kink", -0.01, 0.0, (0.0, 0.0), 0.0, (UNIQUE, UNIQUE, UNIQUE)),
    HardPoint(
        "one equation twice", 0.3, 0.65, (0.5, 0.5), -0.65, (UNIQUE, UNDEFINED, UNIQUE),
        equations=SAME, rhs=(1.0, 1.0), has_bound=(False,) * 4,
    ),
    HardPoint(
        "an equation and its double", 0.3, 0.65, (0.5, 0.5), -0.65, (UNIQUE, UNDEFINED, UNIQUE),
        equations=TWICE, rhs=(1.0, 2.0), has_bound=(False,) * 4,
    ),
    HardPoint(
        "infeasible", 1.0, None, None, None, (UNDEFINED, UNDEFINED, UNDEFINED), status=Status.INFEASIBLE,
        linear_rate=0.0, row=(1.0, 0.0, 0.0, 0.0), lower=0.0, lower_rate=1.0, bound_is_upper=True,
    ),
    HardPoint(
        "contradicting equations", 1.0, None, None, None, (UNDEFINED, UNDEFINED, UNDEFINED), status=Status.INFEASIBLE,
        equations=SAME, rhs=(1.0, 2.0),
    ),
    HardPoint(
        "a row that repeats a bound", -0.5, 0.0, (0.0, 0.0), 0.0, (CONSERVATIVE, UNDEFINED, CONSERVATIVE),
        row=(1.0, 0.0, 0.0, 0.0), lower=0.0,
    ),
    HardPoint("no row near", 0.4, 0.4, (1.0, 1.0), -0.4, (UNIQUE, UNIQUE, UNIQUE), has_bound=(False,) * 4),
]  # fmt: skip
METHODS = [("active_set", True), ("ipm", None), ("auto", None)]


def problem_of(point: HardPoint, p: jax.Array) -> QuadraticProgram:
    first = jnp.asarray([1.0, 0.0, 0.0, 0.0])
    lower, upper = jnp.asarray(point.has_bound) & (not point.bound_is_upper), jnp.asarray(point.has_bound)
    return QuadraticProgram(
        quadratic=jnp.eye(4),
        linear=p * point.linear_rate * first,
        constant=jnp.zeros(()),
        equality_matrix=jnp.asarray(point.equations),
        equality_rhs=jnp.asarray(point.rhs),
        inequality_matrix=jnp.asarray([point.row]),
        lower=jnp.asarray([point.lower]) + p * point.lower_rate,
        upper=None,
        bound_lower=jnp.zeros(4),
        bound_upper=jnp.zeros(4),
        has_bound_lower=lower,
        has_bound_upper=upper & point.bound_is_upper,
    )


def stacked(p: jax.Array) -> QuadraticProgram:
    lanes = [problem_of(point, p[number]) for number, point in enumerate(TABLE)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *lanes)


@pytest.fixture(scope="module", params=METHODS, ids=[name for name, _ in METHODS])
def answers(request):
    """The solutions, and the Jacobians of (x, value) in p by rows and by columns, lane against lane."""
    name, strongly_convex = request.param
    ps = jnp.asarray([point.p for point in TABLE])
    choice = choose(facts_of(problem_of(TABLE[0], ps[0]), strongly_convex), name)

    def batch(p):
        return jax.vmap(lambda data: solve(data, Settings(), choice))(stacked(p))

    def outputs(p):
        found = batch(p)
        return found.point.x[:, 0], found.objective

    found, rows, columns = jax.jit(lambda p: (batch(p), jax.jacrev(outputs)(p), jax.jacfwd(outputs)(p)))(ps)
    return jax.tree.map(np.asarray, (found, rows, columns))


@pytest.mark.parametrize("number", range(len(TABLE)), ids=[point.name.replace(" ", "-") for point in TABLE])
def test_the_table(answers, number):
    point, (found, rows, columns) = TABLE[number], answers
    evidence = found.evidence
    assert found.status[number] == point.status
    assert (evidence.primal[number], evidence.dual[number], evidence.objective[number]) == point.verdicts
    for rate, value_rate in (rows, columns):
        if point.rate is None:
            assert np.isnan(rate[number, number]) and np.isnan(value_rate[number, number])
            continue
        low, high = point.rate
        assert low - 1e-9 <= rate[number, number] <= high + 1e-9
        assert np.isclose(value_rate[number, number], point.value_rate, atol=1e-9)
        assert np.isclose(found.point.x[number, 0], point.x, atol=1e-9)


def test_no_lane_knows_of_another(answers):
    _, rows, columns = answers
    others = ~np.eye(len(TABLE), dtype=bool)
    for matrix in (*rows, *columns):
        assert not np.any(matrix[others])


def test_forward_and_reverse_take_the_same_element(answers):
    _, rows, columns = answers
    for by_rows, by_columns in zip(rows, columns, strict=True):
        assert np.allclose(by_rows, by_columns, atol=1e-9, equal_nan=True)
